"""Numbers that describe a loss landscape or a grid of gradient variances.

A grid holds values z[i, j] at (alphas[i], betas[j]). Non-finite values are results, not gaps to be
filled. Each function documents what it does with them.
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
from nascope._src.results.metrics.topology import basins, smad_of, total_persistence_of
from nascope._src.results.stats.intervals import Estimate, over_seeds

BOX = 0.2
"""Half the side of the square of `sharpness`: one step of a grid of 11 points. Our choice."""

_SAMPLES = 16  # along each side of a grid cell, so areas are exact to about 1 / 16 of a cell


def area_below(loss: np.ndarray, alphas: np.ndarray, betas: np.ndarray, level: float) -> float:
    r"""Return the share of the grid's area where the landscape is below a level, in [0, 1].

    It is |{(α, β) : s(α, β) < level}| / |grid|. s interpolates ``loss`` bilinearly, and is
    evaluated at 16 × 16 points in each grid cell. If all finite losses are positive, ln s is
    interpolated instead: away from the centre, losses grow by a factor per step, and a straight
    line between two of them would cross the level far too early. A grid cell with a non-finite
    corner counts as not below. A grid with a single row or column has no area: NaN.

    Args:
        loss: (A, B) losses.
        alphas: (A,) increasing coordinates along the first axis.
        betas: (B,) increasing coordinates along the second axis.
        level: in the unit of ``loss``; NaN gives NaN.

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


def sharpness(loss: np.ndarray, alphas: np.ndarray, betas: np.ndarray, box: float = BOX) -> float:
    """Return the worst-case sharpness φ = (max_{|α|, |β| ≤ ε} s(α, β) − s(0, 0)) / (1 + s(0, 0)).

    This is Metric 2.1 of Keskar et al. 2017, as a fraction rather than in percent, in the subspace
    of the two directions. Their box is |z_i| ≤ ε (|(A⁺w*)_i| + 1), where the columns of A are the
    directions. Random directions are almost orthogonal to w*, so the first term is left out. Along
    filter-normalised directions, ε is relative to the norm of the weights.

    s is interpolated as in `area_below`, so that its maximum over the box lies on a grid line or a
    corner. It is infinite if a value that it needs is not finite, and NaN if the grid does not
    cover the box.

    Args:
        loss: (A, B) losses, in nats per image.
        alphas: (A,) increasing coordinates along the first axis.
        betas: (B,) increasing coordinates along the second axis.
        box: ε.

    >>> axis = np.linspace(-1, 1, 11)
    >>> bowl = 1 + np.add.outer(axis**2, axis**2)
    >>> round(sharpness(bowl, axis, axis), 3)  # (1.08 − 1) / 2
    0.04
    """
    loss = np.asarray(loss, dtype=np.float64)
    axes = np.asarray(alphas, np.float64), np.asarray(betas, np.float64)
    if not all(len(axis) > 1 and axis[0] <= -box and box <= axis[-1] for axis in axes):
        return math.nan
    logarithmic = bool((loss[np.isfinite(loss)] > 0).all())
    points = [np.unique([-box, 0.0, box, *axis[np.abs(axis) < box]]) for axis in axes]
    values = np.log(loss) if logarithmic else loss
    for axis, wanted in zip(axes, points, strict=True):  # one axis after the other
        values = _interpolated(values, axis, wanted).T
    values = np.exp(values) if logarithmic else values
    if not np.isfinite(values).all():
        return math.inf
    centre = float(values[np.searchsorted(points[0], 0.0), np.searchsorted(points[1], 0.0)])
    return (float(values.max()) - centre) / (1 + centre)


def _interpolated(values: np.ndarray, axis: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return (A, B) values at points along the first axis; a grid point needs no neighbour."""
    left = np.clip(np.searchsorted(axis, points, side="right") - 1, 0, len(axis) - 2)
    share = ((points - axis[left]) / (axis[left + 1] - axis[left])).reshape(-1, 1)
    with np.errstate(invalid="ignore"):
        between = (1 - share) * values[left] + share * values[left + 1]
    return np.where(share == 0, values[left], np.where(share == 1, values[left + 1], between))


def chance_loss(classes: int) -> float:
    """Return the cross-entropy of a uniform guess, ln(classes), in nats per image.

    It is the natural level for comparing landscapes on one data set, because it depends on no
    trial.

    >>> round(chance_loss(10), 3)
    2.303
    """
    return math.log(classes)


def gradient_std(variance: np.ndarray) -> np.ndarray:
    """Return √g, the standard deviation of per-instance gradients, with g = E‖∇f_i − E∇f_i‖².

    The unit is that of a gradient's norm. A negative variance, which only cancellation can cause,
    becomes NaN.

    Args:
        variance: g, of any shape.
    """
    variance = np.asarray(variance, dtype=np.float64)
    return np.sqrt(np.where(variance >= 0, variance, np.nan))


def at_centre(values: np.ndarray, alphas: np.ndarray, betas: np.ndarray) -> float:
    """Return the value at the grid point nearest to (0, 0), the trained network.

    Args:
        values: (A, B) values.
        alphas: (A,) coordinates along the first axis.
        betas: (B,) coordinates along the second axis.

    >>> at_centre(np.array([[5.0, 6.0], [7.0, 8.0]]), np.array([-1.0, 0.0]), np.array([0.0, 1.0]))
    7.0
    """
    return float(values[np.abs(alphas).argmin(), np.abs(betas).argmin()])


@dataclass(frozen=True)
class GridSummary:
    """A grid in a few numbers, computed from its finite values; NaN if there are none.

    Attributes:
        mean: mean over the grid points, with equal weights.
        median: median over the grid points.
        lower_decile: 10 % quantile.
        upper_decile: 90 % quantile.
        largest: the maximum.
        non_finite_share: share of the non-finite points, in [0, 1].
    """

    mean: float
    median: float
    lower_decile: float
    upper_decile: float
    largest: float
    non_finite_share: float


def summarise(values: np.ndarray) -> GridSummary:
    """Return a summary of the values of a grid, of any shape.

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
    """The smoothness of a landscape in numbers; docs/guides/smoothness.md explains them.

    A number is NaN if the grid is too small for it.

    Attributes:
        convex_radius: radius of the near-convex disc around the trained network, in units of
            displacement.
        convex_area: share of the grid's interior in the near-convex region around the trained
            network, in [0, 1].
        area_below: share of the grid below a level, in [0, 1].
        concavity: mean of max(0, −λ_min) / |λ|_max, in [0, 1].
        roughness: RMS of the second derivatives, in nats per unit of displacement squared.
        largest_curvature: the largest λ_max, in the same unit.
        sharpness: worst-case sharpness within ±0.2 along both directions, as a fraction.
        smad: saddle–minimum average distance, in nats.
        persistence: total persistence of the minima, in nats.
        non_finite_share: share of the grid points with a non-finite loss, in [0, 1].
    """

    convex_radius: float
    convex_area: float
    area_below: float
    concavity: float
    roughness: float
    largest_curvature: float
    sharpness: float
    smad: float
    persistence: float
    non_finite_share: float


def smoothness_of(
    loss: np.ndarray, alphas: np.ndarray, betas: np.ndarray, level: float
) -> Smoothness:
    """Return all numbers of one landscape, with the default tolerance of near-convexity.

    Args:
        loss: (A, B) losses.
        alphas: (A,) increasing coordinates along the first axis.
        betas: (B,) increasing coordinates along the second axis.
        level: level of `area_below`; use the same for all landscapes that are compared.

    >>> axis = np.linspace(-1, 1, 21)
    >>> bowl = smoothness_of(np.add.outer(axis**2, axis**2), axis, axis, level=0.5)
    >>> bowl.convex_radius, bowl.convex_area, bowl.concavity
    (0.9, 1.0, 0.0)
    """
    every = basins(loss)
    return Smoothness(
        convex_radius=convex_radius(loss, alphas, betas),
        convex_area=convex_area(loss, alphas, betas),
        area_below=area_below(loss, alphas, betas, level),
        concavity=concavity(loss, alphas, betas),
        roughness=roughness(loss, alphas, betas),
        largest_curvature=largest_curvature(loss, alphas, betas),
        sharpness=sharpness(loss, alphas, betas),
        smad=smad_of(every),
        persistence=total_persistence_of(every),
        non_finite_share=summarise(loss).non_finite_share,
    )


def over_pairs(landscapes: Sequence[Smoothness]) -> dict[str, Estimate]:
    """Return the mean of each number over landscapes, with the interval of `over_seeds`.

    For landscapes along several pairs of directions around one network, the interval is about that
    network only. For an interval about trainings, give one landscape per seed. If a number is NaN
    in one landscape, its mean is NaN.

    Args:
        landscapes: one for each pair of directions, or for each seed.

    Returns:
        The mean of each field of `Smoothness`, by its name.

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
