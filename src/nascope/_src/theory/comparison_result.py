"""Narrow and wide linear cells compared: the contents of sweep.json and extremes.json, typed.

Loads no torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from nascope._src.runtime.types import Plain
from nascope._src.theory.check_result import Quantity

QUANTILES = (0.1, 0.5, 0.9)
PUBLISHED = "as published"
PUBLISHED_AT_WEIGHTS = "as published, at the weights"


class Quantiles(NamedTuple):
    """Quantiles over random cells."""

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class SweepSetting:
    """Cells of one size and depth whose matrices have one spectral norm.

    Attributes:
        objective: its name.
        kind: of the matrices, "gaussian" or "orthogonal".
        nodes: number of nodes.
        depth: number of nodes in the chain; the other nodes read the input.
        size: rows and columns of a matrix.
        scale: λ, the spectral norm of every matrix.
    """

    objective: str
    kind: str
    nodes: int
    depth: int
    size: int
    scale: float


@dataclass(frozen=True)
class BoundRatio:
    """What was measured, divided by a bound; medians over cells, one per block.

    Above 1 the bound fails. `PUBLISHED_AT_WEIGHTS` is no proof of a violation: it takes the widest
    cell's curvature at the weights in place of its constant, which is larger.
    """

    bound: str
    quantity: Quantity
    ratios: tuple[float, ...]

    @property
    def published(self) -> bool:
        """Whether the bound is in the paper as it stands."""
        return self.bound in (PUBLISHED, PUBLISHED_AT_WEIGHTS)


@dataclass(frozen=True)
class SweepOutcome:
    """Ratios of the narrow cell's values to the widest cell's, with the same matrices.

    Attributes:
        gain: mean of ‖W‖_F/√d, the factor by which a matrix scales a random vector; at most λ.
        curvature: ‖∂²f̂/∂W⁽ⁱ⁾²‖ divided by ‖∂²f/∂W⁽ⁱ⁾²‖ at the weights, for each block.
        variance: ratio of the gradient variances, for each block.
        smoother: share of cells whose block is strictly smoother in the narrow cell.
        quieter: share of cells whose block has a strictly smaller gradient variance in it.
        largest_curvature: ratio of the cells' largest block constants.
        total_variance: ratio of the cells' gradient variances, summed over blocks.
        bounds: how near the narrow cell comes to each bound.
    """

    setting: SweepSetting
    gain: float
    curvature: tuple[Quantiles, ...]
    variance: tuple[Quantiles, ...]
    smoother: tuple[float, ...]
    quieter: tuple[float, ...]
    largest_curvature: Quantiles
    total_variance: Quantiles
    bounds: tuple[BoundRatio, ...]

    @property
    def is_chain(self) -> bool:
        """Whether the narrow cell is the narrowest of its size."""
        return self.setting.depth == self.setting.nodes


@dataclass(frozen=True)
class Sweep:
    """The result of `nascope theory sweep`.

    Attributes:
        cells: number of random cells per setting.
        seed: random seed.
        outcomes: one per setting.
    """

    cells: int
    seed: int
    outcomes: tuple[SweepOutcome, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, as sweep.json holds it."""
        outcomes = [
            asdict(outcome)
            | {"bounds": {f"{row.quantity}: {row.bound}": row.ratios for row in outcome.bounds}}
            for outcome in self.outcomes
        ]
        return {"cells": self.cells, "seed": self.seed, "outcomes": outcomes}


def read_sweep(plain: Plain) -> Sweep:
    """Return the sweep that a sweep.json holds.

    Raises:
        KeyError, TypeError, ValueError: a field is missing, or is not what it should be.
    """
    return Sweep(plain["cells"], plain["seed"], tuple(map(_read_outcome, plain["outcomes"])))


def _read_outcome(plain: Plain) -> SweepOutcome:
    bounds = []
    for label, ratios in plain["bounds"].items():
        quantity, bound = label.split(": ")
        bounds.append(BoundRatio(bound, quantity, tuple(ratios)))
    return SweepOutcome(
        setting=SweepSetting(**plain["setting"]),
        gain=plain["gain"],
        curvature=_quantiles(plain["curvature"]),
        variance=_quantiles(plain["variance"]),
        smoother=tuple(plain["smoother"]),
        quieter=tuple(plain["quieter"]),
        largest_curvature=Quantiles(*plain["largest_curvature"]),
        total_variance=Quantiles(*plain["total_variance"]),
        bounds=tuple(bounds),
    )


def _quantiles(rows: Iterable[Iterable[float]]) -> tuple[Quantiles, ...]:
    return tuple(Quantiles(*row) for row in rows)


@dataclass(frozen=True)
class ExtremesOutcome:
    """The widest and the narrowest cell, whose matrices all have spectral norm ``scale``.

    f is a random convex quadratic of all nodes, so its constants hold at all weights and are
    attained. What exceeds a bound therefore breaks it. Every field but the first has one entry per
    block.

    Attributes:
        scale: λ.
        wide, narrow: block-wise Lipschitz constants ‖∂²f/∂W⁽ⁱ⁾²‖.
        bound: (Σ P_k √L⁽ᵏ⁾)², which the narrowest cell's constants cannot exceed.
        published: (∏_{j<i} λ⁽ʲ⁾) L⁽ⁱ⁾, Theorem 4.2 as published.
        broken: share of cells whose constant exceeds the published bound.
        wide_variance, narrow_variance: E‖∂f_i/∂W⁽ⁱ⁾ − E ∂f_i/∂W⁽ⁱ⁾‖².
        variance_bound: (Σ P_k σ⁽ᵏ⁾)², Theorem 4.3 tightened, with σ at the effective weights.
    """

    scale: float
    wide: tuple[Quantiles, ...]
    narrow: tuple[Quantiles, ...]
    bound: tuple[Quantiles, ...]
    published: tuple[Quantiles, ...]
    broken: tuple[float, ...]
    wide_variance: tuple[Quantiles, ...]
    narrow_variance: tuple[Quantiles, ...]
    variance_bound: tuple[Quantiles, ...]


@dataclass(frozen=True)
class Extremes:
    """The cells of Figure 8, compared.

    Attributes:
        cells: number of random cells per λ.
        seed: random seed.
        outcomes: one per λ.
    """

    cells: int
    seed: int
    outcomes: tuple[ExtremesOutcome, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, as extremes.json holds it."""
        return asdict(self)


def read_extremes(plain: Plain) -> Extremes:
    """Return the comparison that an extremes.json holds.

    Raises:
        KeyError, TypeError: a field is missing, or is not what it should be.
    """
    outcomes = tuple(
        ExtremesOutcome(
            scale=row["scale"],
            wide=_quantiles(row["wide"]),
            narrow=_quantiles(row["narrow"]),
            bound=_quantiles(row["bound"]),
            published=_quantiles(row["published"]),
            broken=tuple(row["broken"]),
            wide_variance=_quantiles(row["wide_variance"]),
            narrow_variance=_quantiles(row["narrow_variance"]),
            variance_bound=_quantiles(row["variance_bound"]),
        )
        for row in plain["outcomes"]
    )
    return Extremes(plain["cells"], plain["seed"], outcomes)
