"""Genotypes as fields: lists of edges in every shape, and what is refused."""

import pytest

from nascope._src.cells.formats.fields import from_dict
from nascope._src.cells.genotype import Cell, Genotype, to_dict
from tests.cells.formats.refusals import assert_refused

PAIRS = "('skip_connect', 0), ('skip_connect', 1)"


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Genotype()", "lacks normal"),
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
        (f"Genotype([('skip_connect', 0, 999999999)], [2], [{PAIRS}], [2])", "beyond the 1000"),
        (f"Genotype([{PAIRS}], [2], [{PAIRS}], [2], num_inputs=0)", "num_inputs"),
    ],
)
def test_refused_in_one_line(text, said):
    assert_refused(text, said)
