"""Originals and their adapted cells, trained alike (Section 5, Table 1)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.design import Family, families_in, settings_of
from nascope._src.results.measures import ACCURACY
from nascope._src.results.stats.intervals import (
    MIN_SEEDS,
    NORMAL_975,
    detectable,
    student_quantile,
)
from nascope._src.results.stats.paired import Equivalence, equivalence, mcnemar

TABLE_1_DATA = ("cifar10", "cifar100")


@dataclass(frozen=True)
class Pair:
    """An original and its adapted cell, trained alike.

    Attributes:
        original, adapted: test accuracies, means over their common seeds.
        difference: adapted − original.
        low, high: its 95 % interval: Student's over seeds if there are three or more. Otherwise it
            is over test images, each image's difference being its mean over the seeds, and speaks
            of these networks only. NaN if neither is known.
        of_seeds: whether the interval is over seeds.
        only_original, only_adapted: test images that only one of them gets right, over all seeds.
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


@dataclass(frozen=True)
class AdaptedDifference:
    """Adapted − original, averaged over families.

    Attributes:
        low, high: 95 % interval; None if neither families nor seeds give one.
        detectable: the smallest difference found with 80 % probability; None likewise.
    """

    mean: float
    families: int
    low: float | None = None
    high: float | None = None
    detectable: float | None = None


def make_pairs(families: Sequence[Family]) -> list[Pair]:
    """Return each family's original and adapted cell on their common seeds (Table 1)."""
    made = []
    for family in families:
        if family.original is None or family.adapted is None:
            continue
        adapted = {trial.seed: trial for trial in family.adapted.trials if _has_ended(trial)}
        both = [
            (trial, adapted[trial.seed])
            for trial in family.original.trials
            if _has_ended(trial) and trial.seed in adapted
        ]
        if both:
            made.append(_pair(family, both))
    return made


def pair_families(study: StudyRecord, data: str) -> list[Family]:
    """Return the families with a pair, in the setting of a data set that has most of them."""
    best: list[Family] = []
    for setting in settings_of(study):
        if setting.data == data:
            paired = [family for family in families_in(study, setting) if make_pairs([family])]
            best = max(best, paired, key=len)
    return best


def _has_ended(trial: TrialRecord) -> bool:
    return math.isfinite(ACCURACY.value(trial))


def _pair(family: Family, both: Sequence[tuple[TrialRecord, TrialRecord]]) -> Pair:
    first = [ACCURACY.value(original) for original, _ in both]
    second = [ACCURACY.value(adapted) for _, adapted in both]
    differences = [b - a for a, b in zip(first, second, strict=True)]
    images = [change for pair in both if (change := _by_image(*pair)) is not None]
    counts = [(int((change < 0).sum()), int((change > 0).sum())) for change in images]
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
    """Return 1 for each test image that only the adapted cell gets right, −1 for the reverse."""
    first, second = (t.training.correct if t.training else None for t in (original, adapted))
    if first is None or second is None or len(first) != len(second):
        return None
    return second.astype(np.int8) - first.astype(np.int8)


def mean_difference(pairs: Sequence[Pair]) -> AdaptedDifference:
    """Return the mean difference over families and its 95 % interval.

    This is Student's over families if there are three or more. Otherwise it is that of the
    families' seeds, if each has three or more, and speaks of these families only. Test images are
    no substitute for either.
    """
    values = [pair.difference for pair in pairs]
    mean, count = statistics.fmean(values), len(values)
    if count >= MIN_SEEDS:
        error = statistics.stdev(values) / math.sqrt(count)
        half = student_quantile(count - 1) * error
        return AdaptedDifference(
            mean, count, mean - half, mean + half, detectable(error, count - 1)
        )
    if not all(pair.of_seeds for pair in pairs):
        return AdaptedDifference(mean, count)
    half = math.sqrt(sum((pair.high - pair.difference) ** 2 for pair in pairs)) / count
    freedom = min(pair.seeds for pair in pairs) - 1
    error = half / student_quantile(freedom)
    return AdaptedDifference(mean, count, mean - half, mean + half, detectable(error, freedom))
