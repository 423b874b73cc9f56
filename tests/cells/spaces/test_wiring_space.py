"""Spaces of wirings: the census against brute force, and samples."""

import math
import random
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.graph import (
    loose_ends,
)
from nascope._src.cells.spaces.census import point
from nascope._src.cells.spaces.named import named_space
from nascope._src.cells.spaces.wiring_space import WiringSpace
from nascope._src.errors import GenotypeError
from tests.cells.strategies import small_spaces


@settings(deadline=None, max_examples=60)
@given(small_spaces())
def test_the_census_is_what_enumeration_counts(within):
    wirings = list(within.wirings())
    assert len(wirings) == len(set(wirings)) == within.count()
    assert within.census().counts == Counter(point(within.cell(wiring)) for wiring in wirings)
    assert within.census().total == within.count()


@pytest.mark.parametrize(("nodes", "in_degree"), [(9, 8), (10, 4), (12, 2)])
def test_large_spaces_are_counted_completely(nodes, in_degree):
    large = WiringSpace("large", nodes=nodes, in_degree=in_degree)
    assert large.census().total == large.count()


def test_a_space_that_is_too_large_is_refused():
    with pytest.raises(GenotypeError, match="16 nodes that read 8 others would take too long"):
        WiringSpace("huge", nodes=16, in_degree=8).census()


def test_one_source_is_the_formula_for_two_inputs_only():
    """A.2's (N−2)!/(M−1)! with N nodes in all, M inputs; M = 3 has more wirings than that."""
    n = 8
    assert named_space("one-source", n - 3).count() == math.factorial(n - 2) // math.factorial(1)
    three = WiringSpace("three", nodes=4, inputs=3, in_degree=1)
    assert three.count() == math.factorial(n - 2) // math.factorial(2)


@settings(deadline=None, max_examples=40)
@given(small_spaces(), st.integers(0, 10**6))
def test_samples_meet_their_conditions(within, seed):
    generator = random.Random(seed)
    wanted = point(within.cell(within.sample(generator)))
    for given_ in (
        {"strict_width": wanted.strict_width},
        {"fractional_width": wanted.fractional_width},
        {"depth": wanted.depth},
        wanted._asdict(),
    ):
        got = point(within.cell(within.sample(generator, **given_)))
        assert all(getattr(got, key) == value for key, value in given_.items())


@pytest.mark.parametrize(
    "within",
    [
        named_space("darts", 3),
        named_space("independent", 2),
        WiringSpace("u", nodes=2, ordered=False),
        WiringSpace("d", nodes=2, inputs=3, in_degree=3, distinct=True),
        WiringSpace("u3", nodes=2, in_degree=3, ordered=False),
        named_space("nas-bench-201", 2),
    ],
    ids=lambda s: s.name,
)
@pytest.mark.parametrize("depth", [None, 3])
def test_samples_are_uniform(within, depth):
    """Pearson's χ² over all wirings, at a fixed seed: within 4.5 standard deviations."""
    expected = {
        wiring: within.weight(wiring)
        for wiring in within.wirings()
        if depth is None or ((cell := within.cell(wiring)) and point(cell).depth == depth)
    }
    generator = random.Random(5)
    draws = 40 * len(expected)
    seen = Counter(within.sample(generator, depth=depth) for _ in range(draws))
    assert set(seen) <= set(expected)
    scale = draws / sum(expected.values())
    chi2 = sum((seen[w] - n * scale) ** 2 / (n * scale) for w, n in expected.items())
    freedom = len(expected) - 1
    assert abs(chi2 - freedom) < 4.5 * math.sqrt(2 * freedom)


def test_an_impossible_condition_is_an_error():
    generator = random.Random(0)
    for conditions in ({"strict_width": 4, "depth": 3}, {"fractional_width": Fraction(1, 3)}):
        with pytest.raises(GenotypeError, match="no wiring"):
            named_space("darts").sample(generator, **conditions)
    for impossible in ({"depth": 1}, {"depth": 99}, {"strict_width": -1}, {"strict_width": 5}):
        with pytest.raises(GenotypeError, match="no wiring"):
            named_space("darts").sample(generator, **impossible)
    with pytest.raises(GenotypeError, match="no cell"):
        named_space("nas-bench-201").sample(generator, depth=5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: named_space("imagenet"),
        lambda: named_space("darts", 0),
        lambda: named_space("darts", 17),
        lambda: named_space("nas-bench-201", 6),
        lambda: WiringSpace("x", nodes=True),
        lambda: WiringSpace("x", nodes=3, inputs=1, distinct=True),
        lambda: WiringSpace("x", nodes=3, in_degree=9),
        lambda: WiringSpace("x", nodes=3, concat="most"),
        lambda: WiringSpace("x", nodes=3, concat=(1,)),
        lambda: WiringSpace("x", nodes=3, concat=()),
        lambda: point(load_cell("DARTS").normal).width("live"),
    ],
)
def test_impossible_spaces_are_refused(make):
    with pytest.raises(GenotypeError):
        make()


def test_loose_ends_are_concatenated():
    within = named_space("nasnet", 3)
    for wiring in within.wirings():
        cell = within.cell(wiring)
        assert cell.concat == loose_ends(cell)
        assert within.for_cell(cell) == within
