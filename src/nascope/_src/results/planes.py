"""Which of a trial's probes are compared, and how each of their grids is read."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence

import numpy as np

from nascope._src.records.read import ProbeRecord, TrialRecord
from nascope._src.results.metrics.smoothness import GridSummary, gradient_std, summarise


def mode_of(probe: ProbeRecord) -> str:
    """Return the BatchNorm mode of a probe."""
    return str(probe.settings.get("batchnorm", "frozen"))


def modes_of(trials: Sequence[TrialRecord], *kinds: str) -> list[str]:
    """Return the BatchNorm modes that some trial has planes in; frozen, the paper's, first."""
    modes = {mode_of(probe) for t in trials for kind in kinds for probe in t.standard_probes(kind)}
    return sorted(modes, key=lambda mode: (mode != "frozen", mode))


Plane = str
"""Directions, extent, grid and images of a probe, as text that compares."""
_NO_PART_OF_A_PLANE = {"batchnorm", "calibration", "method", "method_why", "reached"}


def plane_of(probe: ProbeRecord) -> Plane:
    """Return a probe's plane, without its BatchNorm mode and how gradients were computed."""
    settings = {k: v for k, v in probe.settings.items() if k not in _NO_PART_OF_A_PLANE}
    return json.dumps(settings, sort_keys=True, default=str)


def plane(
    trial: TrialRecord, kind: str, mode: str | None, where: Plane | None = None
) -> ProbeRecord | None:
    """Return the first of a trial's planes in a BatchNorm mode, or the one that is ``where``."""
    for probe in trial.standard_probes(kind):
        if mode_of(probe) == mode and where in (None, plane_of(probe)):
            return probe
    return None


def loss_of(landscape: ProbeRecord) -> np.ndarray:
    """Return the losses of a landscape probe, (A, B)."""
    return np.asarray(landscape.arrays["loss"], dtype=np.float64)


def std_of(variance: ProbeRecord) -> np.ndarray:
    """Return √g of a variance probe, (A, B)."""
    return gradient_std(variance.arrays["variance"])


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
    """Return a summary of a probe's grid: of the loss of a landscape, of √g of a variance."""
    return _summary(_Identity(probe))
