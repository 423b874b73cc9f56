"""Claim 4: how the area under the training loss grows with the learning rate."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from nascope._src.results.design import Family, Member, balanced, subsets
from nascope._src.results.measures import CAPPED_AREA, Measure

LogAreas = Mapping[tuple[float, int], float]
"""Of one member, ln of the area by learning rate and seed."""
Areas = Mapping[tuple[str, str], LogAreas]
"""By family and label."""

SLOPE = Measure(
    "slope",
    "Slope of log area over log₁₀ of the learning rate",
    "per decade",
    lambda _: math.nan,  # of several trials: `slope_of`
    better="lower",
)


@dataclass(frozen=True)
class RateGap:
    """An original's log area less the mean of its variants', averaged over families."""

    learning_rate: float
    gap: float


def log_areas(member: Member) -> LogAreas:
    """Return ln of a member's capped area, by learning rate and seed."""
    areas = {
        (float(trial.recipe["learning_rate"]), trial.seed): CAPPED_AREA.compared(trial)
        for trial in member.trials
    }
    return {key: area for key, area in areas.items() if not math.isnan(area)}


def with_areas(
    families: Sequence[Family], areas: Areas
) -> tuple[list[Family], dict[tuple[str, str], LogAreas]]:
    """Return families on equal rates and seeds, and their members' areas at those rates.

    Each family uses the set of two or more rates that keeps the most trials, (members that have
    them all) × seeds × rates.
    """
    chosen: list[Family] = []
    kept: dict[tuple[str, str], LogAreas] = {}
    for family in families:
        equal, rates = _on_equal_rates(family, areas)
        chosen.append(equal)
        kept |= {
            (member.family, member.label): {
                key: area
                for key, area in areas[member.family, member.label].items()
                if key[0] in rates
            }
            for member in family.members
        }
    return chosen, kept


def _on_equal_rates(family: Family, areas: Areas) -> tuple[Family, tuple[float, ...]]:
    original = areas.get((family.name, family.original.label), {}) if family.original else {}
    best: tuple[Family, tuple[float, ...]] = balanced(family, {}), ()
    most = (0, 0)
    for rates in subsets(sorted({rate for rate, _ in original})):
        if len(rates) < 2:
            continue
        seeds = {
            member.label: _seeds_at(rates, areas[member.family, member.label])
            for member in family.members
        }
        equal = balanced(family, seeds)
        count = len({trial.seed for trial in equal.original.trials}) if equal.original else 0
        members = len(equal.members)
        if (size := (members * count * len(rates), members)) > most:
            best, most = (equal, rates), size
    return best


def _seeds_at(rates: Sequence[float], areas: LogAreas) -> frozenset[int]:
    """Return the seeds that have an area at every rate."""
    return frozenset(seed for _, seed in areas if all((rate, seed) in areas for rate in rates))


def slope_of(member: Member, areas: LogAreas) -> float:
    """Return the slope of log area over log₁₀ of the rate, over a member's seeds and rates."""
    seeds = {trial.seed for trial in member.trials}
    points = [(math.log10(rate), area) for (rate, seed), area in areas.items() if seed in seeds]
    x, y = zip(*points, strict=True)
    return statistics.linear_regression(x, y).slope


def gap_at(
    rate: float, families: Sequence[Family], areas: Areas, excepted: Collection[str]
) -> RateGap | None:
    """Return the gap at one rate, averaged over the families that enter the claim's test."""

    def mean(member: Member) -> float:
        seeds = {trial.seed for trial in member.trials}
        at_rate = [
            area
            for (at, seed), area in areas[member.family, member.label].items()
            if at == rate and seed in seeds
        ]
        return statistics.fmean(at_rate) if at_rate else math.nan

    gaps = [
        mean(family.original) - statistics.fmean(map(mean, family.variants))
        for family in families
        if family.original is not None and family.is_comparable and family.name not in excepted
    ]
    known = [gap for gap in gaps if not math.isnan(gap)]
    return RateGap(rate, statistics.fmean(known)) if known else None
