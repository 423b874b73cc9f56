"""Where members of a family stand on a measure. All outputs rank by these rules:

- *Seeds.* All members of a family are compared on the same seeds, those that keep the most trials
  (`design.balanced`). A member's number is its mean over these seeds.
- *Divergence.* A member with a diverged trial ranks last.
- *Ties.* Members with equal numbers share the mean of their ranks.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from nascope._src.records.read import TrialRecord
from nascope._src.results.design import (
    Family,
    Member,
    balanced,
    original_wirings,
    shared_wirings,
)
from nascope._src.results.measures import Measure, planes_for, primary_measure
from nascope._src.results.stats.contrasts import Contrast, Standing, contrast

Numbers = dict[str, tuple[float, list[float]]]
"""By family, the original's number and its variants'."""


def on_equal_seeds(
    family: Family, measure: Measure, *, most: Literal["trials", "members"] = "trials"
) -> Family:
    """Return a family on equal seeds, with the members that have a number at all of them.

    Args:
        family: a family with all its trials.
        measure: what is compared.
        most: whether to keep the most trials, or the most members.
    """
    seeds = {
        member.label: frozenset(
            trial.seed for trial in member.trials if not math.isnan(measure.compared(trial))
        )
        for member in family.members
    }
    return balanced(family, seeds, most=most)


def mean(member: Member, measure: Measure) -> float:
    """Return a member's mean of the compared numbers; infinite if a trial diverged."""
    return statistics.fmean(measure.compared(trial) for trial in member.trials)


def shown_mean(member: Member, measure: Measure) -> float:
    """Return a member's mean in the measure's unit; infinite if a trial diverged."""
    return statistics.fmean(measure.scale * measure.value(trial) for trial in member.trials)


def numbers_of(families: Sequence[Family], value: Callable[[Member], float]) -> Numbers:
    """Return the numbers of the comparable families.

    Args:
        families: families on equal seeds.
        value: returns the number of a member.
    """
    return {
        family.name: (value(family.original), [value(variant) for variant in family.variants])
        for family in families
        if family.original is not None and family.is_comparable
    }


def contrast_of(
    families: Sequence[Family], numbers: Numbers, *, higher_is_better: bool
) -> Contrast | None:
    """Compare originals with their variants, allowing for wirings that families share.

    Args:
        families: families on equal seeds.
        numbers: the numbers of the families that enter the test.
        higher_is_better: the direction of the measure.

    Returns:
        The contrast; None if no family enters the test.
    """
    shared, same = shared_wirings(families), original_wirings(families)
    return contrast(numbers, shared, same, higher_is_better=higher_is_better)


def standing_of(
    family: Family, measure: Measure, *, most: Literal["trials", "members"] = "trials"
) -> Standing | None:
    """Return where a family's original stands among its variants; None if it has no number."""
    return standing_in(on_equal_seeds(family, measure, most=most), measure)


def standing_in(equal: Family, measure: Measure) -> Standing | None:
    """Return the same as `standing_of` for a family that is on equal seeds already."""
    numbers = numbers_of([equal], lambda member: mean(member, measure))
    compared = contrast(numbers, higher_is_better=measure.higher_is_better)
    return compared.standings[0] if compared is not None else None


def standings_of(
    family: Family, measure: Measure, *, most: Literal["trials", "members"] = "trials"
) -> dict[str, Standing]:
    """Return where each member of a family stands among the others, by label."""
    equal = on_equal_seeds(family, measure, most=most)
    if not equal.is_comparable:
        return {}
    means = {member.label: mean(member, measure) for member in equal.members}
    standings = {}
    for label, value in means.items():
        others = [other for name, other in means.items() if name != label]
        compared = contrast(
            {family.name: (value, others)}, higher_is_better=measure.higher_is_better
        )
        assert compared is not None
        standings[label] = compared.standings[0]
    return standings


def common_measure(families: Sequence[Family], claim: int, mode: str) -> Measure:
    """Return the measure of a claim; for claims 5 and 6, on the same plane for all trials.

    It is the plane on which the most trials can be compared; if there are several, the first in the
    plan. The measure computes each number only once.

    Args:
        families: the families of a setting, with all their trials.
        claim: number of the claim.
        mode: BatchNorm mode of the probes.
    """
    trials = [trial for family in families for member in family.members for trial in member.trials]
    planes = dict.fromkeys(plane for trial in trials for plane in planes_for(trial, claim, mode))
    on_planes = [primary_measure(claim, mode, plane) for plane in planes or (None,)]
    measures = [replace(measure, value=remembered(measure.value)) for measure in on_planes]
    if len(measures) == 1:
        return measures[0]
    return max(measures, key=lambda measure: _count_compared(families, measure))


def remembered(value: Callable[[TrialRecord], float]) -> Callable[[TrialRecord], float]:
    """Return a function that computes each trial's number only once, as large grids are slow."""
    known: dict[tuple[str, str], float] = {}

    def remembering(trial: TrialRecord) -> float:
        key = trial.study, trial.identity
        if key not in known:
            known[key] = value(trial)
        return known[key]

    return remembering


def _count_compared(families: Sequence[Family], measure: Measure) -> int:
    """Return the number of trials that can be compared on a measure."""
    equal = (on_equal_seeds(family, measure) for family in families)
    return sum(
        len(member.trials) for family in equal if family.is_comparable for member in family.members
    )
