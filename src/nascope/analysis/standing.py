r"""Where an original stands among its variants, tested exactly.

If an original's wiring were just another draw, each of the n + 1 members of its family would be
equally likely to bear its number. An original's *standing* is the share of its variants that it
beats,

    s_f = (#{v : v is worse} + ½ #{v : v is equal}) / n_f,

½ by chance, 1 for the best. The statistic is the mean of s_f over families; its null distribution
is the convolution of the families', each uniform over the standings of their own members.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from nascope.analysis.exact import Null, tails
from nascope.analysis.intervals import detectable, student_quantile


@dataclass(frozen=True)
class Standing:
    """One family.

    Attributes:
        original, mean: the original's number, and the mean of its variants' finite ones.
        rank: 1 for the best; halves where numbers tie.
        of: members, the original among them.
        share: of the variants that it beats.
    """

    family: str
    original: float
    mean: float
    rank: float
    of: int
    share: float


@dataclass(frozen=True)
class Contrast:
    """Originals against their variants, over families.

    Attributes:
        standings: one a family.
        share: mean share of variants beaten; ½ by chance.
        p_better, p_worse: one-sided, exact.
        smallest_p: what p_better would be had every original beaten all its variants.
        shift: mean over families of original − mean of variants, in the measure's unit.
        low, high: its 95 % interval; None where the variants' spread is not known.
        detectable: the shift that would be found with 80 % probability.
        degrees: of freedom of the interval.
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
    degrees: int = 0

    @property
    def p(self) -> float:
        """Two-sided."""
        return min(1.0, 2 * min(self.p_better, self.p_worse))


def contrast(
    families: Mapping[str, tuple[float, Sequence[float]]], *, higher_is_better: bool = False
) -> Contrast | None:
    """Hold each original against its variants.

    Args:
        families: by name the original's number and its variants', infinite where a member ranks
            last, none of them NaN.
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
    best = Fraction(0)
    for name, (original, variants) in usable.items():
        members = [sign * original, *(sign * value for value in variants)]
        shares = [_share(members, place) for place in range(len(members))]
        nulls.append(tuple(sorted(Counter(shares).items())))
        total += shares[0]
        best += max(shares)
        known = [value for value in variants if math.isfinite(value)]
        rank = 1 + float((1 - shares[0]) * len(variants))
        mean = statistics.fmean(known) if known else math.nan
        standings.append(Standing(name, original, mean, rank, len(members), float(shares[0])))
    p_better, p_worse = tails(nulls, total)
    return Contrast(
        tuple(standings),
        float(total / len(nulls)),
        p_better,
        p_worse,
        tails(nulls, best)[0],
        *_shift(list(usable.values())),
    )


def _share(members: Sequence[float], place: int) -> Fraction:
    own = members[place]
    others = [value for at, value in enumerate(members) if at != place]
    return Fraction(sum(2 * (v > own) + (v == own) for v in others), 2 * len(others))


def _shift(
    families: Sequence[tuple[float, Sequence[float]]],
) -> tuple[float, float | None, float | None, float | None, int]:
    """The mean shift, its interval, what could be detected, and the degrees of freedom.

    An original and n variants drawn alike differ, original − mean, with variance σ² (1 + 1/n).
    """
    shifts, variance, degrees = [], 0.0, 0
    for original, variants in families:
        known = [value for value in variants if math.isfinite(value)]
        if not (math.isfinite(original) and len(known) == len(variants)):
            return math.nan, None, None, None, 0
        shifts.append(original - statistics.fmean(known))
        if len(known) > 1:
            variance += statistics.variance(known) * (1 + 1 / len(known))
            degrees += len(known) - 1
        else:
            variance = math.nan
    shift = statistics.fmean(shifts)
    error = math.sqrt(variance) / len(families) if variance >= 0 else math.nan
    if degrees < 2 or math.isnan(error):  # fewer than three variants: no interval
        return shift, None, None, None, degrees
    half = student_quantile(degrees) * error
    return shift, shift - half, shift + half, detectable(error, degrees), degrees
