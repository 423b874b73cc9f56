"""Does a popular cell generalise better at convergence (Section 5, Figure 9 and Table 1)?"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.families import (
    Family,
    Setting,
    Wiring,
    balanced,
    found_families,
    setting_of,
)
from nascope._src.results.families import families as families_under
from nascope._src.results.intervals import MIN_SEEDS, NORMAL_975, detectable, student_quantile
from nascope._src.results.sharing import original_wirings, shared_wirings
from nascope._src.results.standing import Contrast, contrast

MARGIN = 0.005
"""Differences of test accuracy within half a percentage point count as none."""


def chance_that_a_variant_wins(variants: int) -> float:
    """Probability that the best of so many variants beats the original, were all alike: n/(n + 1).

    >>> round(chance_that_a_variant_wins(10), 3)
    0.909
    """
    return variants / (variants + 1)


def ended(study: StudyRecord, setting: Setting) -> list[Family]:
    """The families that claim 8 compares: trained to the end, on equal seeds.

    As many members as can be, for the question is of the best among them; none of a family whose
    original is not done.
    """
    chosen = []
    for family in found_families(study, setting):
        has = {
            one.label: frozenset(t.seed for t in one.trials if t.training and t.training.finished)
            for one in family.members
        }
        chosen.append(balanced(family, has, most="wirings"))
    return [family for family in chosen if family.is_comparable]


def ranks(families: Sequence[Family]) -> Contrast | None:
    """Figure 9: each original's place among its variants by test accuracy at the end.

    Families are to be balanced (`families.balanced`). A diverged training ranks
    last.
    """
    members = {
        family.name: (accuracy(family.original), [accuracy(v) for v in family.variants])
        for family in families
        if family.original is not None
    }
    shared, same = shared_wirings(families), original_wirings(families)
    return contrast(members, shared, same, higher_is_better=True)


def accuracy(wiring: Wiring) -> float:
    """Mean test accuracy of the last epoch over seeds, in [0, 1]; −∞ where one diverged."""
    values = [_final(trial) for trial in wiring.trials]
    return statistics.fmean(values) if values else math.nan


def _final(trial: TrialRecord) -> float:
    training = trial.training
    if training is None or not training.finished or training.last is None:
        return math.nan
    return -math.inf if training.diverged_at is not None else training.last.test_accuracy


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
    """McNemar's exact two-sided p: discordant images as a fair coin.

    2 · P(Bin(b + c, ½) ≤ min(b, c)), at most 1. It speaks of these two trained networks.

    >>> mcnemar(2, 10)
    0.03857421875
    """
    total, fewer = only_first + only_second, min(only_first, only_second)
    log_half = -total * math.log(2)
    tail = math.fsum(
        math.exp(
            math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1) + log_half
        )
        for k in range(fewer + 1)
    )
    return min(1.0, round(2 * tail, 14))


@dataclass(frozen=True)
class Pair:
    """An original and its adapted twin, trained alike.

    Attributes:
        original, adapted: test accuracies, means over their common seeds.
        difference: adapted − original.
        low, high: its 95 % interval: Student's over seeds from three on, else that of the test
            images, each image's difference being its mean over the seeds, which speaks of these
            networks alone; NaN where neither is known.
        of_seeds: whether it is the seeds'.
        only_original, only_adapted: test images that one of both gets right, over all seeds.
        p: McNemar's, of the first seed's pair.
    """

    family: str
    data: str
    seeds: int
    original: float
    adapted: float
    difference: float
    low: float
    high: float
    of_seeds: bool
    only_original: int
    only_adapted: int
    p: float

    @property
    def equivalent(self) -> Equivalence:
        """Whether the difference is within the margin that counts as none."""
        return equivalence(self.low, self.high)


def pairs(families: Sequence[Family]) -> list[Pair]:
    """Table 1: each family's original against its adapted cell, on their common seeds."""
    found = []
    for family in families:
        if family.original is None or family.adapted is None:
            continue
        adapted = {trial.seed: trial for trial in family.adapted.trials if _ended(trial)}
        both = [
            (t, adapted[t.seed]) for t in family.original.trials if _ended(t) and t.seed in adapted
        ]
        if both:
            found.append(_pair(family, both))
    return found


def pair_families(study: StudyRecord, data: str) -> list[Family]:
    """The families that hold a pair, under the setting of a data set that has most of them."""
    best: list[Family] = []
    for setting in dict.fromkeys(setting_of(trial) for trial in study.trials):
        if setting.data == data:
            own = [family for family in families_under(study, setting) if pairs([family])]
            best = max(best, own, key=len)
    return best


def _ended(trial: TrialRecord) -> bool:
    training = trial.training
    return training is not None and training.finished and training.diverged_at is None


def _pair(family: Family, both: Sequence[tuple[TrialRecord, TrialRecord]]) -> Pair:
    first = [_final(original) for original, _ in both]
    second = [_final(adapted) for _, adapted in both]
    differences = [b - a for a, b in zip(first, second, strict=True)]
    images = [own for pair in both if (own := _by_image(*pair)) is not None]
    counts = [(int((own < 0).sum()), int((own > 0).sum())) for own in images]
    mean = statistics.fmean(differences)
    half = math.nan
    if len(differences) >= MIN_SEEDS:
        error = statistics.stdev(differences) / math.sqrt(len(differences))
        half = student_quantile(len(differences) - 1) * error
    elif images:
        each = np.mean(images, axis=0)
        half = NORMAL_975 * float(np.std(each)) / math.sqrt(len(each))
    return Pair(
        family.name,
        family.setting.data,
        len(both),
        statistics.fmean(first),
        statistics.fmean(second),
        mean,
        mean - half,
        mean + half,
        len(differences) >= MIN_SEEDS,
        sum(b for b, _ in counts),
        sum(c for _, c in counts),
        mcnemar(*counts[0]) if counts else math.nan,
    )


def _by_image(original: TrialRecord, adapted: TrialRecord) -> np.ndarray | None:
    """For each test image 1 where only the adapted gets it right, −1 where only the original."""
    first, second = (t.training.correct if t.training else None for t in (original, adapted))
    if first is None or second is None or len(first) != len(second):
        return None
    return second.astype(np.int8) - first.astype(np.int8)


@dataclass(frozen=True)
class Difference:
    """Adapted − original over families; no interval where neither families nor seeds give one."""

    mean: float
    families: int
    low: float | None = None
    high: float | None = None
    detectable: float | None = None


def over_families(found: Sequence[Pair]) -> Difference:
    """The mean difference over families and its 95 % interval.

    Student's over families from three on. Below, that of these families' seeds, where each has
    three or more: it speaks of these families alone. Test images are no substitute for either.
    """
    values = [pair.difference for pair in found]
    mean, count = statistics.fmean(values), len(values)
    if count >= MIN_SEEDS:
        error = statistics.stdev(values) / math.sqrt(count)
        half = student_quantile(count - 1) * error
        return Difference(mean, count, mean - half, mean + half, detectable(error, count - 1))
    if not all(pair.of_seeds for pair in found):
        return Difference(mean, count)
    half = math.sqrt(sum((pair.high - pair.difference) ** 2 for pair in found)) / count
    freedom = min(pair.seeds for pair in found) - 1
    error = half / student_quantile(freedom)
    return Difference(mean, count, mean - half, mean + half, detectable(error, freedom))
