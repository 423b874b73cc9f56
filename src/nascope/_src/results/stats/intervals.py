"""Means over seeds or clusters, with their intervals."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

MIN_SEEDS = 3  # for an interval: the spread of two numbers says next to nothing
MIN_BOOTSTRAP = 10  # for a bootstrap: smaller samples have too few distinct resamples
LEVEL = 0.95
POWER = 0.8

NORMAL_975, NORMAL_80 = 1.959964, 0.841621  # quantiles of the standard normal

_RESAMPLES = 2000
_SEED = 0


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Attributes:
        mean: the mean; NaN if a value is not finite, or if there is none.
        seeds: number of values.
        low, high: 95 % interval; None if there is none.
    """

    mean: float
    seeds: int
    low: float | None = None
    high: float | None = None


def over_seeds(values: Sequence[float]) -> Estimate:
    """Return the mean over seeds and, for three seeds or more, its 95 % interval.

    Up to nine seeds the interval is Student's, x̄ ± t₀.₉₇₅(n − 1) · s / √n with the sample standard
    deviation s. It assumes roughly normal results. From ten seeds on it is `bootstrap_t`, which
    does not. Both assume independent seeds. If a value is not finite, the mean is NaN and there is
    no interval.

    Args:
        values: one number per seed.

    >>> estimate = over_seeds([0.50, 0.52, 0.54])
    >>> f"{estimate.mean:.2f} in {estimate.low:.2f} … {estimate.high:.2f}"
    '0.52 in 0.47 … 0.57'
    >>> over_seeds([0.50, 0.52]).low is None
    True
    """
    count = len(values)
    if count == 0 or not all(math.isfinite(value) for value in values):
        return Estimate(math.nan, count)
    return _estimate(tuple(values))


@functools.lru_cache(maxsize=16_384)  # a page shows a mean in several places
def _estimate(values: tuple[float, ...]) -> Estimate:
    count = len(values)
    mean = statistics.fmean(values)
    if count < MIN_SEEDS:
        return Estimate(mean, count)
    if count >= MIN_BOOTSTRAP:
        return Estimate(mean, count, *bootstrap_t(values))
    half = student_quantile(count - 1) * statistics.stdev(values) / math.sqrt(count)
    return Estimate(mean, count, mean - half, mean + half)


def bootstrap_t(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % bootstrap-t interval of a mean: x̄ − q₀.₉₇₅ s/√n … x̄ − q₀.₀₂₅ s/√n.

    q are quantiles of (x̄* − x̄) / (s*/√n) over 2,000 resamples with a fixed seed (Efron and
    Tibshirani 1993, 12.5). The interval widens for few values, unlike the percentile interval, and
    follows a skew, unlike Student's. Resamples without spread are left out.

    Args:
        values: (n,) finite numbers, at least two.
    """
    sample = np.asarray(values, dtype=np.float64)  # (n,)
    mean, count = sample.mean(), len(sample)
    error = sample.std(ddof=1) / math.sqrt(count)
    means, deviations = np.empty((2, _RESAMPLES))
    step = max(1, _IN_CACHE // count)
    for start in range(0, _RESAMPLES, step):
        part = slice(start, start + step)
        resampled = sample[_places(count)[part]]  # (part of the resamples, n)
        means[part] = resampled.mean(axis=1)
        deviations[part] = resampled.std(axis=1, ddof=1)
    errors = deviations / math.sqrt(count)
    spread = errors > 1e-9 * error if error > 0 else np.zeros(len(errors), bool)
    if not spread.any():  # all values are equal
        return float(mean), float(mean)
    ratios = (means[spread] - mean) / errors[spread]
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(mean - high * error), float(mean - low * error)


_IN_CACHE = 16_384  # numbers at a time, so that a processor's cache holds them


@functools.lru_cache(maxsize=8)
def _places(count: int) -> np.ndarray:
    """Return the indices of the values in each resample, (resamples, n)."""
    return np.random.default_rng(_SEED).integers(count, size=(_RESAMPLES, count))


def cluster_bootstrap(
    values: Sequence[float], clusters: Sequence[Hashable], *, each_once: bool = False
) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of a mean, with whole clusters resampled.

    Of k clusters, k are drawn with replacement, 2,000 times with a fixed seed.

    Args:
        values: (n,) finite numbers.
        clusters: (n,) the cluster of each.
        each_once: average the means of the clusters, instead of all values.

    Returns:
        The interval; None if there are fewer than ten clusters.

    >>> cluster_bootstrap([1.0] * 10, range(10))
    (1.0, 1.0)
    """
    numbers = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters))}
    if len(numbers) < MIN_BOOTSTRAP:
        return None
    places = np.array([numbers[cluster] for cluster in clusters])
    sizes = np.bincount(places).astype(float)  # (k,)
    sums = np.bincount(places, np.asarray(values, float))
    if each_once:
        sums, sizes = sums / sizes, np.ones_like(sizes)
    drawn = _places(len(numbers))  # (resamples, k)
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@functools.cache
def student_quantile(freedom: float, probability: float = (1 + LEVEL) / 2) -> float:
    """Return the quantile t_p(ν) of Student's distribution.

    Args:
        freedom: degrees of freedom ν, not necessarily whole.
        probability: p.

    >>> round(student_quantile(4), 3)
    2.776
    """
    from scipy.special import stdtrit  # noqa: PLC0415  (slow to import)

    return float(stdtrit(freedom, probability))


def detectable(error: float, freedom: float) -> float:
    """Return the smallest effect that a two-sided test at 5 % detects with 80 % probability.

    It is (t₀.₉₇₅(ν) + t₀.₈(ν)) · standard error.

    Args:
        error: standard error of the effect, in its unit.
        freedom: degrees of freedom ν.
    """
    return (student_quantile(freedom) + student_quantile(freedom, POWER)) * error
