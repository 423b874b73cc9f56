r"""Where an original stands among its variants, tested exactly.

If an original's wiring were just another draw, each of the n + 1 members of its family would be
equally likely to bear its number. An original's *standing* is the share of its variants that it
beats,

    s_f = (#{v : v is worse} + ½ #{v : v is equal}) / n_f,

½ by chance, 1 for the best. The statistic is the mean of s_f over families; its null distribution
is the convolution of the families', each uniform over the standings of their own members.

Where families share wirings (`results.sharing`) their standings are not independent: one
bad draw of variants flatters every original. At the other extreme a variant ranks alike in every
family, the originals alone differ, and n s_f summed over F families is Mann and Whitney's U of F
originals and n variants. Originals of one wiring are then one original. The larger of the two
p-values counts.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
import statistics
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nascope._src.results.stats.exact import Null, tails
from nascope._src.results.stats.intervals import POWER, student_quantile

Array = np.ndarray
Draw = Callable[[tuple[int, int]], np.ndarray]  # of so many numbers

ALPHA = 0.025
"""The one-sided p at which ranks decide."""
SHARED_DRAWS = 100_000
"""Of the null distribution where families share wirings."""
POWER_DRAWS = 2_000


@dataclass(frozen=True)
class Standing:
    """One family.

    Attributes:
        original, mean: the original's number, and the mean of its variants' finite ones.
        rank: 1 for the best; members with equal numbers share the mean of their ranks.
        members: number of members, the original included.
        share: share of the variants that the original beats; an equal one counts half.
        chance: probability of such a share or a larger one if all members were alike.
        ties: number of variants with the original's number.
    """

    family: str
    original: float
    mean: float
    rank: float
    members: int
    share: float
    chance: float
    ties: int = 0

    @property
    def chance_of_a_better_one(self) -> float:
        """Probability that some variant beats the original if all members were alike."""
        return 1 - 1 / self.members


@dataclass(frozen=True)
class Contrast:
    """Originals against their variants, over families.

    Attributes:
        standings: one a family.
        share: mean share of variants beaten; ½ by chance.
        p_better, p_worse: one-sided; exact, or where families share wirings the larger of that
            and what complete sharing would give.
        smallest_p: the smaller of what p_better would be had every original been the best of its
            family, and p_worse the worst.
        shift: mean over families of original − mean of variants, in the measure's unit.
        low, high: its 95 % interval; None where the variants' spread is not known, or all tie.
        detectable: the shift at which p_better would be at most `ALPHA` with 80 % probability
            (`detectable_shift` times the variants' pooled spread); None where no shift could.
        degrees: of freedom of the interval, by Welch and Satterthwaite.
        shared: whether some families share wirings.
    """

    standings: tuple[Standing, ...]
    share: float
    p_better: float
    p_worse: float
    smallest_p: float
    shift: float
    low: float | None = None
    high: float | None = None
    detectable: float | None = None
    degrees: float = 0
    shared: bool = False

    @property
    def p(self) -> float:
        """Two-sided."""
        return min(1.0, 2 * min(self.p_better, self.p_worse))


def contrast(
    families: Mapping[str, tuple[float, Sequence[float]]],
    wirings: Mapping[str, Sequence[Hashable]] | None = None,
    originals: Mapping[str, Hashable] | None = None,
    *,
    higher_is_better: bool = False,
) -> Contrast | None:
    """Hold each original against its variants.

    Args:
        families: by name the original's number and its variants', infinite where a member ranks
            last, none of them NaN.
        wirings: by name which wirings its variants are, by anything that compares equal where
            they are the same; None where no two are.
        originals: by name which wiring its original is, likewise.
        higher_is_better: the direction of the measure.

    Returns:
        None where no family has a variant.

    >>> found = contrast({"a": (1.0, [2.0, 3.0, 4.0]), "b": (2.0, [3.0, 1.0, 4.0])})
    >>> found.share, found.p_better, found.smallest_p  # best of 4, and second of 4: 3 of 16
    (0.8333333333333334, 0.1875, 0.0625)
    """
    sign = -1.0 if higher_is_better else 1.0
    usable = {name: members for name, members in families.items() if members[1]}
    if not usable:
        return None
    nulls: list[Null] = []
    total = Fraction(0)
    standings = []
    best = worst = Fraction(0)
    for name, (original, variants) in usable.items():
        members = [sign * original, *(sign * value for value in variants)]
        shares = [_share(members, place) for place in range(len(members))]
        nulls.append(tuple(sorted(Counter(shares).items())))
        total += shares[0]
        best += max(shares)
        worst += min(shares)
        known = [value for value in variants if math.isfinite(value)]
        rank = 1 + float((1 - shares[0]) * len(variants))
        mean = statistics.fmean(known) if known else math.nan
        chance = sum(share >= shares[0] for share in shares) / len(shares)
        standings.append(
            Standing(
                name,
                original,
                mean,
                rank,
                len(members),
                float(shares[0]),
                chance,
                ties=sum(value == original for value in variants),
            )
        )
    keys = _numbered(usable, wirings, originals)
    shared = keys.are_shared

    def both(at: Fraction) -> tuple[float, float]:
        better, worse = tails(nulls, at)
        if shared:
            together, most = _shared_null(keys), len(nulls)
            better = max(better, _at_least(together, float(at)))
            worse = max(worse, _at_least(together, float(most - at)))
        return better, worse

    p_better, p_worse = both(total)
    return Contrast(
        tuple(standings),
        float(total / len(nulls)),
        p_better,
        p_worse,
        min(both(best)[0], both(worst)[1]),
        *_shift(list(usable.values()), keys),
        shared,
    )


@dataclass(frozen=True)
class Keys:
    """Which wirings families have, as numbers, so that designs of one form compare equal.

    Attributes:
        originals: of each family the number of its original's.
        variants: of each family the numbers of its variants', counted apart from originals'.
    """

    originals: tuple[int, ...]
    variants: tuple[tuple[int, ...], ...]

    @property
    def sizes(self) -> list[int]:
        """How many variants each family has."""
        return [len(own) for own in self.variants]

    @property
    def are_shared(self) -> bool:
        """Whether families have wirings in common."""
        every = [key for own in self.variants for key in own]
        return len(set(every)) < len(every) or len(set(self.originals)) < len(self.originals)

    def draw(self, draw: Draw, count: int) -> tuple[Array, list[Array]]:
        """Numbers, were a wiring's the same in every family: originals', (count, F), variants'."""
        wirings = draw((count, 1 + max(key for own in self.variants for key in own)))
        originals = draw((count, 1 + max(self.originals)))
        return originals[:, self.originals], [wirings[:, own] for own in self.variants]


def _numbered(
    families: Mapping[str, tuple[float, Sequence[float]]],
    wirings: Mapping[str, Sequence[Hashable]] | None,
    originals: Mapping[str, Hashable] | None = None,
) -> Keys:
    of_variants = wirings or {
        name: [(name, k) for k in range(len(own))] for name, (_, own) in families.items()
    }
    of_originals = originals or {name: name for name in families}
    number: dict[Hashable, int] = {}
    first: dict[Hashable, int] = {}
    return Keys(
        tuple(first.setdefault(of_originals[name], len(first)) for name in families),
        tuple(
            tuple(number.setdefault(key, len(number)) for key in of_variants[name])
            for name in families
        ),
    )


@functools.lru_cache(maxsize=64)
def _shared_null(keys: Keys) -> Array:
    """Sums of standings, increasing, were a wiring's number the same in every family.

    Of originals and wirings that are all draws of one continuous distribution; with each draw its
    reverse, so that both directions are alike.
    """
    originals, variants = keys.draw(np.random.default_rng(0).random, SHARED_DRAWS // 2)
    sums = sum(
        (own > o[:, None]).mean(axis=1) for o, own in zip(originals.T, variants, strict=True)
    )
    return np.sort(np.concatenate([sums, len(keys.originals) - sums]))


def _at_least(null: Array, total: float) -> float:
    """P(S ≥ total) of an increasing sample, the observed one counted in."""
    above = len(null) - int(np.searchsorted(null, total - 1e-9, "left"))
    return (1 + above) / (1 + len(null))


@functools.lru_cache(maxsize=256)
def detectable_shift(keys: Keys) -> float | None:
    """The shift d that the ranks find with 80 % probability, in units of a wiring's spread.

    Of originals drawn from N(d, 1) and variants from N(0, 1), a wiring's number being the same in
    every family that has it. The more an original is shifted, the more it beats: each draw is
    decided from some d on, and returned is the d from which on 80 % of 2,000 draws are. None where
    even the best originals would leave p above `ALPHA`.

    >>> print(detectable_shift(Keys((0,), ((0, 1, 2, 3),))))  # four variants: p = 0.2 at best
    None
    """
    unit = math.lcm(*keys.sizes)
    needed = _needed(keys, unit)
    if needed is None:
        return None
    originals, variants = keys.draw(np.random.default_rng(0).standard_normal, POWER_DRAWS)
    gaps = np.hstack([own - o[:, None] for o, own in zip(originals.T, variants, strict=True)])
    steps = np.repeat([unit // size for size in keys.sizes], keys.sizes)
    order = gaps.argsort(axis=1)
    first = (steps[order].cumsum(axis=1) >= needed).argmax(axis=1)
    decided = np.take_along_axis(np.take_along_axis(gaps, order, 1), first[:, None], 1)
    return float(np.quantile(decided, POWER))


def _needed(keys: Keys, unit: int) -> int | None:
    """The smallest sum of standings, in 1/unit, that decides; None where none does."""
    nulls = [tuple((Fraction(k, size), 1) for k in range(size + 1)) for size in keys.sizes]
    together = _shared_null(keys) if keys.are_shared else None

    def decides(total: int) -> bool:
        if tails(nulls, Fraction(total, unit))[0] > ALPHA:
            return False
        return together is None or _at_least(together, total / unit) <= ALPHA

    totals = range(1 + unit * len(nulls))
    place = bisect.bisect_left(totals, True, key=decides)
    return totals[place] if place < len(totals) else None


def _share(members: Sequence[float], place: int) -> Fraction:
    own = members[place]
    others = [value for at, value in enumerate(members) if at != place]
    return Fraction(sum(2 * (v > own) + (v == own) for v in others), 2 * len(others))


def _shift(
    families: Sequence[tuple[float, Sequence[float]]], keys: Keys
) -> tuple[float, float | None, float | None, float | None, float]:
    """The mean shift, its interval, what could be detected, and the degrees of freedom.

    Of F families, each with an original and n_f variants drawn alike, the mean shift has variance

        V = Σ_fg A_fg C_fg,   A_fg = (o_fg + n_fg / (n_f n_g)) / F²

    with o_fg = 1 where two originals are the same wiring, as that of one family is, else 0, and the
    sample covariances C_fg of the variants over the n_fg wirings that two families share; of equal
    originals without two such, s_f s_g, the most that it can be. Without any, V = Σ_f s_f² (1 +
    1/n_f) / F². Its degrees of freedom are Welch's and
    Satterthwaite's, V² / Σ_fg M_fg M_gf / (min(n_f, n_g) − 1) with M = A C: far from Σ (n_f − 1)
    where one family's spread outweighs the others'.
    """
    if not all(map(math.isfinite, (x for original, own in families for x in (original, *own)))):
        return math.nan, None, None, None, 0
    shift = statistics.fmean(original - statistics.fmean(own) for original, own in families)
    sizes = [len(own) for _, own in families]
    tied = all(len(set(own)) == 1 for _, own in families)
    if min(sizes) < 2 or sum(sizes) - len(sizes) < 2 or tied:  # no spread is known: no interval
        return shift, None, None, None, 0
    count = len(families)
    weights, spreads = np.zeros((count, count)), np.zeros((count, count))
    for f, g in itertools.product(range(count), repeat=2):
        of_f, of_g = keys.variants[f], keys.variants[g]
        own, other = (_of_both(families[h][1], keys.variants[h], of_f, of_g) for h in (f, g))
        same = keys.originals[f] == keys.originals[g]
        weights[f, g] = (same + len(own) / (sizes[f] * sizes[g])) / count**2
        if len(own) > 1:
            spreads[f, g] = np.cov(own, other)[0, 1]
        elif same:
            spreads[f, g] = statistics.stdev(families[f][1]) * statistics.stdev(families[g][1])
    variance, most = float((weights * spreads).sum()), sum(sizes) - count
    if not variance > 0:
        return shift, None, None, None, 0
    product = weights @ spreads
    spread = float((product * product.T / (np.minimum.outer(sizes, sizes) - 1)).sum())
    degrees = min(most, max(1.0, variance**2 / spread)) if spread > 0 else 1.0
    error = math.sqrt(variance)
    half = student_quantile(degrees) * error
    found = detectable_shift(keys)
    own = np.diag(spreads) @ (np.array(sizes) - 1) / most  # pooled
    smallest = None if found is None else found * math.sqrt(own)
    return shift, shift - half, shift + half, smallest, degrees


def _of_both(
    values: Sequence[float], own: Sequence[int], first: Sequence[int], second: Sequence[int]
) -> list[float]:
    """The numbers of the wirings that two families have in common, in the first one's order."""
    if first == second == own:
        return list(values)
    return [values[own.index(key)] for key in first if key in second]
