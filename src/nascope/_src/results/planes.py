"""Which of a trial's grids are compared, and the numbers that they hold."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence

import numpy as np

from nascope._src.records.read import ProbeRecord, TrialRecord
from nascope._src.results.metrics.smoothness import (
    GridSummary,
    at_centre,
    gradient_std,
    summarise,
)

Plane = str
"""Directions, extent, grid and images of a probe, as text that compares equal for equal planes."""

_NOT_OF_THE_PLANE = {"batchnorm", "calibration", "method", "method_why", "reached"}


def mode_of(probe: ProbeRecord) -> str:
    """Return the BatchNorm mode of a probe."""
    return str(probe.settings.get("batchnorm", "frozen"))


def modes_of(trials: Sequence[TrialRecord], *kinds: str) -> list[str]:
    """Return the BatchNorm modes of all probes of some kinds; frozen, the paper's, first."""
    probes = (probe for t in trials for kind in kinds for probe in t.standard_probes(kind))
    return sorted({mode_of(probe) for probe in probes}, key=lambda mode: (mode != "frozen", mode))


def plane_of(probe: ProbeRecord) -> Plane:
    """Return a probe's plane: its settings except BatchNorm mode and method of computation."""
    settings = {k: v for k, v in probe.settings.items() if k not in _NOT_OF_THE_PLANE}
    return json.dumps(settings, sort_keys=True, default=str)


def find_grid(
    trial: TrialRecord, kind: str, mode: str | None, plane: Plane | None = None
) -> ProbeRecord | None:
    """Return a trial's first standard probe in a BatchNorm mode, on a plane; None if it has none.

    Args:
        trial: a trial with its probes.
        kind: "landscape" or "variance".
        mode: BatchNorm mode.
        plane: the plane; None for any.
    """
    for probe in trial.standard_probes(kind):
        if mode_of(probe) == mode and plane in (None, plane_of(probe)):
            return probe
    return None


# ---------------------------------------------------------------- numbers of a grid


def loss_of(landscape: ProbeRecord) -> np.ndarray:
    """Return the losses of a landscape, in nats per image: (A, B), or (A,) for a line."""
    return np.asarray(landscape.arrays["loss"], dtype=np.float64)


def std_of(variance: ProbeRecord) -> np.ndarray:
    """Return √g of a gradient variance: (A, B), or (A,) for a line."""
    return gradient_std(variance.arrays["variance"])


def std_at_centre(variance: ProbeRecord) -> float:
    """Return √g at the grid point nearest to the trained network. The grid must be a plane."""
    return at_centre(std_of(variance), variance.arrays["alphas"], variance.arrays["betas"])


_GRID_VALUES = {"landscape": loss_of, "variance": std_of}


class _Identity:
    """A probe that compares by identity, as the key of a cache."""

    def __init__(self, probe: ProbeRecord) -> None:
        self.probe = probe

    def __hash__(self) -> int:
        return id(self.probe)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.probe is self.probe


@functools.lru_cache(maxsize=8)  # a trial's few probes, while its measures are taken
def _summary(key: _Identity) -> GridSummary:
    return summarise(_GRID_VALUES[key.probe.kind](key.probe))


def summary_of(probe: ProbeRecord) -> GridSummary:
    """Return a summary of the losses of a landscape, or of √g of a gradient variance."""
    return _summary(_Identity(probe))
