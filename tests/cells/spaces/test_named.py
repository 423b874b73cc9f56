"""The named spaces: their census, and the cells that they hold."""

from collections import Counter
from fractions import Fraction

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.catalog import names as cell_names
from nascope._src.cells.formats.reading import parse
from nascope._src.cells.genotype import Cell
from nascope._src.cells.graph import dead_nodes
from nascope._src.cells.spaces.census import Point, point
from nascope._src.cells.spaces.named import SPACES, named_space, spaces_holding
from nascope._src.errors import GenotypeError


@pytest.mark.parametrize("name", SPACES)
def test_named_spaces_against_brute_force(name):
    within = named_space(name, 3)
    counts: Counter = Counter()
    for wiring in within.wirings():
        cell = within.cell(wiring)
        weight = within.weight(wiring)
        counts[point(cell) if cell else Point(0, Fraction(0), 0)] += weight
    assert within.census().counts == counts


def test_which_spaces_hold_which_cells():
    names = {
        name: [s.name for s in spaces_holding(load_cell(name).normal)] for name in cell_names()[:5]
    }
    assert names == {
        "NASNet": ["independent", "nasnet"],
        "AmoebaNet": ["independent", "nasnet"],
        "ENAS": ["independent", "nasnet"],
        "DARTS": ["darts", "independent"],
        "SNAS": ["darts", "independent", "nasnet"],
    }
    tabular = parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|none~2|")
    assert [s.name for s in spaces_holding(tabular.normal)] == ["nas-bench-201"]
    assert dead_nodes(tabular.normal) == (1, 2)
    assert named_space("nas-bench-201").rank(tabular.normal)["strict"].as_shallow < 1


@pytest.mark.parametrize(
    ("name", "cell", "said"),
    [
        ("darts", load_cell("NASNet").normal, "node 3 reads node 0 twice"),
        ("nasnet", load_cell("DARTS").normal, "concatenates"),
        ("darts", load_cell("AmoebaNet").reduce, "concatenates"),
        ("one-source", load_cell("DARTS").normal, "reads 2 nodes, not 1"),
        ("nas-bench-201", load_cell("DARTS").normal, "2 inputs, not 1"),
        ("darts", parse("|nor_conv_3x3~0|").normal, "of 2 inputs, not 1"),
        (
            "nas-bench-201",
            Cell(nodes=[[("max_pool_3x3", 0)]], concat=(1,), num_inputs=1),
            "operation max_pool_3x3",
        ),
        (
            "nas-bench-201",
            Cell(nodes=[[("conv_1x1", i)] for i in range(4)], concat=(4,), num_inputs=1),
            "4 nodes, more than 3",
        ),
        (
            "nas-bench-201",
            Cell(nodes=[[("conv_1x1", 0)]] * 2, concat=(1, 2), num_inputs=1),
            "last node alone",
        ),
        (
            "nas-bench-201",
            Cell(nodes=[[("conv_1x1", 0)] * 2], concat=(1,), num_inputs=1),
            "two edges join",
        ),
    ],
)
def test_a_cell_that_the_space_does_not_hold(name, cell, said):
    with pytest.raises(GenotypeError, match=said):
        named_space(name).rank(cell)
