"""A rectangular grid of displacements, worked off in rows that can be kept and taken up again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nascope.errors import ProbeError, StudyError
from nascope.records.files import read_arrays, write_arrays

logger = logging.getLogger(__name__)

Progress = Callable[[float, str], None]
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Grid:
    """Coordinates along two directions.

    Args:
        alphas: along the first direction, (A,).
        betas: along the second, (B,).

    Raises:
        ProbeError: an axis is empty or not finite.

    >>> Grid.square(3).alphas
    (-1.0, 0.0, 1.0)
    """

    alphas: tuple[float, ...]
    betas: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("alphas", "betas"):
            axis = tuple(float(value) for value in getattr(self, name))
            if not axis or not np.isfinite(axis).all():
                raise ProbeError(f"{name} must be at least one finite number, not {axis}")
            object.__setattr__(self, name, axis)

    @classmethod
    def square(cls, points: int, radius: float = 1.0) -> Grid:
        """``points`` × ``points`` over [−radius, radius]². An odd number holds the centre."""
        axis = tuple(np.linspace(-radius, radius, points).tolist()) if points > 1 else (0.0,)
        return cls(axis, axis)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.alphas), len(self.betas)


def compute_rows(
    grid: Grid,
    row: Callable[[float], Arrays],
    *,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Compute a grid row by row.

    Args:
        row: for an α its arrays, each (B,).
        chunks: a folder in which each finished row is kept; rows found there are not computed
            again. It must serve this one computation only.
        progress: called after each row.

    Returns:
        The arrays, each (A, B).
    """
    rows: list[Arrays] = []
    for index, alpha in enumerate(grid.alphas):
        path = chunks / f"{index:04d}.npz" if chunks is not None else None
        values = _stored(path, len(grid.betas))
        if values is None:
            logger.info("row %d of %d: computing", index + 1, len(grid.alphas))
            values = row(alpha)
            if path is not None:
                logger.info("row %d of %d: writing", index + 1, len(grid.alphas))
                write_arrays(path, values)
        rows.append(values)
        if progress is not None:
            progress((index + 1) / len(grid.alphas), f"row {index + 1}/{len(grid.alphas)}")
    return {name: np.stack([values[name] for values in rows]) for name in rows[0]}


def _stored(path: Path | None, width: int) -> Arrays | None:
    if path is None or not path.is_file():
        return None
    try:
        arrays = read_arrays(path)
    except StudyError:  # damaged: compute the row again
        return None
    return arrays if all(array.shape == (width,) for array in arrays.values()) else None
