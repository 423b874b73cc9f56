"""Loss landscape: s(α, β) = E_i f_i(w* + α w₁ + β w₂), Section 4.2 of the paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nascope._src.probes.chunks import Share
from nascope._src.probes.grid import Grid, compute_points
from nascope._src.probes.risk import Direction, Risk
from nascope._src.runtime.types import Progress


def compute_landscape(
    risk: Risk,
    directions: Sequence[Direction],
    grid: Grid,
    *,
    workers: int = 1,
    chunks: Path | None = None,
    part: Share | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Return the mean loss and the accuracy on a grid of displacements.

    Args:
        risk: The risk; the grid is centred on its weights w*.
        directions: w₁ and w₂, or w₁ for a line.
        grid: The displacements α and β.
        workers, chunks, part, progress: See `compute_points`.

    Returns:
        Float64 arrays (A, B), or (A,) on a line, with entry [i, j] at (alphas[i], betas[j]).
        ``loss`` and ``accuracy`` are means over the instances; ``loss_error`` and
        ``accuracy_error`` are their standard errors s / √n, if the n instances are a random
        sample. All points use the same instances, so differences between points are more certain
        than that. Non-finite losses are kept. If w* itself is not finite, everything is NaN. The
        accuracy is NaN unless the outputs are logits (batch, classes) for integer targets.

    >>> from nascope._src.probes.directions import random_directions
    >>> risk = Risk(torch.nn.Linear(2, 2), torch.randn(8, 2), torch.zeros(8, dtype=torch.long))
    >>> directions = random_directions(risk.origin, 2, seed=0)
    >>> compute_landscape(risk, directions, Grid.square(5))["loss"].shape
    (5, 5)
    """
    return compute_points(
        risk,
        directions,
        grid,
        _measure,
        workers=workers,
        chunks=chunks,
        part=part,
        progress=progress,
    )


def _measure(risk: Risk, point: tuple[float, ...]) -> dict[str, np.ndarray]:
    losses, hits = [], []
    for part, outputs, values in risk.values():
        losses.append(values)
        targets = risk.targets[part] if isinstance(risk.targets, Tensor) else None
        hits.append(_hits(outputs, targets, len(values)))
    loss, loss_error = _mean(torch.cat(losses))
    accuracy, accuracy_error = _mean(torch.cat(hits))
    return {
        "loss": loss,
        "accuracy": accuracy,
        "loss_error": loss_error,
        "accuracy_error": accuracy_error,
    }


def _mean(values: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The mean, and its standard error: NaN if there is only one value."""
    exact = values.cpu().double().numpy()
    with np.errstate(invalid="ignore", over="ignore"):  # non-finite losses are results
        mean = exact.mean()
        spread = exact.std(ddof=1) if len(exact) > 1 else math.nan
    return np.array(mean), np.array(spread / math.sqrt(len(exact)))


def _hits(outputs: object, targets: object, count: int) -> Tensor:
    if not is_classification(outputs, targets):
        return torch.full((count,), math.nan)
    assert isinstance(outputs, Tensor)
    assert isinstance(targets, Tensor)
    return outputs.argmax(dim=1) == targets


def is_classification(outputs: object, targets: object) -> bool:
    """Return whether a batch's outputs are logits, (batch, classes), of integer targets."""
    return (
        isinstance(outputs, Tensor)
        and isinstance(targets, Tensor)
        and outputs.is_floating_point()
        and outputs.dim() == 2
        and targets.dim() == 1
        and not targets.is_floating_point()
    )
