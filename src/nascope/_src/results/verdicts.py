"""A verdict on each of the paper's nine claims, from what a study measured.

The rules stand in docs/guides/verdicts.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nascope._src.records.read import StudyRecord
from nascope._src.results import generalisation, pattern
from nascope._src.results.claims import CLAIMS, MODES
from nascope._src.results.comparisons import judge_measure, judge_slope
from nascope._src.results.concessions import adapted_is_better
from nascope._src.results.convergence import converged
from nascope._src.results.families import Setting, Wiring, constructed, main_settings, recipe_value
from nascope._src.results.intervals import detectable, student_quantile
from nascope._src.results.standing import ALPHA, Contrast
from nascope._src.results.verdict import (
    CONTRADICTED,
    NOT_TESTABLE,
    SUPPORTED,
    UNDECIDED,
    Agreement,
    Outcome,
    Verdict,
    told_p,
    written_p,
)

SMALLEST_IMAGE = 32  # pixels
FEWEST_CHANNELS = 8


def verdicts(study: StudyRecord) -> tuple[Verdict, ...]:
    """All verdicts of a study, by claim, then data set, then BatchNorm mode.

    None at all of a study that is too small to judge by (`too_small`).
    """
    if too_small(study) is not None:
        return ()
    settings = main_settings(study)
    found = [_claim_1(study)]
    for number in (2, 3):
        found += [judge_measure(study, setting, number) for setting in settings]
    found += [judge_slope(study, setting) for setting in main_settings(study, rate=False)]
    for number in (5, 6):
        found += [
            judge_measure(study, setting, number, mode) for setting in settings for mode in MODES
        ]
    found += [judge_measure(study, setting, 7) for setting in settings]
    found += [judge_endings(study, setting) for setting in settings]
    found.append(judge_adapted(study))
    return tuple(found)


def too_small(study: StudyRecord) -> str | None:
    """Why a study gets no verdict, in words; None where it gets some."""
    images = [trial.data.get("image_size") for trial in study.trials]
    if any(isinstance(size, int) and size < SMALLEST_IMAGE for size in images):
        return f"images below {SMALLEST_IMAGE} pixels: such a study shows that the machinery runs"
    channels = [trial.recipe.get("channels") for trial in study.trials]
    if any(isinstance(count, int) and count < FEWEST_CHANNELS for count in channels):
        return f"networks of fewer than {FEWEST_CHANNELS} channels: too small to judge by"
    return None if study.trials else "no trial was planned"


# ---------------------------------------------------------------- claim 1


def _claim_1(study: StudyRecord) -> Verdict:
    originals = {t.family: t.genotype for t in study.trials if t.variant == "original"}
    cells = [
        pattern.origin(genotype, family)
        for family, genotype in originals.items()
        if not constructed(genotype)
    ]
    scored, outside = pattern.score(cells)
    extra, _ = pattern.score([c for c in cells if c.genotype.name in outside], within="independent")
    scored += extra
    base = Verdict.blank(
        CLAIMS[1], measure="share of the space's wirings that are narrower, and that are deeper"
    )
    if not scored:
        return replace(
            base, outcome=NOT_TESTABLE, sentence="The study holds no cell that a search found."
        )
    found = pattern.pattern(scored)
    p_both = max(found.wider.p_greater, found.shallower.p_greater)
    if p_both <= ALPHA:
        outcome = SUPPORTED
    elif min(found.wider.p_less, found.shallower.p_less) <= ALPHA:
        outcome = CONTRADICTED
    else:
        outcome = UNDECIDED
    interval = found.pattern.interval
    return replace(
        base,
        outcome=outcome,
        unit="% of its space",
        number=100 * found.pattern.mean,
        low=None if interval is None else 100 * interval[0],
        high=None if interval is None else 100 * interval[1],
        p=min(1.0, 2 * min(p_both, found.wider.p_less, found.shallower.p_less)),
        share=found.pattern.mean,
        sentence=(
            f"{found.cells} cell{'s' * (found.cells > 1)}: wider than {found.wider.mean:.0%} of "
            f"their spaces' wirings (p = {written_p(found.wider.p_greater)}), shallower than "
            f"{found.shallower.mean:.0%} (p = {written_p(found.shallower.p_greater)}), one-sided."
        ),
        needs="" if outcome == SUPPORTED else "cells of more, independent searches",
    )


# ---------------------------------------------------------------- claims 8 and 9


def judge_endings(study: StudyRecord, setting: Setting) -> Verdict:
    """Claim 8: originals at the end of training, among their variants."""
    base = Verdict.blank(
        CLAIMS[8],
        data=setting.data,
        measure="test accuracy in the last epoch",
        unit="percentage points",
    )
    chosen = generalisation.ended(study, setting)
    found = generalisation.ranks(chosen)
    if found is None:
        return replace(base, sentence="No original was trained beside variants of itself.")
    base = replace(
        base,
        share=found.share,
        number=100 * found.shift,
        low=None if found.low is None else 100 * found.low,
        high=None if found.high is None else 100 * found.high,
        detectable=_beyond_margin(found),
        p=found.p,
        families=tuple(Agreement(one.family, one) for one in found.standings),
    )
    epochs = recipe_value(setting, "epochs")
    best = f"{_places(found)} ({told_p(found)} by chance)"
    members = {one.label: one for family in chosen for one in family.members}
    if late := _unconverged(members, f" after {epochs} epochs"):
        return replace(
            base,
            sentence=f"{late} Until then: {best}.",
            needs="the paper's 600 epochs, or as many as bring every member to 90 % of its "
            "training images",
        )
    if found.low is None or found.high is None:
        return replace(
            base,
            outcome=UNDECIDED,
            sentence=f"{best}.",
            needs="three variants or more, not all alike",
        )
    place = generalisation.equivalence(found.low, found.high)
    outcome: Outcome = {"within": SUPPORTED, "outside": CONTRADICTED, "undecided": UNDECIDED}[place]
    margin = f"±{100 * generalisation.MARGIN:g} percentage points"
    return replace(
        base,
        outcome=outcome,
        sentence=f"{best}; {100 * found.shift:+.2f} [{100 * found.low:+.2f}, "
        f"{100 * found.high:+.2f}] points against the mean variant, margin {margin}.",
        needs="" if outcome != UNDECIDED else f"an interval narrower than {margin}",
    )


def _beyond_margin(found: Contrast) -> float | None:
    """The difference, in points, whose interval would be outside the margin four times in five."""
    if found.low is None or found.high is None:
        return None
    error = (found.high - found.low) / 2 / student_quantile(found.degrees)
    return 100 * (generalisation.MARGIN + detectable(error, found.degrees))


_NAMED = 5  # of those that have not converged


def _unconverged(networks: Mapping[str, Wiring], when: str = "") -> str:
    """Which networks have not converged, as a sentence; empty where all have."""
    late = [name for name, one in networks.items() if not _converged(one)]
    if len(late) == len(networks):
        return f"Nothing has converged{when}."
    more = f" and {len(late) - _NAMED} more" if len(late) > _NAMED else ""
    have = "has" if len(late) == 1 else "have"
    told = f"{len(late)} of {len(networks)} cells {have} not converged{when}"
    return f"{told}: {', '.join(late[:_NAMED])}{more}." if late else ""


def _converged(wiring: Wiring) -> bool:
    return all(trial.training is not None and converged(trial.training) for trial in wiring.trials)


def _places(found: Contrast) -> str:
    return ", ".join(f"{one.family} is {one.rank:g} of {one.of}" for one in found.standings)


_TABLE_1 = ("cifar10", "cifar100")


def judge_adapted(study: StudyRecord) -> Verdict:
    """Claim 9: adapted cells beside their originals, on both data sets."""
    claim = CLAIMS[9]
    paired = {name: generalisation.pair_families(study, name) for name in _TABLE_1}
    every = tuple(pair for own in paired.values() for pair in generalisation.pairs(own))
    judged = {
        name: [f for f in own if name != "cifar10" or f.name not in claim.conceded]
        for name, own in paired.items()
    }
    found = {name: generalisation.pairs(own) for name, own in judged.items()}
    base = Verdict.blank(
        claim,
        pairs=every,
        measure="test accuracy, adapted − original",
        unit="percentage points",
    )
    concession = adapted_is_better(every)
    if concession is not None:
        base = replace(base, families=(Agreement("SNAS", None, False, concession),))
    if not any(found.values()):
        return replace(base, sentence="The study holds no adapted cell beside its original.",
                       needs="adapted cells on CIFAR-10 and CIFAR-100")  # fmt: skip
    means = {data: generalisation.over_families(own) for data, own in found.items() if own}
    told = "; ".join(f"{data}: {_difference(one)}" for data, one in means.items())
    data, first = next(iter(means.items()))
    base = replace(
        base,
        measure=f"test accuracy, adapted − original (the number: {data})",
        number=100 * first.mean,
        low=None if first.low is None else 100 * first.low,
        high=None if first.high is None else 100 * first.high,
        detectable=None if first.detectable is None else 100 * first.detectable,
        sentence=f"{told}.",
    )
    trained = {
        f"{one.label} on {name}": one
        for name, own in judged.items()
        for family in own
        for one in (family.original, family.adapted)
        if one is not None
    }
    if late := _unconverged(trained):
        return replace(base, sentence=f"{late} Until then: {told}.",
                       needs="Table 1's recipe: 600 epochs of all images")  # fmt: skip
    outcome, needs = _adapted(means)
    return replace(base, outcome=outcome, needs=needs)


def _adapted(means: Mapping[str, generalisation.Difference]) -> tuple[Outcome, str]:
    """What converged pairs say, and what a stronger answer would need."""
    if set(means) != set(_TABLE_1):
        return NOT_TESTABLE, "both data sets, CIFAR-10 and CIFAR-100"
    (low10, high10), (low100, high100) = ((means[n].low, means[n].high) for n in _TABLE_1)
    if low10 is None or high10 is None or low100 is None or high100 is None:
        return NOT_TESTABLE, "three families, or three seeds of each, on both data sets"
    if high10 < 0 and low100 > 0:
        return SUPPORTED, ""
    if low10 > 0 or high100 < 0:
        return CONTRADICTED, ""
    return UNDECIDED, "more seeds and families"


def _difference(one: generalisation.Difference) -> str:
    families = f"over {one.families} famil{'y' if one.families == 1 else 'ies'}"
    if one.low is None or one.high is None:
        return f"{100 * one.mean:+.2f} points {families}, no interval from so few seeds"
    within = {
        "within": "no difference worth the name",
        "outside": "beyond",
        "undecided": "undecided",
    }[generalisation.equivalence(one.low, one.high)]
    margin = f"margin ±{100 * generalisation.MARGIN:g}: {within}"
    interval = f"[{100 * one.low:+.2f}, {100 * one.high:+.2f}]"
    return f"{100 * one.mean:+.2f} {interval} points {families} ({margin})"
