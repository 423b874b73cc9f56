"""What the bounds say and what is: the narrow cell beside the wide one, size by size.

An upper bound is no size. For each setting, cells are drawn with random matrices; the same matrices
make the cell of a given depth and the widest cell, and each block's smoothness and gradient
variance in the one is divided by the same block's in the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nascope._src.errors import TheoryError
from nascope._src.records.identity import derived_seed
from nascope._src.runtime.threads import map_threads
from nascope._src.runtime.types import Progress
from nascope._src.theory.blocks import Blocks
from nascope._src.theory.bounds import SOUND, published_bound
from nascope._src.theory.check_result import Quantity
from nascope._src.theory.linear import LinearCell, random_weights, spectral_norm
from nascope._src.theory.objectives import OBJECTIVES, Shape

SWEPT = (
    "separable quadratic",
    "coupled quadratic",
    "softmax cross-entropy",
    "nonlinear network",
)
KINDS = ("gaussian", "orthogonal")
SCALES = (0.25, 0.35, 0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0)
FEW_SCALES = (0.5, 1.0, 2.0)
NODES, SIZE, INSTANCES = 4, 6, 8
NODE_COUNTS = (2, 3, 4, 5, 6, 8)
SIZES = (1, 2, 4, 6, 8)
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Setting:
    """Cells of ``nodes`` nodes, a chain of ``depth`` of them, matrices of ``size`` × ``size`` and
    spectral norm ``scale``."""

    objective: str
    kind: str
    nodes: int
    depth: int
    size: int
    scale: float


@dataclass(frozen=True)
class Outcome:
    """Narrow by wide, over random cells. By block: lists of length ``nodes``."""

    setting: Setting
    gain: float
    """Mean of ‖W‖_F/√d, what a matrix makes of a random vector's norm; at most ``scale``."""
    curvature: tuple[tuple[float, ...], ...]
    """‖∂²f̂/∂W⁽ⁱ⁾²‖ by ‖∂²f/∂W⁽ⁱ⁾²‖ at the weights: quantiles 0.1, 0.5 and 0.9 of each block."""
    variance: tuple[tuple[float, ...], ...]
    """The same of the gradient variance."""
    smoother: tuple[float, ...]
    """Share of cells where the block is strictly smoother in the narrow one."""
    quieter: tuple[float, ...]
    """Share of cells where the block's gradient variance is strictly smaller in the narrow one."""
    largest_curvature: tuple[float, ...]
    """Quantiles of the ratio of the cells' largest block constants."""
    total_variance: tuple[float, ...]
    """Quantiles of the ratio of the cells' variances, all blocks together."""
    bounds: dict[str, tuple[float, ...]]
    """By bound, the median over cells of measured / bound of each block. Above 1 it fails; but
    "as published, at the weights" takes the widest cell's curvature there for its constant, which
    is larger: no proof of a violation."""


def sweep(
    *,
    cells: int = 100,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[Outcome]:
    """All settings of `settings`.

    Args:
        cells: random ones in each setting.
        workers: threads; they change no number.

    Raises:
        TheoryError: cells or workers are below 1.
    """
    if cells < 1 or workers < 1:
        raise TheoryError(f"cells and workers must be at least 1, not {cells} and {workers}")
    return map_threads(
        lambda setting: compare(setting, cells=cells, seed=seed),
        settings(),
        workers,
        progress,
        lambda setting: f"{setting.objective}, depth {setting.depth}, λ = {setting.scale:g}",
    )


def settings() -> list[Setting]:
    """Every depth at every scale; then numbers of nodes, and sizes, at three scales."""
    found = []
    for objective in SWEPT:
        for kind in KINDS:
            for scale in SCALES:
                for depth in range(1, NODES + 1):
                    found.append(Setting(objective, kind, NODES, depth, SIZE, scale))
        for scale in FEW_SCALES:
            found += [
                Setting(objective, KINDS[0], nodes, nodes, SIZE, scale)
                for nodes in NODE_COUNTS
                if nodes != NODES
            ]
            found += [
                Setting(objective, KINDS[0], NODES, NODES, size, scale)
                for size in SIZES
                if size != SIZE
            ]
    return found


def compare(setting: Setting, *, cells: int = 100, seed: int = 0) -> Outcome:
    """One setting: the cell of that depth, and the widest, with the same matrices."""
    # The same draws for each depth, so that depths are compared on the same cells.
    key = (setting.objective, setting.kind, setting.nodes, setting.size, str(setting.scale))
    generator = np.random.default_rng(derived_seed("sweep", seed, *key))
    narrow_cell = LinearCell.of_depth(setting.nodes, setting.depth)
    shape = Shape(cells, INSTANCES, setting.nodes, setting.size)
    weights = random_weights(
        narrow_cell, cells, setting.size, setting.scale, generator, kind=setting.kind
    )
    x = torch.from_numpy(generator.standard_normal((cells, INSTANCES, setting.size)))
    objective = OBJECTIVES[setting.objective](shape, generator)
    narrow = Blocks(narrow_cell, weights, objective, x)
    wide = Blocks(LinearCell.widest(setting.nodes), weights, objective, x)
    bounds = {
        f"{bound.quantity}: {bound.name}": _medians(
            _measured(narrow, bound.quantity) / bound.evaluate(narrow)
        )
        for bound in SOUND
        if bound.applies(convex=objective.convex, separable=objective.separable)
        and bound.name != "joint"
        and (bound.name != "coupled" or (not objective.convex and setting.depth == setting.nodes))
    }
    if setting.depth == setting.nodes:
        published = published_bound(spectral_norm(weights), wide.curvatures)
        name = "as published" if objective.exact else "as published, at the weights"
        bounds[f"curvature: {name}"] = _medians(narrow.curvatures / published)
    return Outcome(
        setting=setting,
        gain=float(weights.square().sum((-2, -1)).mean(1).div(setting.size).sqrt().mean()),
        curvature=_by_block(narrow.curvatures / wide.curvatures),
        variance=_by_block(narrow.variances / wide.variances),
        smoother=_shares(narrow.curvatures, wide.curvatures),
        quieter=_shares(narrow.variances, wide.variances),
        largest_curvature=_quantiles(narrow.curvatures.amax(1) / wide.curvatures.amax(1)),
        total_variance=_quantiles(narrow.variances.sum(1) / wide.variances.sum(1)),
        bounds=bounds,
    )


def _measured(blocks: Blocks, quantity: Quantity) -> Tensor:
    return blocks.curvatures if quantity == "curvature" else blocks.variances


def _quantiles(values: Tensor) -> tuple[float, ...]:
    return tuple(np.quantile(values.numpy(), QUANTILES).tolist())


def _by_block(values: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(_quantiles(own) for own in values.unbind(1))


def _medians(values: Tensor) -> tuple[float, ...]:
    return tuple(np.median(values.numpy(), axis=0).tolist())


def _shares(narrow: Tensor, wide: Tensor) -> tuple[float, ...]:
    """Strictly below, rounding allowed for: the first nodes of both cells are the same."""
    return tuple((narrow < wide * (1 - 1e-9)).double().mean(0).tolist())
