"""Detecting, reading and writing every format."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.catalog import names as cell_names
from nascope._src.cells.formats.reading import FORMATS, parse, read, read_file, write
from nascope._src.cells.genotype import Cell, Edge, Genotype, to_dict
from nascope._src.errors import GenotypeError
from tests.cells.formats.refusals import assert_refused
from tests.cells.strategies import genotypes

DARTS = load_cell("DARTS")


NORMAL = "[('sep_conv_3x3', 0), ('skip_connect', 1)]"


SMALL = Genotype(
    normal=Cell(nodes=[[Edge("sep_conv_3x3", 0), Edge("skip_connect", 1)]], concat=[2]),
    reduce=Cell(nodes=[[Edge("sep_conv_3x3", 0), Edge("skip_connect", 1)]], concat=[2]),
)


@given(genotypes(), st.sampled_from(["darts", "json"]))
def test_text_and_json_hold_every_cell(genotype, form):
    reading = read(write(genotype, form))
    assert (reading.genotype, reading.format, reading.notes) == (genotype, form, ())
    if form == "json" and genotype.name:
        assert reading.genotype.name == genotype.name


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
        # as NumPy 2, torch and Python print values
        "Genotype([('sep_conv_3x3', np.int64(0)), (np.str_('skip_connect'), numpy.int32(1))],"
        f" range(np.int64(2), np.int64(3)), {NORMAL}, array([2], dtype=int8))",
        f"Genotype({NORMAL}, tensor([2], device='cuda:0'), {NORMAL}, {{2}})",
        f"OrderedDict([('normal', {NORMAL}), ('normal_concat', np.array([2])), ('reduce', {NORMAL}),"
        " ('reduce_concat', deque([2]))])",
        # groups of weighted triples, and of triples with the node
        "Genotype([(('sep_conv_3x3', 0, np.float32(0.3)), ('skip_connect', 1, nan))], [2],"
        " [[('sep_conv_3x3', 0, 2), ('skip_connect', 1, 2)]], [2])",
        '{"normal": [["sep_conv_3x3", 0, 0.5], ["skip_connect", 1, 1]], "normal_concat": [2],'
        ' "reduce": [[["sep_conv_3x3", 0, 0.5], ["skip_connect", 1, 1]]], "reduce_concat": [2]}',
        # a namedtuple as JSON, and in containers
        '[[["sep_conv_3x3", 0], ["skip_connect", 1]], [2], [["sep_conv_3x3", 0],'
        ' ["skip_connect", 1]], [2]]',
        f"[Genotype({NORMAL}, [2], {NORMAL}, [2])]",
        f"{{'epoch': 3, 'genotype': Genotype({NORMAL}, [2], {NORMAL}, [2]), 'acc': 0.9}}",
        json.dumps({"epoch": 3, "arch": to_dict(SMALL), "acc": 0.9}),
        f"normal = {NORMAL}\nnormal_concat = [2]\nreduce = {NORMAL}\nreduce_concat = range(2, 3)",
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
    arcs = {"d": "0 0 1 4 0 0 1 4", "e": "((0, 3), (1, 2)), ((0, 3), (1, 2))", "f": "3"}
    text = json.dumps({"a": to_dict(SMALL), "b": to_dict(DARTS), "c": str(DARTS), **arcs})
    assert read(text, "b").genotype == read(text, "c").genotype == DARTS
    assert read(text, "d").genotype == read(text, "e").genotype == SMALL
    assert read(text, "a").genotype.name == "a"


@pytest.mark.parametrize(
    "text",
    [
        f"genotypes = {{'a': {SMALL}, 'b': {DARTS}, 'c': Genotype(normal=1)}}",
        f"genotypes = {{}}\ngenotypes['a'] = {SMALL}\ngenotypes['b'] = {DARTS}",
        f"from x import y\ncells.a = {SMALL}\ncells.b = {DARTS}",
        f"{{'a': {to_dict(SMALL)}, 'b': {to_dict(DARTS)}}}",
        f"dict(a={SMALL}, b={DARTS})",
        json.dumps({"a": [*to_dict(SMALL).values()], "b": [*to_dict(DARTS).values()]}),
    ],
)
def test_containers_name_their_genotypes(text):
    a, b = read(text, "a").genotype, read(text, "b").genotype
    assert (a, a.name, b, b.name) == (SMALL, "a", DARTS, "b")


@pytest.mark.parametrize(
    "text", [f"[{SMALL}, {DARTS}]", json.dumps([to_dict(SMALL), to_dict(DARTS)])]
)
def test_lists_number_their_genotypes(text):
    assert [read(text, name).genotype for name in "01"] == [SMALL, DARTS]


def test_weights_of_edges_are_noted():
    edges = "[(('sep_conv_3x3', 0, 0.3), ('skip_connect', 1, 0.2))]"
    reading = read(f"Genotype({edges}, [2], {NORMAL}, [2])")
    assert reading.notes == ("normal: left out the weights of the edges",)
    assert_refused(
        f"Genotype([(('sep_conv_3x3', 0, 3), ('skip_connect', 1, 2))], [2], {NORMAL}, [2])",
        "is among the edges into node 2",
    )


def test_names_are_text():
    fields = json.dumps({"name": "\ud800", **to_dict(SMALL)})
    assert_refused(fields, "name: expected text")
    assert_refused(json.dumps({"\ud800": to_dict(SMALL), "b": {}}), "\\ud800")
    with pytest.raises(GenotypeError, match="name: expected text"):
        SMALL.named("\udcff")


def test_the_name_of_a_file_that_is_not_utf8(tmp_path):
    path = os.fsencode(tmp_path) + b"/cell-\xff.txt"
    with open(path, "w") as file:
        file.write(str(SMALL))
    assert read_file(os.fsdecode(path)).genotype.name == "cell-\ufffd"


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "cell.bin"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GenotypeError, match="not UTF-8"):
        read_file(path)
    with pytest.raises(GenotypeError, match="directory"):
        read_file(tmp_path)
    with pytest.raises(GenotypeError, match="No such file"):
        read_file(Path(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "not a genotype"),
        ("import os", "not a genotype"),
    ],
)
def test_refused_in_one_line(text, said):
    assert_refused(text, said)


def test_only_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, said in [(tmp_path / "pipe", "this is a pipe"), ("/dev/zero", "this is a device")]:
        with pytest.raises(GenotypeError, match=said):
            read_file(path)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(GenotypeError, match="too large: expected at most 800 kB"):
        read_file(tmp_path / "large")
