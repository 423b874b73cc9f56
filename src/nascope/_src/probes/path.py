"""The losses on a training's path, and those that the path's plane shows in their place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nascope._src.probes.directions import TrajectoryPlane
from nascope._src.probes.risk import Direction, Risk
from nascope._src.runtime.threads import map_copies


def measure_path(risk: Risk, plane: TrajectoryPlane, *, workers: int = 1) -> dict[str, np.ndarray]:
    """Return the mean loss at each step of a trajectory, and at its projection onto the plane.

    The plane shows the path at w* + Σ_k c_tk d_k, where c_t are the coordinates of w_t − w*. Its
    loss there is that of the step itself, w_t, only so far as the step is in the plane. Both use
    the risk's statistics of BatchNorm, so that they differ by the projection alone.

    Args:
        risk: The risk; afterwards it is back at its weights w*.
        plane: The trajectory and its plane.
        workers: Number of threads. It changes no number.

    Returns:
        ``path_loss`` and ``projected_loss``, (steps,), float64.
    """

    def loss_at(risk: Risk, place: tuple[Sequence[Direction], Sequence[float]]) -> float:
        risk.displace(*place)
        return risk.loss()

    places: list[tuple[Sequence[Direction], Sequence[float]]] = [
        *(([step], [1.0]) for step in plane.steps),
        *((plane.directions, coordinates.tolist()) for coordinates in plane.coordinates),
    ]
    try:
        losses = np.array(list(map_copies(risk, places, loss_at, workers=workers)))
    finally:
        risk.displace([], [])
    return {
        "path_loss": losses[: len(plane.steps)],
        "projected_loss": losses[len(plane.steps) :],
    }
