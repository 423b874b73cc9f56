"""Verdicts for the eye: one card a claim, each judgement with its interval drawn to scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nascope._src.results.association import Association
from nascope._src.results.claims import CLAIMS
from nascope._src.results.verdict import Verdict, told_rho

LOOKS = {
    "supported": ("yes", "✓"),
    "contradicted": ("no", "✕"),
    "undecided": ("open", "?"),
    "not testable at this scale": ("mute", "–"),
}
"""Class and sign of each outcome."""


@dataclass(frozen=True)
class Bar:
    """An interval on an axis around zero; places in per cent of its width.

    ``found`` are the places beyond which a shift would be detected with 80 % probability.
    """

    place: float
    low: float
    high: float
    zero: float
    found: tuple[float, float] | None
    ends: tuple[str, str]


@dataclass(frozen=True)
class Line:
    """One judgement of a claim."""

    verdict: Verdict
    where: str  # data set and BatchNorm mode, in words
    look: str
    sign: str
    bar: Bar | None
    associations: tuple[str, ...]


@dataclass(frozen=True)
class Card:
    """A claim with its judgements; the first one's outcome is the card's."""

    number: int
    title: str
    statement: str
    section: str
    lines: tuple[Line, ...]


def cards(verdicts: Sequence[Verdict]) -> list[Card]:
    """Group verdicts by claim."""
    found = []
    for number, claim in CLAIMS.items():
        lines = tuple(_line(one) for one in verdicts if one.claim == number)
        if lines:
            found.append(Card(number, claim.title, claim.statement, claim.section, lines))
    return found


def tally(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many judgements came out which way."""
    return {outcome: sum(one.outcome == outcome for one in verdicts) for outcome in LOOKS}


def _line(verdict: Verdict) -> Line:
    look, sign = LOOKS[verdict.outcome]
    parts = [verdict.data]
    if verdict.batchnorm:
        parts.append(f"BatchNorm {verdict.batchnorm}")
    return Line(
        verdict,
        ", ".join(part for part in parts if part),
        look,
        sign,
        _bar(verdict),
        tuple(
            _association(name, found, verdict)
            for name, found in verdict.associations.items()
            if not math.isnan(found.rho)
        ),
    )


def _bar(verdict: Verdict) -> Bar | None:
    low, high = verdict.low, verdict.high
    if low is None or high is None or not math.isfinite(verdict.number) or verdict.claim == 1:
        return None

    def even(value: float) -> float:
        """On an axis on which a doubling is as long as a halving, where ratios are compared."""
        return math.log1p(value / 100) if verdict.ratio else value

    def told(place: float) -> str:
        value = 100 * math.expm1(place) if verdict.ratio else place
        return f"{value:+,.0f}" if abs(value) >= 1000 else f"{value:+.3g}"

    told_of = verdict.detectable if verdict.detectable_words else None
    smallest = even(told_of) if told_of is not None else 0.0
    reach = 1.1 * max(abs(even(low)), abs(even(high)), smallest)  # zero is always on the axis
    if not 0 < reach < math.inf:
        return None

    def place(value: float) -> float:
        return round(50 + 50 * value / reach, 2)

    return Bar(
        place(even(verdict.number)),
        place(even(low)),
        place(even(high)),
        50.0,
        (place(-smallest), place(smallest)) if smallest else None,
        (told(-reach), told(reach)),
    )


def _association(name: str, found: Association, verdict: Verdict) -> str:
    which = " of the normal cell alone" if verdict.normal_only else ""
    return f"{name}: {told_rho(found)}, {found.wirings} variants{which}"
