r"""Does a difference within pairs go through a third quantity? The product of coefficients.

In pair i, Δyᵢ is the difference of the outcome between its two members, and Δmᵢ that of the
mediator. As in Judd, Kenny and McClelland (2001), with the treatment varying within pairs,

    a = mean Δm        Δyᵢ = c′ + b Δmᵢ + d (m̄ᵢ − mean m̄) + error        c = mean Δy = c′ + a b,

where m̄ᵢ is the mean of the mediator over the pair, so that b is the slope at equal level. a b is
the *indirect* effect, c′ the *direct* one, and a b / c the *share mediated*.

The interval resamples pairs, or blocks of pairs that are not independent, with replacement. Its
ends are the quantiles of Φ(∓√(n / (n − 1)) t₀.₉₇₅(n − 1)), the expanded percentile interval of
Hesterberg (2015), since plain percentiles are too narrow for few pairs.

Pairs are randomised only over the treatment. That Δm moves with Δy over pairs does not prove that m
causes y: both may follow from something else that differs between wirings.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from nascope._src.results.stats.intervals import NORMAL_80, NORMAL_975, student_quantile

Array = np.ndarray

FEWEST = 6
"""Fewer pairs cannot tell the coefficients from noise."""
RESAMPLES = 10_000


@dataclass(frozen=True)
class Mediation:
    """The parts of a mean difference, in the unit of the outcome.

    Attributes:
        pairs: number of pairs.
        total: c, the mean difference of the outcome.
        shift: a, the mean difference of the mediator, in its own unit.
        slope: b, the outcome's change per unit of the mediator, between pairs.
        indirect: a b.
        low, high: its 95 % interval.
        direct: c′.
        share: a b / c; None if the total's interval holds 0.
        share_low, share_high: its 95 % interval; None if there is no share.
        needed: number of pairs with which an indirect effect of this size would be found with 80 %
            probability; None if it is found already, or if it is 0.
    """

    pairs: int
    total: float
    shift: float
    slope: float
    indirect: float
    low: float
    high: float
    direct: float
    share: float | None = None
    share_low: float | None = None
    share_high: float | None = None
    needed: int | None = None

    @property
    def is_found(self) -> bool:
        """Whether the interval of the indirect effect excludes 0."""
        return self.low > 0 or self.high < 0


def mediate(
    outcome: Sequence[float],
    mediator: Sequence[tuple[float, float]],
    blocks: Sequence[Hashable] | None = None,
) -> Mediation | None:
    """Split the mean difference of an outcome into an indirect and a direct effect.

    Args:
        outcome: for each pair, the treated member's value minus the other's.
        mediator: for each pair, both members' values of the mediator, the treated one's first.
        blocks: for each pair, a key; pairs of one block are resampled together. None if all pairs
            are independent.

    Returns:
        The parts; None for fewer than `FEWEST` pairs or blocks, a value that is not finite, or a
        mediator whose differences are all equal.

    >>> noise = np.random.default_rng(0).normal(size=(2, 40))
    >>> change = 1 + noise[0]
    >>> parts = mediate(0.8 * change + 0.2 + 0.1 * noise[1], [(m, -m) for m in change / 2])
    >>> round(parts.share, 1), parts.is_found  # 0.8 of 0.8 + 0.2
    (0.8, True)
    """
    y, m = np.asarray(outcome, np.float64), np.asarray(mediator, np.float64).reshape(-1, 2)
    keys = list(range(len(y))) if blocks is None else list(blocks)
    members = [
        np.array([k for k, key in enumerate(keys) if key == one]) for one in dict.fromkeys(keys)
    ]
    if len(members) < FEWEST or not (np.isfinite(y).all() and np.isfinite(m).all()):
        return None
    change, level = m[:, 0] - m[:, 1], m.mean(axis=1)
    if np.ptp(change) <= 1e-12 * np.abs(m).max():
        return None
    every = np.arange(len(y))[None]
    total, shift, slope = (float(part[0]) for part in _coefficients(y, change, level, every))
    indirect = shift * slope
    drawn = _resamples(members)
    totals, shifts, slopes = _coefficients(y, change, level, drawn)
    products = shifts * slopes
    ends = _levels(len(members))
    low, high = (float(end) for end in np.quantile(products, ends))
    share: tuple[float | None, float | None, float | None] = (None, None, None)
    total_low, total_high = np.quantile(totals, ends)
    if total_low > 0 or total_high < 0:
        below, above = np.quantile(products / totals, ends)
        share = (indirect / total, float(below), float(above))
    needed = None
    if not (low > 0 or high < 0) and indirect:
        spread = (high - low) / (2 * NORMAL_975)
        needed = math.ceil(len(y) * ((NORMAL_975 + NORMAL_80) * spread / indirect) ** 2)
    return Mediation(
        len(y), total, shift, slope, indirect, low, high, total - indirect, *share, needed
    )


def _levels(count: int) -> tuple[float, float]:
    """Return the levels of the expanded percentile interval for so many independent units."""
    degrees = count - 1
    quantile = math.sqrt(count / degrees) * student_quantile(degrees)
    below = 0.5 * math.erfc(quantile / math.sqrt(2))
    return below, 1 - below


def _resamples(members: Sequence[Array]) -> Array:
    """Return the pairs in each resample of blocks, (resamples, pairs); −1 where there is none."""
    random = np.random.default_rng(0)
    chosen = random.integers(len(members), size=(RESAMPLES, len(members)))
    padded = np.full((len(members), max(map(len, members))), -1)
    for row, own in zip(padded, members, strict=True):
        row[: len(own)] = own
    drawn: Array = padded[chosen].reshape(RESAMPLES, -1)
    return drawn


def _coefficients(
    y: Array, change: Array, level: Array, drawn: Array
) -> tuple[Array, Array, Array]:
    """Return c, a and b for samples of pairs, (samples,) each."""
    weights = drawn >= 0  # (samples, pairs)
    count = weights.sum(axis=1)
    outcome, x, z = (np.where(weights, values[drawn], 0.0) for values in (y, change, level))
    total, shift, mean_level = (values.sum(axis=1) / count for values in (outcome, x, z))
    outcome, x, z = (
        np.where(weights, values - mean[:, None], 0.0)
        for values, mean in ((outcome, total), (x, shift), (z, mean_level))
    )
    xx, zz, xz = (x * x).sum(axis=1), (z * z).sum(axis=1), (x * z).sum(axis=1)
    xy, zy = (x * outcome).sum(axis=1), (z * outcome).sum(axis=1)
    determinant = xx * zz - xz**2
    singular = determinant <= 1e-10 * xx * zz  # all levels are equal, or follow from the changes
    with np.errstate(divide="ignore", invalid="ignore"):
        both = (zz * xy - xz * zy) / determinant
        alone = np.where(xx > 0, xy / xx, 0.0)
    return total, shift, np.where(singular, alone, both)
