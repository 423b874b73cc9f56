r"""Within families, does a number of a wiring go with its width or its depth?

Families differ in their operations, hence in everything: so ranks are taken within each family,

    ρ = Σ_f Σ_i (r_fi − r̄_f)(q_fi − q̄_f) / √(Σ_f Σ_i (r_fi − r̄_f)² · Σ_f Σ_i (q_fi − q̄_f)²)

with the midranks r of the width (or depth) and q of the number. With one family it is Spearman's
rank correlation. Its p-value permutes the numbers within each family, and those of one wiring in
several families together: what it does to one network it does to the others. The original is to
be left out by the caller: its operations were searched together with its wiring.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from nascope._src.results.stats.intervals import NORMAL_80, NORMAL_975

Array = np.ndarray

MOST_EXACT = 50_000  # permutations that are all looked at
DRAWS = 20_000  # else


@dataclass(frozen=True)
class Correlation:
    """A pooled rank correlation.

    Attributes:
        rho: in [−1, 1]; NaN where the numbers or the widths of every family are all equal.
        p_positive, p_negative: one-sided.
        low, high: 95 % interval; None below five wirings, beyond one for each cluster of families.
        detectable: the |ρ| that would be found with 80 % probability; None likewise.
        wirings, families: how many entered; a wiring of several families counts once.
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


def correlate_within(
    families: Sequence[tuple[Sequence[float], Sequence[float]]],
    wirings: Sequence[Sequence[Hashable]] | None = None,
    *,
    seed: int = 0,
) -> Correlation | None:
    """Correlate within families.

    Args:
        families: of each the widths (or depths) of its wirings and their numbers, equally long;
            infinite numbers rank last, NaN is not allowed.
        wirings: of each which wirings they are, by anything that compares equal where they are
            the same; None where no two are. Of families that share some, those enter that all of
            them have.
        seed: of the drawn permutations, where there are too many to look at all.

    Returns:
        None where no family has two wirings.

    >>> found = correlate_within([([1, 2, 3, 4], [9.0, 7.0, 5.0, 1.0])])
    >>> found.rho, round(found.p_negative * 24)
    (-1.0, 1)
    >>> twice = correlate_within([([1, 2, 3, 4], [9.0, 7.0, 5.0, 1.0])] * 2, ["abcd", "abcd"])
    >>> round(twice.p_negative * 24), twice.wirings  # the same four: no second witness
    (1, 4)
    """
    clusters = _clusters(families, wirings)
    if not clusters:
        return None
    xs, ys = ([pair[k] for own in clusters for pair in own] for k in (0, 1))
    norm = math.sqrt(sum(float(x @ x) for x in xs) * sum(float(y @ y) for y in ys))
    sizes = [len(own[0][0]) for own in clusters]
    exact = math.prod(map(math.factorial, sizes)) <= MOST_EXACT
    if norm == 0:
        return Correlation(math.nan, 1.0, 1.0, None, None, None, sum(sizes), len(xs), exact)
    observed = sum(float(x @ y) for x, y in zip(xs, ys, strict=True))
    products = [np.sum([np.outer(x, y) for x, y in own], axis=0) for own in clusters]
    sums = _all_sums(products) if exact else _drawn_sums(products, seed)
    slack = 1e-9 * norm  # equal sums may differ by rounding
    extra = 0 if exact else 1  # the observed one counts among the drawn
    count = len(sums) + extra
    rho = observed / norm
    low, high, found = rank_interval(rho, sum(sizes) - len(sizes) + 1, 1 / norm)
    return Correlation(
        rho,
        (int((sums >= observed - slack).sum()) + extra) / count,
        (int((sums <= observed + slack).sum()) + extra) / count,
        low,
        high,
        found,
        sum(sizes),
        len(xs),
        exact,
    )


@dataclass(frozen=True)
class LinkedFamilies:
    """Families that are linked by wirings.

    Attributes:
        families: their places.
        common: for each family the places of those wirings that all of the group have, in one
            order; a family that is alone has all of its own.
    """

    families: tuple[int, ...]
    common: tuple[tuple[int, ...], ...]


def linked_families(wirings: Sequence[Sequence[Hashable]]) -> list[LinkedFamilies]:
    """Families in groups that share no wiring with each other.

    Args:
        wirings: of each family, what its numbers belong to; equal in different families where the
            wiring is the same.

    >>> [one.families for one in linked_families([["a", "b"], ["c", "d"], ["b", "e"]])]
    [(0, 2), (1,)]
    >>> linked_families([["a", "b"], ["c", "d"], ["b", "e"]])[0].common
    ((1,), (0,))
    """
    found: list[tuple[set[int], set[Hashable]]] = []
    for place, own in enumerate(wirings):
        places, keys = {place}, set(own)
        apart = []
        for other in found:
            if other[1] & keys:
                places, keys = places | other[0], keys | other[1]
            else:
                apart.append(other)
        found = [*apart, (places, keys)]
    made = []
    for places, _ in found:
        members = tuple(sorted(places))
        shared = set.intersection(*(set(wirings[place]) for place in members))
        order = [key for key in dict.fromkeys(wirings[members[0]]) if key in shared]
        common = tuple(tuple(list(wirings[place]).index(key) for key in order) for place in members)
        if len(members) == 1:  # a wiring that stands twice in it stays twice
            common = (tuple(range(len(wirings[members[0]]))),)
        made.append(LinkedFamilies(members, common))
    return sorted(made, key=lambda one: one.families)


Pair = tuple[Array, Array]  # of a family: centred midranks of widths, and of numbers


def _clusters(
    families: Sequence[tuple[Sequence[float], Sequence[float]]],
    wirings: Sequence[Sequence[Hashable]] | None,
) -> list[list[Pair]]:
    """Families whose numbers are to be permuted together, each on equally many wirings."""
    if wirings is None:
        wirings = [[(k, place) for place in range(len(x))] for k, (x, _) in enumerate(families)]
    found = []
    for group in linked_families(wirings):
        members, common = group.families, group.common
        if len(common[0]) < 2:  # linked, but in nothing that could be permuted: the largest speaks
            largest = max(members, key=lambda place: len(families[place][0]))
            members, common = (largest,), (tuple(range(len(families[largest][0]))),)
        if len(common[0]) > 1:
            found.append(
                [
                    (_centred(families[f][0], places), _centred(families[f][1], places))
                    for f, places in zip(members, common, strict=True)
                ]
            )
    return found


def _centred(values: Sequence[float], places: Sequence[int]) -> Array:
    ranks = midranks([values[place] for place in places])
    return ranks - ranks.mean()


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


def _all_sums(products: Sequence[Array]) -> Array:
    """Σ_f x_f · y_f under every choice of permutations, one for each cluster."""
    sums = np.zeros(1)
    for product in products:
        rows = range(len(product))
        own = np.array([product[rows, order].sum() for order in itertools.permutations(rows)])
        sums = np.add.outer(sums, own).ravel()
    return sums


def _drawn_sums(products: Sequence[Array], seed: int) -> Array:
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
    """Fisher's z, with Bonett and Wright's (2000) standard error for ranks; and what is detectable.

    A perfect rank order would have an interval of no width: it is taken for one half-way to the
    next.

    Args:
        effective: wirings, less one for every cluster but the first, whose means are estimated.
        step: by how much ρ changes where two neighbours change places.
    """
    if effective < 5:
        return None, None, None
    most = 1 - step / 2
    z = math.atanh(max(-most, min(most, rho)))
    error = math.sqrt((1 + rho * rho / 2) / (effective - 3))
    half = NORMAL_975 * error
    null_error = 1 / math.sqrt(effective - 3)
    return (
        math.tanh(z - half),
        math.tanh(z + half),
        math.tanh((NORMAL_975 + NORMAL_80) * null_error),
    )
