"""Tails of sums of independent discrete variables, against enumeration and a known distribution."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from nascope._src.results.stats.exact import Null, tails

COIN: Null = ((Fraction(0), 1), (Fraction(1), 1))
THIRDS: Null = ((Fraction(0), 2), (Fraction(1, 3), 1), (Fraction(1), 3))
UNEVEN: Null = ((Fraction(-1, 2), 1), (Fraction(1, 4), 5))


def enumerated(nulls: list[Null], total: Fraction) -> tuple[Fraction, Fraction]:
    """The exact probabilities, from every combination of values."""
    greater = less = Fraction(0)
    for combination in itertools.product(*nulls):
        probability = Fraction(1)
        for (_, weight), null in zip(combination, nulls, strict=True):
            probability *= Fraction(weight, sum(w for _, w in null))
        value = sum(value for value, _ in combination)
        greater += probability * (value >= total)
        less += probability * (value <= total)
    return greater, less


@pytest.mark.parametrize(
    "nulls", [[COIN], [THIRDS] * 3, [COIN, THIRDS, UNEVEN], [UNEVEN, UNEVEN, THIRDS, COIN, COIN]]
)
def test_against_enumeration(nulls: list[Null]) -> None:
    totals = {sum(v for v, _ in combination) for combination in itertools.product(*nulls)}
    for total in [*totals, min(totals) - 1, max(totals) + 1, Fraction(1, 7)]:
        expected = enumerated(nulls, total)
        assert tails(nulls, total) == pytest.approx([float(p) for p in expected], abs=1e-15)


def test_against_the_binomial_distribution() -> None:
    """To many digits, far out in the tail too."""
    for count, heads in ((10, 9), (200, 150), (1000, 900)):
        greater, less = tails([COIN] * count, Fraction(heads))
        assert greater == pytest.approx(stats.binom.sf(heads - 1, count, 0.5), rel=1e-9)
        assert less == pytest.approx(stats.binom.cdf(heads, count, 0.5), rel=1e-12)


def test_the_order_of_the_variables_does_not_matter() -> None:
    nulls = [COIN, THIRDS, UNEVEN, THIRDS]
    for order in itertools.permutations(nulls):
        np.testing.assert_allclose(tails(list(order), Fraction(1)), tails(nulls, Fraction(1)))
