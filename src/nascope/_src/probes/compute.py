"""Compute a probe of a risk from its settings: the one place that turns a kind into a measurement.

Both a trained network (`probes.checkpoint`) and a user's model (`api.subjects`) come here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nascope._src.errors import ProbeError
from nascope._src.probes.chunks import Share
from nascope._src.probes.curvature import compute_curvature
from nascope._src.probes.directions import TrajectoryPlane
from nascope._src.probes.gradient_variance import measure_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.path import measure_path
from nascope._src.probes.radius import fit_radius
from nascope._src.probes.risk import Direction, Risk
from nascope._src.probes.settings import (
    CurvatureSettings,
    GridSettings,
    LandscapeSettings,
    ProbeSettings,
    VarianceSettings,
)
from nascope._src.runtime.types import Plain, Progress


@dataclass(frozen=True)
class Plane:
    """Where a grid lies.

    Args:
        directions: One direction per axis of the grid.
        grid: The coordinates along them.
        path: A training's path in the plane; none for random directions.
        details: What the record should say about it, besides the settings.
    """

    directions: Sequence[Direction]
    grid: Grid
    path: TrajectoryPlane | None = None
    details: Plain = field(default_factory=dict)

    @classmethod
    def around(
        cls,
        risk: Risk,
        directions: Sequence[Direction],
        settings: GridSettings,
        *,
        workers: int = 1,
        chunks: Path | None = None,
    ) -> Plane:
        """Return the grid around w* that the settings describe, along one or two directions.

        Raises:
            ProbeError: There are no directions or more than two, or the radius is "auto" and cannot
                be found; see `fit_radius`.
        """
        if len(directions) not in {1, 2}:
            raise ProbeError(f"expected one or two directions, but got {len(directions)}")
        radius, details = settings.radius, {}
        if radius == "auto":
            found = fit_radius(risk, directions, workers=workers, chunks=chunks)
            radius = found.radius
            details = {"radius": radius, "radius_rule": "auto", "radius_level": found.level}
        make = Grid.line if len(directions) == 1 else Grid.square
        return cls(directions, make(settings.points, radius), details=details)


def compute_probe(
    risk: Risk,
    settings: ProbeSettings,
    plane: Plane | None = None,
    *,
    keys: Mapping[str, str] | None = None,
    part: Share | None = None,
    workers: int = 1,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays of a probe, and how they were computed, for its record.

    Args:
        risk: The risk, at the weights to examine.
        settings: What to compute.
        plane: Directions and grid; only probes on a grid need one.
        keys: The operation that each parameter belongs to.
        part: Compute only this part of a grid's chunks, and keep them.
        workers: Number of threads.
        chunks: Folder in which finished chunks are kept.
        progress: Called now and then.
    """
    work: Any = {"workers": workers, "chunks": chunks, "progress": progress}
    if isinstance(settings, CurvatureSettings):
        return compute_curvature(risk, settings, keys=keys, **work), {}
    assert plane is not None
    work["part"] = part
    method: dict[str, Any] = {}
    if isinstance(settings, LandscapeSettings):
        arrays = compute_landscape(risk, plane.directions, plane.grid, **work)
    elif isinstance(settings, VarianceSettings):
        arrays, used = measure_gradient_variance(risk, plane.directions, plane.grid, **work)
        method = {"method": used.name, "method_why": used.why}
    else:
        raise TypeError(f"no computation of {type(settings).__name__}")
    if plane.path is not None:
        arrays |= plane.path.arrays()
        if part is None:
            arrays |= measure_path(risk, plane.path, workers=workers)
    return plane.grid.coordinates() | arrays, {**plane.details, **method}
