"""Scales of an experiment, from seconds to the paper's own: network, training, data and grids."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nascope._src.errors import StudyError
from nascope._src.probes.settings import LandscapeSettings, VarianceSettings
from nascope._src.training.recipe import RECIPES, Recipe


@dataclass(frozen=True, kw_only=True)
class ExperimentScale:
    """A scale by name.

    Args:
        overrides: changes to the paper's recipe.
        dataset: the data set, unless another one is named.
        train_size, test_size: largest number of images, unless a number is given; None for all.
        landscape_points, variance_points: points along each direction of a study's grids, unless
            a number is given.
    """

    overrides: Mapping[str, Any]
    dataset: str
    train_size: int | None = None
    test_size: int | None = None
    landscape_points: int = LandscapeSettings.points
    variance_points: int = VarianceSettings.points

    def recipe(self, name: str = "section4") -> Recipe:
        """Return one of the paper's recipes at this scale.

        Raises:
            StudyError: there is no such recipe.
        """
        if name not in RECIPES:
            raise StudyError(f"no recipe {name!r:.40}; there are {', '.join(RECIPES)}")
        return dataclasses.replace(RECIPES[name], **self.overrides)


SCALES = {
    "tiny": ExperimentScale(
        overrides={"channels": 4, "layers": 5, "epochs": 12, "batch_size": 64}, dataset="digits"
    ),
    "small": ExperimentScale(
        overrides={"channels": 8, "layers": 5, "epochs": 10},
        dataset="cifar10",
        train_size=5000,
        test_size=2000,
    ),
    "paper": ExperimentScale(
        overrides={}, dataset="cifar10", landscape_points=51, variance_points=21
    ),
}
"""A training takes seconds at ``tiny``, and minutes on one core at ``small``. ``paper`` is the
paper's recipe: C = 36, L = 20, 600 epochs, batches of 80, all of the data."""


def find_scale(name: str) -> ExperimentScale:
    """Return the scale of that name.

    Raises:
        StudyError: there is no such scale.
    """
    if name not in SCALES:
        raise StudyError(f"no scale {name!r:.40}; there are {', '.join(SCALES)}")
    return SCALES[name]
