r"""The basins of a landscape: its local minima, and the saddles at which their basins meet.

Let the level rise from below, and let the grid points under it that are neighbours along an axis be
connected. At each local minimum a component is born; at a saddle s, components meet and go on as
one. The *elder rule* says which: the one with the lowest minimum. Every other component dies there,
and its *persistence* is s − m, the height of its saddle above its minimum m. These pairs are the
0-dimensional persistent homology of the sublevel sets {p : s(p) ≤ level} (Edelsbrunner, Letscher
and Zomorodian 2002); the lowest minimum of all never dies, and has no pair.

A non-finite point is never below a level: basins do not meet there, and a basin that is cut off by
such points has no pair.

Functions take a landscape of any dimension, without axes, because only the order and the heights of
its values count. If two values are equal, the first in memory counts as the lower.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Basin:
    """A local minimum with its saddles, as heights in the unit of the landscape.

    Attributes:
        minimum: height of the minimum.
        first_saddle: where its basin first meets another; None if it never does.
        death: where it meets a basin with a lower minimum; None if it never does.
    """

    minimum: float
    first_saddle: float | None = None
    death: float | None = None


def basins(loss: np.ndarray) -> tuple[Basin, ...]:
    """Return the basins of a landscape, from the lowest minimum to the highest.

    They are found by a union–find over the grid points in ascending order.

    Args:
        loss: values on a grid of any dimension; neighbours differ by one step along one axis.

    >>> [(basin.minimum, basin.first_saddle, basin.death) for basin in
    ...  basins(np.array([0.0, 3.0, 1.0, 5.0, 2.0]))]
    [(0.0, 3.0, None), (1.0, 3.0, 3.0), (2.0, 5.0, 5.0)]
    """
    grid = np.asarray(loss, dtype=np.float64)
    heights = np.where(np.isfinite(grid), grid, math.inf).ravel()
    order = np.argsort(heights, kind="stable")[: int(np.isfinite(grid).sum())]
    neighbours = _neighbours(grid.shape)
    place = np.full(heights.size, -1)  # of each point in the order; −1 before it is reached
    parent: dict[int, int] = {}  # of a point; a root is the minimum of its component
    first: dict[int, float] = {}
    death: dict[int, float] = {}
    minima = []
    for step, point in enumerate(order.tolist()):
        around = {_root(parent, n) for n in neighbours[point] if n >= 0 and place[n] >= 0}
        place[point] = step
        roots = sorted(around, key=lambda root: place[root])
        parent[point] = roots[0] if roots else point
        if not roots:
            minima.append(point)
        if len(roots) > 1:
            for root in roots:
                first.setdefault(root, float(heights[point]))
            for root in roots[1:]:
                parent[root] = roots[0]
                death[root] = float(heights[point])
    return tuple(Basin(float(heights[m]), first.get(m), death.get(m)) for m in minima)


def smad(loss: np.ndarray) -> float:
    """Return the saddle–minimum average distance, in the unit of the landscape.

    It is the mean over all local minima of first saddle − minimum (Chen et al. 2026, *Landscaper*),
    the leaves of the merge tree; 0 if there is only one minimum, and NaN without a finite value.
    The larger it is, the deeper the basins.

    >>> smad(np.array([0.0, 3.0, 1.0, 5.0, 2.0]))  # (3 + 2 + 3) / 3
    2.6666666666666665
    """
    return smad_of(basins(loss))


def smad_of(every: Sequence[Basin]) -> float:
    """Return the `smad` of a landscape with these basins."""
    if not every:
        return math.nan
    gaps = [b.first_saddle - b.minimum for b in every if b.first_saddle is not None]
    return math.fsum(gaps) / len(gaps) if gaps else 0.0


def total_persistence(loss: np.ndarray) -> float:
    """Return Σ (saddle − minimum) over the persistence pairs, in the unit of the landscape.

    It is 0 for a landscape with a single minimum, and NaN without a finite value. A small bump adds
    little, so that noise counts by its height rather than by the number of its minima.

    >>> total_persistence(np.array([0.0, 3.0, 1.0, 5.0, 2.0]))  # (3 − 1) + (5 − 2)
    5.0
    """
    return total_persistence_of(basins(loss))


def total_persistence_of(every: Sequence[Basin]) -> float:
    """Return the `total_persistence` of a landscape with these basins."""
    if not every:
        return math.nan
    return math.fsum(b.death - b.minimum for b in every if b.death is not None)


def _root(parent: dict[int, int], point: int) -> int:
    """Return the minimum of a point's component, and shorten the path to it."""
    while parent[point] != point:
        parent[point] = parent[parent[point]]
        point = parent[point]
    return point


def _neighbours(shape: tuple[int, ...]) -> list[list[int]]:
    """Return the neighbours of each grid point along the axes; −1 beyond an end."""
    points = np.arange(math.prod(shape)).reshape(shape)
    sides = []
    for axis in range(len(shape)):
        padded = np.pad(points, [(int(k == axis),) * 2 for k in range(len(shape))], "constant",
                        constant_values=-1)  # fmt: skip
        for start in (0, 2):
            sides.append(np.take(padded, range(start, start + shape[axis]), axis=axis).ravel())
    table: list[list[int]] = np.stack(sides, axis=1).tolist()
    return table
