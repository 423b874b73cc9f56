"""Findings as cards: one card per claim, each finding with its interval drawn to scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nascope._src.report.html.sources import Source
from nascope._src.results.findings.designs import DesignFinding
from nascope._src.results.findings.finding import Finding
from nascope._src.results.findings.mediation import MediationFinding
from nascope._src.results.paper.claims import CLAIMS
from nascope._src.results.text import designs
from nascope._src.results.text.findings import (
    correlation_line,
    detectable_sentence,
    family_line,
    needs,
    sentence,
    where,
)
from nascope._src.results.text.mediation import mediation_sentence, mediation_title
from nascope._src.results.text.numbers import capital, format_number

_LEAST = -100 * (1 - 1e-12)  # percent: a ratio of nearly 0
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
class CardDetail:
    """A line of details, and the trials that it is about."""

    text: str
    source: Source | None = None


@dataclass(frozen=True)
class CardLine:
    """One finding about a claim, with its words.

    Attributes:
        where: data set and BatchNorm mode.
        source: the trials that it compares; None if it is about none.
        families: where each family stands, and what came of the paper's exceptions; of a design,
            each pair's difference.
        details: title of these and of the correlations.
    """

    finding: Finding | DesignFinding
    where: str
    sentence: str
    detectable: str
    needs: str
    look: str
    sign: str
    bar: Bar | None
    families: tuple[CardDetail, ...]
    correlations: tuple[str, ...]
    details: str = "By family, and by width and depth"
    source: Source | None = None


@dataclass(frozen=True)
class Card:
    """A claim with its findings; the first one's outcome is the card's."""

    number: int
    title: str
    statement: str
    section: str
    lines: tuple[CardLine, ...]


FindingSource = Callable[[Finding, str], Source | None]
"""The trials of a finding, or of a family in it."""
DesignSource = Callable[[DesignFinding, Sequence[str]], Source | None]
"""The trials of the finding on a design, or those of some of its cells."""


def make_cards(
    findings: Sequence[Finding], source_of: FindingSource = lambda _finding, _family: None
) -> list[Card]:
    """Group findings by claim."""
    made = []
    for number, claim in CLAIMS.items():
        lines = tuple(_line(finding, source_of) for finding in findings if finding.claim == number)
        if lines:
            made.append(Card(number, claim.title, claim.statement, claim.section, lines))
    return made


def make_design_cards(
    findings: Sequence[DesignFinding], source_of: DesignSource = lambda _finding, _labels: None
) -> list[Card]:
    """Group the findings of designs by design, claim and factor."""
    groups: dict[str, list[DesignFinding]] = {}
    for finding in findings:
        groups.setdefault(designs.statement(finding), []).append(finding)
    return [
        Card(
            of_group[0].claim,
            designs.title(of_group[0]),
            statement,
            f"Asked of claim {of_group[0].claim}, {CLAIMS[of_group[0].claim].section}",
            tuple(_design_line(finding, source_of) for finding in of_group),
        )
        for statement, of_group in groups.items()
    ]


def _design_line(finding: DesignFinding, source_of: DesignSource) -> CardLine:
    pairs = zip(designs.pair_lines(finding), finding.pairs, strict=True)
    look, sign = LOOKS[finding.outcome]
    return CardLine(
        finding,
        designs.where(finding),
        designs.sentence(finding),
        designs.detectable_sentence(finding),
        designs.needs(finding),
        look,
        sign,
        _bar(finding),
        tuple(
            CardDetail(text, source_of(finding, (pair.favoured, pair.other)))
            for text, pair in pairs
        ),
        (),
        "Every pair",
        source_of(finding, ()),
    )


@dataclass(frozen=True)
class MediationCard:
    """What goes through a mediator, in words and to scale."""

    title: str
    sentence: str
    bar: Bar | None
    look: str
    source: Source | None


def make_mediation_cards(
    findings: Sequence[MediationFinding],
    source_of: Callable[[MediationFinding], Source | None] = lambda _finding: None,
) -> list[MediationCard]:
    """Return a card for each mediator; the bar shows what goes through it."""
    return [
        MediationCard(
            capital(mediation_title(finding)),
            mediation_sentence(finding),
            _bar_of(
                _percent(parts.indirect), _percent(parts.low), _percent(parts.high), ratio=True
            ),
            "yes" if parts.is_found else "open",
            source_of(finding),
        )
        for finding in findings
        for parts in [finding.parts]
    ]


def _percent(difference: float) -> float:
    """Return a difference of logarithms as a ratio − 1 in percent."""
    return 100 * math.expm1(difference)


def tally(findings: Sequence[Finding | DesignFinding]) -> dict[str, int]:
    """Return how many findings have each outcome; those of further measures do not count."""
    counted = [f for f in findings if isinstance(f, DesignFinding) or not f.secondary]
    return {outcome: sum(f.outcome == outcome for f in counted) for outcome in LOOKS}


def _line(finding: Finding, source_of: FindingSource) -> CardLine:
    look, sign = LOOKS[finding.outcome]
    return CardLine(
        finding,
        where(finding),
        sentence(finding),
        detectable_sentence(finding),
        needs(finding),
        look,
        sign,
        _bar(finding),
        tuple(
            CardDetail(f"{family.family}: {family_line(family)}", source_of(finding, family.family))
            for family in finding.families
        ),
        tuple(
            correlation_line(finding, name)
            for name, correlation in finding.correlations.items()
            if not math.isnan(correlation.rho)
        ),
        source=source_of(finding, "") if finding.families else None,
    )


def _bar(finding: Finding | DesignFinding) -> Bar | None:
    low, high = finding.low, finding.high
    if low is None or high is None or not math.isfinite(finding.effect) or finding.claim == 1:
        return None
    return _bar_of(finding.effect, low, high, ratio=finding.ratio, detectable=finding.could_detect)


def _bar_of(
    effect: float, low: float, high: float, *, ratio: bool, detectable: float | None = None
) -> Bar | None:
    def even(value: float) -> float:
        """Place a value on an axis on which, for ratios, doubling is as long as halving."""
        return math.log1p(max(value, _LEAST) / 100) if ratio else value

    def end(place: float) -> str:
        return format_number(_percent(place) if ratio else place, "+")

    smallest = even(detectable) if detectable is not None else 0.0
    reach = 1.1 * max(abs(even(low)), abs(even(high)), smallest)  # zero is always on the axis
    if not 0 < reach < math.inf:
        return None

    def place(value: float) -> float:
        return round(50 + 50 * value / reach, 2)

    return Bar(
        place(even(effect)),
        place(even(low)),
        place(even(high)),
        50.0,
        (place(-smallest), place(smallest)) if smallest else None,
        (end(-reach), end(reach)),
    )
