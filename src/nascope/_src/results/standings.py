"""Where the members of families stand on a measure: the one rule for seeds, ties and divergence.

- *Seeds.* A family is compared on equal seeds (`design.balanced`): those at which the most trials
  have a number. A member's number is the mean over them.
- *Divergence.* A member with a trial that diverged ranks last.
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
    """Return a family on equal seeds, with the members that have a number."""
    seeds = {
        member.label: frozenset(
            trial.seed for trial in member.trials if not math.isnan(measure.compared(trial))
        )
        for member in family.members
    }
    return balanced(family, seeds, most=most)


def mean(member: Member, measure: Measure) -> float:
    """Return a member's mean compared number over its seeds; infinite if a trial diverged."""
    return statistics.fmean(measure.compared(trial) for trial in member.trials)


def shown_mean(member: Member, measure: Measure) -> float:
    """Return a member's mean over its seeds in the measure's unit; infinite if one diverged."""
    return statistics.fmean(measure.scale * measure.value(trial) for trial in member.trials)


def numbers_of(families: Sequence[Family], value: Callable[[Member], float]) -> Numbers:
    """Return the numbers of the comparable families; they are on equal seeds already."""
    return {
        family.name: (value(family.original), [value(variant) for variant in family.variants])
        for family in families
        if family.original is not None and family.is_comparable
    }


def contrast_of(
    families: Sequence[Family], numbers: Numbers, *, higher_is_better: bool
) -> Contrast | None:
    """Compare originals with their variants, allowing for the wirings that families share.

    Args:
        numbers: of the families that enter the test.
    """
    shared, same = shared_wirings(families), original_wirings(families)
    return contrast(numbers, shared, same, higher_is_better=higher_is_better)


def standing_of(
    family: Family, measure: Measure, *, most: Literal["trials", "members"] = "trials"
) -> Standing | None:
    """Return where a family's original stands on a measure; None if nothing can be compared."""
    equal = on_equal_seeds(family, measure, most=most)
    numbers = numbers_of([equal], lambda member: mean(member, measure))
    compared = contrast(numbers, higher_is_better=measure.higher_is_better)
    return compared.standings[0] if compared is not None else None


def standings_of(
    family: Family, measure: Measure, *, most: Literal["trials", "members"] = "trials"
) -> dict[str, Standing]:
    """Return where each member stands among the others, by label; on equal seeds."""
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
    """Return a claim's measure, on the same plane for all trials of claims 5 and 6.

    Of all planes that were probed, this is the one on which the most trials can be compared; of
    several such, the first planned. The measure computes each number once.
    """
    trials = [trial for family in families for member in family.members for trial in member.trials]
    planes = dict.fromkeys(plane for trial in trials for plane in planes_for(trial, claim, mode))
    candidates = [primary_measure(claim, mode, plane) for plane in planes or (None,)]
    known = [replace(measure, value=remembered(measure.value)) for measure in candidates]
    return max(known, key=lambda measure: _compared(families, measure)) if planes else known[0]


def remembered(value: Callable[[TrialRecord], float]) -> Callable[[TrialRecord], float]:
    """Return a function that computes each trial's number once: large grids take a while."""
    known: dict[tuple[str, str], float] = {}

    def remember(trial: TrialRecord) -> float:
        key = trial.study, trial.identity
        if key not in known:
            known[key] = value(trial)
        return known[key]

    return remember


def _compared(families: Sequence[Family], measure: Measure) -> int:
    """Return how many trials can be compared on a measure."""
    equal = (on_equal_seeds(family, measure) for family in families)
    return sum(
        len(member.trials) for family in equal if family.is_comparable for member in family.members
    )
