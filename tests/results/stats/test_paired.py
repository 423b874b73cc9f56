"""Equivalence, McNemar's test, and differences between groups."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from nascope._src.results.stats.intervals import student_quantile
from nascope._src.results.stats.paired import (
    between_groups,
    decidable_margin,
    equivalence,
    mcnemar,
)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 1), (3, 9), (50, 50), (700, 640), (0, 2000)])
def test_mcnemar_is_the_binomial_test(b: int, c: int) -> None:
    expected = stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected, abs=1e-12)


def test_a_decidable_margin_is_decided_in_four_of_five_studies() -> None:
    random = np.random.default_rng(1)
    for true, expected in ((0.0, 0.8), (1.0, 0.025)):  # the difference, in units of the margin
        values = random.normal(size=(20_000, 8))
        error = values.std(axis=1, ddof=1) / math.sqrt(8)
        half = student_quantile(7) * error
        margin = np.array([decidable_margin(one, 7) for one in error])
        shift = values.mean(axis=1) + true * margin
        within = (np.abs(shift) + half < margin).mean()
        assert within == pytest.approx(expected, abs=0.01)


def test_equivalence_at_its_edges() -> None:
    assert equivalence(-0.004, 0.004) == "within"
    assert equivalence(-0.006, 0.004) == "undecided"
    assert equivalence(-0.02, -0.006) == "outside"
    assert equivalence(0.006, 0.02) == "outside"
    assert equivalence(-0.02, 0.02) == "undecided"  # wider than the margin on both sides
    assert equivalence(-0.005, 0.004) == "undecided"  # the margin itself is not within it
    assert equivalence(-0.02, -0.005) == "undecided"
    assert equivalence(-0.02, 0.02, margin=0.03) == "within"


def test_the_test_of_wirings_against_its_null() -> None:
    generator = np.random.default_rng(1)
    p_values = [between_groups(generator.normal(size=(5, 3))) for _ in range(60)]
    assert 0.3 < np.mean(p_values) < 0.7
    assert min(p_values) > 0
    assert math.isnan(between_groups([[1.0, math.inf], [2.0, 3.0]]))


def test_all_permutations_of_small_groups_are_used() -> None:
    """Against brute force: the spread between groups under every division of four numbers."""
    numbers = [1.0, 2.0, 4.0, 9.0]

    def spread(first: tuple[float, ...]) -> float:
        rest = list(numbers)
        for number in first:
            rest.remove(number)
        return abs(np.mean(first) - np.mean(rest))

    divisions = [spread(first) for first in itertools.combinations(numbers, 2)]
    for first in itertools.combinations(numbers, 2):
        rest = [number for number in numbers if number not in first]
        larger = np.mean([other >= spread(first) - 1e-12 for other in divisions])
        assert between_groups([first, rest]) == pytest.approx(larger)
