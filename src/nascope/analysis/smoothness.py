"""Numbers that describe a loss landscape or a grid of gradient variances.

A grid holds values z[i, j] at (alphas[i], betas[j]). Values that are not finite are results, never
gaps to be filled: each function says what it makes of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_SAMPLES = 16  # midpoints along each side of a grid cell: areas are exact to about 1 / 16 of a cell


def area_below(loss: np.ndarray, alphas: np.ndarray, betas: np.ndarray, level: float) -> float:
    r"""Share of the grid's area where the landscape lies below a level, in [0, 1].

    |{(α, β) : s(α, β) < level}| / |grid|, where s interpolates ``loss`` bilinearly, looked at on
    16 × 16 midpoints of every grid cell. Where all finite losses are positive it is ln s that is
    bilinear: away from the centre losses grow by a factor a step, and a straight line between two
    of them would cross the level far too early. A grid cell with a corner that is not finite
    counts as not below.

    Args:
        loss: (A, B) losses.
        alphas: (A,) increasing coordinates of the first axis, A ≥ 2.
        betas: (B,) of the second, B ≥ 2.
        level: in the unit of ``loss``.

    >>> axis = np.linspace(-1, 1, 21)
    >>> cone = np.hypot(*np.meshgrid(axis, axis))
    >>> round(area_below(cone, axis, axis, 0.5), 2)  # π 0.5² / 4
    0.2
    """
    loss = np.asarray(loss, dtype=np.float64)
    if level > 0 and (loss[np.isfinite(loss)] > 0).all():
        loss, level = np.log(loss), math.log(level)
    steps = (np.arange(_SAMPLES) + 0.5) / _SAMPLES  # within a grid cell
    u, v = steps[:, None], steps[None, :]
    corners = loss[:-1, :-1], loss[1:, :-1], loss[:-1, 1:], loss[1:, 1:]
    weights = (1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v
    finite = np.logical_and.reduce([np.isfinite(corner) for corner in corners])  # (A-1, B-1)
    inside = np.zeros((*finite.shape, _SAMPLES, _SAMPLES))
    for corner, weight in zip(corners, weights, strict=True):
        inside += np.where(finite, corner, np.inf)[..., None, None] * weight
    share = (inside < level).mean(axis=(2, 3))  # of each grid cell
    cell_area = np.outer(np.diff(alphas), np.diff(betas))
    return float((share * cell_area).sum() / cell_area.sum())


def chance_loss(classes: int) -> float:
    """Cross-entropy of the uniform guess, ln(classes), in nats.

    The natural level at which to compare landscapes of one data set: it depends on no trial.

    >>> round(chance_loss(10), 3)
    2.303
    """
    return math.log(classes)


def gradient_std(variance: np.ndarray) -> np.ndarray:
    """√g, the standard deviation of per-instance gradients, from g = E‖∇f_i − E∇f_i‖².

    In the unit of a gradient's norm. A negative variance, which only cancellation can bring
    about, becomes not-a-number.
    """
    variance = np.asarray(variance, dtype=np.float64)
    return np.sqrt(np.where(variance >= 0, variance, np.nan))


def at_centre(values: np.ndarray, alphas: np.ndarray, betas: np.ndarray) -> float:
    """The value at the grid point nearest to (0, 0), where the trained network lies.

    >>> at_centre(np.array([[5.0, 6.0], [7.0, 8.0]]), np.array([-1.0, 0.0]), np.array([0.0, 1.0]))
    7.0
    """
    return float(values[np.abs(alphas).argmin(), np.abs(betas).argmin()])


@dataclass(frozen=True)
class GridSummary:
    """A grid in five numbers, each over its finite values only; NaN where there is none.

    Attributes:
        mean: mean over the grid points, each with the same weight.
        median: of the same.
        lower_decile: 10 % of the points lie below it.
        upper_decile: 90 % lie below it.
        largest: the maximum.
        non_finite_share: share of the points that are not finite, in [0, 1].
    """

    mean: float
    median: float
    lower_decile: float
    upper_decile: float
    largest: float
    non_finite_share: float


def summarise(values: np.ndarray) -> GridSummary:
    """Describe the values of a grid.

    >>> summarise(np.array([[1.0, 2.0], [3.0, np.inf]])).non_finite_share
    0.25
    """
    values = np.asarray(values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    share = 1 - finite.size / values.size
    if finite.size == 0:
        nan = math.nan
        return GridSummary(nan, nan, nan, nan, nan, share)
    low, middle, high = np.quantile(finite, [0.1, 0.5, 0.9])
    return GridSummary(
        mean=float(finite.mean()),
        median=float(middle),
        lower_decile=float(low),
        upper_decile=float(high),
        largest=float(finite.max()),
        non_finite_share=share,
    )
