"""Loss landscape: s(α, β) = E_i f_i(w* + α w₁ + β w₂), Section 4.2 of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nascope.probes.grid import Grid, Progress, compute_rows
from nascope.probes.risk import Direction, Risk


def landscape(
    risk: Risk,
    directions: Sequence[Direction],
    grid: Grid,
    *,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Mean loss and accuracy on a grid of displacements.

    Args:
        directions: two, w₁ and w₂.
        chunks, progress: see `compute_rows`.

    Returns:
        ``loss`` and ``accuracy``, each (A, B) float64, entry [i, j] at (alphas[i], betas[j]).
        Non-finite losses are kept; where w* itself is not finite, everything is NaN. The
        accuracy is NaN where outputs are no logits (batch, classes) of integer targets.

    >>> risk = Risk(torch.nn.Linear(2, 2), torch.randn(8, 2), torch.zeros(8, dtype=torch.long))
    >>> from nascope.probes import random_directions
    >>> landscape(risk, random_directions(risk.origin, 2, seed=0), Grid.square(5))["loss"].shape
    (5, 5)
    """

    def row(alpha: float) -> dict[str, np.ndarray]:
        if not risk.is_finite:
            nothing = np.full(len(grid.betas), np.nan)
            return {"loss": nothing, "accuracy": nothing}
        points = [_value(risk, directions, (alpha, beta)) for beta in grid.betas]
        loss, accuracy = zip(*points, strict=True)
        return {"loss": np.array(loss), "accuracy": np.array(accuracy)}

    return compute_rows(grid, row, chunks=chunks, progress=progress)


def _value(
    risk: Risk, directions: Sequence[Direction], coefficients: tuple[float, float]
) -> tuple[float, float]:
    risk.displace(directions, coefficients)
    losses, hits = [], []
    for part, (outputs, values) in zip(risk.slices(), risk.evaluate(), strict=True):
        losses.append(values)
        hits.append(_hits(outputs, risk.targets[part]))
    loss = torch.cat(losses).cpu().double().mean()
    accuracy = torch.cat(hits).cpu().double().mean()
    return float(loss), float(accuracy)


def _hits(outputs: Tensor, targets: Tensor) -> Tensor:
    if outputs.dim() != 2 or targets.dim() != 1 or targets.is_floating_point():
        return outputs.new_full((len(outputs),), float("nan"))
    return outputs.argmax(dim=1) == targets
