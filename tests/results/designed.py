"""Studies of designed variants with a known truth, in memory. Nothing here was trained.

The log of a network's area is a planted effect of its width and depth plus noise of the wiring,
which is independent of everything else. All other measures follow from it.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nascope._src.cells.designs import DesignPlace, Level
from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.study.definition import Design, PlannedCell, plan_design
from tests.results import handmade
from tests.results.planted import DATA, RECIPE

FAMILIES = ("DARTS", "ENAS", "AmoebaNet", "NASNet", "SNAS")
LEVELS = {4: ((2.0, 3.0), (3, 4)), 5: ((2.0, 3.5), (3, 5))}


@functools.cache
def contrast_cells() -> tuple[PlannedCell, ...]:
    """The ten pairs of docs/studies/contrast.toml."""
    return plan_design(FAMILIES, Design(kind="contrast"))


@functools.cache
def factorial_cells() -> tuple[PlannedCell, ...]:
    """The ten blocks of docs/studies/factorial.toml."""
    cells: list[PlannedCell] = []
    for family in FAMILIES:
        widths, depths = LEVELS[4 if family in ("DARTS", "SNAS") else 5]
        cells += plan_design([family], Design(kind="factorial", widths=widths, depths=depths))
    return tuple(cells)


def study(
    cells: tuple[PlannedCell, ...],
    log_area: Callable[[PlannedCell, float, int], float],
    *,
    rates: tuple[float, ...] = (0.025,),
    seeds: int = 1,
) -> StudyRecord:
    """A study in which a cell's ln(area) is given by its cell, learning rate and seed."""
    trials = [
        _trial(cell, rate, seed, log_area(cell, rate, seed))
        for cell in cells
        for rate in rates
        for seed in range(seeds)
    ]
    return StudyRecord("designed", Path("nowhere"), tuple(trials))


def _trial(cell: PlannedCell, rate: float, seed: int, log_area: float) -> TrialRecord:
    losses = [math.exp(log_area) / 10] * 10 if math.isfinite(log_area) else [2.0] * 10
    training = handmade.training(losses)
    if not math.isfinite(log_area):
        training = dataclasses.replace(training, diverged_at=3)
    return TrialRecord(
        identity=f"{cell.label}-{rate}-{seed}",
        label=cell.label,
        family=cell.family,
        variant=cell.variant,
        genotype=cell.genotype,
        data={"name": "cifar10", **DATA},
        recipe=RECIPE | {"learning_rate": rate},
        seed=seed,
        training=training,
        design=cell.design,
    )


def level_of(cell: PlannedCell) -> Level:
    assert isinstance(cell.design, DesignPlace)
    return cell.design.level


def planted(
    draw: int,
    cells: tuple[PlannedCell, ...],
    *,
    width: float = 0.0,
    depth: float = 0.0,
    spread: float = 0.03,
    rates: tuple[float, ...] = (0.025,),
) -> StudyRecord:
    """A study with planted slopes of ln(area) per c of width and per level of depth."""
    generator = np.random.default_rng([draw, 23])

    def log_area(cell: PlannedCell, rate: float, seed: int) -> float:
        level = level_of(cell)
        planned = width * float(level.width) + depth * level.depth
        return 2.6 + planned + spread * generator.normal()

    return study(cells, log_area, rates=rates)
