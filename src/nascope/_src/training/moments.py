"""Moments of a training at which its weights are kept: after an epoch, or at a training loss."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nascope._src.errors import StudyError
from nascope._src.records.paths import slug

if TYPE_CHECKING:
    from nascope._src.records.read import CurvePoint

EARLY = (0.125, 0.25, 0.5, 1, 1.5, 2, 2.5, 3)
"""Points of the curves within the first epochs, in passes over the training set."""


@dataclass(frozen=True)
class Moment:
    """A moment of a training.

    Args:
        kind: "initialisation", "epoch", "loss" or "end".
        value: number of passes over the training set, or the training loss in nats per image. The
            moment of a loss is the first point of the curves with at most that loss, so that
            networks can be compared at equal training loss.

    Raises:
        StudyError: the curves have no point at that epoch.

    >>> str(Moment.parse("epoch 2"))
    'epoch 2'
    """

    kind: str
    value: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Moment:
        """Read "initialisation", "epoch N", "loss X" or "end".

        Raises:
            StudyError: the text is something else.
        """
        if text in {"initialisation", "end"}:
            return cls(text)
        kind, _, number = text.partition(" ")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if kind not in {"epoch", "loss"} or not 0 < value < math.inf:
            raise StudyError(
                f"expected a moment of the training (initialisation, epoch N, loss X or end), got "
                f"{text!r}"
            )
        return cls(kind, value)

    def __post_init__(self) -> None:
        if self.kind == "epoch" and not (
            self.value in EARLY or (self.value >= 1 and self.value.is_integer())
        ):
            early = ", ".join(f"{epoch:g}" for epoch in EARLY)
            raise StudyError(
                f"expected a point of the curves (a whole number of epochs, or one of {early}), "
                f"got epoch {self.value:g}"
            )

    def __str__(self) -> str:
        return f"{self.kind} {self.value:g}" if self.kind in {"epoch", "loss"} else self.kind

    @property
    def needs_snapshot(self) -> bool:
        """Whether a file must hold its weights: initial weights follow from the seed."""
        return self.kind in {"epoch", "loss"}

    def place(self, curve: Iterable[CurvePoint]) -> float | None:
        """Return the epoch of the moment on the curve; None if the curve does not reach it."""
        for point in curve:
            reached_epoch = self.kind == "epoch" and point.epoch >= self.value
            if reached_epoch or (self.kind == "loss" and point.train_loss <= self.value):
                return point.epoch
        return None

    def path(self, folder: Path) -> Path:
        """Return the file of its weights in a training's folder of snapshots."""
        return folder / f"{slug(str(self))}.safetensors"


def distinct_snapshots(moments: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct moments whose weights are kept in snapshots, sorted.

    >>> distinct_snapshots(["loss 1.0", "epoch 10", "end", "epoch 2", "epoch 2.0"])
    ('epoch 2', 'epoch 10', 'loss 1')
    """
    parsed = {moment for text in moments if (moment := Moment.parse(text)).needs_snapshot}
    return tuple(str(m) for m in sorted(parsed, key=lambda moment: (moment.kind, moment.value)))
