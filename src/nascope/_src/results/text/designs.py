"""The findings of matched designs in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nascope._src.cells.designs import DesignKind
from nascope._src.results.blocks import Factor
from nascope._src.results.findings.designs import ENDING, DesignFinding
from nascope._src.results.findings.finding import NOT_TESTABLE, UNDECIDED
from nascope._src.results.metrics.convergence import CONVERGED
from nascope._src.results.paper.claims import CLAIMS
from nascope._src.results.paper.numbers import TITLES
from nascope._src.results.stats.matched import FEWEST, detectable_by_pairs
from nascope._src.results.text.findings import margin_text
from nascope._src.results.text.numbers import (
    counted,
    detectable_text,
    format_number,
    format_p,
    lower_first,
    with_unit,
    without_nan,
)

_WHO: dict[Factor, str] = {
    "wiring": "the wide, shallow wiring",
    "width": "the wider wiring",
    "depth": "the shallower wiring",
}
_GIVEN: dict[Factor, str] = {"wiring": "", "width": " and depth", "depth": " and width"}
_WHAT = {
    2: "learns faster",
    3: "learns more steadily",
    4: "leads by more at a larger learning rate",
    5: "has a smoother loss landscape",
    6: "has a smaller gradient variance",
    7: "is ahead when a search would compare",
    8: "is competitive at convergence, but does not generalise better",
}
_STEP: dict[Factor, str] = {"wiring": "", "width": "per c wider", "depth": "per level shallower"}
_MANY = 1000  # times as many pairs: no one would train them


def statement(finding: DesignFinding) -> str:
    """Return the claim as it is asked here, as a sentence."""
    given = _GIVEN[finding.factor]
    return f"With operations{given} fixed, {_WHO[finding.factor]} {_WHAT[finding.claim]}."


def title(finding: DesignFinding) -> str:
    """Return the claim in a few words, such as "Faster convergence: wide against narrow"."""
    what = {
        "wiring": "wide against narrow",
        "width": "width at equal depth",
        "depth": "depth at equal width",
    }
    return f"{CLAIMS[finding.claim].title}: {what[finding.factor]}"


def where(finding: DesignFinding) -> str:
    """Return the data set, learning rate and BatchNorm mode of a finding."""
    parts = [TITLES.get(finding.data, finding.data)]
    if finding.learning_rate is not None:
        parts.append(f"rate {finding.learning_rate:g}")
    if finding.batchnorm:
        parts.append(f"BatchNorm {finding.batchnorm}")
    return ", ".join(parts)


def sentence(finding: DesignFinding) -> str:
    """Return what was found, in a sentence or two."""
    test = finding.test
    assert test is not None
    exact = "exact p" if test.exact else "p"
    text = (
        f"It is ahead in {finding.ahead} of {counted(test.count, 'pair')}{_so_far(finding)}; "
        f"{exact} = {format_p(test.p)}{_holm(finding)}. "
    )
    if math.isnan(finding.effect):
        lost = "Some runs diverged" if finding.diverged else "Some numbers are not finite"
        return f"{text}{lost}, so signed ranks are tested."
    text += f"Shift of the {lower_first(finding.measure)}: {_with_interval(finding)}."
    slope = finding.slope
    if slope is not None and not math.isnan(slope.mean):
        number = with_unit(format_number(slope.mean, "+"), finding.unit)
        text += f" Slope: {number}{_interval(slope.low, slope.high)} {_STEP[finding.factor]}."
    if finding.margin is not None:
        text = f"{text[:-1]}; {margin_text(finding.margin, finding.decidable)}."
    return text


def detectable_sentence(finding: DesignFinding) -> str:
    """Return the effect that so many pairs detect; empty if it is unknown."""
    return detectable_text(finding.could_detect, ratio=finding.ratio, unit=finding.unit)


def needs(finding: DesignFinding) -> str:
    """Return what a decision needs; empty if there is one.

    Nothing is decided before all planned pairs are measured: to look again and again and stop at a
    small p finds effects that do not exist.
    """
    if len(finding.pairs) < finding.planned:
        return f"the other {counted(finding.planned - len(finding.pairs), 'planned pair')}"
    late, networks = finding.late
    if late:
        return (
            f"longer training: {late} of {counted(networks, 'network')} have not converged "
            f"(training accuracy below {CONVERGED:.0%})"
        )
    if finding.outcome == NOT_TESTABLE:
        return f"{FEWEST} pairs or more"
    if finding.outcome != UNDECIDED:
        return ""
    if finding.claim == ENDING:
        return "more pairs, which decide about a smaller margin"
    return _more_pairs(finding)


def _more_pairs(finding: DesignFinding) -> str:
    """Return how many more pairs would decide about a shift of the observed size."""
    size, effect = finding.detectable, finding.effect
    if not size or not effect or not math.isfinite(effect):
        return "more pairs"
    if finding.ratio:
        size, effect = math.log1p(size / 100), math.log1p(effect / 100)
    times = (size / effect) ** 2
    if times < 1:
        return "a few more pairs"
    if times < _MANY:
        return f"about {format_number(times)} times as many pairs for a shift of this size"
    return "more pairs than anyone can train: the shift is nearly zero"


def pair_lines(finding: DesignFinding) -> list[str]:
    """Return every pair's difference, favoured wiring minus the other."""
    lines = []
    for pair in finding.pairs:
        value = pair.value
        if finding.ratio and math.isfinite(value):
            value = 100 * math.expm1(value)
        number = (
            with_unit(format_number(value * finding.scale, "+"), finding.unit)
            if math.isfinite(value)
            else "one diverged or has no finite number"
        )
        lines.append(f"{pair.favoured} against {pair.other}: {number}")
    return lines


def design_lines(findings: Sequence[DesignFinding]) -> list[str]:
    """Return the findings as lines for a terminal."""
    lines = []
    for finding in findings:
        lines += [
            f"{finding.claim}  {statement(finding)[:-1]} ({where(finding)}): "
            f"{finding.outcome.upper()}",
            f"   {sentence(finding)}",
        ]
        if detectable := detectable_sentence(finding):
            lines.append(f"   {detectable}")
        if needed := needs(finding):
            lines.append(f"   A decision needs {needed}.")
    return lines


def as_row(finding: DesignFinding) -> dict[str, Any]:
    """Return a finding as a row of the table of verdicts; None for what it does not have."""
    slope = finding.slope
    row = {
        "claim": finding.claim,
        "title": statement(finding),
        "design": finding.kind,
        "factor": finding.factor,
        "data": finding.data,
        "learning_rate": finding.learning_rate,
        "batchnorm": finding.batchnorm,
        "outcome": finding.outcome,
        "measure": lower_first(finding.measure),
        "unit": finding.unit,
        "number": finding.effect,
        "low": finding.low,
        "high": finding.high,
        "detectable": finding.detectable,
        "p": finding.p,
        "p_holm": finding.holm,
        "share": finding.ahead / len(finding.pairs) if finding.pairs else None,
        "slope": slope.mean if slope else None,
        "slope_low": slope.low if slope else None,
        "slope_high": slope.high if slope else None,
        "sentence": sentence(finding),
        "needs": needs(finding),
    }
    return without_nan(row)


def _so_far(finding: DesignFinding) -> str:
    done, planned = len(finding.pairs), finding.planned
    return "" if done >= planned else f" so far, of {planned} planned"


def _holm(finding: DesignFinding) -> str:
    return "" if finding.holm is None else f" ({format_p(finding.holm)} by Holm's correction)"


def _interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f" [{format_number(low, '+')}, {format_number(high, '+')}]"


def _with_interval(finding: DesignFinding) -> str:
    number = with_unit(format_number(finding.effect, "+"), finding.unit)
    return f"{number}{_interval(finding.low, finding.high)}"


# ---------------------------------------------------------------- before the run

SPREADS = {0.025: 0.029, 0.25: 0.037}
"""Standard deviation of ln(area) between the cells of a family, given width and depth, by rate.

From the tables of docs/results/claims.md (C = 8, L = 5, 10 epochs, 5,000 images); the page
docs/results/contrast.md has the calculation.
"""


def power_line(kind: DesignKind, blocks: int, pairs: int, rate: float) -> str:
    """Return what a design can detect at a learning rate, before it is run.

    Args:
        blocks: number of pairs of a contrast, or of blocks of a factorial.
        pairs: number of pairs that are compared on each factor.
    """
    nearest = min(SPREADS, key=lambda known: abs(math.log(known / rate)))
    spread = SPREADS[nearest]
    counts = counted(blocks, "pair" if kind == "contrast" else "block")
    if kind == "factorial":
        counts += f", {counted(pairs, 'pair')} per factor"
    size = detectable_by_pairs(spread, pairs)
    if size is None:
        return f"{kind} at {rate:g}: {counts}; a decision needs {FEWEST} pairs or more"
    return (
        f"{kind} at {rate:g}: {counts}; a shift of {100 * math.expm1(size):.1f} % of the area is "
        f"detected with 80 % probability if ln(area) spreads by {spread:g} between wirings of "
        f"equal width and depth, as it did at {nearest:g}"
    )
