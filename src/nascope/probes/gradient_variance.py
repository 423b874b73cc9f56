"""Gradient variance: g(α, β) = E_i ‖∇f_i − E_j ∇f_j‖² at w* + α w₁ + β w₂, Section 4.2.

The trace of the covariance of per-instance gradients, all parameters as one vector and i uniform
over the data set. Instances must not interact: the model is in evaluation mode.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value, vmap

from nascope.probes.grid import Grid, Progress, compute_rows
from nascope.probes.risk import Direction, Risk


def gradient_variance(
    risk: Risk,
    directions: Sequence[Direction],
    grid: Grid,
    *,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Variance of per-instance gradients on a grid of displacements.

    Args:
        directions: two, w₁ and w₂.
        chunks, progress: see `compute_rows`.

    Returns:
        (A, B) float64 arrays, entry [i, j] at (alphas[i], betas[j]): ``variance``, the trace of
        the covariance (its root is what the paper plots); ``mean_gradient_norm``, ‖E_i ∇f_i‖;
        ``loss``, E_i f_i. Non-finite values are kept; where w* itself is not finite, all is NaN.
    """

    def row(alpha: float) -> dict[str, np.ndarray]:
        if not risk.is_finite:
            nothing = np.full(len(grid.betas), np.nan)
            return {"variance": nothing, "mean_gradient_norm": nothing, "loss": nothing}
        moments = []
        for beta in grid.betas:
            risk.displace(directions, (alpha, beta))
            moments.append(_moments(risk))
        variance, norm, loss = zip(*moments, strict=True)
        return {
            "variance": np.array(variance),
            "mean_gradient_norm": np.array(norm),
            "loss": np.array(loss),
        }

    return compute_rows(grid, row, chunks=chunks, progress=progress)


def _moments(risk: Risk) -> tuple[float, float, float]:
    """Trace of the covariance, norm of the mean gradient, and mean loss, at the current weights.

    The moments of batches are merged in float64 (Chan et al. 1983): the sum of squares is taken
    around each batch's own mean, so that nothing cancels, as E‖g‖² − ‖E g‖² would.
    """
    parameters = {name: value.detach() for name, value in risk.parameters.items()}

    def instance_loss(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return risk.loss(functional_call(risk.model, weights, (x[None],)), y[None])[0]

    gradients_of = vmap(grad_and_value(instance_loss), in_dims=(None, 0, 0))
    count = 0
    mean = {name: torch.zeros_like(value, dtype=_wide(value)) for name, value in parameters.items()}
    spread = total = 0.0
    for part in risk.slices():
        gradients, losses = gradients_of(parameters, risk.inputs[part], risk.targets[part])
        size = len(losses)
        total += float(losses.cpu().double().sum())
        between = 0.0
        for name, gradient in gradients.items():
            center = gradient.mean(dim=0)
            deviation = (gradient - center).flatten(1)  # (batch, entries)
            residual = deviation.mean(dim=0)  # what rounding left in the mean
            spread += float(deviation.square().sum(dtype=_wide(center)))
            spread -= size * float(residual.square().sum(dtype=_wide(center)))
            step = center.to(_wide(center)) + residual.reshape(center.shape) - mean[name]
            between += float(step.square().sum())
            mean[name] += step * (size / (count + size))
        spread += between * (count * size / (count + size))
        count += size
    norm = math.sqrt(sum(float(value.square().sum()) for value in mean.values()))
    return spread / count, norm, total / count


def _wide(value: Tensor) -> torch.dtype:
    """float64, but on devices that have none."""
    return torch.float32 if value.device.type == "mps" else torch.float64
