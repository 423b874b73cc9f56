"""How grids are coloured: the map of each quantity, and the scale that its grids share."""

from __future__ import annotations

import numpy as np

from nascope._src.palette import CIVIDIS, VIRIDIS, colours_at
from nascope._src.report.arrangement import Arrangement
from nascope._src.report.scales import Scale, shared_scale
from nascope._src.results.planes import planes
from nascope._src.results.quantities import GRIDS

STOPS = {"landscape": VIRIDIS, "variance": CIVIDIS}
"""The colour map of each kind of grid."""


def grids_of(arrangement: Arrangement, kind: str) -> list[np.ndarray]:
    """Return the values of every grid of a kind."""
    probes = [probe for trial in arrangement.study.trials for probe in planes(trial, kind)]
    return [GRIDS[kind].values(probe) for probe in probes]


def scale_of(arrangement: Arrangement, kind: str) -> Scale | None:
    """Return the scale that all grids of a kind share; None if there is no grid."""
    return shared_scale(grids_of(arrangement, kind))


def bands(kind: str, scale: Scale) -> list[str]:
    """Return the colours between a scale's levels, from below the lowest to above the highest."""
    return colours_at(STOPS[kind], [k / scale.count for k in range(scale.count + 1)])
