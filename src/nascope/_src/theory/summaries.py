"""Summaries of the theory's results: counts by bound, where a claim reverses, λ of networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from nascope._src.runtime.types import Plain
from nascope._src.theory.check_result import BoundCheck, Quantity


@dataclass(frozen=True)
class BoundTally:
    """A bound over all objectives and wirings that it applies to."""

    bound: str
    quantity: Quantity
    blocks: int
    violations: int
    tightest: float


def tallies_by_bound(checks: Sequence[BoundCheck]) -> list[BoundTally]:
    """Add up the checks of each bound."""
    tallies: dict[tuple[str, Quantity], BoundTally] = {}
    for check in checks:
        key = (check.bound, check.quantity)
        tally = tallies.get(key, BoundTally(*key, blocks=0, violations=0, tightest=0.0))
        tallies[key] = BoundTally(
            *key,
            blocks=tally.blocks + check.blocks,
            violations=tally.violations + check.violations,
            tightest=max(tally.tightest, check.tightest),
        )
    return list(tallies.values())


@dataclass(frozen=True)
class Reversal:
    """Where the narrowest cell stops being the smoother one: (λ, gain), or None."""

    objective: str
    kind: str
    curvature: tuple[float, float] | None
    """Of the largest block constant."""
    variance: tuple[float, float] | None
    """Of the variance of all blocks."""


def swept_over_depth(outcomes: Sequence[Plain]) -> tuple[int, int]:
    """The number of nodes, and their size, of the settings that were swept over every depth."""
    depths: dict[tuple[int, int], set[int]] = {}
    for outcome in outcomes:
        setting = outcome["setting"]
        depths.setdefault((setting["nodes"], setting["size"]), set()).add(setting["depth"])
    return max(depths, key=lambda key: len(depths[key]))


def reversals(outcomes: Sequence[Plain]) -> list[Reversal]:
    """By objective and kind of matrix, of the narrowest cells that were swept over every depth."""
    nodes, size = swept_over_depth(outcomes)
    lines: dict[tuple[str, str], list[Plain]] = {}
    for outcome in outcomes:
        setting = outcome["setting"]
        if (setting["nodes"], setting["depth"], setting["size"]) == (nodes, nodes, size):
            lines.setdefault((setting["objective"], setting["kind"]), []).append(outcome)
    return [
        Reversal(*key, _crossing(line, "largest_curvature"), _crossing(line, "total_variance"))
        for key, line in lines.items()
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

    norm: float
    gain: float
    above: float
    """The share whose norm is above 1."""


def norms_and_gains(own: Plain, which: str) -> list[tuple[float, float]]:
    """Of one moment of a network as `nascope._src.theory.premises` measures it; what is finite.

    Args:
        which: ``weights`` as stored, ``batchnorm`` for weights with the BatchNorm that follows,
            or ``edges`` that have weights, means over images: neither skips nor poolings.
    """
    if which == "edges":
        pairs = [
            (_mean(edge["norms"]), _mean(edge["gains"]))
            for edge in own["edges"]
            if "conv" in edge["operation"]
        ]
    else:
        weights = own["weights"]
        if which == "batchnorm":
            weights = [weight["with_batchnorm"] for weight in weights]
        pairs = [(weight["norm"], weight["gain"]) for weight in weights if weight is not None]
    return [pair for pair in pairs if all(map(math.isfinite, pair))]


def summary(own: Plain, which: str) -> NormSummary:
    """Medians of `norms_and_gains`."""
    pairs = norms_and_gains(own, which)
    if not pairs:
        return NormSummary(math.nan, math.nan, math.nan)
    norms, gains = zip(*pairs, strict=True)
    return NormSummary(median(norms), median(gains), _mean([norm > 1 for norm in norms]))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
