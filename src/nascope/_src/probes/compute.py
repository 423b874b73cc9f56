"""Compute a probe of a risk from its settings: the one place that turns a kind into a measurement.

Both a trained network (`probes.checkpoint`) and a user's model (`api.subjects`) come here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from nascope._src.errors import ProbeError
from nascope._src.probes.chunks import Share
from nascope._src.probes.curvature import compute_curvature
from nascope._src.probes.forecast import ProbeForecast, forecast_probe
from nascope._src.probes.gradient_variance import measure_gradient_variance
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.path import measure_path
from nascope._src.probes.plane import Plane
from nascope._src.probes.risk import Risk
from nascope._src.probes.settings import (
    CurvatureSettings,
    LandscapeSettings,
    ProbeSettings,
    VarianceSettings,
)
from nascope._src.runtime.types import Progress


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
    announce: Callable[[ProbeForecast], None] | None = None,
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
        announce: Called before the work starts, with a forecast of its time, if there is one.
    """
    if announce is not None and part is None and risk.is_finite:
        with suppress(ProbeError):  # the work itself meets it again, and says why
            announce(forecast_probe(risk, settings, plane, workers=workers))
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
