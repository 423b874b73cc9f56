"""A grid of displacements, computed in chunks of points that can be kept and reused."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nascope._src.errors import ProbeError
from nascope._src.probes.chunks import CHUNK, ChunkStore, Share
from nascope._src.probes.preconditions import verify
from nascope._src.probes.risk import Direction, Risk
from nascope._src.runtime.threads import Stopped, map_copies
from nascope._src.runtime.types import Progress

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Grid:
    """The coordinates of a probe along one or two directions.

    Args:
        alphas: Coordinates along the first direction, (A,).
        betas: Coordinates along the second direction, (B,); None for a line.

    Raises:
        ProbeError: An axis is empty, not finite, or has a coordinate twice.

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
                raise ProbeError(f"{name} has a coordinate twice: {axis}")
            object.__setattr__(self, name, axis)

    def __repr__(self) -> str:
        axes = ", ".join(f"{name}={_span(axis)}" for name, axis in self._named_axes())
        return f"Grid({axes})"

    @classmethod
    def square(cls, points: int, radius: float = 1.0) -> Grid:
        """Return ``points`` × ``points`` over [−radius, radius]².

        An odd number of points includes the centre.
        """
        return cls(_axis(points, radius), _axis(points, radius))

    @classmethod
    def line(cls, points: int, radius: float = 1.0) -> Grid:
        """Return ``points`` over [−radius, radius]."""
        return cls(_axis(points, radius))

    @property
    def axes(self) -> tuple[tuple[float, ...], ...]:
        """The coordinates of each axis: one axis or two."""
        return (self.alphas,) if self.betas is None else (self.alphas, self.betas)

    @property
    def shape(self) -> tuple[int, ...]:
        """(A,) or (A, B)."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def points(self) -> list[tuple[float, ...]]:
        """All coordinates; the last axis changes fastest."""
        return list(itertools.product(*self.axes))

    def coordinates(self) -> dict[str, np.ndarray]:
        """Return the axes as arrays under their names, ``alphas`` and ``betas``."""
        return {name: np.array(axis) for name, axis in self._named_axes()}

    def _named_axes(self) -> list[tuple[str, tuple[float, ...]]]:
        return list(zip(("alphas", "betas"), self.axes, strict=False))


def compute_points(
    risk: Risk,
    directions: Sequence[Direction],
    grid: Grid,
    measure: Callable[[Risk, tuple[float, ...]], Mapping[str, np.ndarray]],
    *,
    workers: int = 1,
    chunks: Path | None = None,
    part: Share | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Measure at every point of a grid. Afterwards the risk is back at w*.

    Args:
        risk: The risk to displace.
        directions: One direction per axis of the grid.
        grid: The displacements.
        measure: Called with a Risk displaced to a point, and the point. It returns arrays of the
            same shapes at each point.
        workers: Number of threads. It changes no number.
        chunks: Folder in which finished chunks are kept; chunks found there are not computed
            again. Use it for this computation only.
        part: Compute and keep only this part of the chunks; the result is then empty.
        progress: Called after each point, from any thread, one call at a time.

    Returns:
        The arrays, each (A, B, …), or (A, …) on a line. NaN if w* itself is not finite.

    Raises:
        ProbeError: The numbers of directions and axes differ, a part has no folder, or the model
            or the loss fails.
    """
    if part is not None and chunks is None:
        raise ProbeError("a part of a grid needs a folder for its chunks")
    if len(directions) != len(grid.axes):
        raise ProbeError(
            f"expected one direction per axis of the grid, but got {len(directions)} directions "
            f"for a grid with {len(grid.axes)} axes"
        )
    points = grid.points
    plan = [range(start, min(start + CHUNK, len(points))) for start in range(0, len(points), CHUNK)]
    numbers = range(len(plan)) if part is None else part.chunks(len(plan))
    tally = _Tally(sum(len(plan[number]) for number in numbers), progress)
    store = ChunkStore(chunks)

    def compute_chunk(risk: Risk, number: int) -> dict[str, np.ndarray]:
        name, size = f"{number:04d}", len(plan[number])
        kept = store.load(name)
        if kept is not None and all(a.ndim and len(a) == size for a in kept.values()):
            tally.add(size)
            return kept
        logger.info("chunk %d of %d: computing", number + 1, len(plan))
        measured = []
        for index in plan[number]:
            if tally.stop.is_set():
                raise Stopped
            risk.displace(directions, points[index])
            measured.append(measure(risk, points[index]))
            tally.add(1)
        values = {key: np.stack([arrays[key] for arrays in measured]) for key in measured[0]}
        if chunks is not None:
            logger.info("chunk %d of %d: writing", number + 1, len(plan))
        store.save(name, values)
        return values

    if not risk.is_finite:
        first = measure(risk, points[0])
        return {key: np.full((*grid.shape, *a.shape), np.nan) for key, a in first.items()}
    verify(risk)
    try:
        done = list(map_copies(risk, numbers, compute_chunk, workers=workers, stop=tally.stop))
    finally:
        risk.displace([], [])
    if part is not None:
        return {}
    whole = {key: np.concatenate([values[key] for values in done]) for key in done[0]}
    return {key: array.reshape(*grid.shape, *array.shape[1:]) for key, array in whole.items()}


class _Tally:
    """Counts the finished points over all threads."""

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


def _span(axis: tuple[float, ...]) -> str:
    if len(axis) <= 3:
        return f"({', '.join(f'{value:g}' for value in axis)})"
    return f"{len(axis)} points in [{min(axis):g}, {max(axis):g}]"
