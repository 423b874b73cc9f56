"""A grid of displacements, worked off in chunks of points that can be kept and taken up again."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nascope._src.errors import ProbeError, StudyError
from nascope._src.probes.chunks import CHUNK, Share
from nascope._src.probes.risk import Direction, Risk
from nascope._src.records.files import read_arrays, write_arrays
from nascope._src.runtime.threads import Stopped, map_copies

logger = logging.getLogger(__name__)

Progress = Callable[[float, str], None]
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Grid:
    """Coordinates along one or two directions.

    Args:
        alphas: along the first direction, (A,).
        betas: along the second, (B,); None for a line.

    Raises:
        ProbeError: an axis is empty, not finite, or holds a coordinate twice.

    >>> Grid.square(3).alphas
    (-1.0, 0.0, 1.0)
    >>> Grid.line(5).shape
    (5,)
    """

    alphas: tuple[float, ...]
    betas: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("alphas", "betas"):
            if getattr(self, name) is None:
                continue
            axis = tuple(float(value) for value in getattr(self, name))
            if not axis or not np.isfinite(axis).all():
                raise ProbeError(f"{name} must be at least one finite number, not {axis}")
            if len(set(axis)) < len(axis):
                raise ProbeError(f"{name} holds a coordinate twice: {axis}")
            object.__setattr__(self, name, axis)

    @classmethod
    def square(cls, points: int, radius: float = 1.0) -> Grid:
        """``points`` × ``points`` over [−radius, radius]². An odd number holds the centre."""
        return cls(_axis(points, radius), _axis(points, radius))

    @classmethod
    def line(cls, points: int, radius: float = 1.0) -> Grid:
        """``points`` over [−radius, radius]."""
        return cls(_axis(points, radius))

    @property
    def axes(self) -> tuple[tuple[float, ...], ...]:
        """One or two."""
        return (self.alphas,) if self.betas is None else (self.alphas, self.betas)

    @property
    def shape(self) -> tuple[int, ...]:
        """(A,) or (A, B)."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def points(self) -> list[tuple[float, ...]]:
        """All coordinates, the last axis running fastest."""
        return list(itertools.product(*self.axes))

    def coordinates(self) -> dict[str, np.ndarray]:
        """The axes as arrays, under their names."""
        names = ("alphas", "betas")
        return {name: np.array(axis) for name, axis in zip(names, self.axes, strict=False)}


def compute_points(
    risk: Risk,
    directions: Sequence[Direction],
    grid: Grid,
    measure: Callable[[Risk, tuple[float, ...]], Arrays],
    *,
    workers: int = 1,
    chunks: Path | None = None,
    part: Share | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Measure at every point of a grid. The risk ends where it began, at w*.

    Args:
        measure: called with a Risk displaced to a point, and the point; its arrays have the
            same shapes at each.
        workers: threads that compute points side by side. No number depends on it.
        chunks: a folder in which finished chunks are kept; those found there are not computed
            again. It must serve this one computation only.
        part: compute only a part of the chunks, and keep them; the arrays are then empty.
        progress: called after each point, from any thread, one at a time.

    Returns:
        The arrays, each (A, B, …), or (A, …) on a line. NaN where w* itself is not finite.

    Raises:
        ProbeError: not as many directions as the grid has axes, or a part with no folder.
    """
    if part is not None and chunks is None:
        raise ProbeError("a part of a grid needs a folder for its chunks")
    if len(directions) != len(grid.axes):
        raise ProbeError(f"{len(directions)} directions for a grid of {len(grid.axes)} axes")
    points = grid.points
    plan = [range(start, min(start + CHUNK, len(points))) for start in range(0, len(points), CHUNK)]
    mine = range(len(plan)) if part is None else part.chunks(len(plan))
    tally = _Tally(sum(len(plan[index]) for index in mine), progress)

    def work(own: Risk, index: int) -> Arrays:
        path = chunks / f"{index:04d}.npz" if chunks is not None else None
        kept = _stored(path, len(plan[index]))
        if kept is not None:
            tally.add(len(plan[index]))
            return kept
        logger.info("chunk %d of %d: computing", index + 1, len(plan))
        found = []
        for point in plan[index]:
            if tally.stop.is_set():
                raise Stopped
            own.displace(directions, points[point])
            found.append(measure(own, points[point]))
            tally.add(1)
        values = {name: np.stack([arrays[name] for arrays in found]) for name in found[0]}
        if path is not None:
            logger.info("chunk %d of %d: writing", index + 1, len(plan))
            write_arrays(path, values)
        return values

    if not risk.is_finite:
        first = measure(risk, points[0])
        return {name: np.full((*grid.shape, *a.shape), np.nan) for name, a in first.items()}
    try:
        done = list(map_copies(risk, mine, work, workers=workers, stop=tally.stop))
    finally:
        risk.displace([], [])
    if part is not None:
        return {}
    whole = {name: np.concatenate([values[name] for values in done]) for name in done[0]}
    return {name: array.reshape(*grid.shape, *array.shape[1:]) for name, array in whole.items()}


class _Tally:
    """Counts finished points over all threads."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.stop = threading.Event()
        self._lock = threading.Lock()
        self._total, self._progress, self._count = total, progress, 0

    def add(self, count: int) -> None:
        with self._lock:
            self._count += count
            if self._progress is not None and not self.stop.is_set():
                words = f"point {self._count}/{self._total}"
                self._progress(self._count / self._total, words)


def _axis(points: int, radius: float) -> tuple[float, ...]:
    if points < 1:
        raise ProbeError(f"points must be at least 1, not {points}")
    return tuple(np.linspace(-radius, radius, points).tolist()) if points > 1 else (0.0,)


def _stored(path: Path | None, length: int) -> Arrays | None:
    if path is None or not path.is_file():
        return None
    try:
        arrays = read_arrays(path)
    except StudyError:  # damaged: compute the chunk again
        return None
    fits = all(array.ndim > 0 and len(array) == length for array in arrays.values())
    return arrays if fits else None
