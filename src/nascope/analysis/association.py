r"""Within families, does a number of a wiring go with its width or its depth?

Families differ in their operations, hence in everything: so ranks are taken within each family,

    ρ = Σ_f Σ_i (r_fi − r̄_f)(q_fi − q̄_f) / √(Σ_f Σ_i (r_fi − r̄_f)² · Σ_f Σ_i (q_fi − q̄_f)²)

with the midranks r of the width (or depth) and q of the number. With one family it is Spearman's
rank correlation. Its p-value permutes the numbers within each family. The original is to be left
out by the caller: its operations were searched together with its wiring.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nascope.analysis.intervals import NORMAL_80, NORMAL_975

Array = np.ndarray

MOST_EXACT = 50_000  # permutations that are all looked at
DRAWS = 20_000  # else


@dataclass(frozen=True)
class Association:
    """A pooled rank correlation.

    Attributes:
        rho: in [−1, 1]; NaN where the numbers or the widths of every family are all equal.
        p_positive, p_negative: one-sided.
        low, high: 95 % interval; None below five wirings beyond one a family.
        detectable: the |ρ| that would be found with 80 % probability; None likewise.
        wirings, families: how many entered.
        exact: whether every permutation was looked at.
    """

    rho: float
    p_positive: float
    p_negative: float
    low: float | None
    high: float | None
    detectable: float | None
    wirings: int
    families: int
    exact: bool

    @property
    def p(self) -> float:
        """Two-sided."""
        return min(1.0, 2 * min(self.p_positive, self.p_negative))


def association(
    families: Sequence[tuple[Sequence[float], Sequence[float]]], *, seed: int = 0
) -> Association | None:
    """Correlate within families.

    Args:
        families: of each the widths (or depths) of its wirings and their numbers, equally long;
            infinite numbers rank last, NaN is not allowed.
        seed: of the drawn permutations, where there are too many to look at all.

    Returns:
        None where no family has two wirings.

    >>> found = association([([1, 2, 3, 4], [9.0, 7.0, 5.0, 1.0])])
    >>> found.rho, round(found.p_negative * 24)
    (-1.0, 1)
    """
    ranked = [(midranks(x), midranks(y)) for x, y in families if len(x) > 1]
    if not ranked:
        return None
    xs = [x - x.mean() for x, _ in ranked]
    ys = [y - y.mean() for _, y in ranked]
    norm = math.sqrt(sum(float(x @ x) for x in xs) * sum(float(y @ y) for y in ys))
    wirings = sum(len(x) for x in xs)
    exact = math.prod(math.factorial(len(x)) for x in xs) <= MOST_EXACT
    if norm == 0:
        return Association(math.nan, 1.0, 1.0, None, None, None, wirings, len(xs), exact)
    observed = sum(float(x @ y) for x, y in zip(xs, ys, strict=True))
    sums = _all_sums(xs, ys) if exact else _drawn_sums(xs, ys, seed)
    slack = 1e-9 * norm  # equal sums may differ by rounding
    extra = 0 if exact else 1  # the observed one counts among the drawn
    count = len(sums) + extra
    rho = observed / norm
    low, high, found = _interval(rho, wirings - len(xs) + 1)
    return Association(
        rho,
        (int((sums >= observed - slack).sum()) + extra) / count,
        (int((sums <= observed + slack).sum()) + extra) / count,
        low,
        high,
        found,
        wirings,
        len(xs),
        exact,
    )


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    """Spearman's rank correlation; NaN where one side is constant or has fewer than two values."""
    if len(x) < 2:
        return math.nan
    a, b = midranks(x), midranks(y)
    a, b = a - a.mean(), b - b.mean()
    norm = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / norm if norm else math.nan


def midranks(values: Sequence[float]) -> Array:
    """Ranks from 1; equal values share the mean of theirs.

    >>> midranks([3.0, 1.0, 3.0]).tolist()
    [2.5, 1.0, 2.5]
    """
    array = np.asarray(values, dtype=np.float64)
    _, place, counts = np.unique(array, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]


def _all_sums(xs: Sequence[Array], ys: Sequence[Array]) -> Array:
    """Σ x · y under every choice of permutations."""
    sums = np.zeros(1)
    for x, y in zip(xs, ys, strict=True):
        own = np.array([x @ y[list(order)] for order in itertools.permutations(range(len(y)))])
        sums = np.add.outer(sums, own).ravel()
    return sums


def _drawn_sums(xs: Sequence[Array], ys: Sequence[Array], seed: int) -> Array:
    generator = np.random.default_rng(seed)
    sums = np.zeros(DRAWS)
    for x, y in zip(xs, ys, strict=True):
        sums += generator.permuted(np.broadcast_to(y, (DRAWS, len(y))), axis=1) @ x
    return sums


def _interval(rho: float, effective: int) -> tuple[float | None, float | None, float | None]:
    """Fisher's z, with Bonett and Wright's (2000) standard error for ranks.

    ``effective``: wirings, less one for every family but the first, whose means are estimated.
    """
    if effective < 5:
        return None, None, None
    z = math.atanh(max(-1 + 1e-9, min(1 - 1e-9, rho)))
    error = math.sqrt((1 + rho * rho / 2) / (effective - 3))
    half = NORMAL_975 * error
    null_error = 1 / math.sqrt(effective - 3)
    return (
        math.tanh(z - half),
        math.tanh(z + half),
        math.tanh((NORMAL_975 + NORMAL_80) * null_error),
    )
