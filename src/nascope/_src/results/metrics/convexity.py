r"""The curvature of a loss landscape, and how far it is convex around the trained network.

All numbers are computed from one matrix at each interior grid point: the Hessian H of the landscape
s(α, β) by finite differences, with eigenvalues λ_min ≤ λ_max and |λ|_max = max(|λ_min|, |λ_max|).
The *concavity* of a point is max(0, −λ_min) / |λ|_max, in [0, 1]: 0 if s is locally convex, and 1
if its strongest curvature is downwards. A point is *near-convex* if its concavity is at most a
tolerance.

Li et al. 2018, Section 6, plot the ratio |λ_min / λ_max| of the Hessian in all weights for the same
purpose. H is the restriction of that Hessian to the plane. A plane that is not convex therefore
proves that the loss is not convex; a convex plane proves nothing.

An interior point has neighbours on both sides of each axis, and represents the area up to midway
to them. Its H is undefined (NaN) unless all the values around it, nine in a plane, are finite.
Such a point is not near-convex, and does not enter a mean or a maximum.

Each function takes a landscape and one axis per dimension: ``f(loss, alphas)`` for a line, (A,),
and ``f(loss, alphas, betas)`` for a plane, (A, B). Axes increase; their steps need not be equal.
Losses are in nats per image, and displacements in units of the directions. A number is NaN if the
grid is too small for it.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from nascope._src.errors import StudyError

TOLERANCE = 0.05
"""Our choice: above rounding errors in a flat valley, below any visible saddle."""


def second_derivatives(loss: np.ndarray, *axes: np.ndarray) -> np.ndarray:
    r"""Return the Hessian of a landscape at the interior points of its grid.

    It is computed by finite differences.

    With values z₋, z₀, z₊ at three neighbours, h₋ and h₊ between them, and the slopes
    p₋ = (z₀ − z₋) / h₋ and p₊ = (z₊ − z₀) / h₊, the parabola through them has at z₀

        s′ = (h₊ p₋ + h₋ p₊) / (h₋ + h₊)        s″ = 2 (p₊ − p₋) / (h₋ + h₊)

    ∂²s/∂α² is s″ along α, and ∂²s/∂α∂β is s′ along β of s′ along α. The result is exact for
    polynomials of degree at most 2 in each variable, for any spacing. Otherwise its error is O(h²)
    for equal steps and O(h) for unequal ones. For equal steps, these are the usual
    (z₊ − 2z₀ + z₋) / h² and (z₊₊ − z₊₋ − z₋₊ + z₋₋) / 4h².

    Returns:
        (A − 2, 1, 1) for a line, (A − 2, B − 2, 2, 2) for a plane, in nats per unit of
        displacement squared. An entry is NaN if a value that it needs is not finite.

    Raises:
        StudyError: an axis does not increase, or its length does not match the landscape.

    >>> a, b = np.array([-1.0, 0.0, 2.0]), np.array([-3.0, 0.0, 1.0])
    >>> second_derivatives(np.add.outer(a**2, b**2) + 5 * np.outer(a, b), a, b)[0, 0]
    array([[2., 5.],
           [5., 2.]])
    """
    loss = _checked(loss, axes)
    count = len(axes)
    hessian = np.empty((*(max(len(axis) - 2, 0) for axis in axes), count, count))
    with np.errstate(over="ignore", invalid="ignore"):  # infinite losses, and overflow
        for i in range(count):
            for j in range(i, count):
                entry = loss
                for k, axis in enumerate(axes):
                    entry = _differentiated(entry, axis, k, order=(i == k) + (j == k))
                hessian[..., i, j] = hessian[..., j, i] = entry
    return np.where(np.isfinite(hessian), hessian, np.nan)


def near_convex(loss: np.ndarray, *axes: np.ndarray, tolerance: float = TOLERANCE) -> np.ndarray:
    """Return which interior grid points are near-convex: λ_min ≥ −tolerance · |λ|_max.

    A line has only one eigenvalue, so any tolerance below 1 requires s″ ≥ 0.

    Returns:
        (A − 2,) or (A − 2, B − 2) booleans; false if H is undefined.

    >>> axis = np.linspace(-1, 1, 5)
    >>> near_convex(axis**4 - axis**2, axis)
    array([ True, False,  True])
    """
    return _concavities(loss, *axes) <= tolerance


def convex_radius(loss: np.ndarray, *axes: np.ndarray, tolerance: float = TOLERANCE) -> float:
    """Return the radius of the largest disc around the origin with near-convex grid points only.

    It is sup {r ≤ R : every interior point p with ‖p‖ < r is near-convex}, the distance to the
    nearest point that is not near-convex. It is at most R, the radius of the largest disc around
    the origin in the rectangle of the interior points; a result of R means "at least R". It is 0
    if a grid point nearest to the origin (there can be four) is not near-convex, and NaN if the
    origin is not in the rectangle.

    The unit is that of displacements: along a filter-normalised direction, 1 is the norm of the
    weights that it moves. The directions should have about equal norms and be nearly orthogonal.

    >>> axis = np.linspace(-1, 1, 201)
    >>> round(convex_radius(-np.cos(5 * axis), axis), 6)  # the next point after π / 10
    0.32
    """
    convex = near_convex(loss, *axes, tolerance=tolerance)
    if not _holds_origin(axes):
        return math.nan
    if not convex[_centre(axes)].all():
        return 0.0
    distance = np.sqrt(functools.reduce(np.add.outer, [axis[1:-1] ** 2 for axis in axes]))
    reach = min(min(-axis[1], axis[-2]) for axis in axes)
    return float(max(0.0, min(reach, distance[~convex].min(initial=math.inf))))  # 0, not −0


def convex_area(loss: np.ndarray, *axes: np.ndarray, tolerance: float = TOLERANCE) -> float:
    """Return the share of the interior's area in the near-convex region around the origin.

    The region consists of the near-convex points that are connected with the grid points nearest
    to the origin, through near-convex neighbours along the axes. The share is in [0, 1]; for a
    line, it is a share of the length. It is 0 if one of the nearest points is not near-convex, and
    NaN if `convex_radius` is.

    >>> axis = np.linspace(-1, 1, 201)
    >>> round(convex_area(-np.cos(5 * axis), axis), 2)  # about π / 10, without the rims beyond
    0.32
    """
    convex = near_convex(loss, *axes, tolerance=tolerance)
    if not _holds_origin(axes):
        return math.nan
    if not convex[_centre(axes)].all():
        return 0.0
    from scipy.ndimage import label  # noqa: PLC0415  (slow to import)

    regions, _ = label(convex)  # 4-neighbours, its default
    area = _areas(axes)
    region = regions == regions[_centre(axes)].flat[0]
    return float(area[region].sum() / area.sum())


def concavity(loss: np.ndarray, *axes: np.ndarray) -> float:
    """Return the mean concavity over the grid, weighted by area, in [0, 1].

    It is Σ_p A_p max(0, −λ_min(p)) / |λ|_max(p)  /  Σ_p A_p over the interior points p with a
    defined H; 0 / 0 counts as 0. It is 0 for a convex landscape and 1 for a concave one; for a
    line, it is the share of the length that is concave. It does not depend on the scale of the
    loss, and steep rims do not outweigh the rest.

    >>> axis = np.linspace(-1, 1, 21)
    >>> concavity(np.subtract.outer(axis**2, 0.3 * axis**2), axis, axis).__round__(3)
    0.3
    """
    return _mean(_concavities(loss, *axes), axes)


def roughness(loss: np.ndarray, *axes: np.ndarray) -> float:
    """Return the root mean square of the second derivatives along the axes, weighted by area.

    It is √(Σ_p A_p ½ [(∂²s/∂α²)² + (∂²s/∂β²)²]  /  Σ_p A_p) over the interior points p with a
    defined H; for a line, without the ½ and the second term. The unit is nats per unit of
    displacement squared. It converges as the grid is refined.

    >>> axis = np.linspace(-1, 1, 21)
    >>> round(roughness(np.add.outer(axis**2, 0.5 * 7 * axis**2), axis, axis), 6)  # 2 and 7
    5.147815
    """
    hessian = second_derivatives(loss, *axes)
    hessian[np.isnan(hessian).any(axis=(-2, -1))] = np.nan
    with np.errstate(over="ignore"):
        squares = np.square(np.diagonal(hessian, axis1=-2, axis2=-1)).mean(axis=-1)
        return math.sqrt(_mean(squares, axes))


def largest_curvature(loss: np.ndarray, *axes: np.ndarray) -> float:
    """Return the largest λ_max over the interior points with a defined H.

    The unit is nats per unit of displacement squared. It is negative if the landscape is concave
    everywhere.

    >>> axis = np.linspace(-1, 1, 21)
    >>> round(largest_curvature(0.5 * np.add.outer(axis**2, 7 * axis**2), axis, axis), 6)
    7.0
    """
    largest = _eigenvalues(loss, *axes)[..., -1]
    largest = largest[~np.isnan(largest)]
    return float(largest.max()) if largest.size else math.nan


def _checked(loss: np.ndarray, axes: tuple[np.ndarray, ...]) -> np.ndarray:
    loss = np.asarray(loss, dtype=np.float64)
    lengths = tuple(len(axis) for axis in axes)
    if not axes or loss.shape != lengths:
        raise StudyError(
            f"Expected one axis for each dimension of a landscape of shape {loss.shape}, in order, "
            f"but got axes of lengths {lengths}"
        )
    if not all((np.diff(axis) > 0).all() for axis in axes):
        raise StudyError(
            "Expected the axes of a landscape to increase, but one does not: sort the grid by axis"
        )
    return loss


def _differentiated(values: np.ndarray, axis: np.ndarray, k: int, *, order: int) -> np.ndarray:
    """Return s, s′ or s″ (order 0, 1, 2) along dimension k at the interior points of ``axis``."""
    last = np.moveaxis(values, k, -1)
    before, here, after = last[..., :-2], last[..., 1:-1], last[..., 2:]
    left, right = axis[1:-1] - axis[:-2], axis[2:] - axis[1:-1]
    if order == 0:
        result = here
    else:
        back, forth = (here - before) / left, (after - here) / right
        if order == 1:
            result = (right * back + left * forth) / (left + right)
        else:
            result = 2 * (forth - back) / (left + right)
    return np.moveaxis(result, -1, k)


def _eigenvalues(loss: np.ndarray, *axes: np.ndarray) -> np.ndarray:
    """Return H's eigenvalues in ascending order, (…, dimensions); NaN if H is undefined."""
    hessian = second_derivatives(loss, *axes)
    defined = ~np.isnan(hessian).any(axis=(-2, -1))
    eigenvalues = np.full(hessian.shape[:-1], np.nan)
    eigenvalues[defined] = np.linalg.eigvalsh(hessian[defined])
    return eigenvalues


def _concavities(loss: np.ndarray, *axes: np.ndarray) -> np.ndarray:
    """Return max(0, −λ_min) / |λ|_max of each interior point; 0 if H = 0, NaN if undefined."""
    eigenvalues = _eigenvalues(loss, *axes)
    size = np.abs(eigenvalues).max(axis=-1)
    return np.maximum(-eigenvalues[..., 0], 0) / np.where(size > 0, size, 1)


def _areas(axes: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return A_p of each interior point: the area up to midway to its neighbours."""
    return functools.reduce(np.multiply.outer, [(axis[2:] - axis[:-2]) / 2 for axis in axes])


def _mean(values: np.ndarray, axes: tuple[np.ndarray, ...]) -> float:
    defined = ~np.isnan(values)
    if not defined.any():
        return math.nan
    return float(np.average(values[defined], weights=_areas(axes)[defined]))


def _holds_origin(axes: tuple[np.ndarray, ...]) -> bool:
    return all(len(axis) >= 3 and axis[1] <= 0 <= axis[-2] for axis in axes)


def _centre(axes: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Return the index of the interior points nearest to the origin.

    There are two along an axis if the origin is midway between them, so that both signs of a
    direction are treated alike.
    """
    distances = [np.abs(axis[1:-1]) for axis in axes]
    return np.ix_(*(np.flatnonzero(d <= d.min() * (1 + 1e-9)) for d in distances))
