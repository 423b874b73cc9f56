"""The quantities that figures show: those of each epoch, and those on a probe's grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nascope._src.records.read import CurvePoint, ProbeRecord
from nascope._src.results.planes import loss_of, std_of


@dataclass(frozen=True)
class CurveQuantity:
    """A quantity of an epoch.

    Attributes:
        title: title of its figure.
        axis: label of its axis, with the unit.
        value: computes it from a point of a training curve, in that unit.
        worst: end of the axis at which a training without a number is drawn.
    """

    title: str
    axis: str
    value: Callable[[CurvePoint], float]
    worst: Literal["low", "high"] = "high"


@dataclass(frozen=True)
class GridQuantity:
    """A quantity on a probe's grid.

    Attributes:
        heading: heading of its section or figure.
        name: short name, for a hover text or an axis.
        axis: label of its axis, with the unit.
        values: computes it from a probe: (A, B), or (A,) for a line.
    """

    heading: str
    name: str
    axis: str
    values: Callable[[ProbeRecord], np.ndarray]


CURVES = {
    "train_loss": CurveQuantity(
        "Training loss", "training loss (nats per image)", lambda point: point.train_loss
    ),
    "test_loss": CurveQuantity(
        "Test loss", "test loss (nats per image)", lambda point: point.test_loss
    ),
    "test_accuracy": CurveQuantity(
        "Test accuracy", "test accuracy (%)", lambda point: 100 * point.test_accuracy, "low"
    ),
}
"""By name, in the order of the figures."""

GRIDS = {
    "landscape": GridQuantity("Loss landscape", "loss", "Loss (nats per image)", loss_of),
    "variance": GridQuantity(
        "Gradient variance", "√g", "√g, standard deviation of the gradient", std_of
    ),
}
"""By the kind of probe that measures them."""
