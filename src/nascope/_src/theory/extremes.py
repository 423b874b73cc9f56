"""Figure 8's two cells, the widest and the narrowest, with the same random matrices: what the
theorems bound, block by block, and the bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nascope._src.errors import TheoryError
from nascope._src.records.identity import derived_seed
from nascope._src.theory.blocks import Blocks
from nascope._src.theory.bounds import convex_bound, published_bound, variance_bound
from nascope._src.theory.linear import LinearCell, random_weights, spectral_norm
from nascope._src.theory.objectives import Shape, coupled_quadratic

SCALES = (0.5, 1.0, 2.0)
NODES, SIZE, INSTANCES = 4, 6, 8
QUANTILES = (0.1, 0.5, 0.9)

Spread = tuple[tuple[float, ...], ...]
"""For each block, quantiles 0.1, 0.5 and 0.9 over the random cells."""


@dataclass(frozen=True)
class Extremes:
    """The two cells, all of whose matrices have spectral norm ``scale``.

    f is a random convex quadratic of all nodes, so that its constants hold at all weights and
    are attained: what exceeds a bound breaks it.

    Attributes:
        wide, narrow: block-wise Lipschitz constants ‖∂²f/∂W⁽ⁱ⁾²‖.
        bound: (Σ P_k √L⁽ᵏ⁾)², which the narrowest cell's cannot exceed.
        published: (∏_{j<i} λ⁽ʲ⁾) L⁽ⁱ⁾, Theorem 4.2 as published.
        broken: for each block, the share of cells whose constant exceeds that.
        wide_variance, narrow_variance: E‖∂f_i/∂W⁽ⁱ⁾ − E ∂f_i/∂W⁽ⁱ⁾‖².
        variance_bound: (Σ P_k σ⁽ᵏ⁾)², Theorem 4.3 tightened, σ at the effective weights.
    """

    scale: float
    wide: Spread
    narrow: Spread
    bound: Spread
    published: Spread
    broken: tuple[float, ...]
    wide_variance: Spread
    narrow_variance: Spread
    variance_bound: Spread


def compare_extremes(*, cells: int = 200, seed: int = 0) -> list[Extremes]:
    """Both cells, at each of `SCALES`.

    Args:
        cells: random ones at each scale.

    Raises:
        TheoryError: cells are below 1.
    """
    if cells < 1:
        raise TheoryError(f"cells must be at least 1, not {cells}")
    return [_at(scale, cells, seed) for scale in SCALES]


def _at(scale: float, cells: int, seed: int) -> Extremes:
    generator = np.random.default_rng(derived_seed("extremes", seed, str(scale)))
    chain, wide_cell = LinearCell.narrowest(NODES), LinearCell.widest(NODES)
    weights = random_weights(chain, cells, SIZE, scale, generator)
    x = torch.from_numpy(generator.standard_normal((cells, INSTANCES, SIZE)))
    objective = coupled_quadratic(Shape(cells, INSTANCES, NODES, SIZE), generator)
    narrow = Blocks(chain, weights, objective, x)
    wide = Blocks(wide_cell, weights, objective, x)
    published = published_bound(spectral_norm(weights), wide.curvatures)
    return Extremes(
        scale=scale,
        wide=_spread(wide.curvatures),
        narrow=_spread(narrow.curvatures),
        bound=_spread(convex_bound(narrow.paths, narrow.wide_curvatures)),
        published=_spread(published),
        broken=tuple((narrow.curvatures > published * (1 + 1e-9)).double().mean(0).tolist()),
        wide_variance=_spread(wide.variances),
        narrow_variance=_spread(narrow.variances),
        variance_bound=_spread(variance_bound(narrow.paths, narrow.wide_variances)),
    )


def _spread(values: Tensor) -> Spread:
    return tuple(tuple(np.quantile(own.numpy(), QUANTILES).tolist()) for own in values.unbind(1))
