"""A finding in words: its sentence, what could have been detected, and what it needs."""

from __future__ import annotations

import math
from typing import Any

from nascope._src.results.findings.exceptions import ExceptionCheck
from nascope._src.results.findings.finding import (
    CONTRADICTED,
    NOT_TESTABLE,
    SUPPORTED,
    FamilyFinding,
    Finding,
    Reason,
)
from nascope._src.results.findings.judge import TooSmall
from nascope._src.results.findings.pairs import AdaptedDifference
from nascope._src.results.paper.numbers import TITLES
from nascope._src.results.stats.contrasts import ALPHA, Contrast, Standing
from nascope._src.results.stats.intervals import MIN_SEEDS
from nascope._src.results.stats.paired import MARGIN, Equivalence, equivalence
from nascope._src.results.text.numbers import (
    counted,
    detectable_text,
    format_number,
    format_p,
    format_percent,
    listed,
    lower_first,
    p_of,
    rho_of,
    signed,
    with_unit,
    without_nan,
)

MARGIN_TEXT = f"±{100 * MARGIN:g} percentage points"
_MOST_NAMED = 5  # of the networks that have not converged


def sentence(finding: Finding) -> str:
    """Return the finding in one or two sentences."""
    match finding.claim:
        case 1:
            return _pattern(finding)
        case 8:
            return _endings(finding)
        case 9:
            return _adapted(finding)
    if finding.reason == "one rate":
        return "The study has only one learning rate."
    if finding.contrast is None:
        mode = " in this BatchNorm mode" if finding.batchnorm else ""
        of_these = (
            " in the families that the claim is about"
            if finding.reason == "nothing compared of the tested"
            else ""
        )
        return f"Nothing was measured{mode} for both an original and its variants{of_these}."
    text = _contrast(finding, finding.contrast)
    if finding.early_steps is not None:
        text += f" The first tenth of the schedule is {counted(finding.early_steps, 'step')}."
    if finding.end_share is not None:
        text += f" In the last epoch an original beats {format_percent(finding.end_share)} of them."
    if finding.gaps:
        gaps = ", ".join(
            f"{signed(100 * math.expm1(gap.gap), 1)} % at {gap.learning_rate:g}"
            for gap in finding.gaps
        )
        text += f" Area of the original against the mean variant: {gaps}."
    return text


def detectable_sentence(finding: Finding) -> str:
    """Return the effect that could have been detected; empty if none could, or it is unknown."""
    return detectable_text(finding.could_detect, ratio=finding.ratio, unit=finding.unit)


def needs(finding: Finding) -> str:
    """Return what a stronger answer needs; empty if nothing."""
    if finding.outcome == SUPPORTED or (finding.outcome == CONTRADICTED and finding.claim != 1):
        return ""
    if finding.reason:
        return _NEEDED.get((finding.claim, finding.reason)) or _needed(finding)
    if finding.claim in _NEEDED_TO_DECIDE:
        return _NEEDED_TO_DECIDE[finding.claim]
    assert finding.contrast is not None
    return _contrast_needs(finding, finding.contrast)


_NEEDED: dict[tuple[int, Reason], str] = {
    (4, "one rate"): "training runs at the paper's 0.0025, 0.025 and 0.25",
    (8, "no interval"): "three or more variants that are not all equal",
    (8, "not converged"): (
        "the paper's 600 epochs, or enough to bring every member to 90 % of its training images"
    ),
    (9, "no adapted cell"): "adapted cells on CIFAR-10 and CIFAR-100",
    (9, "one data set"): "both data sets, CIFAR-10 and CIFAR-100",
    (9, "too few"): "three families, or three seeds of each, on both data sets",
    (9, "not converged"): "Table 1's recipe: 600 epochs on all images",
}
_NEEDED_TO_DECIDE = {
    1: "cells of more, independent searches",
    8: "more families or seeds, so that the interval fits the margin",
    9: "more seeds and families",
}


def _needed(finding: Finding) -> str:
    if finding.claim in (1, 8):
        return ""
    if finding.batchnorm:
        return "an original and its variants, probed alike in this BatchNorm mode"
    return "an original and its variants"


def too_small_sentence(why: TooSmall) -> str:
    """Return why a study is too small to judge."""
    what, needed = why
    return {
        "images": f"its images are below {needed} pixels, so it only shows that the code runs",
        "channels": f"its networks have fewer than {needed} channels, too few to judge",
        "trials": "no trial is planned",
    }[what]


# ---------------------------------------------------------------- claims 2 to 7


def _contrast(finding: Finding, test: Contrast) -> str:
    firsts = sum(standing.rank < 1.5 for standing in test.standings)
    families = counted(len(test.standings), "family", "families")
    text = (
        f"On average an original beats {format_percent(test.share)} of its variants (50 % by "
        f"chance); it is first in {firsts} of {families}"
    )
    if math.isnan(test.shift):
        lost = "Some runs diverged" if finding.diverged else "Some numbers are not finite"
        return f"{text}; {p_of(test)}. {lost}."
    interval = ""
    if finding.low is not None and finding.high is not None:
        low, high = (format_number(end, "+") for end in (finding.low, finding.high))
        interval = f" [{low}, {high}]"
    shift = with_unit(format_number(finding.effect, "+"), finding.unit) + interval
    if test.p_shift is not None:
        shift += f", p = {format_p(test.p_shift)} by permutation"
    return f"{text}; {p_of(test)}. Shift of the {lower_first(finding.measure)}: {shift}."


def _contrast_needs(finding: Finding, test: Contrast) -> str:
    if finding.outcome == NOT_TESTABLE:
        what = "more families or variants"
        if test.shared:
            what += ", or variants with other wirings in each family"
        return (
            f"{what}: with these, even the smallest possible one-sided p, "
            f"{format_p(test.smallest_p)}, is above {ALPHA:g}"
        )
    if test.detectable is None or not test.shift:
        return "more variants, families and seeds"
    times = (test.detectable / test.shift) ** 2
    if times < 1:
        return "more families: the shift stands out, the ranks do not"
    if times < 1000:
        return f"about {times:,.0f} times as many wirings for a shift of this size"
    return "more wirings than anyone can train: the shift is nearly zero"


# ---------------------------------------------------------------- claims 1, 8 and 9


def _pattern(finding: Finding) -> str:
    pattern = finding.pattern
    if pattern is None:
        return "The study has no cell that a search found."
    wider, shallower = pattern.wider, pattern.shallower
    verb = "is" if pattern.cells == 1 else "are"
    their = "its space's" if pattern.cells == 1 else "their spaces'"
    return (
        f"{counted(pattern.cells, 'cell')} {verb} wider than {format_percent(wider.mean)} of "
        f"{their} wirings (p = {format_p(wider.p_greater)}) and shallower than "
        f"{format_percent(shallower.mean)} (p = {format_p(shallower.p_greater)}); both p-values "
        "are one-sided."
    )


def _endings(finding: Finding) -> str:
    test = finding.contrast
    if test is None:
        return "No original was trained together with its variants."
    places = ", ".join(f"{s.family} is {s.rank:g} of {s.members}" for s in test.standings)
    best = f"{places} ({p_of(test)})"
    if finding.reason == "not converged":
        late = _late(finding, f" after {finding.epochs} epochs")
        return f"{late} So far: {best}."
    if finding.low is None or finding.high is None:
        return f"{best}."
    interval = f"[{signed(finding.low)}, {signed(finding.high)}]"
    difference = f"Difference from the mean variant: {signed(finding.effect)} {interval} points"
    return f"{best}. {difference}, {margin_text(finding.margin, finding.decidable)}."


def margin_text(margin: float | None, decidable: float | None) -> str:
    """Return claim 8's margin, and how it was chosen.

    Args:
        margin, decidable: in percentage points, as in `Finding`.
    """
    if margin is None or decidable is None or decidable <= 100 * MARGIN:
        return f"margin {MARGIN_TEXT}"
    smallest = f"±{decidable:.2g} points"
    if margin > 100 * MARGIN:
        return f"margin {smallest}, the smallest that this study can decide"
    return (
        f"margin {MARGIN_TEXT}; this study could only decide {smallest}, more than twice the "
        "spread of the variants"
    )


def _late(finding: Finding, when: str = "") -> str:
    late, networks = finding.late
    if len(late) == networks:
        return f"Nothing has converged{when}."
    verb = "has" if len(late) == 1 else "have"
    names = listed(list(late), _MOST_NAMED)
    return f"{len(late)} of {networks} cells {verb} not converged{when}: {names}."


def _adapted(finding: Finding) -> str:
    if not finding.differences:
        return "The study has no pair of an original and its adapted cell."
    text = "; ".join(
        f"{TITLES.get(data, data)}: {_difference(difference)}"
        for data, difference in finding.differences.items()
    )
    if finding.reason == "not converged":
        return f"{_late(finding)} So far: {text}."
    return f"{text}."


def equivalence_text(place: Equivalence) -> str:
    """Return where an interval lies relative to the margin that counts as no difference."""
    return {
        "within": f"equivalent (within {MARGIN_TEXT})",
        "outside": f"outside {MARGIN_TEXT}",
        "undecided": f"undecided (margin {MARGIN_TEXT})",
    }[place]


def _difference(difference: AdaptedDifference) -> str:
    families = f"over {counted(difference.families, 'family', 'families')}"
    mean = signed(100 * difference.mean)
    if difference.low is None or difference.high is None:
        return f"{mean} points {families}, too few seeds for an interval"
    place = equivalence_text(equivalence(difference.low, difference.high))
    interval = f"[{signed(100 * difference.low)}, {signed(100 * difference.high)}]"
    return f"{mean} {interval} points {families}, {place}"


# ---------------------------------------------------------------- families and exceptions


def place_of(standing: Standing) -> str:
    """Return a family's rank, as "2 of 5"."""
    return f"{standing.rank:g} of {standing.members}"


def family_line(family: FamilyFinding) -> str:
    """Return where a family's original stands, and what came of the paper's exception."""
    parts = []
    if family.standing is not None:
        parts.append(f"{place_of(family.standing)} (1 is best)")
    if family.exception is not None:
        parts.append(exception_sentence(family.exception))
    return "; ".join(parts)


def exception_sentence(check: ExceptionCheck) -> str:
    """Return what the paper excepts, what came out, and whether they agree."""
    outcome = {True: "agrees", False: "differs", None: "not checked"}[check.agrees]
    return f"the paper: {check.exception.statement}; here {_outcome_of(check)}: {outcome}"


def _outcome_of(check: ExceptionCheck) -> str:
    chance = "" if check.chance is None else f" (by chance {format_percent(check.chance)})"
    if check.missing:
        variant = {
            "third variant is smoothest": "the authors' third variant was not measured",
            "fourth variant is no rougher": "the authors' fourth variant was not measured",
        }.get(check.exception.rule, "no variant was measured")
        return {
            "nothing": "nothing of it was measured",
            "variant": variant,
            "seeds": f"telling wirings from seeds takes {MIN_SEEDS} seeds or more",
            "finite": "a training or its variance was not finite",
            "converged": "its family has not converged",
        }[check.missing]
    match check.exception.rule:
        case "third variant is smoothest":
            who = (
                "the original"
                if check.first == "original"
                else f"variant {check.first.split()[-1]}"
            )
            return f"{who} is{chance}"
        case "fourth variant is no rougher":
            return f"it is {'' if check.agrees else 'not '}as smooth as the original{chance}"
        case "not the smallest" | "first of its family" as rule:
            one, several = {
                "not the smallest": ("is below it", "are below it"),
                "first of its family": ("beats it", "beat it"),
            }[rule]
            verb = one if check.smaller == 1 else several
            return f"{check.smaller} of {check.variants} variants {verb}{chance}"
        case "alike":
            assert check.p is not None
            return f"wirings differ beyond their seeds with p = {format_p(check.p)}"
        case "adapted is better":
            assert check.change is not None
            return f"by {signed(100 * check.change)} points{chance}"


def correlation_sentence(finding: Finding, coordinate: str) -> str:
    """Return a finding's correlation within families with one coordinate of the wirings."""
    correlation = finding.correlations.get(coordinate)
    if correlation is None:
        return "too few: no family has two variants with a number"
    which = "of the normal cell only " if finding.normal_only else ""
    among = (
        f"{correlation.wirings} variants {which}in "
        f"{counted(correlation.families, 'family', 'families')}"
    )
    return f"{rho_of(correlation)}{': ' if math.isnan(correlation.rho) else ', '}{among}"


def correlation_line(finding: Finding, coordinate: str) -> str:
    """Return a correlation with one coordinate, after the coordinate's name."""
    correlation = finding.correlations[coordinate]
    which = " of the normal cell only" if finding.normal_only else ""
    return f"{coordinate}: {rho_of(correlation)}, {correlation.wirings} variants{which}"


def where(finding: Finding) -> str:
    """Return the data set and BatchNorm mode of a finding; empty if it has neither."""
    mode = f"BatchNorm {finding.batchnorm}" if finding.batchnorm else ""
    by = f"by the {lower_first(finding.measure)}" if finding.secondary else ""
    return ", ".join(part for part in (finding.data, mode, by) if part)


def verdict_line(finding: Finding) -> str:
    """Return a finding in one line."""
    where = f" on {TITLES.get(finding.data, finding.data)}" if finding.data else ""
    mode = f", BatchNorm {finding.batchnorm}" if finding.batchnorm else ""
    mode += f", by the {lower_first(finding.measure)}" if finding.secondary else ""
    parts = [
        f"claim {finding.claim} ({finding.title.lower()}){where}{mode}: {finding.outcome}.",
        sentence(finding),
        detectable_sentence(finding),
    ]
    if needed := needs(finding):
        parts.append(f"A stronger answer needs {needed}.")
    return " ".join(part for part in parts if part)


def finding_lines(finding: Finding) -> list[str]:
    """Return a finding as lines for a terminal."""
    by = f"by the {lower_first(finding.measure)}" if finding.secondary else ""
    place = ", ".join(part for part in (finding.data, finding.batchnorm, by) if part)
    lines = [
        f"{finding.claim}  {finding.title}{f' ({place})' if place else ''}: "
        f"{finding.outcome.upper()}",
        f"   {sentence(finding)}",
    ]
    if detectable := detectable_sentence(finding):
        lines.append(f"   {detectable}")
    lines += [
        f"   {family.family}: {family_line(family)}"
        for family in finding.families
        if family.exception is not None
    ]
    if needed := needs(finding):
        lines.append(f"   A stronger answer needs {needed}.")
    return lines


def as_row(finding: Finding) -> dict[str, Any]:
    """Return a finding as a row of a table; None for what it does not have."""
    row = {
        "claim": finding.claim,
        "title": finding.title,
        "data": finding.data,
        "batchnorm": finding.batchnorm,
        "outcome": finding.outcome,
        "measure": lower_first(finding.measure),
        "secondary": finding.secondary,
        "unit": finding.unit,
        "number": finding.effect,
        "low": finding.low,
        "high": finding.high,
        "detectable": finding.detectable,
        "p": finding.p,
        "share": finding.share,
        "sentence": sentence(finding),
        "needs": needs(finding),
    }
    for name in ("fractional width", "depth"):
        correlation = finding.correlations.get(name)
        key = name.split()[-1]
        row[f"{key}_rho"] = None if correlation is None else correlation.rho
        row[f"{key}_p"] = None if correlation is None else correlation.p
        row[f"{key}_p_adjusted"] = None if correlation is None else correlation.p_adjusted
        row["wirings"] = None if correlation is None else correlation.wirings
    return without_nan(row)
