"""Summaries of the theory's results: counts by bound, where a claim reverses, λ of networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from nascope._src.runtime.types import Plain
from nascope._src.theory.check_result import BoundCheck, Quantity
from nascope._src.theory.comparison_result import Sweep, SweepOutcome


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
    """Where the narrowest cell stops being the smoother one: (λ, gain), or None.

    Attributes:
        objective: its name.
        kind: of the matrices.
        curvature: for the largest block constant.
        variance: for the gradient variance of all blocks.
    """

    objective: str
    kind: str
    curvature: tuple[float, float] | None
    variance: tuple[float, float] | None


def swept_over_depth(sweep: Sweep) -> tuple[int, int]:
    """Return the number of nodes, and their size, whose settings were swept over every depth."""
    depths: dict[tuple[int, int], set[int]] = {}
    for outcome in sweep.outcomes:
        setting = outcome.setting
        depths.setdefault((setting.nodes, setting.size), set()).add(setting.depth)
    return max(depths, key=lambda key: len(depths[key]))


def swept_chains(sweep: Sweep) -> list[SweepOutcome]:
    """Return the narrowest cells among those that were swept over every depth."""
    nodes_and_size = swept_over_depth(sweep)
    return [
        outcome
        for outcome in sweep.outcomes
        if outcome.is_chain and (outcome.setting.nodes, outcome.setting.size) == nodes_and_size
    ]


def reversals(sweep: Sweep) -> list[Reversal]:
    """Find where the claim reverses, for each objective and kind of matrix."""
    lines: dict[tuple[str, str], list[SweepOutcome]] = {}
    for outcome in swept_chains(sweep):
        lines.setdefault((outcome.setting.objective, outcome.setting.kind), []).append(outcome)

    def crossing(line: Sequence[SweepOutcome], ratio: str) -> tuple[float, float] | None:
        return _crossing(
            [(row.setting.scale, row.gain, getattr(row, ratio).median) for row in line]
        )

    return [
        Reversal(*key, crossing(line, "largest_curvature"), crossing(line, "total_variance"))
        for key, line in lines.items()
    ]


def _crossing(points: Sequence[tuple[float, float, float]]) -> tuple[float, float] | None:
    """Return the smallest λ, and its gain, above which the ratio exceeds 1; interpolated in logs.

    Args:
        points: (λ, gain, median ratio).
    """
    for (low, low_gain, before), (high, high_gain, after) in pairwise(sorted(points)):
        if 0 < before <= 1 < after:
            share = -math.log(before) / (math.log(after) - math.log(before))
            return (
                low * (high / low) ** share,
                low_gain * (high_gain / low_gain) ** share,
            )
    return None


@dataclass(frozen=True)
class NormSummary:
    """Medians over a network's weights or edges; NaN if there are none.

    Attributes:
        norm: median norm.
        gain: median gain.
        above: share of norms above 1.
    """

    norm: float
    gain: float
    above: float


def norms_and_gains(measured: Plain, which: str) -> list[tuple[float, float]]:
    """Return the finite norms and gains of a network at one moment.

    Args:
        measured: what `nascope._src.theory.premises` measures at a moment.
        which: ``weights`` as stored; ``batchnorm`` for weights with the BatchNorm that follows; or
            ``edges`` for edges with weights (not skips or poolings), as means over images.
    """
    if which == "edges":
        pairs = [
            (_mean(edge["norms"]), _mean(edge["gains"]))
            for edge in measured["edges"]
            if "conv" in edge["operation"]
        ]
    else:
        weights = measured["weights"]
        if which == "batchnorm":
            weights = [weight["with_batchnorm"] for weight in weights]
        pairs = [(weight["norm"], weight["gain"]) for weight in weights if weight is not None]
    return [pair for pair in pairs if all(map(math.isfinite, pair))]


def summary(measured: Plain, which: str) -> NormSummary:
    """Return the medians of `norms_and_gains`."""
    pairs = norms_and_gains(measured, which)
    if not pairs:
        return NormSummary(math.nan, math.nan, math.nan)
    norms, gains = zip(*pairs, strict=True)
    return NormSummary(median(norms), median(gains), _mean([norm > 1 for norm in norms]))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
