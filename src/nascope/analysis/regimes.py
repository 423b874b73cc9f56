"""The theory's results in numbers: tallies by bound, where the claim reverses, λ of networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

Plain = Mapping[str, Any]


@dataclass(frozen=True)
class BoundTally:
    """A bound over all objectives and wirings to which it applies."""

    blocks: int
    violations: int
    tightest: float


def tallies_by_bound(rows: Sequence[Plain]) -> dict[tuple[str, str], BoundTally]:
    """By (curvature or variance, name of the bound)."""
    found: dict[tuple[str, str], BoundTally] = {}
    for row in rows:
        key = (row["of"], row["bound"])
        old = found.get(key, BoundTally(0, 0, 0.0))
        found[key] = BoundTally(
            old.blocks + row["blocks"],
            old.violations + row["violations"],
            max(old.tightest, row["tightest"]),
        )
    return found


@dataclass(frozen=True)
class Reversal:
    """Where the narrowest cell stops being the smoother one: (λ, gain), or None."""

    objective: str
    kind: str
    curvature: tuple[float, float] | None
    """Of the largest block constant."""
    variance: tuple[float, float] | None
    """Of the variance of all blocks."""


def reversals(outcomes: Sequence[Plain]) -> list[Reversal]:
    """By objective and kind of matrix, from the settings that were swept over every depth."""
    deepest: dict[tuple[str, str, int, int], list[Plain]] = {}
    for outcome in outcomes:
        setting = outcome["setting"]
        if setting["depth"] == setting["nodes"]:
            key = (setting["objective"], setting["kind"], setting["nodes"], setting["size"])
            deepest.setdefault(key, []).append(outcome)
    most = max((len(line) for line in deepest.values()), default=0)
    return [
        Reversal(
            objective,
            kind,
            _crossing(line, "largest_curvature"),
            _crossing(line, "total_variance"),
        )
        for (objective, kind, _, _), line in deepest.items()
        if len(line) == most
    ]


def _crossing(line: Sequence[Plain], quantity: str) -> tuple[float, float] | None:
    """The smallest λ above which the median ratio exceeds 1 at the next points, log-linear."""
    points = sorted(
        (outcome["setting"]["scale"], outcome["gain"], outcome[quantity][1]) for outcome in line
    )
    for (low, low_gain, before), (high, high_gain, after) in pairwise(points):
        if 0 < before <= 1 < after:
            share = -math.log(before) / (math.log(after) - math.log(before))
            return (
                low * (high / low) ** share,
                low_gain * (high_gain / low_gain) ** share,
            )
    return None


@dataclass(frozen=True)
class NormSummary:
    """Medians over a network's weights or edges; NaN where there is none."""

    count: int
    norm: float
    gain: float
    above: float
    """The share whose norm is above 1."""


def edge_summary(own: Plain, which: str) -> NormSummary:
    """Of one moment of a network as `nascope.study.regime` measures it.

    Args:
        which: ``weights`` as stored, ``batchnorm`` for weights with the BatchNorm that follows,
            or ``edges`` that have weights, means over images.
    """
    if which == "weights":
        pairs = [(weight["norm"], weight["gain"]) for weight in own["weights"]]
    elif which == "batchnorm":
        folded = [weight["with_batchnorm"] for weight in own["weights"]]
        pairs = [(weight["norm"], weight["gain"]) for weight in folded if weight is not None]
    else:
        pairs = [
            (_mean(edge["norms"]), _mean(edge["gains"]))
            for edge in own["edges"]
            if "conv" in edge["operation"]
        ]
    finite = [pair for pair in pairs if all(value is not None for value in pair)]
    if not finite:
        return NormSummary(0, math.nan, math.nan, math.nan)
    norms = [norm for norm, _ in finite]
    return NormSummary(
        len(finite),
        median(norms),
        median(gain for _, gain in finite),
        sum(norm > 1 for norm in norms) / len(norms),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
