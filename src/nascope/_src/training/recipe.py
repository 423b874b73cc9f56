"""The training recipe: everything that determines a trained network, except cell, data and seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from annotated_types import Ge, Gt, Le, Lt

from nascope._src import schema
from nascope._src.cells.genotype import Genotype, to_dict
from nascope._src.networks.limits import MAX_CHANNELS, MAX_LAYERS
from nascope._src.records.identity import compute_identity, non_defaults

if TYPE_CHECKING:
    from nascope._src.data.augmentation import Augmentation
    from nascope._src.data.datasets import DataSet

Precision = Literal["float32", "tf32", "bf16"]  # see nascope._src.training.precision
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
REFERENCE_SIZE = 32  # px; padding and cutout are stated for this size and scale with the image
LARGEST = 1e30  # of a rate or weight: float32 ends near 3e38

Rate = Annotated[float, Gt(0), Le(LARGEST), "Learning rate of the first epoch."]
Weight = Annotated[float, Ge(0), Le(LARGEST)]
Pixels = Annotated[int, Ge(0), Le(REFERENCE_SIZE)]
Probability = Annotated[float, Ge(0), Lt(1)]


@schema.document
@dataclass(frozen=True)
class Recipe:
    """How to build and train a network. The defaults are those of the paper's Section 4.

    SGD with momentum, a cosine schedule per epoch, zero-padding and random crops, flips; no
    cutout, no auxiliary tower, no drop path. The paper does not state the number of channels and
    the gradient clipping: these are from the authors' and DARTS' code.

    Raises:
        StudyError: a value is out of range.

    >>> Recipe(epochs=2, learning_rate=0.1).learning_rate_at(0)
    0.1
    """

    channels: Annotated[
        int, Ge(1), Le(MAX_CHANNELS), "C, the width of one node in the first cells."
    ] = 36
    layers: Annotated[int, Ge(1), Le(MAX_LAYERS), "L, the number of cells."] = 20
    epochs: Annotated[int, Ge(1), "Number of passes over the training set."] = 600
    batch_size: Annotated[int, Ge(1), "Number of images per step."] = 80
    learning_rate: Rate = 0.025
    momentum: Annotated[Probability, "Momentum of SGD."] = 0.9
    weight_decay: Annotated[Weight, "Weight decay of SGD."] = 3e-4
    gradient_clip: Annotated[
        Weight, "Clip the norm of the full gradient to X; 0 disables clipping."
    ] = 5.0
    padding: Annotated[
        Pixels,
        "Zero-padding around an image before a random crop, in pixels for a 32 px image (scaled "
        "for other sizes).",
    ] = 4
    flip: Annotated[bool, "Mirror images at random, if the data set allows it."] = True
    cutout: Annotated[
        Pixels,
        "Side of the erased square, in pixels for a 32 px image (scaled for other sizes); 0 for "
        "none.",
    ] = 0
    auxiliary_weight: Annotated[Weight, "Weight of the auxiliary tower's loss; 0 for no tower."] = (
        0.0
    )
    drop_path: Annotated[
        Probability, "Probability of dropping an edge in the last epoch; rises linearly from 0."
    ] = 0.0
    precision: Annotated[Precision, "Arithmetic used in training."] = "float32"
    compile: Annotated[
        bool, "Compile the training step with torch.compile: minutes at first, then faster."
    ] = False

    def __post_init__(self) -> None:
        schema.check(self, "recipe")

    def learning_rate_at(self, epoch: int) -> float:
        """Return the learning rate ½ η (1 + cos(π e / E)) of epoch e, counted from 0.

        The first epoch runs at the full rate, as in DARTS' code.
        """
        return 0.5 * self.learning_rate * (1 + math.cos(math.pi * epoch / self.epochs))

    def drop_path_at(self, epoch: int) -> float:
        """Return the probability p e / E of dropping an edge in epoch e, counted from 0."""
        return self.drop_path * epoch / self.epochs

    def augmentation(self, data: DataSet) -> Augmentation:
        """Return the augmentation at the data's image size; no flip if mirror images differ."""
        from nascope._src.data.augmentation import Augmentation  # noqa: PLC0415  (loads torch)

        scale = data.image_size / REFERENCE_SIZE
        return Augmentation(
            padding=_scaled(self.padding, scale),
            flip=self.flip and data.mirrors,
            cutout=_scaled(self.cutout, scale),
        )


def _scaled(pixels: int, scale: float) -> int:
    return max(1, round(pixels * scale)) if pixels else 0


RECIPES = {
    "section4": Recipe(),
    "table1": Recipe(cutout=16, auxiliary_weight=0.4, drop_path=0.2),
}
"""The paper's two recipes: Sections 4.1 to 4.2 with Figure 9, and Table 1."""


def training_identity(genotype: Genotype, data: DataSet, recipe: Recipe, seed: int) -> str:
    """Return the identity of a training run. It hashes the genotype itself, not its name."""
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
