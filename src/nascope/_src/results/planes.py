"""Which of a trial's grids are compared, and the numbers that they hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nascope._src.records.read import GRID_ARRAYS, ProbeRecord, TrialRecord
from nascope._src.results.metrics.smoothness import (
    GridSummary,
    Smoothness,
    at_centre,
    gradient_std,
    smoothness_of,
    summarise,
)
from nascope._src.runtime.by_identity import once_per_object

Plane = str
"""Directions, extent, grid and images of a probe, as text that compares equal for equal planes."""

_NOT_OF_THE_PLANE = {"batchnorm", "calibration", "method", "method_why", "reached"}


class ProbePlace(NamedTuple):
    """What a probe measures, at which moment of the training, and on which images."""

    kind: str
    at: str = "end"
    data: str = "test"

    @property
    def is_standard(self) -> bool:
        """Whether it is the trained network, on test images."""
        return (self.at, self.data) == ("end", "test")


def place_of(probe: ProbeRecord) -> ProbePlace | None:
    """Return a probe's place; None for a line, and for the plane of a trajectory."""
    if probe.kind in GRID_ARRAYS and not probe.is_plane:
        return None
    if probe.settings.get("along", "random") != "random":
        return None
    at, data = (str(probe.settings.get(*pair)) for pair in (("at", "end"), ("data", "test")))
    return ProbePlace(probe.kind, at, data)


def places_of(trials: Sequence[TrialRecord]) -> list[ProbePlace]:
    """Return the distinct places of all probes: of each kind, the standard one first."""
    places = {place for t in trials for probe in t.probes if (place := place_of(probe))}
    return sorted(places, key=lambda place: (place.kind, not place.is_standard, *place[1:]))


def probes_at(trial: TrialRecord, place: ProbePlace) -> list[ProbeRecord]:
    """Return a trial's probes at a place, except those of a moment that it did not reach."""
    return [
        probe
        for probe in trial.probes
        if place_of(probe) == place and probe.settings.get("reached", True)
    ]


def modes_at(trials: Sequence[TrialRecord], place: ProbePlace) -> list[str]:
    """Return the BatchNorm modes of the probes at a place; frozen, the paper's, first."""
    modes = {mode_of(probe) for trial in trials for probe in probes_at(trial, place)}
    return sorted(modes, key=lambda mode: (mode != "frozen", mode))


def mode_of(probe: ProbeRecord) -> str:
    """Return the BatchNorm mode of a probe."""
    return str(probe.settings.get("batchnorm", "frozen"))


def modes_of(trials: Sequence[TrialRecord], *kinds: str) -> list[str]:
    """Return the BatchNorm modes of all probes of some kinds; frozen, the paper's, first."""
    probes = (probe for t in trials for kind in kinds for probe in t.standard_probes(kind))
    return sorted({mode_of(probe) for probe in probes}, key=lambda mode: (mode != "frozen", mode))


def plane_of(probe: ProbeRecord, *, seed: bool = True) -> Plane:
    """Return a probe's plane: its settings except BatchNorm mode and method of computation.

    Args:
        probe: a probe.
        seed: whether planes along other random directions are others.
    """
    left_out = _NOT_OF_THE_PLANE if seed else _NOT_OF_THE_PLANE | {"seed"}
    settings = {k: v for k, v in probe.settings.items() if k not in left_out}
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


@once_per_object
def summary_of(probe: ProbeRecord) -> GridSummary:
    """Return a summary of the losses of a landscape, or of √g of a gradient variance."""
    return summarise(_GRID_VALUES[probe.kind](probe))


@once_per_object
def smoothness_in(landscape: ProbeRecord, level: float) -> Smoothness:
    """Return all numbers of a landscape over a plane, with the area below a level."""
    arrays = landscape.arrays
    return smoothness_of(loss_of(landscape), arrays["alphas"], arrays["betas"], level)
