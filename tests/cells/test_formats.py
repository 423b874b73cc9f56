"""Readers and writers: every round trip, what is found in public code, and what is refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.catalog import names as cell_names
from nascope._src.cells.formats.fields import from_dict
from nascope._src.cells.formats.hidden_states import ENAS_OPERATIONS
from nascope._src.cells.formats.reading import FORMATS, parse, read, read_file, write
from nascope._src.cells.genotype import Cell, Edge, Genotype, to_dict
from nascope._src.cells.graph import loose_ends
from nascope._src.cells.operations import DARTS_OPERATIONS, OPERATIONS
from nascope._src.errors import GenotypeError
from tests.cells.strategies import cells, genotypes, pair_cells

DARTS = load_cell("DARTS")
NORMAL = "[('sep_conv_3x3', 0), ('skip_connect', 1)]"
SMALL = Genotype(
    normal=Cell(nodes=[[Edge("sep_conv_3x3", 0), Edge("skip_connect", 1)]], concat=[2]),
    reduce=Cell(nodes=[[Edge("sep_conv_3x3", 0), Edge("skip_connect", 1)]], concat=[2]),
)


# ---------------------------------------------------------------- round trips


@given(genotypes(), st.sampled_from(["darts", "json"]))
def test_text_and_json_hold_every_cell(genotype, form):
    reading = read(write(genotype, form))
    assert (reading.genotype, reading.format, reading.notes) == (genotype, form, ())
    if form == "json" and genotype.name:
        assert reading.genotype.name == genotype.name


@given(genotypes())
def test_the_plain_form_identifies_a_cell(genotype):
    assert from_dict(to_dict(genotype)) == genotype
    assert from_dict(json.loads(json.dumps(to_dict(genotype)))) == genotype


def _concat_all(cell: Cell) -> Cell:
    return Cell(nodes=cell.nodes, concat=range(2, 2 + cell.num_nodes))


def _concat_loose(cell: Cell) -> Cell:
    return Cell(nodes=cell.nodes, concat=loose_ends(cell))


@given(genotypes(pair_cells(operations=DARTS_OPERATIONS).map(_concat_all)))
def test_naslib_round_trip(genotype):
    reading = read(write(genotype, "naslib"))
    assert (reading.genotype, reading.format) == (genotype, "naslib")


@given(genotypes(pair_cells(operations=ENAS_OPERATIONS, max_nodes=4).map(_concat_loose)))
def test_enas_round_trip(genotype):
    if genotype.normal.num_nodes != genotype.reduce.num_nodes:
        genotype = Genotype(normal=genotype.normal, reduce=genotype.normal)
    reading = read(write(genotype, "enas"))
    assert (reading.genotype, reading.format) == (genotype, "enas")


@given(genotypes(pair_cells().map(_concat_loose)))
def test_nasnet_round_trip(genotype):
    reading = read(write(genotype, "nasnet"))
    assert (reading.genotype, reading.format) == (genotype, "nasnet")


@st.composite
def _tabular(draw, operations, *, per_node):
    """One cell with one input and distinct sources in order, as the benchmarks have it."""
    nodes = []
    for index in range(draw(st.integers(1, 5))):
        sources = sorted(draw(st.sets(st.integers(0, index), min_size=1)))
        operation = draw(st.sampled_from(operations))
        nodes.append(
            [Edge(operation if per_node else draw(st.sampled_from(operations)), s) for s in sources]
        )
    last = len(nodes)
    concat = sorted(draw(st.sets(st.integers(1, last), min_size=1))) if per_node else [last]
    cell = Cell(nodes=nodes, concat=concat, num_inputs=1)
    return Genotype(normal=cell, reduce=cell)


@given(_tabular(["skip_connect", "conv_1x1", "conv_3x3", "avg_pool_3x3"], per_node=False))
def test_nas_bench_201_round_trip(genotype):
    reading = read(write(genotype, "nas-bench-201"))
    assert (reading.genotype, reading.format) == (genotype, "nas-bench-201")


@given(_tabular(["conv_1x1", "conv_3x3", "max_pool_3x3"], per_node=True))
def test_nas_bench_101_round_trip(genotype):
    reading = read(write(genotype, "nas-bench-101"))
    assert (reading.genotype, reading.format) == (genotype, "nas-bench-101")


@pytest.mark.parametrize("name", cell_names())
@pytest.mark.parametrize("form", FORMATS)
def test_the_papers_cells_convert_or_are_refused_in_a_sentence(name, form):
    genotype = load_cell(name)
    held = {"darts", "json"}
    if name in ("DARTS", "SNAS"):
        held |= {"naslib"}
    if name in ("NASNet", "AmoebaNet", "ENAS"):
        held |= {"nasnet"}
    if name == "ENAS":
        held |= {"enas"}
    if form in held:
        assert parse(write(genotype, form)) == genotype
    else:
        with pytest.raises(GenotypeError) as caught:
            write(genotype, form)
        assert "\n" not in str(caught.value)


def test_what_a_format_cannot_hold_is_named():
    with pytest.raises(GenotypeError, match="sep_conv_7x7"):
        write(
            Genotype(normal=load_cell("ENAS").normal, reduce=load_cell("AmoebaNet").reduce), "enas"
        )
    with pytest.raises(GenotypeError, match="no other reads"):
        write(DARTS, "enas")
    with pytest.raises(GenotypeError, match="concatenates all nodes"):
        write(load_cell("AmoebaNet"), "naslib")
    with pytest.raises(GenotypeError, match="one cell with one input"):
        write(DARTS, "nas-bench-201")
    with pytest.raises(GenotypeError, match="unknown format 'onnx'"):
        write(DARTS, "onnx")


# ---------------------------------------------------------------- shapes in the wild


@pytest.mark.parametrize(
    "text",
    [
        f"Genotype(normal={NORMAL}, normal_concat=[2], reduce={NORMAL}, reduce_concat=[2])",
        f"Genotype({NORMAL}, range(2, 3), {NORMAL}, (2,))",
        f"Genotype(\n  normal = {NORMAL},\n normal_concat = list(range(2, 3)),\n"
        f"  reduce = {NORMAL}, reduce_concat = tuple(range(2, 3)),\n)",
        f"BEST = genotypes.Genotype({NORMAL}, [2], {NORMAL}, [2])",
        f"BEST: Genotype = Genotype({NORMAL}, [2], {NORMAL}, [2])  # a comment (with brackets",
        f"{{'normal': {NORMAL}, 'normal_concat': [2], 'reduce': {NORMAL}, 'reduce_concat': [2]}}",
        f"    Genotype({NORMAL}, [2], {NORMAL}, [2])",
        f"\ufeffGenotype({NORMAL}, [2], {NORMAL}, [2])\r\n",
        # groups of edges, node by node
        "Genotype([(('sep_conv_3x3', 0), ('skip_connect', 1))], [2],"
        " [[['sep conv 3x3', 0], ['skip_connect', 1]]], [2])",
        # triples with the node on either side, and with weights
        "Genotype([('sep_conv_3x3', 0, 2), ('skip_connect', 1, 2)], [2],"
        " [('sep_conv_3x3', 2, 0), ('skip_connect', 2, 1)], [2])",
        f"Genotype([('sep_conv_3x3', 0, 0.25), ('skip_connect', 1, 0.5)], [2], {NORMAL}, [2])",
        json.dumps({"genotype": to_dict(SMALL), "normal": {"depth": 2}}),
        json.dumps({"genotype": str(SMALL)}),
        json.dumps(str(SMALL)),
        "DARTS_V2 = Genotype(" + NORMAL + ", [2], " + NORMAL + ", [2])\nDARTS = DARTS_V2",
        "[[[0, 3], [1, 2]], [[0, 3], [1, 2]]]",
        "(((0, 3), (1, 2)), ((0, 3), (1, 2)))",
        "0 0 1 4 0 0 1 4",
        "0, 0, 1, 4,\n0, 0, 1, 4",
        "[0, 0, 1, 4, 0, 0, 1, 4]",
        '{"normal": [0, 0, 1, 4], "reduce": [0, 0, 1, 4]}',
        "operations = ['separable_3x3_2', 'none']\nhiddenstate_indices = [1, 0]",
        "  operations = ['separable_3x3_2', 'none']\n  used_hiddenstates = [1, 1, 0]\n"
        "  hiddenstate_indices = [1, 0]",
        json.dumps(
            {
                "normal_cell_operations": ["separable_3x3_2", "none"],
                "normal_cell_hiddenstate_indices": [1, 0],
                "reduction_cell_operations": ["separable_3x3_2", "none"],
                "reduction_cell_hiddenstate_indices": [1, 0],
            }
        ),
    ],
)
def test_every_shape_of_the_same_cell(text):
    assert parse(text) == SMALL


FILE = f"""
from collections import namedtuple

Genotype = namedtuple('Genotype', 'normal normal_concat reduce reduce_concat')
PRIMITIVES = ['none', 'max_pool_3x3']

def unrelated(x):
    return [x, {{'a': 1}}]

A = Genotype(normal={NORMAL}, normal_concat=[2], reduce={NORMAL}, reduce_concat=[2])
B = Genotype(normal=[('skip_connect', 0), ('skip_connect', 0)], normal_concat=range(2, 3),
             reduce={NORMAL}, reduce_concat=range(2, 3))
BROKEN = Genotype(normal=[('noise', 0), ('skip_connect', 0)], normal_concat=[2], reduce=[],
                  reduce_concat=[2])
LATEST = B
"""


def test_a_file_with_several_genotypes(tmp_path):
    path = tmp_path / "genotypes.py"
    path.write_text(FILE)
    assert read_file(path, "A").genotype == SMALL
    latest = read_file(path, "latest").genotype
    assert (latest, latest.name) == (read_file(path, "B").genotype, "LATEST")
    with pytest.raises(GenotypeError, match="4 genotypes here, A, B, BROKEN, LATEST: give one as"):
        read_file(path)
    with pytest.raises(GenotypeError, match=r"genotypes\.py:C: no genotype named 'C' here"):
        read_file(path, "C")
    with pytest.raises(GenotypeError, match=r"BROKEN: normal, entry 0: unknown operation 'noise'"):
        read_file(path, "BROKEN")


def test_an_object_of_several_genotypes():
    text = json.dumps({"a": to_dict(SMALL), "b": to_dict(DARTS), "c": str(DARTS)})
    assert read(text, "b").genotype == read(text, "c").genotype == DARTS
    assert read(text, "a").genotype.name == "a"


def test_a_list_over_all_edges_is_told_from_pairs():
    edges = [("sep_conv_3x3", s) for node in (2, 3, 4) for s in range(node)]
    edges[3] = ("none", edges[3][1])
    fields = {
        "normal": edges,
        "normal_concat": [2, 3, 4],
        "reduce": edges,
        "reduce_concat": [4, 3, 2],
    }
    notes: list[str] = []
    cell = from_dict(fields, notes).normal
    assert cell.sources == ((0, 1), (0, 2), (0, 1, 2, 3))
    assert notes[0] == "normal: dropped the edges without an operation: 1"


def test_pairs_that_look_like_a_list_over_all_edges_survive():
    sources = [0, 1, 0, 1, 2, 0, 1, 2, 3, 4, 0, 1, 2, 3]  # 7 nodes; or all edges of 4, were it not
    nodes = [
        [("skip_connect", a), ("skip_connect", b)]
        for a, b in zip(*[iter(sources)] * 2, strict=True)
    ]
    for concat in ([2, 3, 4, 5], [8]):
        cell = Cell(nodes=nodes, concat=concat)
        genotype = Genotype(normal=cell, reduce=cell)
        assert from_dict(to_dict(genotype)) == genotype


def test_the_enas_arc_of_the_published_script_reads():
    arc = "0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1 1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1"
    reading = read(arc)
    cell = reading.genotype.reduce
    assert (cell.num_nodes, cell.concat, reading.notes) == (5, (2, 4, 5, 6), ())


def test_nasnets_own_lists_are_darts_nasnet():
    """TensorFlow's NASNet-A also concatenates the older input; DARTS' transcription does not."""
    text = """
    operations = ['separable_5x5_2', 'separable_3x3_2', 'separable_5x5_2', 'separable_3x3_2',
                  'avg_pool_3x3', 'none', 'avg_pool_3x3', 'avg_pool_3x3', 'separable_3x3_2', 'none']
    hiddenstate_indices = [0, 1, 1, 1, 0, 1, 1, 1, 0, 0]
    used_hiddenstates = [1, 0, 0, 0, 0, 0, 0]
    """
    reading = read(text)
    assert reading.genotype.normal == load_cell("NASNet").normal
    assert reading.notes[0] == "normal: left out of the concatenation: input 0"


def test_nas_bench_201_leaves_out_what_the_input_does_not_reach():
    reading = read(
        "|none~0|+|nor_conv_3x3~0|skip_connect~1|+|none~0|skip_connect~1|avg_pool_3x3~2|"
    )
    assert reading.genotype.normal.sources == ((0,), (1,))
    assert "left out 1 nodes" in reading.notes[0]
    with pytest.raises(GenotypeError, match="no path of operations"):
        read("|none~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|")


def test_nas_bench_101_of_its_readme():
    text = """ModelSpec(
      matrix=np.array([[0, 1, 1, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 1],
              [0, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 1],
              [0, 0, 0, 0, 0, 0, 0]]),
      ops=['input', 'conv1x1-bn-relu', 'conv3x3-bn-relu', 'conv3x3-bn-relu', 'conv3x3-bn-relu',
           'maxpool3x3', 'output'])"""
    cell = parse(text).normal
    assert cell.concat == (1, 2, 4, 5)
    assert cell.sources == ((0,), (0,), (0,), (3,), (0,))


# ---------------------------------------------------------------- refusals

PAIRS = "('skip_connect', 0), ('skip_connect', 1)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty text"),
        ("hello", "not a genotype"),
        ("hello world", "line 1"),
        ("import os", "not a genotype"),
        ("[", "was never closed"),
        ("(" * 200, "nested too deeply"),
        ("a\0b", "binary"),
        ("x" * 200_001, "too long"),
        ("Genotype()", "lacks normal"),
        ("Genotype(1, 2, 3, 4, 5)", "takes 4 arguments"),
        ("Genotype(**{})", "has no name"),
        ("Genotype(normal=open('x'))", "not Call"),
        (f"Genotype([{PAIRS}], [2], [{PAIRS}], reduce_concat=range(2, 1000000000))", "range of"),
        (f"Genotype([{PAIRS}], [2], [{PAIRS}], reduce_concat=range(1, 2, 0))", "step of 0"),
        (f"Genotype([{PAIRS}], [3], [{PAIRS}], [2])", "concat names node 3"),
        (f"Genotype([{PAIRS}], [0], [{PAIRS}], [2])", "concat names node 0"),
        (f"Genotype([{PAIRS}], [2, 2], [{PAIRS}], [2])", "names a node twice"),
        (f"Genotype([{PAIRS}], [], [{PAIRS}], [2])", "concat is empty"),
        (f"Genotype([{PAIRS}], None, [{PAIRS}], [2])", "expected a list of node indices"),
        (f"Genotype([{PAIRS}], [True], [{PAIRS}], [2])", "concat names node True"),
        (f"Genotype([], [2], [{PAIRS}], [2])", "intermediate nodes"),
        (f"Genotype([{PAIRS}, ('skip_connect', 0)], [2], [{PAIRS}], [2])", "3 edges, but"),
        (f"Genotype([('skip_connect', 0), ('skip_connect', 2)], [2], [{PAIRS}], [2])", "entry 1"),
        (f"Genotype([('skip_connect', 0), ('skip_connect', -1)], [2], [{PAIRS}], [2])", "node -1"),
        (f"Genotype([('skip_connect', 0), ('sep_conv3x3', 1)], [2], [{PAIRS}], [2])", "nearest"),
        (f"Genotype([('none', 0), ('none', 1)], [2], [{PAIRS}], [2])", "entries 0, 1"),
        (f"Genotype([('skip_connect', 0), ('skip_connect', 1, 2)], [2], [{PAIRS}], [2])", "shapes"),
        (f"Genotype([('skip_connect', 0, 1)], [2], [{PAIRS}], [2])", "is an input"),
        (f"Genotype([('skip_connect', 0, 10**9)], [2], [{PAIRS}], [2])", "not BinOp"),
        (f"Genotype([('skip_connect', 0, 999999999)], [2], [{PAIRS}], [2])", "beyond the 1000"),
        (f"Genotype([{PAIRS}], [2], [{PAIRS}], [2], num_inputs=0)", "num_inputs"),
        (f"Genotype({'9' * 5000}, [2], [{PAIRS}], [2])", "not a genotype"),
        ("0 0 1 4", "4 numbers a node"),
        ("0 0 1 9 0 0 1 4", "operation 9"),
        ("0 0 2 4 0 0 1 4", "hidden state 2"),
        ("[[[0, 9], [1, 2]], [[0, 3], [1, 2]]]", "operation 9"),
        ("[[[0, 3], [2, 2]], [[0, 3], [1, 2]]]", "source 2"),
        ("|nor_conv_3x3~1|", "node 1 reads node 1"),
        ("|nor_conv_3x3|", "expected operation~source"),
        ("|nor_conv_3x3~0|+nonsense", "node 2: expected"),
        ("|fly~0|", "unknown operation 'fly'"),
        ('{"matrix": [[0, 1], [0, 0]], "ops": ["input", "output"]}', "ops: expected"),
        ('{"matrix": [[0]], "ops": ["input", "maxpool3x3", "output"]}', "3 × 3"),
        (
            '{"matrix": [[0,1,0],[0,0,1],[0,1,0]], "ops": ["input", "maxpool3x3", "output"]}',
            "earlier vertex",
        ),
        ("operations = ['fly', 'none']\nhiddenstate_indices = [0, 1]", "unknown operation 'fly'"),
        ("operations = ['none', 'none']\nhiddenstate_indices = [0, 2]", "hidden state 2"),
        ("operations = ['separable_3x3_4', 'none']\nhiddenstate_indices = [0, 1]", "unknown"),
    ],
)
def test_refused_in_one_line(text, said):
    with pytest.raises(GenotypeError) as caught:
        parse(text)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500


def test_reading_never_opens_or_runs_anything(tmp_path):
    marker = tmp_path / "ran"
    for body in (
        f"__import__('pathlib').Path({str(marker)!r}).touch()",
        f"[open({str(marker)!r}, 'w') for _ in [1]]",
        f"Genotype(normal=(lambda: open({str(marker)!r}, 'w'))(), normal_concat=[], reduce=[],"
        " reduce_concat=[])",
    ):
        with pytest.raises(GenotypeError):
            parse(body)
    assert not marker.exists()


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "cell.bin"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GenotypeError, match="not UTF-8"):
        read_file(path)
    with pytest.raises(GenotypeError, match="directory"):
        read_file(tmp_path)
    with pytest.raises(GenotypeError, match="No such file"):
        read_file(Path(tmp_path / "absent"))


@given(cells())
def test_operations_survive(cell):
    assert {edge.operation for edge in cell.edges} <= set(OPERATIONS)
