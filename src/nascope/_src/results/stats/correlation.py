r"""Rank correlation within families: does a number go with a wiring's width or depth?

Families differ in their operations, and so in every number. Ranks are therefore taken within each
family f, over its wirings i:

    ρ = Σ_f Σ_i (r_fi − r̄_f)(q_fi − q̄_f) / √(Σ_f Σ_i (r_fi − r̄_f)² · Σ_f Σ_i (q_fi − q̄_f)²)

r is the rank of the width (or depth) and q the rank of the number, both divided by n_f + 1, where
n_f is the number of the family's wirings; ties share the mean of their ranks. With one family, ρ is
Spearman's rank correlation.

Without the division a family of ten wirings would weigh 16 times as much as one of four, because
Σ_i (r_i − r̄)² = n (n² − 1) / 12. With it, a family weighs n (n − 1) / (n + 1), nearly in proportion
to its n − 1 degrees of freedom (van Elteren 1960), which the interval assumes.

The p-value permutes the numbers within each family. If families share wirings, the numbers of one
wiring move together, because what a wiring does to one network it does to the others.

Callers leave the original out: its operations were searched together with its wiring.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from nascope._src.results.stats.intervals import NORMAL_80, NORMAL_975

Array = np.ndarray
Ranks = tuple[Array, Array]
"""Centred, scaled ranks of a family's widths, and of its numbers; (wirings,) each."""

MOST_EXACT = 50_000
"""Largest number of permutations for which p is exact."""
DRAWS = 20_000
"""Number of random permutations if there are more."""


@dataclass(frozen=True)
class Correlation:
    """A pooled rank correlation.

    Attributes:
        rho: in [−1, 1]; NaN if the numbers, or the widths, are equal within every family.
        p_positive, p_negative: one-sided p-values.
        low, high: 95 % interval; None if the wirings, less one for every cluster of families but
            the first, are fewer than five.
        detectable: the |ρ| that would be found with 80 % probability; None if there is no interval.
        wirings: number of wirings; one that several families share counts once.
        families: number of families.
        exact: whether p comes from all permutations.
        p_adjusted: `p`, adjusted by Holm's method for the number of correlations that were
            examined; None if this is the only one.
        examined: that number.
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
    p_adjusted: float | None = None
    examined: int = 1

    @property
    def p(self) -> float:
        """Two-sided p-value."""
        return min(1.0, 2 * min(self.p_positive, self.p_negative))


def correlate_within(
    families: Sequence[tuple[Sequence[float], Sequence[float]]],
    wirings: Sequence[Sequence[Hashable]] | None = None,
    *,
    seed: int = 0,
) -> Correlation | None:
    """Correlate ranks within families (the equation is at the top of this module).

    Args:
        families: for each family, the widths (or depths) of its wirings and their numbers, equally
            long. Infinite numbers rank last; NaN is not allowed.
        wirings: for each family, a key for each of its wirings; equal keys are equal wirings. None
            if no two are equal. Families that share wirings are compared on those that all of them
            have.
        seed: random seed of the permutations, if there are more than `MOST_EXACT`.

    Returns:
        The correlation; None if no family has two wirings.

    >>> falling = ([1, 2, 3, 4], [9.0, 7.0, 5.0, 1.0])
    >>> correlation = correlate_within([falling])
    >>> correlation.rho, round(correlation.p_negative * 24)
    (-1.0, 1)
    >>> twice = correlate_within([falling, falling], ["abcd", "abcd"])
    >>> round(twice.p_negative * 24), twice.wirings  # the same four wirings: no new evidence
    (1, 4)
    """
    clusters = _clusters(families, wirings)
    if not clusters:
        return None
    pairs = [pair for cluster in clusters for pair in cluster]
    norm = math.sqrt(sum(float(x @ x) for x, _ in pairs) * sum(float(y @ y) for _, y in pairs))
    sizes = [len(cluster[0][0]) for cluster in clusters]
    exact = math.prod(map(math.factorial, sizes)) <= MOST_EXACT
    if norm == 0:
        return Correlation(math.nan, 1.0, 1.0, None, None, None, sum(sizes), len(pairs), exact)
    observed = sum(float(x @ y) for x, y in pairs)
    products = [np.sum([np.outer(x, y) for x, y in cluster], axis=0) for cluster in clusters]
    sums = _all_sums(products) if exact else _drawn_sums(products, seed)
    slack = 1e-9 * norm  # equal sums may differ by rounding
    extra = 0 if exact else 1  # the observed order counts as one of the draws
    count = len(sums) + extra
    rho = observed / norm
    step = 1 / (max(sizes) + 1) ** 2 / norm
    low, high, detectable = rank_interval(rho, sum(sizes) - len(sizes) + 1, step)
    return Correlation(
        rho,
        (int((sums >= observed - slack).sum()) + extra) / count,
        (int((sums <= observed + slack).sum()) + extra) / count,
        low,
        high,
        detectable,
        sum(sizes),
        len(pairs),
        exact,
    )


@dataclass(frozen=True)
class LinkedFamilies:
    """Families that are linked by the wirings they share, directly or through other families.

    Attributes:
        families: their indices.
        common: for each family, the indices of the wirings that all of these families have, in the
            same order. A family that shares no wiring has all of its own.
    """

    families: tuple[int, ...]
    common: tuple[tuple[int, ...], ...]


def linked_families(wirings: Sequence[Sequence[Hashable]]) -> list[LinkedFamilies]:
    """Group families so that no two groups share a wiring.

    Args:
        wirings: for each family, a key for each of its wirings; equal keys are equal wirings.

    >>> [group.families for group in linked_families([["a", "b"], ["c", "d"], ["b", "e"]])]
    [(0, 2), (1,)]
    >>> linked_families([["a", "b"], ["c", "d"], ["b", "e"]])[0].common
    ((1,), (0,))
    """
    groups: list[tuple[set[int], set[Hashable]]] = []  # indices of families, and their wirings
    for index, keys in enumerate(wirings):
        members, known = {index}, set(keys)
        apart = []
        for group in groups:
            if group[1] & known:
                members, known = members | group[0], known | group[1]
            else:
                apart.append(group)
        groups = [*apart, (members, known)]
    linked = [_linked(tuple(sorted(members)), wirings) for members, _ in groups]
    return sorted(linked, key=lambda group: group.families)


def _linked(members: tuple[int, ...], wirings: Sequence[Sequence[Hashable]]) -> LinkedFamilies:
    if len(members) == 1:  # a wiring that the family has twice stays twice
        return LinkedFamilies(members, (tuple(range(len(wirings[members[0]]))),))
    shared = set.intersection(*(set(wirings[index]) for index in members))
    order = [key for key in dict.fromkeys(wirings[members[0]]) if key in shared]
    common = tuple(tuple(list(wirings[index]).index(key) for key in order) for index in members)
    return LinkedFamilies(members, common)


def _clusters(
    families: Sequence[tuple[Sequence[float], Sequence[float]]],
    wirings: Sequence[Sequence[Hashable]] | None,
) -> list[list[Ranks]]:
    """Return the families whose numbers are permuted together, on equally many wirings each."""
    if wirings is None:
        wirings = [[(k, place) for place in range(len(x))] for k, (x, _) in enumerate(families)]
    clusters = []
    for group in linked_families(wirings):
        members, common = group.families, group.common
        if len(common[0]) < 2:  # too few in common to permute: use only the largest family
            largest = max(members, key=lambda index: len(families[index][0]))
            members, common = (largest,), (tuple(range(len(families[largest][0]))),)
        if len(common[0]) > 1:
            pairs = []
            for index, places in zip(members, common, strict=True):
                widths, numbers = families[index]
                scale = 1 / (len(places) + 1)
                pairs.append(
                    (
                        scale * _centred_ranks([widths[place] for place in places]),
                        scale * _centred_ranks([numbers[place] for place in places]),
                    )
                )
            clusters.append(pairs)
    return clusters


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    """Return Spearman's rank correlation, in [−1, 1].

    NaN if one side is constant, or if there are fewer than two values. Opposite orders give −1
    exactly; scipy's ``spearmanr`` rounds, and warns of a constant side.

    Args:
        x, y: (n,) numbers; infinite ones are allowed.

    >>> spearman([1.0, 2.0], [5.0, 4.0])
    -1.0
    """
    if len(x) < 2:
        return math.nan
    a, b = _centred_ranks(x), _centred_ranks(y)
    norm = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / norm if norm else math.nan


def _centred_ranks(values: Sequence[float]) -> Array:
    """Return ranks less their mean; equal values share the mean of their ranks."""
    from scipy.stats import rankdata  # noqa: PLC0415  (slow to import)

    ranks: Array = rankdata(values)
    return ranks - ranks.mean()


def _all_sums(products: Sequence[Array]) -> Array:
    """Return Σ_f x_f · y_f for every combination of permutations, one for each cluster."""
    sums = np.zeros(1)
    for product in products:
        rows = range(len(product))
        permuted = np.array([product[rows, order].sum() for order in itertools.permutations(rows)])
        sums = np.add.outer(sums, permuted).ravel()
    return sums


def _drawn_sums(products: Sequence[Array], seed: int) -> Array:
    """Return Σ_f x_f · y_f for random permutations, one for each cluster."""
    generator = np.random.default_rng(seed)
    sums = np.zeros(DRAWS)
    for product in products:
        rows = np.arange(len(product))
        orders = generator.permuted(np.broadcast_to(rows, (DRAWS, len(rows))), axis=1)
        sums += product[rows, orders].sum(axis=1)
    return sums


def rank_interval(
    rho: float, effective: int, step: float
) -> tuple[float | None, float | None, float | None]:
    """Return a 95 % interval of a rank correlation, and the |ρ| found with 80 % probability.

    This is Fisher's z with the standard error for ranks of Bonett and Wright (2000),

        tanh(artanh ρ ± 1.96 √((1 + ρ²/2) / (n − 3)))

    A perfect order would get an interval of width zero, so ρ is kept half a step away from ±1.

    Args:
        rho: the correlation.
        effective: n, the wirings less one for every cluster but the first, because the clusters'
            means are estimated.
        step: by how much ρ changes if two neighbours in the order change places.

    Returns:
        low, high, detectable; all None if n is below five.
    """
    if effective < 5:
        return None, None, None
    most = 1 - step / 2
    z = math.atanh(max(-most, min(most, rho)))
    half = NORMAL_975 * math.sqrt((1 + rho * rho / 2) / (effective - 3))
    null_error = 1 / math.sqrt(effective - 3)
    return (
        math.tanh(z - half),
        math.tanh(z + half),
        math.tanh((NORMAL_975 + NORMAL_80) * null_error),
    )
