"""Numbers that describe a loss landscape or a grid of gradient variances.

A grid holds values z[i, j] at (alphas[i], betas[j]). Values that are not finite are results, never
gaps to be filled: each function says what it makes of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from nascope._src.results.metrics.convexity import (
    concavity,
    convex_area,
    convex_radius,
    largest_curvature,
    roughness,
)
from nascope._src.results.stats.intervals import Estimate, over_seeds

_SAMPLES = 16  # midpoints along each side of a grid cell: areas are exact to about 1 / 16 of a cell


def area_below(loss: np.ndarray, alphas: np.ndarray, betas: np.ndarray, level: float) -> float:
    r"""Share of the grid's area where the landscape lies below a level, in [0, 1].

    |{(α, β) : s(α, β) < level}| / |grid|, where s interpolates ``loss`` bilinearly, looked at on
    16 × 16 midpoints of every grid cell. Where all finite losses are positive it is ln s that is
    bilinear: away from the centre losses grow by a factor a step, and a straight line between two
    of them would cross the level far too early. A grid cell with a corner that is not finite
    counts as not below. A grid of a single row or column has no area: NaN.

    Args:
        loss: (A, B) losses.
        alphas: (A,) increasing coordinates of the first axis.
        betas: (B,) of the second.
        level: in the unit of ``loss``.

    >>> axis = np.linspace(-1, 1, 21)
    >>> cone = np.hypot(*np.meshgrid(axis, axis))
    >>> round(area_below(cone, axis, axis, 0.5), 2)  # π 0.5² / 4
    0.2
    """
    loss = np.asarray(loss, dtype=np.float64)
    if math.isnan(level):
        return math.nan
    if min(loss.shape) < 2:
        return math.nan
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


@dataclass(frozen=True)
class Smoothness:
    """A landscape in numbers; NaN where its grid is too small to tell (docs/guides/smoothness.md).

    Attributes:
        convex_radius: up to which it is near-convex around the trained network, in displacement.
        convex_area: share of the grid's interior in the near-convex region around it, in [0, 1].
        area_below: share of the grid below a level, in [0, 1].
        concavity: mean of max(0, −λ_min) / |λ|_max, in [0, 1].
        roughness: RMS of the second derivatives, in nats per displacement squared.
        largest_curvature: the largest λ_max, in the same unit.
        non_finite_share: share of the grid points whose loss is not finite, in [0, 1].
    """

    convex_radius: float
    convex_area: float
    area_below: float
    concavity: float
    roughness: float
    largest_curvature: float
    non_finite_share: float


def smoothness_of(
    loss: np.ndarray, alphas: np.ndarray, betas: np.ndarray, level: float
) -> Smoothness:
    """All numbers of one landscape, at the default tolerance of near-convexity.

    Args:
        loss: (A, B) losses.
        alphas: (A,) increasing coordinates of the first axis.
        betas: (B,) of the second.
        level: of `area_below`; the same for all landscapes that are compared.

    >>> axis = np.linspace(-1, 1, 21)
    >>> bowl = smoothness_of(np.add.outer(axis**2, axis**2), axis, axis, level=0.5)
    >>> bowl.convex_radius, bowl.convex_area, bowl.concavity
    (0.9, 1.0, 0.0)
    """
    return Smoothness(
        convex_radius=convex_radius(loss, alphas, betas),
        convex_area=convex_area(loss, alphas, betas),
        area_below=area_below(loss, alphas, betas, level),
        concavity=concavity(loss, alphas, betas),
        roughness=roughness(loss, alphas, betas),
        largest_curvature=largest_curvature(loss, alphas, betas),
        non_finite_share=summarise(loss).non_finite_share,
    )


def over_pairs(landscapes: Sequence[Smoothness]) -> dict[str, Estimate]:
    """The mean of each number over pairs of directions or seeds, with `over_seeds`' interval.

    Over pairs of directions around one network the interval speaks of that network alone; give one
    landscape a seed for an interval that speaks of trainings. A number that is NaN in one
    landscape is NaN in the mean.

    >>> axis = np.linspace(-1, 1, 21)
    >>> bowls = [np.add.outer(axis**2, k * axis**2) for k in (1, 2, 3)]
    >>> means = over_pairs([smoothness_of(bowl, axis, axis, level=0.5) for bowl in bowls])
    >>> round(means["largest_curvature"].mean, 6), means["largest_curvature"].seeds
    (4.0, 3)
    """
    return {
        field.name: over_seeds([getattr(landscape, field.name) for landscape in landscapes])
        for field in fields(Smoothness)
    }
