"""Means over seeds, and how sure one can be of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

MIN_SEEDS = 3  # below, a spread says next to nothing: no interval is given


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds; ``low`` and ``high`` bound its 95 % interval where there is one."""

    mean: float
    seeds: int
    low: float | None = None
    high: float | None = None


def over_seeds(values: Sequence[float]) -> Estimate:
    """The mean over seeds and, from three seeds on, Student's interval for it.

    x̄ ± t₀.₉₇₅(n − 1) · s / √n with the sample standard deviation s. It presumes that seeds are
    independent and their results about normal. Where a value is not finite, so is the mean (NaN),
    and there is no interval.

    >>> estimate = over_seeds([0.50, 0.52, 0.54])
    >>> f"{estimate.mean:.2f} in {estimate.low:.2f} … {estimate.high:.2f}"
    '0.52 in 0.47 … 0.57'
    >>> over_seeds([0.50, 0.52]).low is None
    True
    """
    count = len(values)
    if count == 0 or not all(math.isfinite(value) for value in values):
        return Estimate(math.nan, count)
    mean = statistics.fmean(values)
    if count < MIN_SEEDS:
        return Estimate(mean, count)
    from scipy.special import stdtrit  # noqa: PLC0415  (only studies with seeds pay for it)

    half = float(stdtrit(count - 1, 0.975)) * statistics.stdev(values) / math.sqrt(count)
    return Estimate(mean, count, mean - half, mean + half)
