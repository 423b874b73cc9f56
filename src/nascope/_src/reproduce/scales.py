"""How large each scale of a reproduction is: recipe, data, grids, theory."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from nascope._src.errors import StudyError
from nascope._src.probes.settings import BatchNormMode, ProbePlan
from nascope._src.study.definition import DataRequest
from nascope._src.training.recipe import RECIPES, SCALES, Recipe

MODES: tuple[BatchNormMode, ...] = ("frozen", "recalibrated")
"""The paper's tools' mode first."""


@dataclass(frozen=True)
class GridSize:
    """Of a probe: points a side, and images; all of the test set where None."""

    points: int
    instances: int | None


@dataclass(frozen=True, kw_only=True)
class ReproductionScale:
    """A size of reproduction.

    Args:
        overrides: of the recipe.
        changed: of the recipe "table1" besides, where the data leave no choice.
        data: for each of the paper's data sets what takes its place; None where there is nothing.
        landscape, variance: sizes of the grids.
        max_variants: at most so many of each cell.
        theory_cases, theory_cells: random cells of the theory's check, and of its sweeps.
        theory_descents: runs of SGD, and steps of each.
        note: what every figure's title says of it.
        judged: whether its numbers bear on the paper's claims.
    """

    name: str
    overrides: Mapping[str, int]
    changed: Mapping[str, float] = dataclasses.field(default_factory=dict)
    data: Mapping[str, DataRequest | None]
    landscape: GridSize
    variance: GridSize
    max_variants: int | None = None
    theory_cases: int = 10_000
    theory_cells: int = 200
    theory_descents: tuple[int, int] = (32, 100)
    note: str
    judged: bool = True

    def recipe(self, name: str) -> Recipe:
        """A recipe of the paper at this scale."""
        changed = self.changed if name == "table1" else {}
        return dataclasses.replace(RECIPES[name], **self.overrides, **changed)  # type: ignore[arg-type]

    def probes(self, kind: str) -> tuple[ProbePlan, ...]:
        """The probes of that kind, one for each way to treat BatchNorm."""
        size = self.landscape if kind == "landscape" else self.variance
        return tuple(
            ProbePlan(
                kind,  # type: ignore[arg-type]
                points=size.points,
                instances=size.instances,
                batchnorm=mode,
            )
            for mode in MODES
        )

    def variants(self, wanted: int) -> int:
        """How many variants are drawn where a figure of the paper has so many."""
        return wanted if self.max_variants is None else min(wanted, self.max_variants)


def _small(name: str) -> DataRequest:
    return DataRequest(name, train_size=5000, test_size=2000, validation_size=1000)


_TINY = DataRequest("digits", train_size=160, test_size=60)
_PAPER = SCALES["paper"]

REPRODUCTION_SCALES = {
    scale.name: scale
    for scale in (
        ReproductionScale(
            name="tiny",
            overrides={"channels": 4, "layers": 3, "epochs": 4, "batch_size": 40},
            changed={"auxiliary_weight": 0.0},  # the tower needs images of 32 px
            data={"cifar10": _TINY, "cifar100": None},
            landscape=GridSize(5, 20),
            variance=GridSize(3, 10),
            max_variants=2,
            theory_cases=1,
            theory_cells=2,
            theory_descents=(4, 20),
            note="scale tiny: handwritten digits in place of CIFAR",
            judged=False,
        ),
        ReproductionScale(
            name="small",  # trials as those of docs/studies/cells.toml, whose identities they have
            overrides=SCALES["small"].overrides,
            data={"cifar10": _small("cifar10"), "cifar100": _small("cifar100")},
            landscape=GridSize(11, 500),
            variance=GridSize(7, 250),
            note="scale small: C = 8, L = 5, 10 epochs, 5,000 images",
        ),
        ReproductionScale(
            name="paper",
            overrides=_PAPER.overrides,
            data={"cifar10": DataRequest("cifar10"), "cifar100": DataRequest("cifar100")},
            landscape=GridSize(_PAPER.landscape_points, None),
            variance=GridSize(_PAPER.variance_points, None),
            note="scale paper: C = 36, L = 20, 600 epochs, all images",
        ),
    )
}
"""Sizes of a reproduction by name. ``tiny`` shows within minutes that all parts work, and nothing
else; ``small`` takes hours on a few cores, ``paper`` days on GPUs."""


def reproduction_scale(name: str) -> ReproductionScale:
    """The scale of that name.

    Raises:
        StudyError: there is none.
    """
    if name not in REPRODUCTION_SCALES:
        raise StudyError(f"no scale {name!r:.40}; there are {', '.join(REPRODUCTION_SCALES)}")
    return REPRODUCTION_SCALES[name]
