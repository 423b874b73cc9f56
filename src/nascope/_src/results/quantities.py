"""Quantities that are drawn: of every epoch of a training, and on a probe's grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nascope._src.records.read import CurvePoint, ProbeRecord
from nascope._src.results.planes import loss_of, std_of


@dataclass(frozen=True)
class CurveQuantity:
    """A quantity of every epoch.

    Attributes:
        axis: its name with its unit.
        value: the quantity of an epoch, in that unit.
        worst: the end of the axis to which a training without a number belongs.
    """

    title: str
    axis: str
    value: Callable[[CurvePoint], float]
    worst: Literal["low", "high"] = "high"


@dataclass(frozen=True)
class GridQuantity:
    """A quantity on a probe's grid.

    Attributes:
        heading: of a section or figure.
        name: short, for a hover or an axis.
        axis: its name with its unit.
        values: the quantity of a probe, (A, B).
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
"""Quantities of an epoch, in the order of their figures."""

GRIDS = {
    "landscape": GridQuantity("Loss landscape", "loss", "Loss (nats per image)", loss_of),
    "variance": GridQuantity(
        "Gradient variance", "√g", "√g, standard deviation of the gradient", std_of
    ),
}
"""Quantities on a grid, by the kind of probe that measures them."""
