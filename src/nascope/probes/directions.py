"""Directions in weight space along which a probe moves."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nascope.records.identity import derived_seed


def random_directions(
    weights: Mapping[str, Tensor], count: int, *, seed: int
) -> list[dict[str, Tensor]]:
    """Gaussian directions, normalised per filter (Li et al. 2018, Section 4).

    Each filter of a direction, that is each slice d_j along the first, output dimension, is
    scaled to the norm of the weights' own filter: d_j ← d_j ‖w_j‖ / ‖d_j‖. One-dimensional
    tensors (biases, BatchNorm's scale and shift) are zero, as in the reference tool's default.

    Args:
        weights: by name, as `Risk.origin`.
        count: how many.
        seed: determines the directions, on every device; they don't depend on one another.

    >>> w = {"weight": torch.tensor([[3.0, 4.0], [0.0, 0.0]])}
    >>> random_directions(w, 1, seed=0)[0]["weight"].norm(dim=1)
    tensor([5., 0.])
    """
    return [_filter_normalised(weights, derived_seed("direction", seed, k)) for k in range(count)]


def _filter_normalised(weights: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    direction = {}
    for name, weight in weights.items():
        if weight.dim() <= 1:
            direction[name] = torch.zeros_like(weight)
            continue
        drawn = torch.randn(weight.shape, generator=generator).to(weight)
        rows = drawn.flatten(1)  # (filters, entries of one)
        scale = weight.flatten(1).norm(dim=1) / rows.norm(dim=1)
        scaled = (rows * scale[:, None]).reshape(weight.shape)
        direction[name] = torch.empty_like(weight).copy_(scaled)  # keeps the memory order
    return direction
