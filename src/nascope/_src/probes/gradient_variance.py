"""Gradient variance: g(α, β) = E_i ‖∇f_i − E_j ∇f_j‖² at w* + α w₁ + β w₂, Section 4.2.

The trace of the covariance of per-instance gradients, all parameters as one vector and i uniform
over the data set. Instances must not interact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nascope._src.errors import ProbeError
from nascope._src.probes.chunks import Share
from nascope._src.probes.grid import Grid, Progress, compute_points
from nascope._src.probes.per_instance import choose_method, per_instance
from nascope._src.probes.risk import Direction, Risk, wide
from nascope._src.records.identity import derived_seed


def gradient_variance(
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
    """Variance of per-instance gradients on a grid of displacements.

    Args:
        directions: w₁ and w₂, or w₁ for a line.
        method: "layerwise", "vmap" or "loop"; by default what `choose_method` finds.
        block_of: a parameter's name → its block's; by default `block_names`, which for a network
            of cells yields the cells.
        workers, chunks, part, progress: see `compute_points`.

    Returns:
        Float64 arrays (A, B), or (A,) on a line, entry [i, j] at (alphas[i], betas[j]):
        ``variance``, the trace of the covariance (its root is what the paper plots);
        ``mean_gradient_norm``, ‖E_i ∇f_i‖; ``loss``, E_i f_i; and ``block_variance``
        (A, B, blocks), which adds up to ``variance``; ``blocks`` are the blocks' names. Non-finite
        values are kept; where w* itself is not finite, all is NaN.

    Raises:
        ProbeError: an instance's loss depends on the others in its batch.
    """
    chosen = method or choose_method(risk).name
    names = block_names(risk.model)
    owner = {name: block_of(name) if block_of else names[name] for name in risk.parameters}
    blocks = list(dict.fromkeys(owner.values()))

    def measure(own: Risk, point: tuple[float, ...]) -> dict[str, np.ndarray]:
        moments, loss = _moments(own, chosen)
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

    work: Any = {"workers": workers, "chunks": chunks, "part": part, "progress": progress}
    arrays = compute_points(risk, directions, grid, measure, **work)
    return {**arrays, "blocks": np.array(blocks)}


def block_names(model: nn.Module) -> dict[str, str]:
    """Each parameter's block: the top-level layer that holds it, a ModuleList's items apart.

    >>> list(block_names(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))).values())
    ['0', '0', '1', '1']
    """
    lists = {name for name, child in model.named_children() if isinstance(child, nn.ModuleList)}
    blocks = {}
    for name, _ in model.named_parameters():
        parts = name.split(".")
        blocks[name] = ".".join(parts[:2]) if parts[0] in lists else parts[0]
    return blocks


def minibatch_variance(variance: float, batch: int, instances: int) -> float:
    """E‖ĝ − E ĝ‖² of the mean gradient ĝ over a batch drawn without replacement: g/b · (n−b)/(n−1).

    >>> minibatch_variance(9.0, 3, 10)
    2.3333333333333335
    """
    if not 1 <= batch <= instances:
        raise ValueError(f"a batch has 1 … {instances} instances, not {batch}")
    return variance / batch * (instances - batch) / max(1, instances - 1)


def measured_minibatch_variance(
    risk: Risk, batch: int, *, draws: int = 100, seed: int = 0
) -> tuple[float, float]:
    """The same by drawing batches and taking their gradients, plainly; and its standard error.

    At the risk's current weights. It checks `gradient_variance`, and needs no single instance.

    Raises:
        ProbeError: a batch of that size can't be drawn, or fewer than two draws.
    """
    if not 1 <= batch <= len(risk) or draws < 2:
        raise ProbeError(f"{draws} batches of {batch} out of {len(risk)} instances: need 2 draws")
    _, centre = risk.gradient()
    generator = torch.Generator().manual_seed(derived_seed("minibatch", seed, batch))
    whole = risk.inputs, risk.targets
    squares = []
    try:
        for _ in range(draws):
            chosen = torch.randperm(len(whole[0]), generator=generator)[:batch].to(whole[0].device)
            risk.inputs, risk.targets = whole[0][chosen], whole[1][chosen]
            _, gradient = risk.gradient()
            distance = sum(float((gradient[name] - centre[name]).square().sum()) for name in centre)
            squares.append(distance)
    finally:
        risk.inputs, risk.targets = whole
    values = np.array(squares)
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(draws))


class _Moments:
    """Mean and spread of per-instance gradients, batches merged in float64 (Chan et al. 1983).

    The sum of squares is taken around each batch's own mean, so that nothing cancels, as
    E‖g‖² − ‖E g‖² would.
    """

    def __init__(self) -> None:
        self._mean: dict[tuple[str, int], Tensor] = {}  # by parameter and first row
        self._spread: dict[str, Tensor] = {}  # Σ ‖g_i − mean‖² by parameter
        self._count = 0

    def add(self, name: str, rows: slice, gradients: Tensor) -> None:
        """Merge a batch of one parameter's gradients, (batch, *shape)."""
        before, size = self._count, len(gradients)
        flat = gradients.reshape(size, -1)  # (batch, entries)
        dtype = wide(flat)
        centre = flat.mean(dim=0)
        deviation = flat - centre  # not in place: two parameters may share their gradients
        residual = deviation.mean(dim=0).to(dtype)  # what rounding left in the mean
        spread = torch.linalg.vector_norm(deviation, dim=1).to(dtype).square().sum()
        spread -= size * residual.square().sum()
        key = name, rows.start
        mean = self._mean.get(key)
        step = centre.to(dtype) + residual
        if mean is None:  # of the batches before, whose gradients were zero if there were any
            mean = self._mean[key] = torch.zeros_like(step)
        step -= mean
        spread += step.square().sum() * (before * size / (before + size))
        mean += step * (size / (before + size))
        self._spread[name] = self._spread.get(name, 0) + spread

    def end_batch(self, size: int) -> None:
        """All parameters of a batch were added; those that were not have zero gradients."""
        self._count += size

    def variances(self) -> dict[str, float]:
        """Mean squared distance from the mean gradient, by parameter; zero where none is named."""
        spreads = {name: float(value) for name, value in self._spread.items()}
        return {n: 0.0 if s < 0 else s / self._count for n, s in spreads.items()}  # of rounding

    def mean_norm(self) -> float:
        """Norm of the mean gradient."""
        return math.sqrt(sum(float(value.square().sum()) for value in self._mean.values()))


def _moments(risk: Risk, method: str) -> tuple[_Moments, float]:
    """Moments of the gradients, and the mean loss, at the current weights."""
    moments = _Moments()
    losses = []
    with per_instance(risk, method) as gradients_of:
        for part in risk.slices():
            losses.append(gradients_of(part, moments.add))
            moments.end_batch(part.stop - part.start)
    return moments, float(torch.cat(losses).cpu().double().mean())
