"""Scales of a reproduction: what it adds to an experiment's scale of the same name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from nascope._src.data.request import DataRequest
from nascope._src.errors import StudyError
from nascope._src.probes.settings import (
    LandscapeSettings,
    ProbeSettings,
    VarianceSettings,
)
from nascope._src.results.paper.claims import MODES
from nascope._src.study.scales import SCALES
from nascope._src.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class ReproductionScale:
    """A scale of a reproduction.

    Args:
        name: a name in `SCALES`, which holds the network and its training.
        overrides: further changes to the recipes.
        table1_overrides: and to the recipe "table1".
        data: the data set used for each of the paper's; None if there is none.
        grids: settings of the landscapes and gradient variances.
        max_variants: largest number of variants per cell; None for no limit.
        theory_cases: random cells of the theory's check, per objective and wiring.
        theory_cells: random cells of the theory's sweeps, per setting.
        theory_descents: runs of SGD, and steps of each.
        note: part of every figure's title.
        judged: whether its numbers bear on the paper's claims.
    """

    name: str
    overrides: Mapping[str, float] = dataclasses.field(default_factory=dict)
    table1_overrides: Mapping[str, float] = dataclasses.field(default_factory=dict)
    data: Mapping[str, DataRequest | None]
    grids: tuple[LandscapeSettings, VarianceSettings]
    max_variants: int | None = None
    theory_cases: int = 10_000
    theory_cells: int = 200
    theory_descents: tuple[int, int] = (32, 100)
    note: str
    judged: bool = True

    def recipe(self, name: str) -> Recipe:
        """Return a recipe of the paper at this scale."""
        recipe = SCALES[self.name].recipe(name)
        overrides = {**self.overrides, **(self.table1_overrides if name == "table1" else {})}
        return dataclasses.replace(recipe, **overrides)  # type: ignore[arg-type]

    def probes(self, kind: str) -> tuple[ProbeSettings, ...]:
        """Return the probes of that kind, one for each BatchNorm mode."""
        return tuple(
            dataclasses.replace(grid, batchnorm=mode)
            for grid in self.grids
            if grid.kind == kind
            for mode in MODES
        )

    def variants(self, wanted: int) -> int:
        """Return the number of variants drawn if a figure of the paper has ``wanted``."""
        return wanted if self.max_variants is None else min(wanted, self.max_variants)


def _small(name: str) -> DataRequest:
    size = SCALES["small"]
    return DataRequest(name, size.train_size, size.test_size, validation_size=1000)


_PAPER = SCALES["paper"]

REPRODUCTION_SCALES = {
    scale.name: scale
    for scale in (
        ReproductionScale(
            name="tiny",
            overrides={"epochs": 4},
            table1_overrides={"auxiliary_weight": 0.0},  # the tower needs images of 32 px
            data={
                "cifar10": DataRequest(SCALES["tiny"].dataset, train_size=40, test_size=20),
                "cifar100": None,
            },
            grids=(
                LandscapeSettings(points=5, instances=20),
                VarianceSettings(points=3, instances=10),
            ),
            max_variants=2,
            theory_cases=1,
            theory_cells=2,
            theory_descents=(4, 20),
            note="scale tiny: handwritten digits in place of CIFAR",
            judged=False,
        ),
        ReproductionScale(
            name="small",  # its trials have the identities of those of docs/studies/cells.toml
            data={"cifar10": _small("cifar10"), "cifar100": _small("cifar100")},
            grids=(
                LandscapeSettings(points=11, instances=500),
                VarianceSettings(points=7, instances=250),
            ),
            note="scale small: C = 8, L = 5, 10 epochs, 5,000 images",
        ),
        ReproductionScale(
            name="paper",
            data={"cifar10": DataRequest("cifar10"), "cifar100": DataRequest("cifar100")},
            grids=(
                LandscapeSettings(points=_PAPER.landscape_points),
                VarianceSettings(points=_PAPER.variance_points),
            ),
            note="scale paper: C = 36, L = 20, 600 epochs, all images",
        ),
    )
}
"""Scales of a reproduction by name. ``tiny`` takes minutes and shows only that every part works;
``small`` takes hours on a few cores, ``paper`` days on GPUs."""


def reproduction_scale(name: str) -> ReproductionScale:
    """Return the scale of that name.

    Raises:
        StudyError: there is no such scale.
    """
    if name not in REPRODUCTION_SCALES:
        raise StudyError(f"no scale {name!r:.40}; there are {', '.join(REPRODUCTION_SCALES)}")
    return REPRODUCTION_SCALES[name]
