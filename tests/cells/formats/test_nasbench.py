"""NAS-Bench-201's string and NAS-Bench-101's matrix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascope._src.cells.formats.reading import parse, read, write
from nascope._src.cells.genotype import Cell, Edge, Genotype
from nascope._src.errors import GenotypeError
from tests.cells.formats.refusals import assert_refused


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
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
    ],
)
def test_refused_in_one_line(text, said):
    assert_refused(text, said)


def test_naslibs_six_indices():
    """The example of convert_op_indices_to_str in NASLib's code."""
    text = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"
    for indices in ("(4, 0, 3, 1, 4, 3)", "4 0 3 1 4 3", "[4 0 3 1 4 3]"):
        reading = read(indices)
        assert (reading.genotype, reading.format) == (parse(text), "nas-bench-201")
        assert "NASLib's indices" in reading.notes[0]


def test_nested_tuples_of_nas_bench_201():
    text = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|none~2|"
    nested = (
        "((('nor_conv_3x3', 0),), (('nor_conv_3x3', 0), ('none', 1)),"
        " (('skip_connect', 0), ('none', 1), ('none', 2)))"
    )
    assert parse(nested) == parse(text)
