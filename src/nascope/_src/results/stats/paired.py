"""Equivalence of two accuracies, McNemar's test, and whether groups of numbers differ at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

MARGIN = 0.005
"""Differences of test accuracy within half a percentage point count as none."""

PERMUTATIONS = 10_000

Equivalence = Literal["within", "outside", "undecided"]


def equivalence(low: float, high: float, margin: float = MARGIN) -> Equivalence:
    """Where a 95 % interval lies to ±margin: within it, altogether outside, or neither.

    Being within is two one-sided tests at 2.5 % each.

    >>> equivalence(-0.001, 0.004), equivalence(0.006, 0.02), equivalence(-0.01, 0.001)
    ('within', 'outside', 'undecided')
    """
    if -margin < low and high < margin:
        return "within"
    return "outside" if low > margin or high < -margin else "undecided"


def mcnemar(only_first: int, only_second: int) -> float:
    """Return McNemar's exact two-sided p-value: discordant images as tosses of a fair coin.

    It speaks of these two trained networks only.

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

    The statistic is the spread between groups, sum over g of n_g (mean_g - mean)^2. All
    permutations are used if there are at most 10,000; otherwise 10,000 random ones.

    Args:
        groups: the numbers of each group; NaN is returned if one is not finite.
    """
    from scipy.stats import permutation_test  # noqa: PLC0415  (slow to import)

    samples = [np.asarray(group, dtype=np.float64) for group in groups]
    everything = np.concatenate(samples)
    if not np.isfinite(everything).all():
        return float("nan")
    centre = everything.mean()

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
