"""Designed variants: what they keep, their levels, and that every draw is uniform."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.designs import (
    DesignPlace,
    Level,
    contrast_levels,
    design_space,
    designed_block,
    designed_variant,
    factorial_levels,
    levels,
    read_level,
    same_size,
)
from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.cells.graph import dead_nodes, depth, fractional_width
from nascope._src.errors import GenotypeError

NAMES = ("DARTS", "ENAS", "AmoebaNet", "NASNet", "SNAS")
DARTS = load_cell("DARTS")
FOUR, FIVE = levels(DARTS), levels(load_cell("ENAS"))


def _operations(cell: Cell) -> list[str]:
    return [edge.operation for edge in cell.edges]


@settings(max_examples=60)
@given(st.sampled_from(NAMES), st.integers(0, 2**63), st.data())
def test_variants_of_a_seed_differ_in_their_wiring_only(name, seed, data):
    genotype = load_cell(name)
    known = sorted(levels(genotype))
    chosen = data.draw(st.lists(st.sampled_from(known), min_size=2, max_size=4, unique=True))
    block = designed_block(genotype, seed, chosen)
    first = block[0][1].normal
    for level, variant in block:
        cell = variant.normal
        assert (fractional_width(cell), depth(cell)) == level
        assert variant.reduce == genotype.reduce
        assert sorted(_operations(cell)) == sorted(_operations(genotype.normal))
        assert _operations(cell) == _operations(first)
        assert same_size(cell, first)
        assert cell.concat == tuple(cell.intermediate)
        assert not dead_nodes(cell)
        assert all(len(set(sources)) == len(sources) for sources in cell.sources)
        assert variant == designed_variant(genotype, seed, level)


@pytest.mark.parametrize(("genotype", "counts"), [(DARTS, FOUR), (load_cell("ENAS"), FIVE)])
def test_levels_are_those_of_every_wiring(genotype, counts):
    space = design_space(genotype)
    cells = map(space.cell, space.wirings())
    assert counts == Counter(Level(fractional_width(cell), depth(cell)) for cell in cells)


@pytest.mark.parametrize(
    ("name", "level"),
    [("DARTS", (1.5, 5)), ("SNAS", (2, 4)), ("NASNet", (1.5, 6)), ("ENAS", (3.5, 5))],
)
def test_every_wiring_of_a_level_is_equally_likely(name, level):
    genotype, at = load_cell(name), read_level(level)
    space = design_space(genotype)
    there = {
        wiring
        for wiring in space.wirings()
        if (fractional_width(cell := space.cell(wiring)), depth(cell)) == at
    }
    draws = 30 * len(there)
    seen = Counter(designed_variant(genotype, seed, at).normal.sources for seed in range(draws))
    assert set(seen) == there
    assert sum((count - 30) ** 2 / 30 for count in seen.values()) < 3 * len(there) + 10


def test_operations_are_allocated_uniformly():
    """DARTS' normal cell has one dilated convolution and two skips on its eight edges."""
    level = read_level((4, 2))
    cells = [designed_variant(DARTS, seed, level).normal for seed in range(2000)]
    places = Counter(_operations(cell).index("dil_conv_3x3") for cell in cells)
    assert all(abs(places[place] - 250) < 5 * 250**0.5 for place in range(8))
    pairs = Counter(
        tuple(i for i, name in enumerate(_operations(cell)) if name == "skip_connect")
        for cell in cells
    )
    assert len(pairs) == 28
    assert all(abs(count - 2000 / 28) < 5 * (2000 / 28) ** 0.5 for count in pairs.values())


def test_golden_pair():
    """The sequence is part of every study's identity: it must not change."""
    (_, wide), (_, deep) = designed_block(DARTS, 1, contrast_levels(DARTS))
    assert _operations(wide.normal) == [
        "sep_conv_3x3", "sep_conv_3x3", "skip_connect", "dil_conv_3x3",
        "sep_conv_3x3", "sep_conv_3x3", "skip_connect", "sep_conv_3x3",
    ]  # fmt: skip
    assert deep.normal.sources == ((0, 1), (0, 2), (2, 3), (2, 4))


@pytest.mark.parametrize("name", NAMES)
def test_a_contrast_has_the_extremes(name):
    genotype = load_cell(name)
    wide, deep = contrast_levels(genotype)
    known = levels(genotype)
    assert wide == (max(level.width for level in known), min(level.depth for level in known))
    assert deep == (min(level.width for level in known), max(level.depth for level in known))


def test_the_factorials_of_the_docs_exist():
    assert len(factorial_levels(DARTS, [2, 3], [3, 4])) == 4
    assert len(factorial_levels(load_cell("ENAS"), [2, 3.5], [3, 5])) == 4


def test_a_place_can_be_stored():
    place = DesignPlace("factorial", 2, Level(Fraction(7, 2), 3))
    assert place.as_dict() == {"kind": "factorial", "allocation": 2, "width": 3.5, "depth": 3}
    assert DesignPlace.from_dict(place.as_dict()) == place
    third = DesignPlace("factorial", 1, Level(Fraction(4, 3), 3))
    assert DesignPlace.from_dict(third.as_dict()) == third
    with pytest.raises(ValueError, match="no place in a design"):
        DesignPlace.from_dict(place.as_dict() | {"kind": "other"})


CHAIN = Cell(
    nodes=((("skip_connect", 0),), (("skip_connect", 1), ("skip_connect", 2))), concat=(3,)
)
SMALL = Cell(nodes=((("skip_connect", 0), ("skip_connect", 1)),), concat=(2,))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: designed_variant(DARTS, -1, Level(Fraction(4), 2)),
            "non-negative integer, not -1",
        ),
        (lambda: factorial_levels(DARTS, [2, 3.5], [3, 5]), "has width 3.5 and depth 5; there are"),
        (lambda: levels(Genotype(CHAIN, CHAIN)), r"as many edges at every node.*has \[1, 2\]"),
        (lambda: contrast_levels(Genotype(SMALL, SMALL)), "have only w1d2"),
        (lambda: read_level((3.5,)), r"expected a level as \(width, depth\)"),
        (lambda: read_level((3.5, 2.5)), r"expected a level as \(width, depth\)"),
        (lambda: read_level((float("nan"), 2)), r"expected a level as \(width, depth\)"),
    ],
)
def test_refusals(call, said):
    with pytest.raises(GenotypeError, match=said):
        call()
