r"""Matched pairs: the exact sign-flip test of a mean difference, its interval and its power.

If it makes no difference which member of a pair has which wiring, the difference of a pair is as
likely to have the other sign. Of n pairs with differences d_i, all 2ⁿ assignments of signs s are
then equally likely, and

    p = #{s : Σ s_i d_i ≥ Σ d_i} / 2ⁿ.

Flipping the pairs in F leaves a sum of at least Σ (d_i − θ) exactly if the mean of d over F is at
most θ. So the one-sided p of the hypothesis "the shift is θ" counts subsets with a mean of at most
θ, and the interval of the shift ends where it passes 2.5 % (Hartigan 1969).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nascope._src.results.stats.intervals import LEVEL, detectable

MOST_EXACT = 24
"""Number of pairs up to which all signs count. The sums of two halves, 2¹² each, are enough."""
DRAWS = 100_000
"""Number of random assignments of signs beyond that, with a fixed seed."""
FEWEST = 6
"""Number of pairs from which a one-sided p of 0.025 can be reached: 2⁻⁶ = 0.016."""
_TAIL = (1 - LEVEL) / 2
_ROUNDING = 1e-12  # of the sum of magnitudes: equal sums can differ by rounding
_HALVINGS = 48  # of an interval's range: about its fourteenth digit


@dataclass(frozen=True)
class MatchedTest:
    """Differences of matched pairs, tested.

    Attributes:
        count: number of pairs.
        shift: mean difference; NaN if one is infinite.
        positive, negative: number of differences of each sign.
        p_greater, p_less: one-sided p-values: the share of sign assignments with a mean at least as
            large, and at most as large. If a difference is infinite, signed ranks replace the
            differences.
        smallest_p: the smallest one-sided p that so many pairs allow.
        low, high: 95 % interval of the shift; None for fewer than `FEWEST` pairs or if a difference
            is infinite.
        detectable: the shift that is found with 80 % probability if pairs differ as these do; None
            if their spread is unknown or zero.
        exact: whether all assignments were enumerated.
    """

    count: int
    shift: float
    positive: int
    negative: int
    p_greater: float
    p_less: float
    smallest_p: float
    low: float | None = None
    high: float | None = None
    detectable: float | None = None
    exact: bool = True

    @property
    def p(self) -> float:
        """Two-sided p-value."""
        return min(1.0, 2 * min(self.p_greater, self.p_less))


def matched_test(differences: Sequence[float]) -> MatchedTest | None:
    """Test whether matched pairs differ.

    Args:
        differences: of each pair. Infinite ones are larger than any other; NaN is not allowed.

    Returns:
        The test; None without pairs.

    >>> test = matched_test([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -0.5])
    >>> test.shift, test.p_less, round(128 * test.p_greater)  # {}, {−0.5} of 128 subsets
    (2.9285714285714284, 0.9921875, 2)
    """
    if not differences:
        return None
    count = len(differences)
    finite = all(map(math.isfinite, differences))
    used = np.asarray(differences if finite else signed_ranks(differences), np.float64)
    flips = Flips(used)
    test = MatchedTest(
        count,
        statistics.fmean(differences) if finite else math.nan,
        sum(1 for difference in differences if difference > 0),
        sum(1 for difference in differences if difference < 0),
        flips.at_most(0.0),
        flips.at_least(0.0),
        2.0**-count if count <= MOST_EXACT else 1 / DRAWS,
        exact=count <= MOST_EXACT,
    )
    if not finite or count < FEWEST:
        return test
    error = statistics.stdev(differences) / math.sqrt(count)
    low, high = flips.interval(float(min(differences)), float(max(differences)))
    smallest = detectable(error, count - 1) if error > 0 else None
    return replace(test, low=low, high=high, detectable=smallest)


class Flips:
    """All subsets of pairs that can be flipped, or random ones if there are too many.

    Args:
        values: (n,) finite differences of the pairs.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.slack = _ROUNDING * float(np.abs(values).sum())
        if len(values) > MOST_EXACT:
            chosen = np.random.default_rng(0).random((DRAWS, len(values))) < 0.5
            chosen[0] = False  # what was observed counts, too
            self.first = chosen @ values, chosen.sum(axis=1)
            self.second = np.zeros(1), np.zeros(1, np.int64)
        else:
            self.first = _subsets(values[: len(values) // 2])
            self.second = _subsets(values[len(values) // 2 :])

    def at_most(self, theta: float) -> float:
        """Return the share of subsets F with Σ (d − θ) ≤ 0: p against a shift above θ."""
        sums, others = self._sums(theta)
        return float(np.searchsorted(others, self.slack - sums, "right").mean()) / len(others)

    def at_least(self, theta: float) -> float:
        """Return the share of subsets F with Σ (d − θ) ≥ 0: p against a shift below θ."""
        sums, others = self._sums(theta)
        return 1 - float(np.searchsorted(others, -self.slack - sums, "left").mean()) / len(others)

    def _sums(self, theta: float) -> tuple[np.ndarray, np.ndarray]:
        """Return Σ (d − θ) of the subsets of both halves, the second sorted."""
        (sums, sizes), (others, other_sizes) = self.first, self.second
        return sums - theta * sizes, np.sort(others - theta * other_sizes)

    def interval(self, smallest: float, largest: float) -> tuple[float, float]:
        """Return the shifts at which the two p-values pass 2.5 %, between two numbers."""
        low = _bisect(lambda theta: self.at_most(theta) > _TAIL, smallest, largest)
        high = _bisect(lambda theta: self.at_least(theta) <= _TAIL, smallest, largest)
        return low, high


def _bisect(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return where a condition that holds from some number on begins to hold."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _subsets(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum and the size of every subset."""
    sums, sizes = np.zeros(1), np.zeros(1, np.int64)
    for value in values:
        sums = np.concatenate([sums, sums + value])
        sizes = np.concatenate([sizes, sizes + 1])
    return sums, sizes


def signed_ranks(differences: Sequence[float]) -> list[float]:
    """Return the signed ranks of differences: infinite ones rank highest, zero has rank 0.

    >>> signed_ranks([0.5, -2.0, float("inf"), 0.0, 2.0])
    [1.0, -2.5, 4.0, 0.0, 2.5]
    """
    magnitudes = [abs(difference) for difference in differences if difference]
    ranks = {
        size: sum(other < size for other in magnitudes) + (magnitudes.count(size) + 1) / 2
        for size in set(magnitudes)
    }
    return [math.copysign(ranks[abs(d)], d) if d else 0.0 for d in differences]


def detectable_by_pairs(spread: float, pairs: int) -> float | None:
    """Return the shift that so many pairs find with 80 % probability, two-sided at 5 %.

    It is (t₀.₉₇₅(n − 1) + t₀.₈(n − 1)) √2 σ / √n. The sign-flip test has the power of Student's,
    within a percentage point for ten pairs of normal differences.

    Args:
        spread: standard deviation σ of a member's number about what its wiring predicts.
        pairs: number n of pairs.

    Returns:
        The shift in the unit of ``spread``; None if so few pairs cannot decide.

    >>> round(detectable_by_pairs(0.0287, 10), 3)
    0.04
    """
    if pairs < FEWEST:
        return None
    return detectable(math.sqrt(2 / pairs) * spread, pairs - 1)
