"""Mediation in words and rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nascope._src.results.findings.mediation import MediationFinding
from nascope._src.results.paper.numbers import TITLES
from nascope._src.results.text.numbers import counted, format_number, lower_first

_FACTOR = {
    "wiring": "wide against narrow",
    "width": "width at equal depth",
    "depth": "depth at equal width",
}


def mediator_of(finding: MediationFinding) -> str:
    """Return the mediator with the moment, the images and the BatchNorm mode of its probe."""
    name = lower_first(finding.mediator)
    return f"{name} at {finding.at}, {finding.images} images, BatchNorm {finding.batchnorm}"


def mediation_title(finding: MediationFinding) -> str:
    """Return what is split, such as "wide against narrow, CIFAR-10, rate 0.25"."""
    parts = [_FACTOR[finding.factor], TITLES.get(finding.data, finding.data)]
    if finding.learning_rate is not None:
        parts.append(f"rate {finding.learning_rate:g}")
    return ", ".join(parts)


def mediation_sentence(finding: MediationFinding) -> str:
    """Return how much of the shift of the area goes through a mediator."""
    parts = finding.parts
    left = f" ({finding.left_out} left out)" if finding.left_out else ""
    text = (
        f"Of the shift of the area, {_percent(parts.total)}, "
        f"{_percent(parts.indirect)} [{_end(parts.low)}, {_end(parts.high)}] goes through the "
        f"{mediator_of(finding)}, over {counted(parts.pairs, 'pair')}{left}"
    )
    if parts.share is not None and parts.share_low is not None and parts.share_high is not None:
        low, high = (format_number(100 * end) for end in (parts.share_low, parts.share_high))
        text += f": {format_number(100 * parts.share)} % of it [{low}, {high}]"
    if parts.is_found:
        return f"{text}."
    needed = "" if parts.needed is None else f"; about {parts.needed:,} pairs would show one"
    return f"{text}. That may be nothing{needed}."


def mediation_lines(findings: Sequence[MediationFinding]) -> list[str]:
    """Return the findings as lines for a terminal."""
    lines: list[str] = []
    for title in dict.fromkeys(map(mediation_title, findings)):
        lines.append(f"mediation  {title}")
        lines += [
            f"   {mediation_sentence(finding)}"
            for finding in findings
            if mediation_title(finding) == title
        ]
    return lines


def mediation_row(finding: MediationFinding) -> dict[str, Any]:
    """Return a finding as a row of a table; effects are differences of ln(area)."""
    row = asdict(finding)
    parts = row.pop("parts")
    return {**row, **parts, "sentence": mediation_sentence(finding)}


def _percent(difference: float) -> str:
    return f"{_end(difference)} %"


def _end(difference: float) -> str:
    return format_number(100 * math.expm1(difference), "+")
