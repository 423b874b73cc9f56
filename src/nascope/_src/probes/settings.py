"""Settings of the probes: what to measure around a trained network, as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from nascope._src import schema
from nascope._src.errors import SettingError, StudyError
from nascope._src.records.identity import compute_identity, non_defaults
from nascope._src.runtime.types import Plain
from nascope._src.training.moments import Moment, distinct_snapshots

Normalisation = Literal["filter", "layer", "none"]
"""Scale of a random direction; see `random_directions`."""

OneDimensional = Literal["zero", "scale"]
"""What a direction does to biases and BatchNorm's parameters."""

BatchNormMode = Literal["frozen", "recalibrated", "batch"]
"""Statistics that BatchNorm uses away from the trained weights; see `Risk`."""

Points = Annotated[int, Ge(1), Le(1001), "Number of points along each direction."]
_LARGEST_RADIUS = 1e6  # beyond it, float32 weights overflow; the paper's radius is 1
Radius = Annotated[
    float, Gt(0), Le(_LARGEST_RADIUS), "R, half the side of the grid, which covers [-R, R]²."
]
RadiusOrAuto = Annotated[
    float | Literal["auto"],
    Gt(0),
    Le(_LARGEST_RADIUS),
    "R, half the side of the grid, which covers [-R, R]²; with auto, the loss at R is that of a "
    "network whose weights are all 0.",
]
LanczosSteps = Annotated[int, Ge(2), Le(1000)]


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """Settings that every probe has."""

    kind: ClassVar[str]

    instances: Annotated[
        int | None, Ge(1), "Number of images, balanced across the classes; by default all."
    ] = None
    seed: Annotated[int, Ge(0), "Seed of the random directions and vectors."] = 0
    batchnorm: Annotated[
        BatchNormMode, "Statistics for BatchNorm: frozen, recalibrated or from each batch."
    ] = "frozen"
    data: Annotated[
        Literal["test", "train"], "Use images from the test or the training set, not augmented."
    ] = "test"
    at: Annotated[
        str, "Moment in training: initialisation, epoch N, loss X or end."
    ] = "end"  # fmt: skip

    def __post_init__(self) -> None:
        schema.check(self, self.kind)
        try:
            object.__setattr__(self, "at", str(Moment.parse(self.at)))
        except StudyError as error:
            raise SettingError(f"{self.kind}.at", str(error)) from None

    def identity(self, training: str) -> str:
        """Return the identity of this probe of a training run.

        Args:
            training: the identity of the training.
        """
        return compute_identity(self.kind, {"training": training, "settings": self._hashed()})

    def _hashed(self) -> dict[str, Any]:
        return non_defaults(self)

    def as_dict(self) -> dict[str, Any]:
        """Return the kind and all settings as plain data."""
        return {**dataclasses.asdict(self), "kind": self.kind}

    def cost(self, images: int) -> float:
        """Return the approximate cost, in forward passes of one image.

        Args:
            images: number of images in the data set.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class GridSettings(ProbeSettings):
    """Settings of a probe on a grid: a plane or line through the weights."""

    COST_PER_POINT: ClassVar[float]  # in forward passes of an image

    points: Points
    radius: RadiusOrAuto = 1.0
    dimensions: Annotated[Literal[1, 2], "1 for a line, 2 for a plane."] = 2
    normalise: Annotated[
        Normalisation, "Scale each direction to the weights' norm: per filter, per layer, or not."
    ] = "filter"
    one_dimensional: Annotated[
        OneDimensional | None,
        "How directions treat biases and BatchNorm parameters; by default zero with "
        "--normalise filter, otherwise scale.",
    ] = None
    along: Annotated[
        Literal["random", "trajectory"],
        "Random directions, or the plane of the training path; the grid then covers that path.",
    ] = "random"
    through: Annotated[
        tuple[str, ...],
        "Moments on a trajectory; if empty, those that the other probes of the part name, or whose "
        "weights are kept with the checkpoint.",
    ] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.along == "trajectory" and (self.dimensions != 2 or self.points < 2):
            raise StudyError(
                f"{self.kind}: the plane of a trajectory needs 2 dimensions, and at least 2 points "
                "along each"
            )
        if self.along == "trajectory" and self.radius == "auto":
            raise SettingError(
                f"{self.kind}.radius", "the grid of a trajectory covers its path: leave out auto"
            )
        object.__setattr__(self, "through", distinct_snapshots(self.through))
        if self.through and self.along != "trajectory":
            raise SettingError(f"{self.kind}.through", 'moments need along = "trajectory"')

    def _hashed(self) -> dict[str, Any]:
        # Kind and points count even at their defaults: they had none when identities began.
        return {**non_defaults(self), "kind": self.kind, "points": self.points}

    def as_dict(self) -> dict[str, Any]:
        """Return the kind and all settings as plain data, without ``through`` if it is empty."""
        settings = super().as_dict()
        through = list(settings.pop("through"))
        return {**settings, "through": through} if through else settings

    def cost(self, images: int) -> float:
        """Return the approximate cost, in forward passes of one image."""
        points = float(self.points**self.dimensions)
        return points * (self.instances or images) * self.COST_PER_POINT


@schema.document
@dataclass(frozen=True, kw_only=True)
class LandscapeSettings(GridSettings):
    """Settings of a loss landscape.

    Raises:
        StudyError: a value is out of range.
    """

    kind = "landscape"
    COST_PER_POINT = 1.0

    points: Points = 21


@schema.document
@dataclass(frozen=True, kw_only=True)
class VarianceSettings(GridSettings):
    """Settings of a gradient variance.

    Raises:
        StudyError: a value is out of range.
    """

    kind = "variance"
    COST_PER_POINT = 5.0

    points: Points = 11

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batchnorm == "batch":
            raise SettingError(
                "variance.batchnorm",
                "expected frozen or recalibrated, got 'batch': the images of a batch would "
                "interact, so that a gradient per image is not defined",
            )


@schema.document
@dataclass(frozen=True, kw_only=True)
class CurvatureSettings(ProbeSettings):
    """Settings of the Hessian's eigenvalues, trace and density, and of Lipschitz constants.

    Raises:
        StudyError: a value is out of range.
    """

    kind = "curvature"

    top: Annotated[int, Ge(1), Le(100), "Number of largest eigenvalues."] = 5
    vectors: Annotated[
        int, Ge(0), Le(1000), "Number of random vectors for trace and density; 0 for neither."
    ] = 5
    steps: Annotated[LanczosSteps, "Number of Lanczos steps per random vector."] = 20
    blocks: Annotated[
        Literal["cells", "matrices", "none"],
        "Weight blocks for which to estimate a Lipschitz constant of the gradient.",
    ] = "cells"
    block_steps: Annotated[LanczosSteps, "Number of Lanczos steps per block."] = 10
    points: Annotated[
        int,
        Ge(0),
        Le(1001),
        "Points per side of the grid on which the gradient's Lipschitz constant is estimated "
        "between neighbours; 0 for none.",
    ] = 5
    radius: Radius = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.points == 1:
            raise SettingError("curvature.points", "expected 0, or an integer of at least 2, got 1")

    def cost(self, images: int) -> float:
        """Return the approximate cost, in forward passes of one image."""
        blocks = {"cells": 8, "matrices": 100, "none": 0}[self.blocks]
        products = 8 * self.top + 20 + self.vectors * self.steps + blocks * self.block_steps
        gradients = 2.3 * self.points**2
        return (products * 16.0 + gradients * 5.0) * (self.instances or images)


PROBES: Mapping[str, type[ProbeSettings]] = {
    settings.kind: settings for settings in (LandscapeSettings, VarianceSettings, CurvatureSettings)
}
"""The settings class of each kind of probe."""


def read_settings(plain: Plain) -> ProbeSettings:
    """Return the settings of a probe from plain data, as `ProbeSettings.as_dict` gives it.

    Raises:
        StudyError: there is no such kind of probe, or a value is out of range.
    """
    settings = dict(plain)
    kind = settings.pop("kind", None)
    if kind not in PROBES:
        raise StudyError(f"expected a probe of kind {', '.join(PROBES)}, got {kind!r:.60}")
    return PROBES[kind](**settings)
