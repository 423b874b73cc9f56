"""Equivalence of accuracies, McNemar's test, and a test of differences between groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from nascope._src.results.stats.intervals import POWER, student_quantile

MARGIN = 0.005
"""A difference of test accuracy up to half a percentage point counts as none."""

PERMUTATIONS = 10_000


def decidable_margin(error: float, freedom: float) -> float:
    """Return the smallest margin within which a study can show that there is no difference.

    It is (t₀.₉₇₅(ν) + t₀.₉(ν)) · standard error. If the true difference is 0, the 95 % interval
    lies within it with 80 % probability; if the true difference is the margin itself, with 2.5 %.

    Args:
        error: standard error of the difference, in its unit.
        freedom: degrees of freedom ν.
    """
    return (student_quantile(freedom) + student_quantile(freedom, (1 + POWER) / 2)) * error


Equivalence = Literal["within", "outside", "undecided"]


def equivalence(low: float, high: float, margin: float = MARGIN) -> Equivalence:
    """Return whether a 95 % interval lies within ±margin, entirely outside, or neither.

    "within" amounts to two one-sided tests at 2.5 % each (TOST).

    Args:
        low, high: the interval of a difference.
        margin: the largest difference that counts as none, in the same unit.

    >>> equivalence(-0.001, 0.004), equivalence(0.006, 0.02), equivalence(-0.01, 0.001)
    ('within', 'outside', 'undecided')
    """
    if -margin < low and high < margin:
        return "within"
    return "outside" if low > margin or high < -margin else "undecided"


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    Images that only one network gets right are like tosses of a fair coin. The result is about
    these two trained networks only, not about their cells.

    Args:
        only_first, only_second: images that only one of the two networks gets right.

    >>> mcnemar(2, 10)
    0.03857421875
    """
    from scipy.stats import binomtest  # noqa: PLC0415  (slow to import)

    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def between_groups(groups: Sequence[Sequence[float]]) -> float:
    """Return the p-value of a permutation test of whether groups have different means.

    The statistic is the spread between groups, Σ_g n_g (x̄_g − x̄)². All permutations are used if
    there are at most 10,000; otherwise 10,000 random ones.

    Args:
        groups: for each group, its numbers.

    Returns:
        p; NaN if a number is not finite.
    """
    from scipy.stats import permutation_test  # noqa: PLC0415  (slow to import)

    samples = [np.asarray(group, dtype=np.float64) for group in groups]
    pooled = np.concatenate(samples)
    if not np.isfinite(pooled).all():
        return float("nan")
    centre = pooled.mean()

    def spread(*parts: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.sum(
            [part.shape[axis] * (part.mean(axis=axis) - centre) ** 2 for part in parts], axis=0
        )

    result = permutation_test(
        samples,
        spread,
        n_resamples=PERMUTATIONS,
        alternative="greater",
        vectorized=True,
        random_state=0,
    )
    return float(result.pvalue)
