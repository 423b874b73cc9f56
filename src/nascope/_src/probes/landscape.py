"""Loss landscape: s(α, β) = E_i f_i(w* + α w₁ + β w₂), Section 4.2 of the paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nascope._src.probes.chunks import Share
from nascope._src.probes.grid import Grid, Progress, compute_points
from nascope._src.probes.risk import Direction, Risk


def landscape(
    risk: Risk,
    directions: Sequence[Direction],
    grid: Grid,
    *,
    workers: int = 1,
    chunks: Path | None = None,
    part: Share | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Mean loss and accuracy on a grid of displacements.

    Args:
        directions: w₁ and w₂, or w₁ for a line.
        workers, chunks, part, progress: see `compute_points`.

    Returns:
        Float64 arrays (A, B), or (A,) on a line, entry [i, j] at (alphas[i], betas[j]): ``loss``
        and ``accuracy``, and their standard errors ``loss_error`` and ``accuracy_error``, s / √n,
        where the n instances are a random sample of those meant. The same instances are used
        everywhere, so differences between points are surer than that. Non-finite losses are kept;
        where w* itself is not finite, everything is NaN. The accuracy is NaN where outputs are no
        logits (batch, classes) of integer targets.

    >>> risk = Risk(torch.nn.Linear(2, 2), torch.randn(8, 2), torch.zeros(8, dtype=torch.long))
    >>> from nascope._src.probes import random_directions
    >>> landscape(risk, random_directions(risk.origin, 2, seed=0), Grid.square(5))["loss"].shape
    (5, 5)
    """
    work: Any = {"workers": workers, "chunks": chunks, "part": part, "progress": progress}
    return compute_points(risk, directions, grid, _measure, **work)


def _measure(risk: Risk, point: tuple[float, ...]) -> dict[str, np.ndarray]:
    losses, hits = [], []
    for part, outputs, values in risk.values():
        losses.append(values)
        hits.append(_hits(outputs, risk.targets[part], len(values)))
    loss, loss_error = _mean(torch.cat(losses))
    accuracy, accuracy_error = _mean(torch.cat(hits))
    return {
        "loss": loss,
        "accuracy": accuracy,
        "loss_error": loss_error,
        "accuracy_error": accuracy_error,
    }


def _mean(values: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean, and its standard error; NaN where there is but one value."""
    wide = values.cpu().double().numpy()
    with np.errstate(invalid="ignore", over="ignore"):  # non-finite losses are results
        mean = wide.mean()
        spread = wide.std(ddof=1) if len(wide) > 1 else math.nan
    return np.array(mean), np.array(spread / math.sqrt(len(wide)))


def _hits(outputs: object, targets: Tensor, count: int) -> Tensor:
    logits = torch.is_tensor(outputs) and outputs.is_floating_point() and outputs.dim() == 2
    if not logits or targets.dim() != 1 or targets.is_floating_point():
        return torch.full((count,), math.nan)
    assert isinstance(outputs, Tensor)
    return outputs.argmax(dim=1) == targets
