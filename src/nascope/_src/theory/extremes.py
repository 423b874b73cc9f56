"""Compare the widest and the narrowest cell of Figure 8, with the same random matrices."""

from __future__ import annotations

import numpy as np
import torch

from nascope._src.errors import TheoryError
from nascope._src.records.identity import derived_seed
from nascope._src.theory.blocks import Blocks
from nascope._src.theory.bounds import convex_bound, published_bound, variance_bound
from nascope._src.theory.comparison_result import Extremes, ExtremesOutcome
from nascope._src.theory.linear import LinearCell, random_weights, spectral_norm
from nascope._src.theory.objectives import Shape, coupled_quadratic
from nascope._src.theory.sweeping import quantiles_by_block

SCALES = (0.5, 1.0, 2.0)
NODES, SIZE, INSTANCES = 4, 6, 8


def compare_extremes(*, cells: int = 200, seed: int = 0) -> Extremes:
    """Compare both cells block by block, at each of `SCALES`, with each other and with the bounds.

    Args:
        cells: number of random cells per scale.
        seed: random seed.

    Raises:
        TheoryError: cells are below 1.
    """
    if cells < 1:
        raise TheoryError(f"Expected cells of at least 1, but got {cells}")
    return Extremes(cells, seed, tuple(_compare(scale, cells, seed) for scale in SCALES))


def _compare(scale: float, cells: int, seed: int) -> ExtremesOutcome:
    generator = np.random.default_rng(derived_seed("extremes", seed, str(scale)))
    chain, wide_cell = LinearCell.narrowest(NODES), LinearCell.widest(NODES)
    weights = random_weights(chain, cells, SIZE, scale, generator)
    x = torch.from_numpy(generator.standard_normal((cells, INSTANCES, SIZE)))
    objective = coupled_quadratic(Shape(cells, INSTANCES, NODES, SIZE), generator)
    narrow = Blocks(chain, weights, objective, x)
    wide = Blocks(wide_cell, weights, objective, x)
    published = published_bound(spectral_norm(weights), wide.curvatures)
    return ExtremesOutcome(
        scale=scale,
        wide=quantiles_by_block(wide.curvatures),
        narrow=quantiles_by_block(narrow.curvatures),
        bound=quantiles_by_block(convex_bound(narrow.paths, narrow.wide_curvatures)),
        published=quantiles_by_block(published),
        broken=tuple((narrow.curvatures > published * (1 + 1e-9)).double().mean(0).tolist()),
        wide_variance=quantiles_by_block(wide.variances),
        narrow_variance=quantiles_by_block(narrow.variances),
        variance_bound=quantiles_by_block(variance_bound(narrow.paths, narrow.wide_variances)),
    )
