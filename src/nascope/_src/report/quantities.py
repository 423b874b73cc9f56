"""What figures show: each quantity's name, unit and colours, and where its values come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nascope._src.palette import CIVIDIS, VIRIDIS, colours_at
from nascope._src.records.read import CurvePoint, ProbeRecord
from nascope._src.report.arrangement import Arrangement
from nascope._src.report.scales import Scale, shared_scale
from nascope._src.results.measures import loss_of, planes, std_of


@dataclass(frozen=True)
class Curve:
    """A quantity of every epoch.

    Attributes:
        axis: its name with its unit.
        value: it, of an epoch, in that unit.
        worst: the end of the axis to which a training that has no number belongs.
    """

    title: str
    axis: str
    value: Callable[[CurvePoint], float]
    worst: Literal["low", "high"] = "high"


@dataclass(frozen=True)
class Grid:
    """A quantity on a probe's grid.

    Attributes:
        heading: what a section or figure of it is called.
        name: as short as can be, for a hover or an axis.
        axis: its name with its unit.
        stops: its colour map.
        values: it, (A, B), of a probe.
    """

    heading: str
    name: str
    axis: str
    stops: tuple[str, ...]
    values: Callable[[ProbeRecord], np.ndarray]


CURVES = {
    "train_loss": Curve("Training loss", "training loss (nats per image)", lambda e: e.train_loss),
    "test_loss": Curve("Test loss", "test loss (nats per image)", lambda e: e.test_loss),
    "test_accuracy": Curve(
        "Test accuracy", "test accuracy (%)", lambda e: 100 * e.test_accuracy, "low"
    ),
}
"""Quantities of an epoch, in the order of their figures."""

GRIDS = {
    "landscape": Grid("Loss landscape", "loss", "Loss (nats per image)", VIRIDIS, loss_of),
    "variance": Grid(
        "Gradient variance", "√g", "√g, standard deviation of the gradient", CIVIDIS, std_of
    ),
}
"""Quantities on a grid, by the kind of probe that measures them."""


def grids_of(arrangement: Arrangement, kind: str) -> list[np.ndarray]:
    """The values of every grid of a kind."""
    probes = [probe for trial in arrangement.study.trials for probe in planes(trial, kind)]
    return [GRIDS[kind].values(probe) for probe in probes]


def scale_of(arrangement: Arrangement, kind: str) -> Scale | None:
    """The scale that all grids of a kind share; None where there is no grid."""
    return shared_scale(grids_of(arrangement, kind))


def bands(kind: str, scale: Scale) -> list[str]:
    """The colours between a scale's levels, from below the lowest to above the highest."""
    return colours_at(GRIDS[kind].stops, [k / scale.count for k in range(scale.count + 1)])
