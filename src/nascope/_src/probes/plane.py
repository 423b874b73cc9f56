"""Where a grid lies: its directions, its coordinates, and a training's path in its plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nascope._src.errors import ProbeError
from nascope._src.probes.directions import TrajectoryPlane
from nascope._src.probes.grid import Grid
from nascope._src.probes.radius import fit_radius
from nascope._src.probes.risk import Direction, Risk
from nascope._src.probes.settings import GridSettings
from nascope._src.runtime.types import Plain


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
