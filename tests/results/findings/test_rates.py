"""Claim 4: equal learning rates and seeds, slopes, and gaps at each rate."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import pytest

from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.design import Family, Member, main_settings
from nascope._src.results.findings.judge import judge_rates
from nascope._src.results.findings.rates import (
    gap_at,
    log_areas,
    slope_of,
    with_areas,
)
from tests.results import handmade, planted

RATES = (0.0025, 0.025, 0.25)


def member(label: str, areas: dict[tuple[float, int], float]) -> Member:
    """A member with an area for each learning rate and seed; not a number: no result."""
    trials = []
    for (rate, seed), area in areas.items():
        trial = handmade.trial(label, seed, 1.0, epochs=1)
        made = None if math.isnan(area) else handmade.training([area])
        recipe = {**trial.recipe, "learning_rate": rate}
        trials.append(dataclasses.replace(trial, recipe=recipe, training=made))
    return dataclasses.replace(handmade.member(label, [1.0]), trials=tuple(trials))


def family(*areas: dict[tuple[float, int], float]) -> Family:
    original, *variants = (
        member("F" if k == 0 else f"v{k}", numbers) for k, numbers in enumerate(areas)
    )
    return dataclasses.replace(handmade.family([1.0]), original=original, variants=tuple(variants))


def at(rates: tuple[float, ...], *areas: float, seeds: int = 1) -> dict[tuple[float, int], float]:
    return {(r, seed): a for r, a in zip(rates, areas, strict=True) for seed in range(seeds)}


def chosen(one: Family) -> tuple[Family, dict[str, set[float]]]:
    """The family on equal rates and seeds, and each member's rates."""
    areas = {(one.name, m.label): log_areas(m) for m in one.members}
    (equal,), kept = with_areas([one], areas)
    return equal, {label: {rate for rate, _ in own} for (_, label), own in kept.items()}


def test_areas_are_logarithms_by_rate_and_seed() -> None:
    one = member("F", {(0.025, 0): math.e, (0.25, 1): 1.0, (2.5, 0): math.nan})
    assert log_areas(one) == {(0.025, 0): pytest.approx(1), (0.25, 1): 0}


def test_the_slope_is_per_decade() -> None:
    one = member("F", at(RATES, 1.0, math.e, math.e**2))
    assert slope_of(one, log_areas(one)) == pytest.approx(1)


def test_a_slope_uses_the_seeds_that_are_kept() -> None:
    areas = at(RATES, 1.0, 1.0, 1.0, seeds=2) | {(rate, 2): 1e3 * rate for rate in RATES}
    one = member("F", areas)
    assert slope_of(one.at([0, 1]), log_areas(one)) == pytest.approx(0)
    assert slope_of(one.at([2]), log_areas(one)) == pytest.approx(math.log(10))


def test_the_rates_that_keep_the_most_trials_are_used() -> None:
    equal, rates = chosen(family(at(RATES, 1, 1, 1), at(RATES, 1, 1, 1), at(RATES[:2], 1, 1)))
    assert [m.label for m in equal.members] == ["F", "v1", "v2"]  # 3 × 2 trials, not 2 × 3
    assert rates == {label: set(RATES[:2]) for label in ("F", "v1", "v2")}
    equal, rates = chosen(family(*[at(RATES, 1, 1, 1)] * 4, at(RATES[:2], 1, 1)))
    assert [m.label for m in equal.members] == ["F", "v1", "v2", "v3"]  # 4 × 3, not 5 × 2
    assert rates["F"] == set(RATES)


def test_a_single_common_rate_leaves_nothing_to_compare() -> None:
    equal, _ = chosen(family(at(RATES[:2], 1, 1), at(RATES[1:], 1, 1)))
    assert not equal.is_comparable
    assert equal.variants == equal.original.trials == ()


def test_a_gap_is_a_mean_over_the_families_that_are_tested() -> None:
    one = family(at(RATES, 1, 1, 1), at(RATES, 1, math.e, math.e**2), at(RATES, 1, 1, 1))
    other = dataclasses.replace(one, name="G")
    areas = {("F", m.label): log_areas(m) for m in one.members}
    gaps = [gap_at(rate, [one], areas, ()) for rate in RATES]
    assert [gap.gap for gap in gaps] == pytest.approx([0, -0.5, -1])
    assert [gap.learning_rate for gap in gaps] == list(RATES)
    assert gap_at(0.025, [one, other], areas, {"G"}).gap == pytest.approx(-0.5)
    assert gap_at(0.025, [one], areas, {"F"}) is None
    assert gap_at(0.1, [one], areas, ()) is None


def test_one_rate_cannot_be_judged() -> None:
    study = planted.study(0)
    finding = judge_rates(study, *main_settings(study, rate=False))
    assert (finding.outcome, finding.reason) == ("not testable at this scale", "one rate")


def test_the_rates_that_most_trials_have_are_compared() -> None:
    """A rate that one member alone has, or that a member lacks, costs no family its place."""
    study = planted.study(0, rates=(*RATES, 1.0))

    def without(whole: StudyRecord, lacks: Callable[[TrialRecord, float], bool]) -> StudyRecord:
        kept = [t for t in whole.trials if not lacks(t, t.recipe["learning_rate"])]
        return dataclasses.replace(whole, trials=tuple(kept))

    def slope(part: StudyRecord):
        return judge_rates(part, *main_settings(part, rate=False))

    three = without(study, lambda _, rate: rate == 1.0)
    extra = without(study, lambda t, rate: rate == 1.0 and t.label not in ("DARTS", "ENAS-r1"))
    lacking = without(three, lambda t, rate: rate == 0.25 and t.label == "DARTS-r2")
    assert slope(extra) == slope(three)
    assert [f.standing.members for f in slope(lacking).families] == [5, 4, 5]
    few = without(three, lambda t, rate: rate == 0.25 and t.family == "DARTS" and "r" in t.label)
    two = without(three, lambda t, rate: rate == 0.25 and t.family == "DARTS")
    assert [f.standing.members for f in slope(few).families] == [5, 5, 5]
    assert slope(few).effect == slope(two).effect
