r"""Where originals stand among their variants, tested exactly.

If an original's wiring were just another draw, each of the n + 1 members of its family would be
equally likely to have its number. An original's *standing* is the share of its variants that it
beats,

    s_f = (#{v : v is worse} + ½ #{v : v is equal}) / n_f,

½ by chance and 1 for the best. The statistic is the mean of s_f over families. Its null
distribution is the convolution of the families' distributions; each is uniform over the standings
of the family's own members.

If families share wirings (`design.shared_wirings`), their standings are not independent: one bad
draw of variants flatters every original. At the other extreme, a variant has the same rank in every
family and only the originals differ. Then n s_f summed over F families is Mann and Whitney's U of F
originals and n variants. Originals with the same wiring count as one original there. The larger of
the two p-values counts.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
import statistics
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from nascope._src.results.stats.exact import Null, tails
from nascope._src.results.stats.intervals import POWER, student_quantile
from nascope._src.results.stats.keys import (
    Families,
    WiringKeys,
    at_least,
    shared_null,
    wiring_keys,
)

ALPHA = 0.025
"""The one-sided p up to which ranks decide."""
POWER_DRAWS = 2_000
"""Number of draws from which the detectable shift is computed."""


@dataclass(frozen=True)
class Standing:
    """Where an original stands in its family.

    Attributes:
        family: name of the family.
        original: the original's number.
        mean: mean of the variants' finite numbers.
        rank: 1 for the best; members with equal numbers share the mean of their ranks.
        members: number of members, including the original.
        share: share of the variants that the original beats; a tie counts half.
        chance: probability of this share or a larger one if all members were alike.
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
    """Originals compared with their variants, over families.

    Attributes:
        standings: one for each family.
        share: mean share of variants beaten; ½ by chance.
        p_better, p_worse: one-sided p-values. They are exact; if families share wirings, the
            larger of that and what complete sharing would give.
        smallest_p: the smallest one-sided p that these numbers allow: every original is the best of
            its family, or every original the worst.
        shift: mean over families of original − mean of variants, in the measure's unit; NaN if a
            number is infinite.
        low, high: 95 % interval of the shift; None if the variants' spread is unknown, or if the
            variants of every family tie.
        detectable: the shift for which p_better is at most `ALPHA` with 80 % probability
            (`detectable_shift` times the variants' pooled spread); None if there is none.
        degrees: degrees of freedom of the interval, by Welch and Satterthwaite.
        shared: whether some families share wirings.
        p_shift: two-sided p-value of the shift under the same null hypothesis: every member of a
            family is equally likely to be the original (`permutation_p`). It finds more than ranks
            do, but one outlier can hide a shift from it. None if families share wirings or a number
            is infinite.
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
    p_shift: float | None = None

    @property
    def p(self) -> float:
        """Two-sided p-value."""
        return min(1.0, 2 * min(self.p_better, self.p_worse))


def contrast(
    families: Families,
    wirings: Mapping[str, Sequence[Hashable]] | None = None,
    originals: Mapping[str, Hashable] | None = None,
    *,
    higher_is_better: bool = False,
) -> Contrast | None:
    """Compare each original with its variants.

    Args:
        families: by family, the original's number and its variants'. Infinite numbers rank last;
            NaN is not allowed.
        wirings: by family, a key for each variant's wiring; equal keys are equal wirings. None if
            no two are equal.
        originals: by family, a key for the original's wiring. None if no two are equal.
        higher_is_better: the direction of the measure.

    Returns:
        The contrast; None if no family has a variant.

    >>> test = contrast({"a": (1.0, [2.0, 3.0, 4.0]), "b": (2.0, [3.0, 1.0, 4.0])})
    >>> test.share, test.p_better, test.smallest_p  # best of 4, and second of 4: 3 of 16
    (0.8333333333333334, 0.1875, 0.0625)
    """
    sign = -1.0 if higher_is_better else 1.0
    usable = {name: numbers for name, numbers in families.items() if numbers[1]}
    if not usable:
        return None
    standings: list[Standing] = []
    nulls: list[Null] = []
    observed = best = worst = Fraction(0)  # sums of standings
    for name, (original, variants) in usable.items():
        shares = _shares([sign * original, *(sign * number for number in variants)])
        standings.append(_standing(name, original, variants, shares))
        nulls.append(tuple(sorted(Counter(shares).items())))
        observed += shares[0]
        best += max(shares)
        worst += min(shares)
    keys = wiring_keys(usable, wirings, originals)

    def p_values(total: Fraction) -> tuple[float, float]:
        better, worse = tails(nulls, total)
        if keys.are_shared:
            null, most = shared_null(keys), len(nulls)
            better = max(better, at_least(null, float(total)))
            worse = max(worse, at_least(null, float(most - total)))
        return better, worse

    p_better, p_worse = p_values(observed)
    shift = _shift(list(usable.values()), keys)
    return Contrast(
        tuple(standings),
        float(observed / len(nulls)),
        p_better,
        p_worse,
        min(p_values(best)[0], p_values(worst)[1]),
        *shift,
        keys.are_shared,
        None if keys.are_shared else permutation_p(list(usable.values())),
    )


def _shares(numbers: Sequence[float]) -> list[Fraction]:
    """Return, for each number, the share of the others that are larger; a tie counts half."""
    others = len(numbers) - 1
    return [
        Fraction(sum(2 * (x > number) + (x == number) for x in numbers) - 1, 2 * others)
        for number in numbers
    ]


def _standing(
    family: str, original: float, variants: Sequence[float], shares: Sequence[Fraction]
) -> Standing:
    finite = [number for number in variants if math.isfinite(number)]
    return Standing(
        family,
        original,
        mean=statistics.fmean(finite) if finite else math.nan,
        rank=1 + float((1 - shares[0]) * len(variants)),
        members=len(shares),
        share=float(shares[0]),
        chance=sum(share >= shares[0] for share in shares) / len(shares),
        ties=sum(number == original for number in variants),
    )


# ---------------------------------------------------------------- what could be detected


@functools.lru_cache(maxsize=256)
def detectable_shift(keys: WiringKeys) -> float | None:
    """Return the shift d that ranks detect with 80 % probability, in units of a wiring's spread.

    Originals are drawn from N(d, 1) and variants from N(0, 1); a wiring has the same number in
    every family that has it. Each draw is decided for all d above some value, because the more an
    original is shifted, the more variants it beats. The result is the d above which 80 % of
    `POWER_DRAWS` draws are decided.

    Args:
        keys: the wirings of the families.

    Returns:
        d; None if p is above `ALPHA` even if every original is the best of its family.

    >>> print(detectable_shift(WiringKeys((0,), ((0, 1, 2, 3),))))  # four variants: p = 0.2 at best
    None
    """
    unit = math.lcm(*keys.sizes)
    needed = _needed(keys, unit)
    if needed is None:
        return None
    originals, variants = keys.draw(np.random.default_rng(0).standard_normal, POWER_DRAWS)
    gaps = np.hstack(
        [others - original[:, None] for original, others in zip(originals.T, variants, strict=True)]
    )  # (draws, all variants)
    steps = np.repeat([unit // size for size in keys.sizes], keys.sizes)
    order = gaps.argsort(axis=1)
    first = (steps[order].cumsum(axis=1) >= needed).argmax(axis=1)
    decided = np.take_along_axis(np.take_along_axis(gaps, order, 1), first[:, None], 1)
    return float(np.quantile(decided, POWER))


def _needed(keys: WiringKeys, unit: int) -> int | None:
    """Return the smallest sum of standings, in 1/unit, that decides; None if none does."""
    nulls = [tuple((Fraction(k, size), 1) for k in range(size + 1)) for size in keys.sizes]
    null = shared_null(keys) if keys.are_shared else None

    def decides(total: int) -> bool:
        if tails(nulls, Fraction(total, unit))[0] > ALPHA:
            return False
        return null is None or at_least(null, total / unit) <= ALPHA

    totals = range(1 + unit * len(nulls))
    index = bisect.bisect_left(totals, True, key=decides)
    return totals[index] if index < len(totals) else None


# ---------------------------------------------------------------- the shift and its interval


class _Shift(NamedTuple):
    mean: float
    low: float | None = None
    high: float | None = None
    detectable: float | None = None
    degrees: float = 0


def _shift(families: Sequence[tuple[float, Sequence[float]]], keys: WiringKeys) -> _Shift:
    """Return the mean shift, its 95 % interval and what could be detected.

    Take F families, each with an original and n_f variants that are drawn alike. The variance of
    the mean shift is

        V = Σ_fg A_fg C_fg,   A_fg = (o_fg + n_fg / (n_f n_g)) / F²

    with o_fg = 1 if the originals of f and g have the same wiring, else 0, and n_fg the number of
    wirings that variants of both have. C_fg is the sample covariance over these wirings. If
    originals are the same wiring but n_fg < 2, C_fg = s_f s_g, its largest possible value. If
    families share nothing, V = Σ_f s_f² (1 + 1/n_f) / F².

    The degrees of freedom are those of Welch and Satterthwaite,

        V² / Σ_fg M_fg M_gf / (min(n_f, n_g) − 1)   with M = A C,

    far fewer than Σ (n_f − 1) if the spread of one family exceeds the others'.
    """
    every = [number for original, variants in families for number in (original, *variants)]
    if not all(map(math.isfinite, every)):
        return _Shift(math.nan)
    mean = statistics.fmean(
        original - statistics.fmean(variants) for original, variants in families
    )
    sizes = [len(variants) for _, variants in families]
    count, most = len(families), sum(sizes) - len(families)
    tied = all(len(set(variants)) == 1 for _, variants in families)
    if min(sizes) < 2 or most < 2 or tied:  # no spread is known: no interval
        return _Shift(mean)
    weights, spreads = np.zeros((count, count)), np.zeros((count, count))  # A and C
    for f, g in itertools.product(range(count), repeat=2):
        first, second = (_in_common(families[h][1], keys, h, (f, g)) for h in (f, g))
        same = keys.originals[f] == keys.originals[g]
        weights[f, g] = (same + len(first) / (sizes[f] * sizes[g])) / count**2
        if len(first) > 1:
            spreads[f, g] = np.cov(first, second)[0, 1]
        elif same:
            spreads[f, g] = statistics.stdev(families[f][1]) * statistics.stdev(families[g][1])
    variance = float((weights * spreads).sum())
    if not variance > 0:
        return _Shift(mean)
    product = weights @ spreads
    spread = float((product * product.T / (np.minimum.outer(sizes, sizes) - 1)).sum())
    degrees = min(most, max(1.0, variance**2 / spread)) if spread > 0 else 1.0
    half = student_quantile(degrees) * math.sqrt(variance)
    detectable = detectable_shift(keys)
    if detectable is not None:
        detectable *= math.sqrt(np.diag(spreads) @ (np.array(sizes) - 1) / most)  # pooled spread
    return _Shift(mean, mean - half, mean + half, detectable, degrees)


_MOST_PERMUTATIONS, _PERMUTATION_DRAWS = 2**20, 100_000


def permutation_p(families: Sequence[tuple[float, Sequence[float]]]) -> float | None:
    """Return the two-sided p-value of the mean shift if any member could be the original.

    The null distribution is that of Σ_f (x_fj − the mean of the others), with j uniform over the
    members of family f. It is exact up to a million combinations; beyond, 100,000 are drawn with a
    fixed seed.

    Args:
        families: for each family, the original's number and its variants'.

    Returns:
        p; None if a number is infinite.

    >>> permutation_p([(0.0, [1.0, 2.0, 3.0]), (0.0, [1.0, 2.0, 3.0])])  # 2 · 1/16
    0.125
    """
    shifts = []
    for original, variants in families:
        numbers = np.array([original, *variants])
        if not np.isfinite(numbers).all():
            return None
        shifts.append((len(numbers) * numbers - numbers.sum()) / len(variants))  # (members,)
    observed = sum(own[0] for own in shifts)
    if math.prod(map(len, shifts)) <= _MOST_PERMUTATIONS:
        sums = functools.reduce(lambda sums, own: np.add.outer(sums, own).ravel(), shifts)
    else:
        generator = np.random.default_rng(0)
        draws = [own[generator.integers(len(own), size=_PERMUTATION_DRAWS)] for own in shifts]
        sums = np.append(np.sum(draws, axis=0), observed)
    slack = 1e-12 * sum(float(np.abs(own).sum()) for own in shifts)
    tail = min((sums >= observed - slack).mean(), (sums <= observed + slack).mean())
    return min(1.0, 2 * float(tail))


def _in_common(
    numbers: Sequence[float], keys: WiringKeys, family: int, pair: tuple[int, int]
) -> list[float]:
    """Return a family's numbers for the wirings that two families share, in the first's order."""
    wirings, first, second = (keys.variants[index] for index in (family, *pair))
    if first == second == wirings:
        return list(numbers)
    return [numbers[wirings.index(key)] for key in first if key in second]
