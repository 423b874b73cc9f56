"""The training recipe: everything but cell, data and seed that determines a trained network."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from nascope._src.cells.genotype import Genotype, to_dict
from nascope._src.data.datasets import DataSet
from nascope._src.errors import StudyError
from nascope._src.networks import MAX_CHANNELS, MAX_LAYERS
from nascope._src.records.identity import compute_identity, non_defaults

if TYPE_CHECKING:
    from nascope._src.data.augmentation import Augmentation

PRECISIONS = ("float32", "tf32", "bf16")  # see nascope._src.training.precision
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
        precision: "float32", "bf16" or "tf32", see `nascope._src.training.precision`.
        compile: whether torch.compile fuses the network's training step: faster, after minutes of
            compilation, and different in the last bits.

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
    precision: str = "float32"
    compile: bool = False

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
        _require(self, "precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}")

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
        from nascope._src.data.augmentation import Augmentation  # noqa: PLC0415  (loads torch)

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


@dataclass(frozen=True)
class Scale:
    """A size of experiment by name: how the recipe is changed, and the data.

    Args:
        overrides: of the recipe.
        dataset: used where none is named.
        train_size, test_size: at most so many images, where no size is given; None for all.
        landscape_points, variance_points: a side of a study's grids, where none is given.
    """

    overrides: Mapping[str, Any]
    dataset: str
    train_size: int | None = None
    test_size: int | None = None
    landscape_points: int = 21
    variance_points: int = 11


SCALES: dict[str, Scale] = {
    "tiny": Scale({"channels": 4, "layers": 5, "epochs": 12, "batch_size": 64}, "digits"),
    "small": Scale({"channels": 8, "layers": 5, "epochs": 10}, "cifar10", 5000, 2000),
    "paper": Scale({}, "cifar10", landscape_points=51, variance_points=21),
}
"""``tiny`` takes seconds, ``small`` minutes on one core; ``paper`` is the recipe itself: C = 36,
L = 20, 600 epochs, batches of 80, all of the data, landscapes of 51 × 51 points."""


def scale_of(name: str) -> Scale:
    """The scale of that name.

    Raises:
        StudyError: there is none.
    """
    if name not in SCALES:
        raise StudyError(f"no scale {name!r}; there are {', '.join(SCALES)}")
    return SCALES[name]


def overridden(recipe: Recipe, values: Mapping[str, Any], *, where: str) -> Recipe:
    """The recipe with fields replaced by values that a user wrote.

    Args:
        where: what a message puts before the field's name, "training.overrides." say.

    Raises:
        StudyError: a field is unknown, or a value of another type or out of its range.

    >>> overridden(Recipe(), {"weight_decay": 1}, where="").weight_decay
    1.0
    """
    known = {field.name: field for field in fields(Recipe)}
    changes: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise StudyError(f"{where}{name}: unknown key{suggestion(name, list(known))}")
        kind: Any = type(known[name].default)
        number = kind is float and isinstance(value, int) and not isinstance(value, bool)
        if type(value) is not kind and not number:
            raise StudyError(f"{where}{name}: expected {kind.__name__}, got {value!r}")
        changes[name] = kind(value)
    try:
        return replace(recipe, **changes)
    except StudyError as error:  # a field out of its range, under the name that the user wrote
        raise StudyError(f"{where}{str(error).removeprefix('recipe.')}") from None


def suggestion(name: str, known: list[str]) -> str:
    """What a message about an unknown key ends with: the nearest known one, or all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"


def training_identity(genotype: Genotype, data: DataSet, recipe: Recipe, seed: int) -> str:
    """Names what a training yields: the literal genotype counts, not its name."""
    return compute_identity(
        "training",
        {
            "genotype": to_dict(genotype),
            "data": data.digest,
            "mirrors": data.mirrors,
            "normalisation": [data.mean, data.std],
            "recipe": non_defaults(recipe),
            "seed": seed,
        },
    )
