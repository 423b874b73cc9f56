"""Gradient variance: g(α, β) = E_i ‖∇f_i − E_j ∇f_j‖² at w* + α w₁ + β w₂, Section 4.2.

This is the trace of the covariance of per-instance gradients, with all parameters as one vector
and i uniform over the data set. It is defined only if instances do not interact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nascope._src.probes.chunks import Share
from nascope._src.probes.grid import Grid, compute_points
from nascope._src.probes.per_instance import Method, gradients_at, with_method
from nascope._src.probes.risk import Direction, Risk
from nascope._src.probes.tensors import accumulator_dtype, as_real
from nascope._src.runtime.types import Progress


def measure_gradient_variance(
    risk: Risk,
    directions: Sequence[Direction],
    grid: Grid,
    *,
    chunks: Path | None = None,
    **options: Any,
) -> tuple[dict[str, np.ndarray], Method]:
    """Return the variance of per-instance gradients on a grid, and the method that was used.

    If the gradients of a method turn out to be wrong at some point, all points are computed again
    by the next method. See `compute_gradient_variance` for arguments and arrays.
    """

    def work(method: Method) -> dict[str, np.ndarray]:
        folder = chunks if chunks is None or method.name == "layerwise" else chunks / method.name
        return compute_gradient_variance(
            risk, directions, grid, method=method.name, chunks=folder, **options
        )

    return with_method(risk, work)


def compute_gradient_variance(
    risk: Risk,
    directions: Sequence[Direction],
    grid: Grid,
    *,
    method: str | None = None,
    block_of: Callable[[str], str] | None = None,
    workers: int = 1,
    chunks: Path | None = None,
    part: Share | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Return the variance of per-instance gradients on a grid of displacements.

    Args:
        risk: The risk; the grid is centred on its weights w*.
        directions: w₁ and w₂, or w₁ for a line.
        grid: The displacements α and β.
        method: "layerwise", "vmap" or "loop"; by default the first one that is right everywhere.
        block_of: Maps a parameter's name to the name of its block; by default `block_names`.
        workers, chunks, part, progress: See `compute_points`.

    Returns:
        Float64 arrays (A, B), or (A,) on a line, with entry [i, j] at (alphas[i], betas[j]):
        ``variance``, the trace of the covariance (the paper plots its root);
        ``mean_gradient_norm``, ‖E_i ∇f_i‖; ``loss``, E_i f_i; and ``block_variance``
        (A, B, blocks), which adds up to ``variance``. ``blocks`` has the blocks' names. Non-finite
        values are kept. If w* itself is not finite, everything is NaN.

    Raises:
        ProbeError: An instance's loss depends on the others in its batch.
        WrongGradients: The gradients of the given method do not add up to that of a batch.
    """
    if method is None:
        options: Any = {"block_of": block_of, "workers": workers, "chunks": chunks, "part": part}
        return measure_gradient_variance(risk, directions, grid, progress=progress, **options)[0]
    names = block_names(risk.model)
    owner = {name: block_of(name) if block_of else names[name] for name in risk.parameters}
    blocks = list(dict.fromkeys(owner.values()))

    def measure(risk: Risk, point: tuple[float, ...]) -> dict[str, np.ndarray]:
        moments, loss = gradient_moments(risk, method, point)
        by_block = dict.fromkeys(blocks, 0.0)
        for name, value in moments.variances().items():
            by_block[owner[name]] += value
        parts = np.array([by_block[block] for block in blocks])
        return {
            "variance": np.array(math.fsum(parts) if np.isfinite(parts).all() else parts.sum()),
            "mean_gradient_norm": np.array(moments.mean_norm()),
            "loss": np.array(loss),
            "block_variance": parts,
        }

    arrays = compute_points(
        risk,
        directions,
        grid,
        measure,
        workers=workers,
        chunks=chunks,
        part=part,
        progress=progress,
    )
    return {**arrays, "blocks": np.array(blocks)}


def block_names(model: nn.Module) -> dict[str, str]:
    """Return each parameter's block: its top-level layer, or its item of a ModuleList.

    In a network of cells, each cell is a block.

    >>> list(block_names(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))).values())
    ['0', '0', '1', '1']
    """
    lists = {name for name, child in model.named_children() if isinstance(child, nn.ModuleList)}
    blocks = {}
    for name, _ in model.named_parameters():
        parts = name.split(".")
        blocks[name] = ".".join(parts[:2]) if parts[0] in lists else parts[0]
    return blocks


class _Moments:
    """Mean and spread of per-instance gradients, merged in float64 (Chan et al. 1983).

    The squares are taken around each batch's mean. E‖g‖² − ‖E g‖² would cancel.
    """

    def __init__(self) -> None:
        self._mean: dict[tuple[str, int], Tensor] = {}  # by parameter and first row
        self._spread: dict[str, Tensor] = {}  # Σ ‖g_i − mean‖² by parameter
        self._count = 0

    def add(self, name: str, rows: slice, gradients: Tensor) -> None:
        """Merge a batch of one parameter's gradients, (batch, *shape)."""
        before, size = self._count, len(gradients)
        flat = as_real(gradients).reshape(size, -1)  # (batch, entries)
        dtype = accumulator_dtype(flat)
        centre = flat.mean(dim=0)
        deviation = flat - centre  # not in place: two parameters may share their gradients
        residual = deviation.mean(dim=0).to(dtype)  # rounding error of the mean
        spread = torch.linalg.vector_norm(deviation, dim=1).to(dtype).square().sum()
        spread -= size * residual.square().sum()
        key = name, rows.start
        mean = self._mean.get(key)
        step = centre.to(dtype) + residual
        if mean is None:  # earlier batches, if any, had zero gradients
            mean = self._mean[key] = torch.zeros_like(step)
        step -= mean
        spread += step.square().sum() * (before * size / (before + size))
        mean += step * (size / (before + size))
        self._spread[name] = self._spread.get(name, 0) + spread

    def end_batch(self, size: int) -> None:
        """End a batch. Parameters that were not added have zero gradients."""
        self._count += size

    def variances(self) -> dict[str, float]:
        """Mean squared distance from the mean gradient, by parameter; a missing one has 0."""
        spreads = {name: float(value) for name, value in self._spread.items()}
        # Rounding can make a spread negative.
        return {n: 0.0 if s < 0 else s / self._count for n, s in spreads.items()}

    def mean_norm(self) -> float:
        """Norm of the mean gradient."""
        return math.sqrt(sum(float(value.square().sum()) for value in self._mean.values()))


def gradient_moments(risk: Risk, method: str, point: tuple[float, ...]) -> tuple[_Moments, float]:
    """Return the moments of the gradients and the mean loss, at the current weights."""
    moments = _Moments()
    losses = []
    for part in risk.slices():
        losses.append(gradients_at(risk, method, part, moments.add, where=point))
        moments.end_batch(part.stop - part.start)
    return moments, float(torch.cat(losses).cpu().double().mean())
