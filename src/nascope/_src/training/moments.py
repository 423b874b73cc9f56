"""Moments of a training whose weights are kept: after an epoch, or at a training loss."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nascope._src.errors import StudyError
from nascope._src.records.paths import slug
from nascope._src.records.read import CurvePoint

EARLY = (0.125, 0.25, 0.5, 1, 1.5, 2, 2.5, 3)
"""Where the curves have points within the first epochs, in passes over the training set."""


@dataclass(frozen=True)
class Moment:
    """A moment of a training.

    Args:
        kind: "initialisation", "epoch", "loss" or "end".
        value: passes over the training set, or the training loss in nats per image: then the
            moment is the first point of the curves whose loss is at most that, so that networks
            can be compared at equal training loss.

    Raises:
        StudyError: no curve has a point at that epoch.

    >>> str(Moment.parse("epoch 2"))
    'epoch 2'
    """

    kind: str
    value: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Moment:
        """From "initialisation", "epoch N", "loss X" or "end"."""
        if text in {"initialisation", "end"}:
            return cls(text)
        kind, _, number = text.partition(" ")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if kind not in {"epoch", "loss"} or not 0 < value < math.inf:
            raise StudyError(
                f"no moment of a training is called {text!r}: give initialisation, epoch N, "
                "loss X or end"
            )
        return cls(kind, value)

    def __post_init__(self) -> None:
        if self.kind == "epoch" and not (
            self.value in EARLY or (self.value >= 1 and self.value.is_integer())
        ):
            places = ", ".join(f"{place:g}" for place in EARLY)
            raise StudyError(
                f"epoch {self.value:g} is no point of the curves: give a whole number, or one of "
                f"{places}"
            )

    def __str__(self) -> str:
        return f"{self.kind} {self.value:g}" if self.kind in {"epoch", "loss"} else self.kind

    @property
    def needs_snapshot(self) -> bool:
        """Whether its weights must be kept: those of the beginning are drawn from the seed."""
        return self.kind in {"epoch", "loss"}

    def place(self, curve: Iterable[CurvePoint]) -> float | None:
        """Passes over the training set at which the moment came; None where it has not come."""
        for point in curve:
            passed = self.kind == "epoch" and point.epoch >= self.value  # a step is a whole one
            if passed or (self.kind == "loss" and point.train_loss <= self.value):
                return point.epoch
        return None

    def path(self, folder: Path) -> Path:
        """The file of its weights, in a training's folder of snapshots."""
        return folder / f"{slug(str(self))}.safetensors"
