"""Compare narrow with wide cells: their smoothness and gradient variance, not their bounds.

An upper bound says nothing about the size of what it bounds. Each setting draws random matrices.
The same matrices form the cell of a given depth and the widest cell. Each block's smoothness and
gradient variance in the first is divided by the same block's in the second.
"""

from __future__ import annotations

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
from nascope._src.theory.comparison_result import (
    PUBLISHED,
    PUBLISHED_AT_WEIGHTS,
    QUANTILES,
    BoundRatio,
    Quantiles,
    Sweep,
    SweepOutcome,
    SweepSetting,
)
from nascope._src.theory.linear import LinearCell, random_weights, spectral_norm
from nascope._src.theory.objectives import OBJECTIVES, Shape

SWEPT_OBJECTIVES = (
    "separable quadratic",
    "coupled quadratic",
    "softmax cross-entropy",
    "nonlinear network",
)
MATRIX_KINDS = ("gaussian", "orthogonal")
SCALES = (0.25, 0.35, 0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0)
FEW_SCALES = (0.5, 1.0, 2.0)
NODES, SIZE, INSTANCES = 4, 6, 8
NODE_COUNTS = (2, 3, 4, 5, 6, 8)
SIZES = (1, 2, 4, 6, 8)


def sweep_settings(
    *,
    cells: int = 100,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Sweep:
    """Compare narrow with wide cells in all `settings`.

    Args:
        cells: number of random cells per setting.
        seed: random seed.
        workers: number of threads; they do not change the results.

    Raises:
        TheoryError: cells or workers are below 1.
    """
    if cells < 1 or workers < 1:
        raise TheoryError(
            f"Expected cells and workers of at least 1, but got {cells} and {workers}"
        )
    outcomes = map_threads(
        lambda setting: compare(setting, cells=cells, seed=seed),
        settings(),
        workers,
        progress,
        lambda setting: f"{setting.objective}, depth {setting.depth}, λ = {setting.scale:g}",
    )
    return Sweep(cells, seed, tuple(outcomes))


def settings() -> list[SweepSetting]:
    """Return every depth at every scale, then numbers of nodes, and sizes, at three scales."""
    chosen = []
    for objective in SWEPT_OBJECTIVES:
        for kind in MATRIX_KINDS:
            for scale in SCALES:
                for depth in range(1, NODES + 1):
                    chosen.append(SweepSetting(objective, kind, NODES, depth, SIZE, scale))
        for scale in FEW_SCALES:
            chosen += [
                SweepSetting(objective, MATRIX_KINDS[0], nodes, nodes, SIZE, scale)
                for nodes in NODE_COUNTS
                if nodes != NODES
            ]
            chosen += [
                SweepSetting(objective, MATRIX_KINDS[0], NODES, NODES, size, scale)
                for size in SIZES
                if size != SIZE
            ]
    return chosen


def compare(setting: SweepSetting, *, cells: int = 100, seed: int = 0) -> SweepOutcome:
    """Compare the cell of the setting's depth with the widest cell of the same matrices."""
    # Every depth has the same draws, so that depths are compared on the same cells.
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
    is_chain = setting.depth == setting.nodes
    bounds = [
        BoundRatio(
            bound.name,
            bound.quantity,
            _medians(_measured(narrow, bound.quantity) / bound.evaluate(narrow)),
        )
        for bound in SOUND
        if bound.applies(convex=objective.convex, separable=objective.separable)
        and bound.name != "joint"
        and (bound.name != "coupled" or (not objective.convex and is_chain))
    ]
    if is_chain:
        published = published_bound(spectral_norm(weights), wide.curvatures)
        name = PUBLISHED if objective.exact else PUBLISHED_AT_WEIGHTS
        bounds.append(BoundRatio(name, "curvature", _medians(narrow.curvatures / published)))
    return SweepOutcome(
        setting=setting,
        gain=float(weights.square().sum((-2, -1)).mean(1).div(setting.size).sqrt().mean()),
        curvature=quantiles_by_block(narrow.curvatures / wide.curvatures),
        variance=quantiles_by_block(narrow.variances / wide.variances),
        smoother=_shares_below(narrow.curvatures, wide.curvatures),
        quieter=_shares_below(narrow.variances, wide.variances),
        largest_curvature=_quantiles(narrow.curvatures.amax(1) / wide.curvatures.amax(1)),
        total_variance=_quantiles(narrow.variances.sum(1) / wide.variances.sum(1)),
        bounds=tuple(bounds),
    )


def _measured(blocks: Blocks, quantity: Quantity) -> Tensor:
    return blocks.curvatures if quantity == "curvature" else blocks.variances


def _quantiles(values: Tensor) -> Quantiles:
    return Quantiles(*np.quantile(values.numpy(), QUANTILES).tolist())


def quantiles_by_block(values: Tensor) -> tuple[Quantiles, ...]:
    """Return quantiles over cells for each block, from values (cells, blocks)."""
    return tuple(map(_quantiles, values.unbind(1)))


def _medians(values: Tensor) -> tuple[float, ...]:
    return tuple(np.median(values.numpy(), axis=0).tolist())


def _shares_below(narrow: Tensor, wide: Tensor) -> tuple[float, ...]:
    """Return the share of cells with a strictly smaller value, for each block.

    Rounding errors do not count: the first nodes of both cells are the same.
    """
    return tuple((narrow < wide * (1 - 1e-9)).double().mean(0).tolist())
