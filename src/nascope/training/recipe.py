"""The training recipe: everything but cell, data and seed that determines a trained network."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from nascope.data.augment import Augmentation
from nascope.data.datasets import DataSet
from nascope.errors import StudyError
from nascope.networks.network import MAX_CHANNELS, MAX_LAYERS

LARGEST = 1e30  # of a rate or weight: float32 ends near 3e38
REFERENCE_SIZE = 32  # px; padding and cutout are stated for this size and scale with the image


@dataclass(frozen=True)
class Recipe:
    """How a network is built and trained. The defaults are the paper's Section 4 exactly.

    SGD with momentum, a cosine schedule per epoch, zero-pad and crop, flip; no cutout, no
    auxiliary tower, no drop path. Values that the paper leaves out (channels, gradient clipping)
    are those of the authors' and DARTS' code.

    Args:
        channels: C, the width of one node in the first cells.
        layers: L, the number of cells.
        epochs, batch_size, learning_rate, momentum, weight_decay: of SGD.
        gradient_clip: largest norm of the gradient of all parameters; 0 for none.
        padding: zero pixels before a random crop, at 32 px.
        flip: mirror images at random, where the data allows it.
        cutout: side of the erased square in pixels at 32 px; 0 for none.
        auxiliary_weight: weight of the auxiliary tower's loss; 0 for no tower.
        drop_path: probability of dropping an edge in the last epoch, rising linearly from 0.

    Raises:
        StudyError: a value is out of its range.

    >>> Recipe(epochs=2, learning_rate=0.1).learning_rate_at(0)
    0.1
    """

    channels: int = 36
    layers: int = 20
    epochs: int = 600
    batch_size: int = 80
    learning_rate: float = 0.025
    momentum: float = 0.9
    weight_decay: float = 3e-4
    gradient_clip: float = 5.0
    padding: int = 4
    flip: bool = True
    cutout: int = 0
    auxiliary_weight: float = 0.0
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        for name in ("channels", "layers", "epochs", "batch_size"):
            _require(self, name, isinstance(getattr(self, name), int), "a whole number")
            _require(self, name, getattr(self, name) >= 1, "at least 1")
        _require(self, "channels", self.channels <= MAX_CHANNELS, f"at most {MAX_CHANNELS}")
        _require(self, "layers", self.layers <= MAX_LAYERS, f"at most {MAX_LAYERS}")
        for name in ("padding", "cutout"):
            _require(self, name, isinstance(getattr(self, name), int), "a whole number of pixels")
            _require(self, name, 0 <= getattr(self, name) <= REFERENCE_SIZE, "in 0 … 32")
        for name in ("learning_rate", "weight_decay", "gradient_clip", "auxiliary_weight"):
            _require(self, name, math.isfinite(getattr(self, name)), "finite")
            _require(self, name, 0 <= getattr(self, name) <= LARGEST, "at least 0, at most 1e30")
        _require(self, "learning_rate", self.learning_rate > 0, "above 0")
        for name in ("momentum", "drop_path"):
            _require(self, name, 0 <= getattr(self, name) < 1, "in [0, 1)")

    def learning_rate_at(self, epoch: int) -> float:
        """Learning rate of an epoch counted from 0: ½ η (1 + cos(π e / E)).

        The first epoch runs at the full rate, as in DARTS' code.
        """
        return 0.5 * self.learning_rate * (1 + math.cos(math.pi * epoch / self.epochs))

    def drop_path_at(self, epoch: int) -> float:
        """Probability of dropping an edge in an epoch counted from 0: p e / E."""
        return self.drop_path * epoch / self.epochs

    def augmentation(self, data: DataSet) -> Augmentation:
        """The augmentation at the data's image size; no flip where mirror images differ."""
        scale = data.image_size / REFERENCE_SIZE
        return Augmentation(
            padding=_scaled(self.padding, scale),
            flip=self.flip and data.mirrors,
            cutout=_scaled(self.cutout, scale),
        )


def _scaled(pixels: int, scale: float) -> int:
    return max(1, round(pixels * scale)) if pixels else 0


def _require(recipe: Recipe, name: str, condition: bool, expected: str) -> None:
    if not condition:
        raise StudyError(f"recipe.{name} must be {expected}, not {getattr(recipe, name)!r}")


RECIPES = {
    "section4": Recipe(),
    "table1": Recipe(cutout=16, auxiliary_weight=0.4, drop_path=0.2),
}
"""The paper's two recipes: Sections 4.1 to 4.2 and Figure 9, and Table 1."""

SCALES: dict[str, dict[str, Any]] = {
    "tiny": {"channels": 4, "layers": 5, "epochs": 12, "batch_size": 64},
    "small": {"channels": 8, "layers": 5, "epochs": 10, "batch_size": 80},
    "paper": {},
}
"""Overrides of the recipe by the name of a scale; "paper" is the recipe itself."""


def scaled(recipe: Recipe, scale: str) -> Recipe:
    """The recipe at a named scale.

    Raises:
        StudyError: there is no such scale.
    """
    if scale not in SCALES:
        raise StudyError(f"no scale {scale!r}; there are {', '.join(SCALES)}")
    return replace(recipe, **SCALES[scale])
