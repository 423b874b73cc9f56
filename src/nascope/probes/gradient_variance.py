"""Gradient variance: g(α, β) = E_i ‖∇f_i − E_j ∇f_j‖² at w* + α w₁ + β w₂, Section 4.2.

The trace of the covariance of per-instance gradients, all parameters as one vector and i uniform
over the data set. Instances must not interact: the model is in evaluation mode.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nascope.probes.grid import Grid, Progress, compute_rows
from nascope.probes.per_instance import LayerwiseGradients, choose_method, vmap_gradients
from nascope.probes.risk import Direction, Risk


def gradient_variance(
    risk: Risk,
    directions: Sequence[Direction],
    grid: Grid,
    *,
    method: str | None = None,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Variance of per-instance gradients on a grid of displacements.

    Args:
        directions: two, w₁ and w₂.
        method: "layerwise" or "vmap"; by default what `choose_method` finds.
        chunks, progress: see `compute_rows`.

    Returns:
        (A, B) float64 arrays, entry [i, j] at (alphas[i], betas[j]): ``variance``, the trace of
        the covariance (its root is what the paper plots); ``mean_gradient_norm``, ‖E_i ∇f_i‖;
        ``loss``, E_i f_i. Non-finite values are kept; where w* itself is not finite, all is NaN.
    """
    chosen = method or choose_method(risk)

    def row(alpha: float) -> dict[str, np.ndarray]:
        if not risk.is_finite:
            nothing = np.full(len(grid.betas), np.nan)
            return {"variance": nothing, "mean_gradient_norm": nothing, "loss": nothing}
        points = []
        for beta in grid.betas:
            risk.displace(directions, (alpha, beta))
            points.append(_point(risk, chosen))
        variance, norm, loss = zip(*points, strict=True)
        return {
            "variance": np.array(variance),
            "mean_gradient_norm": np.array(norm),
            "loss": np.array(loss),
        }

    return compute_rows(grid, row, chunks=chunks, progress=progress)


class _Moments:
    """Mean and spread of per-instance gradients, batches merged in float64 (Chan et al. 1983).

    The sum of squares is taken around each batch's own mean, so that nothing cancels, as
    E‖g‖² − ‖E g‖² would.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self._mean = {
            name: torch.zeros_like(value, dtype=_wide(value)) for name, value in parameters.items()
        }
        some = next(iter(self._mean.values()))
        self._spread = some.new_zeros(())
        self._count = 0

    def add(self, name: str, gradients: Tensor) -> None:
        """Merge a batch of one parameter's gradients, (batch, *shape)."""
        before, size = self._count, len(gradients)
        centre = gradients.mean(dim=0)
        deviation = (gradients - centre).reshape(size, -1)  # (batch, entries)
        residual = deviation.mean(dim=0)  # what rounding left in the mean
        step = centre.to(self._spread.dtype) + residual.reshape(centre.shape) - self._mean[name]
        self._spread += deviation.square().sum(dtype=self._spread.dtype)
        self._spread -= size * residual.to(self._spread.dtype).square().sum()
        self._spread += step.square().sum() * (before * size / (before + size))
        self._mean[name] += step * (size / (before + size))

    def end_batch(self, size: int) -> None:
        """All parameters of a batch were added; those that were not have zero gradients."""
        self._count += size

    def variance(self) -> float:
        """Trace of the covariance: the mean squared distance from the mean gradient."""
        return float(self._spread) / self._count

    def mean_norm(self) -> float:
        """Norm of the mean gradient."""
        return math.sqrt(sum(float(value.square().sum()) for value in self._mean.values()))


def _point(risk: Risk, method: str) -> tuple[float, float, float]:
    """Variance, norm of the mean gradient, and mean loss, at the current weights."""
    moments = _Moments(risk.parameters)
    losses = []
    with LayerwiseGradients(risk) if method == "layerwise" else nullcontext() as layers:
        for part in risk.slices():
            if layers is not None:
                batch = layers.run(part, moments.add)
            else:
                batch = vmap_gradients(risk, part, moments.add)
            moments.end_batch(len(batch))
            losses.append(batch)
    loss = float(torch.cat(losses).cpu().double().mean())
    return moments.variance(), moments.mean_norm(), loss


def _wide(value: Tensor) -> torch.dtype:
    """float64, but on devices that have none."""
    return torch.float32 if value.device.type == "mps" else torch.float64
