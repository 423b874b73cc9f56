"""Whether the theorems hold in what was computed on linear cells. Decisions without prose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nascope._src.theory.check_result import BoundCheck, Theorem, TheoryCheck
from nascope._src.theory.comparison_result import Extremes, Quantiles

BlockQuantiles = Sequence[Quantiles]
Compared = Mapping[float, tuple[BlockQuantiles, BlockQuantiles]]
"""By λ, two quantities of the same blocks."""

_TOLERANCE = 1e-9  # relative: rounding breaks no bound


def proved_bounds(extremes: Extremes) -> dict[str, Compared]:
    """Return what was measured and its proved bound, by theorem and λ."""
    return {
        "Theorem 4.2 corrected": {
            outcome.scale: (outcome.narrow, outcome.bound) for outcome in extremes.outcomes
        },
        "Theorem 4.3 tightened": {
            outcome.scale: (outcome.narrow_variance, outcome.variance_bound)
            for outcome in extremes.outcomes
        },
    }


def proved_holds(extremes: Extremes | None, check: TheoryCheck | None) -> bool:
    """Return whether every proved bound holds in what was computed; if not, there is a bug."""
    broken = extremes is not None and any(
        broken_blocks(compared) for compared in proved_bounds(extremes).values()
    )
    return not broken and (check is None or check.holds)


def broken_blocks(compared: Compared) -> list[tuple[float, int]]:
    """Return λ and number of each block of which a quantile breaks its bound."""
    return sorted(
        (scale, number)
        for scale, blocks in compared.items()
        for number, (measured, bounds) in enumerate(zip(*blocks, strict=True), start=1)
        if not all(
            value <= bound * (1 + _TOLERANCE) for value, bound in zip(measured, bounds, strict=True)
        )
    )


def broken_shares(extremes: Extremes) -> dict[float, float]:
    """Return, by λ, the share of blocks that break Theorem 4.2 as published."""
    return {
        outcome.scale: sum(outcome.broken) / len(outcome.broken) for outcome in extremes.outcomes
    }


@dataclass(frozen=True)
class Larger:
    """At one λ, the number of blocks whose median is larger in the narrowest cell."""

    scale: float
    larger: int
    blocks: int

    @property
    def state(self) -> Literal["holds", "in part", "reversed"]:
        """What this says about the paper's claim that the narrowest cell's are larger."""
        if self.larger == self.blocks:
            return "holds"
        return "in part" if 2 * self.larger > self.blocks else "reversed"


def larger_blocks(compared: Compared) -> list[Larger]:
    """Compare the medians of the narrowest and the widest cell's blocks, at each λ."""
    return [
        Larger(
            scale,
            sum(
                chain.median > parallel.median * (1 + _TOLERANCE)
                for chain, parallel in zip(narrow, wide, strict=True)
            ),
            len(wide),
        )
        for scale, (narrow, wide) in compared.items()
    ]


@dataclass(frozen=True)
class Held:
    """How many comparisons of a bound with a block break it."""

    violations: int
    blocks: int


def held(bounds: Sequence[BoundCheck]) -> Held:
    """Return how bounds held, over all objectives and cells."""
    return Held(sum(bound.violations for bound in bounds), sum(bound.blocks for bound in bounds))


@dataclass(frozen=True)
class Counterexample:
    """A case worked out by hand: matrices ``weights`` break a published theorem."""

    weights: tuple[float, ...]
    measured: float
    bound: float


def counterexamples(check: TheoryCheck, theorem: Theorem) -> list[Counterexample]:
    """Return the cases that break a theorem as published, as worked out by hand."""
    return [
        Counterexample(tuple(case.weights), case.measured, case.bound)
        for case in check.cases
        if case.theorem == theorem and case.published and case.violates and case.shown
    ]


Side = Literal["> 1", "= 1", "< 1"]


def smaller_settings(ratios: Sequence[tuple[float, float]]) -> dict[Side, tuple[int, int]]:
    """Return in how many settings the widest cell's median is smaller, and of how many.

    The settings are apart by whether their matrices amplify: λ above, at and below 1.

    Args:
        ratios: λ, and the median ratio of the narrowest to the widest cell.
    """
    counts: dict[Side, tuple[int, int]] = {"> 1": (0, 0), "= 1": (0, 0), "< 1": (0, 0)}
    for scale, ratio in ratios:
        side: Side = "> 1" if scale > 1 else "= 1" if scale == 1 else "< 1"
        smaller, settings = counts[side]
        counts[side] = smaller + (ratio > 1), settings + 1
    return counts
