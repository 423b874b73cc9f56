"""What a probe of a trained network is to do, as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from nascope._src.errors import StudyError
from nascope._src.records.identity import compute_identity, non_defaults
from nascope._src.training.moments import Moment

Normalisation = Literal["filter", "layer", "none"]
"""Of a random direction: to each filter's norm, each tensor's, or not; see `random_directions`."""

OneDimensional = Literal["zero", "scale"]
"""What becomes of biases and BatchNorm's parameters in a direction."""

BatchNormMode = Literal["frozen", "recalibrated", "batch"]
"""Statistics that BatchNorm uses at a displacement; see `Risk`."""

MAX_POINTS = 1001  # a side of a grid: a million points
MAX_RADIUS = 1e6  # beyond, float32 weights overflow; the paper's is 1

Data = Literal["test", "train"]
Along = Literal["random", "trajectory"]
Blocks = Literal["cells", "matrices", "none"]


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What every probe has.

    Args:
        instances: images used, balanced over classes; all where None.
        seed: of directions and random vectors.
        batchnorm: "frozen", "recalibrated" or "batch", see `nascope._src.probes.Risk`.
        data: "test" or "train"; training images are not augmented.
        at: the moment of the training: "initialisation", "epoch N", "loss X" or "end".
    """

    instances: int | None = None
    seed: int = 0
    batchnorm: BatchNormMode = "frozen"
    data: Data = "test"
    at: str = "end"

    if TYPE_CHECKING:
        kind: str  # each plan has its own

    def identity(self, training: str) -> str:
        """Names what this probe of that training yields."""
        return compute_identity(self.kind, {"training": training, "settings": non_defaults(self)})

    def settings(self) -> dict[str, Any]:
        """All fields as plain data."""
        return dataclasses.asdict(self)

    def _check(self, kind: str) -> None:
        try:
            object.__setattr__(self, "at", str(Moment.parse(self.at)))
        except StudyError as error:
            raise StudyError(f"{kind}.at: {error}") from None
        if self.instances is not None and self.instances < 1:
            raise StudyError(f"{kind}.instances must be at least 1, not {self.instances}")
        for name, choices in (("batchnorm", BatchNormMode), ("data", Data)):
            _one_of(f"{kind}.{name}", getattr(self, name), get_args(choices))


@dataclass(frozen=True)
class ProbePlan(_Plan):
    """A landscape or a gradient variance on a grid.

    Args:
        kind: "landscape" or "variance".
        points: points along each direction.
        radius: the grid covers [−radius, radius]².
        dimensions: 2, or 1 for a line.
        normalise, one_dimensional: see `nascope._src.probes.random_directions`.
        along: "random" directions, or the plane of the training's "trajectory"; the grid then
            covers it, and ``radius`` is not used.
        through: the moments on a trajectory; where none is given, those that the probes of the
            same part of a study name, or whose weights lie beside a checkpoint.

    Raises:
        StudyError: a value is out of range.
    """

    kind: Literal["landscape", "variance"]
    points: int
    radius: float = 1.0
    dimensions: Literal[1, 2] = 2
    normalise: Normalisation = "filter"
    one_dimensional: OneDimensional | None = None
    along: Along = "random"
    through: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check(self.kind)
        _in_range(f"{self.kind}.points", self.points, 1, MAX_POINTS)
        _check_radius(self.kind, self.radius)
        _one_of(f"{self.kind}.dimensions", self.dimensions, (1, 2))
        _one_of(f"{self.kind}.normalise", self.normalise, get_args(Normalisation))
        if self.one_dimensional is not None:
            choices = get_args(OneDimensional)
            _one_of(f"{self.kind}.one_dimensional", self.one_dimensional, choices)
        _one_of(f"{self.kind}.along", self.along, get_args(Along))
        if self.along == "trajectory" and (self.dimensions, self.points > 1) != (2, True):
            raise StudyError(
                f"{self.kind}: a trajectory's plane has two dimensions and at least 2 points each"
            )
        object.__setattr__(self, "through", in_order(self.through))
        if self.through and self.along != "trajectory":
            raise StudyError(f"{self.kind}.through: moments are those of a trajectory")
        if self.kind == "variance" and self.batchnorm == "batch":
            raise StudyError(
                "variance.batchnorm: with 'batch' instances interact, so that a gradient per "
                "instance is not defined: give frozen or recalibrated"
            )

    def settings(self) -> dict[str, Any]:
        """All fields as plain data; of moments none where it has none."""
        found = super().settings()
        through = list(found.pop("through"))
        return {**found, "through": through} if through else found

    def cost(self, images: int) -> float:
        """In forward passes of an image, roughly."""
        each = {"landscape": 1.0, "variance": 5.0}[self.kind]
        return float(self.points**self.dimensions) * (self.instances or images) * each


@dataclass(frozen=True)
class CurvaturePlan(_Plan):
    """The Hessian's eigenvalues, trace and density, and Lipschitz constants of the gradient.

    Args:
        top: largest eigenvalues.
        vectors, steps: of stochastic Lanczos quadrature; no vectors: no trace and no density.
        blocks: block-wise constants of the "cells", of the weight "matrices", or "none".
        block_steps: of Lanczos for each block.
        points: a side of the grid between whose points the gradient's Lipschitz constant is
            estimated; 0: none.
        radius: the grid covers [−radius, radius]².

    Raises:
        StudyError: a value is out of range.
    """

    kind: Literal["curvature"] = "curvature"
    top: int = 5
    vectors: int = 5
    steps: int = 20
    blocks: Blocks = "cells"
    block_steps: int = 10
    points: int = 5
    radius: float = 1.0

    def __post_init__(self) -> None:
        self._check(self.kind)
        _in_range("curvature.top", self.top, 1, 100)
        _in_range("curvature.vectors", self.vectors, 0, 1000)
        _in_range("curvature.steps", self.steps, 2, 1000)
        _in_range("curvature.block_steps", self.block_steps, 2, 1000)
        _one_of("curvature.blocks", self.blocks, get_args(Blocks))
        if self.points != 0:
            _in_range("curvature.points", self.points, 2, MAX_POINTS)
        _check_radius("curvature", self.radius)

    def cost(self, images: int) -> float:
        """In forward passes of an image, roughly."""
        blocks = {"cells": 8, "matrices": 100, "none": 0}[self.blocks]
        products = 8 * self.top + 20 + self.vectors * self.steps + blocks * self.block_steps
        gradients = 2.3 * self.points**2
        return (products * 16.0 + gradients * 5.0) * (self.instances or images)


def in_order(moments: Iterable[str]) -> tuple[str, ...]:
    """Moments on the way whose weights can be kept, each once, whatever order they come in.

    >>> in_order(["loss 1.0", "epoch 10", "end", "epoch 2", "epoch 2.0"])
    ('epoch 2', 'epoch 10', 'loss 1')
    """
    parsed = {moment for text in moments if (moment := Moment.parse(text)).needs_snapshot}
    return tuple(str(m) for m in sorted(parsed, key=lambda moment: (moment.kind, moment.value)))


def _in_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise StudyError(f"{name} must be in {low} … {high}, not {value}")


def _one_of(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise StudyError(f"{name} must be one of {', '.join(map(str, choices))}, not {value!r}")


def _check_radius(kind: str, radius: float) -> None:
    if not 0 < radius <= MAX_RADIUS:
        raise StudyError(f"{kind}.radius must be above 0 and at most {MAX_RADIUS:g}, not {radius}")
