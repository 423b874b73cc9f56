"""Claims 2 to 7: originals against their variants, by one number a wiring."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.association import Association, association
from nascope._src.results.claims import CLAIMS, LEFT_OUT, MODES, Measure, measure_of, planes_of
from nascope._src.results.concessions import Concession, concession
from nascope._src.results.convergence import capped_area
from nascope._src.results.families import (
    Family,
    Setting,
    Wiring,
    balanced,
    found_families,
    setting_of,
    subsets,
)
from nascope._src.results.generalisation import ranks
from nascope._src.results.sharing import original_wirings, shared_wirings
from nascope._src.results.smoothness import chance_loss
from nascope._src.results.standing import ALPHA, contrast
from nascope._src.results.verdict import (
    CONTRADICTED,
    NOT_TESTABLE,
    SUPPORTED,
    UNDECIDED,
    Verdict,
    agreements,
    needs,
    sentence,
)

MIN_NORMAL_ONLY = 4
"""Variants of the normal cell alone from which on the association is taken over them only."""


def judge_measure(
    study: StudyRecord, setting: Setting, number: int, mode: str | None = None
) -> Verdict:
    every = found_families(study, setting)
    measure = common_measure(every, number, mode or MODES[0])

    def by_seed(wiring: Wiring) -> list[float]:
        return [measure.value(trial) for trial in wiring.trials]

    def value(wiring: Wiring) -> float:
        return statistics.fmean(by_seed(wiring))

    chosen, concessions = [], {}
    for family in every:
        found = concession(number, _measured(family, measure), by_seed)
        if found is not None:
            concessions[family.name] = found
        kept = [v for v in family.variants if (number, family.name, v.variant) not in LEFT_OUT]
        chosen.append(_measured(replace(family, variants=tuple(kept)), measure))
    base = _base(number, setting, measure, mode)
    judged = _judged(base, measure, chosen, value, concessions)
    return _with_ends(judged, chosen) if number == 7 else judged


def common_measure(own: Sequence[Family], number: int, mode: str) -> Measure:
    """A claim's measure, on one plane throughout where it is one of claims 5 and 6.

    Of all planes that were probed the one on which most trials can be compared, or of several the
    first planned.
    """
    trials = [trial for family in own for one in family.members for trial in one.trials]
    found = dict.fromkeys(plane for trial in trials for plane in planes_of(trial, number, mode))
    every = [measure_of(number, mode, plane) for plane in found or (None,)]
    known = [replace(one, value=_remembered(one.value)) for one in every]
    return max(known, key=lambda one: _compared(own, one)) if found else known[0]


def _remembered(value: Callable[[TrialRecord], float]) -> Callable[[TrialRecord], float]:
    """A number of a trial that is computed once: that of a large grid takes a while."""
    known: dict[tuple[str, str], float] = {}

    def remembered(trial: TrialRecord) -> float:
        key = trial.study, trial.identity
        if key not in known:
            known[key] = value(trial)
        return known[key]

    return remembered


def _compared(own: Sequence[Family], measure: Measure) -> int:
    """How many trials can be compared by a measure."""
    usable = [found for family in own if (found := _measured(family, measure)).is_comparable]
    return sum(len(one.trials) for family in usable for one in family.members)


def _measured(family: Family, measure: Measure) -> Family:
    """A family on equal seeds, its members that the measure has a number of."""
    has = {
        one.label: frozenset(t.seed for t in one.trials if not math.isnan(measure.value(t)))
        for one in family.members
    }
    return balanced(family, has)


def _with_ends(verdict: Verdict, chosen: Sequence[Family]) -> Verdict:
    """Claim 7, told beside how the same networks end: a lead that lasts is no early one."""
    ends = ranks([family for family in chosen if family.is_comparable])
    if ends is None:
        return verdict
    told = f"In the last epoch it beats {ends.share:.0%} of them."
    return replace(verdict, sentence=f"{verdict.sentence} {told}")


def judge_slope(study: StudyRecord, setting: Setting) -> Verdict:
    """Each wiring's slope of log area over the logarithm of the rate, among equal rates."""
    measure = Measure(
        "slope of log area over log₁₀ of the learning rate", "per decade", lambda _: 0
    )
    own = [t for t in study.trials if setting_of(t, rate=False) == setting]
    rates = sorted({float(t.recipe["learning_rate"]) for t in own if "learning_rate" in t.recipe})
    if len(rates) < 2:
        return replace(
            _base(4, setting, measure),
            sentence="The study holds one learning rate.",
            needs="trainings at the paper's 0.0025, 0.025 and 0.25",
        )
    areas: dict[str, Areas] = {}
    chosen = []
    for family in found_families(study, setting):
        whole, kept = _over_rates(family, {one.label: _areas(one) for one in family.members})
        chosen.append(whole)
        areas |= kept

    def value(wiring: Wiring) -> float:
        seeds = {trial.seed for trial in wiring.trials}
        points = [
            (math.log10(rate), math.log(area))
            for (rate, seed), area in areas[wiring.label].items()
            if seed in seeds
        ]
        return _slope(points)

    judged = _judged(_base(4, setting, measure), measure, chosen, value)
    told = ", ".join(
        f"{math.expm1(gap):+.1%} at {rate:g}"
        for rate in rates
        if (gap := _gap(rate, chosen, areas)) is not None
    )
    if not told:
        return judged
    return replace(judged, sentence=f"{judged.sentence} Area against the mean variant: {told}.")


Areas = Mapping[tuple[float, int], float]  # of one wiring, by learning rate and seed


def _over_rates(family: Family, areas: Mapping[str, Areas]) -> tuple[Family, dict[str, Areas]]:
    """A family on equal rates and seeds, and its members' areas at them.

    Of all sets of two rates or more the one that uses the most trials, (members that have them
    all) × seeds × rates.
    """
    original = areas.get(family.original.label, {}) if family.original is not None else {}
    best: tuple[Family, dict[str, Areas]] = balanced(family, {}), {}
    used = (0, 0)
    for rates in subsets(sorted({rate for rate, _ in original})):
        if len(rates) < 2:
            continue
        own: dict[str, Areas] = {
            label: {key: area for key, area in of.items() if key[0] in rates}
            for label, of in areas.items()
        }
        whole = balanced(family, {label: _seeds_at(rates, of) for label, of in own.items()})
        seeds = {t.seed for t in whole.original.trials} if whole.original is not None else set()
        members = len(whole.members)
        if (worth := (members * len(seeds) * len(rates), members)) > used:
            best, used = (whole, own), worth
    return best


def _seeds_at(rates: Sequence[float], areas: Areas) -> frozenset[int]:
    """The seeds that have an area at every rate."""
    return frozenset(seed for _, seed in areas if all((rate, seed) in areas for rate in rates))


def _gap(
    rate: float,
    chosen: Sequence[Family],
    areas: Mapping[str, Areas],
) -> float | None:
    """ln of an original's area less the mean of its variants', at one rate, over families."""

    def mean(wiring: Wiring) -> float:
        seeds = {trial.seed for trial in wiring.trials}
        own = [a for (r, seed), a in areas[wiring.label].items() if r == rate and seed in seeds]
        return statistics.fmean(map(math.log, own)) if own else math.nan

    gaps = [
        mean(family.original) - statistics.fmean(map(mean, family.variants))
        for family in chosen
        if family.original is not None
        and family.is_comparable
        and family.name not in CLAIMS[4].conceded
    ]
    known = [gap for gap in gaps if not math.isnan(gap)]
    return statistics.fmean(known) if known else None


def _areas(wiring: Wiring) -> Areas:
    found = {}
    for trial in wiring.trials:
        training, classes = trial.training, trial.data.get("classes")
        if training is None or not training.finished or not isinstance(classes, int):
            continue
        epochs = int(trial.recipe.get("epochs", len(training.epochs)))
        area = capped_area(training, chance_loss(classes), epochs)
        if 0 < area < math.inf:
            found[float(trial.recipe["learning_rate"]), trial.seed] = area
    return found


def _slope(points: Sequence[tuple[float, float]]) -> float:
    x, y = zip(*points, strict=True)
    return statistics.linear_regression(x, y).slope


def _judged(
    base: Verdict,
    measure: Measure,
    chosen: Sequence[Family],
    value: Callable[[Wiring], float],
    concessions: Mapping[str, Concession] = MappingProxyType({}),
) -> Verdict:
    """The verdict on one measure of balanced families."""
    claim, shared = CLAIMS[base.claim], shared_wirings(chosen)
    numbers = {
        family.name: (value(family.original), [value(v) for v in family.variants])
        for family in chosen
        if family.original is not None and family.is_comparable
    }
    tested = {name: own for name, own in numbers.items() if name not in claim.conceded}
    base = replace(base, families=agreements(numbers, concessions, claim, measure))
    same = original_wirings(chosen)
    found = contrast(tested, shared, same, higher_is_better=measure.higher_is_better)
    if found is None:
        what = "of the families that the claim speaks of " if numbers else ""
        alike = "this BatchNorm mode, alike around an original and its variants"
        lacking = alike if base.batchnorm else "an original and its variants"
        return replace(base, sentence=f"Nothing {what}was measured with {lacking}.", needs=lacking)
    associations, normal_only = _associations(chosen, numbers, shared)
    if found.p_better <= ALPHA:
        outcome = SUPPORTED
    elif found.p_worse <= ALPHA:
        outcome = CONTRADICTED
    else:
        outcome = UNDECIDED if found.smallest_p <= ALPHA else NOT_TESTABLE
    smallest = None if outcome == NOT_TESTABLE else found.detectable  # where members tie
    told = [None if x is None else measure.told(x) for x in (found.low, found.high, smallest)]
    return replace(
        base,
        outcome=outcome,
        number=measure.told(found.shift),
        low=told[0],
        high=told[1],
        detectable=told[2],
        p=found.p,
        share=found.share,
        sentence=sentence(found, measure, diverged=_some_diverged(chosen, tested)),
        needs=needs(found, outcome),
        associations=associations,
        normal_only=normal_only,
    )


def _some_diverged(chosen: Sequence[Family], tested: Collection[str]) -> bool:
    own = [one for family in chosen if family.name in tested for one in family.members]
    return any(trial.diverged for one in own for trial in one.trials)


def _base(number: int, setting: Setting, measure: Measure, mode: str | None = None) -> Verdict:
    return Verdict.blank(
        CLAIMS[number],
        data=setting.data,
        batchnorm=mode,
        measure=measure.title,
        unit=measure.unit,
        ratio=measure.ratio,
    )


COORDINATES = (
    "fractional_width", "strict_width", "live_width", "effective_width", "depth", "effective_depth",
)  # fmt: skip
"""Of a normal cell, the one that claims are read by first among the widths."""


def _associations(
    chosen: Sequence[Family],
    numbers: Mapping[str, tuple[float, Sequence[float]]],
    shared: Mapping[str, Sequence[int]],
) -> tuple[dict[str, Association], bool]:
    used = [family for family in chosen if family.name in numbers]
    normal_only = any(len(family.normal_only()) >= MIN_NORMAL_ONLY for family in used)
    kept, wirings = [], []
    for family in used:
        labels = {v.label for v in (family.normal_only() if normal_only else family.variants)}
        own = zip(family.variants, numbers[family.name][1], shared[family.name], strict=True)
        entering = [one for one in own if one[0].label in labels]
        kept.append([(v.normal, number) for v, number, _ in entering])
        wirings.append([wiring for _, _, wiring in entering])
    found = {}
    for name in COORDINATES:
        pairs = [
            ([float(getattr(wiring, name)) for wiring, _ in own], [number for _, number in own])
            for own in kept
        ]
        one = association(pairs, wirings)
        if one is not None:
            found[name.replace("_", " ")] = one
    return found, normal_only
