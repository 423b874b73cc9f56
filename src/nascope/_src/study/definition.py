"""A study as data: what to train and probe, and the list of trials that this makes."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from annotated_types import Ge, Le

from nascope._src.cells.adaptation import adapt
from nascope._src.cells.designs import (
    DesignKind,
    DesignPlace,
    Level,
    contrast_levels,
    designed_block,
    factorial_levels,
)
from nascope._src.cells.genotype import CELL_KINDS, Genotype
from nascope._src.cells.resolve import resolve_cell
from nascope._src.cells.wiring import published_variant, random_variant
from nascope._src.data.datasets import DataSet
from nascope._src.data.request import DataRequest
from nascope._src.errors import GenotypeError, SettingError, StudyError
from nascope._src.probes.settings import GridSettings, ProbeSettings
from nascope._src.records.identity import derived_seed
from nascope._src.records.plan import Plan, PlannedProbe, PlannedTrial
from nascope._src.schema import check
from nascope._src.training.moments import distinct_snapshots
from nascope._src.training.recipe import Recipe, training_identity

Made = TypeVar("Made")


@dataclass(frozen=True)
class PlannedCell:
    """A cell of a study: an original, or a variant of one.

    Args:
        label: unique name within the study.
        family: label of the original.
        variant: "original", or how the variant was made: "random 2", "published 2", "adapted",
            "contrast 1", "factorial 1".
        design: the place of a designed variant in its design.
    """

    label: str
    family: str
    variant: str
    genotype: Genotype
    design: DesignPlace | None = None


@dataclass(frozen=True, kw_only=True)
class Design:
    """Matched pairs or blocks of designed variants; see `nascope._src.cells.designs`.

    Args:
        kind: "contrast": the widest, shallowest wiring against the narrowest, deepest;
            "factorial": every combination of some widths and depths.
        allocations: pairs or blocks of each cell, each with its own allocation of operations to
            edges.
        seed: seed of the allocations and wirings.
        widths: widths of a factorial, in units of c.
        depths: depths of a factorial.

    Raises:
        StudyError: a number is out of range, or the widths and depths do not fit the kind.
    """

    kind: Annotated[DesignKind, "What is compared."]
    allocations: Annotated[int, Ge(1), Le(1000), "Pairs or blocks of each cell."] = 2
    seed: Annotated[int, Ge(0), "Seed of the allocations and wirings."] = 0
    widths: tuple[float, ...] = ()
    depths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check(self, "design")
        for name in ("widths", "depths"):
            given = getattr(self, name)
            if self.kind == "contrast" and given:
                raise StudyError(
                    f"design.{name}: a contrast has two levels, the extremes; leave {name} out, or "
                    'give kind = "factorial"'
                )
            if self.kind == "factorial" and len(set(given)) < 2:
                raise StudyError(
                    f"design.{name}: expected at least two {name} for a factorial, got "
                    f"{list(given)}"
                )

    def levels(self, genotype: Genotype) -> tuple[Level, ...]:
        """Return the levels of each pair or block.

        Raises:
            GenotypeError: the genotype has no designed variants at them.
        """
        if self.kind == "contrast":
            return contrast_levels(genotype)
        return factorial_levels(genotype, self.widths, self.depths)


@dataclass(frozen=True, kw_only=True)
class Part:
    """All combinations of cells, data sets, learning rates and seeds, each trained and then probed.

    Args:
        cells: originals and variants, with unique labels.
        recipe: recipe of every trial; its learning rate is replaced.
        data: data sets, at least one.
        learning_rates: at least one.
        seeds: at least one.
        probes: probes of every trained network.

    Raises:
        StudyError: a field is empty, repeats a value, or is out of range.
    """

    cells: tuple[PlannedCell, ...]
    recipe: Recipe
    data: tuple[DataRequest, ...] = (DataRequest(),)
    learning_rates: tuple[float, ...] = (0.025,)
    seeds: tuple[int, ...] = (0,)
    probes: tuple[ProbeSettings, ...] = ()

    def __post_init__(self) -> None:
        named = {"cells": [cell.label for cell in self.cells], "data": [d.name for d in self.data]}
        for name in ("cells", "data", "learning_rates", "seeds"):
            values = named.get(name) or list(getattr(self, name))
            if not values:
                raise StudyError(f"{name} is empty: a study needs at least one")
            if len(set(values)) < len(values):
                repeated = next(value for value in values if values.count(value) > 1)
                raise StudyError(f"{name} holds {repeated!r} twice: name each once")
        for probe in self.probes:
            if self.probes.count(probe) > 1:
                raise StudyError(f"{probe.kind}: the same probe is planned twice: leave one out")
            if isinstance(probe, GridSettings) and probe.radius == "auto":
                raise SettingError(
                    f"{probe.kind}.radius",
                    "expected a number, got 'auto', which would fit another radius to each "
                    "network, while a study compares them on planes of equal size; `nascope probe "
                    "landscape CHECKPOINT --radius auto` finds that of one network",
                )
        if min(self.seeds) < 0:
            raise StudyError(f"seeds must be at least 0, not {min(self.seeds)}")
        for rate in self.learning_rates:
            dataclasses.replace(self.recipe, learning_rate=rate)  # raises if it's out of range


@dataclass(frozen=True)
class StudyDefinition:
    """Trainings and probes under one name.

    Args:
        name: title of the report.
        parts: at least one. Trials that several parts have in common are run once.

    Raises:
        StudyError: there is no part, or two cells have the same label.
    """

    name: str
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise StudyError("a study needs at least one part")
        known: dict[str, tuple[int, PlannedCell]] = {}
        for number, part in enumerate(self.parts, start=1):
            for cell in part.cells:
                first, other = known.setdefault(cell.label, (number, cell))
                if other != cell:
                    raise StudyError(
                        f"part.{number}.cells: two different cells have the label {cell.label!r}, "
                        f"here and in part.{first}: give one of the files another name"
                    )

    def load_data(self, data_dir: str | Path | None = None) -> dict[DataRequest, DataSet]:
        """Load all data sets that the study needs.

        Raises:
            DataError: a data set is missing, damaged, or smaller than requested.
            StudyError: a probe needs more images than there are.
        """
        requests = dict.fromkeys(request for part in self.parts for request in part.data)
        data = {request: request.load(data_dir) for request in requests}
        for part in self.parts:
            for request, probe in itertools.product(part.data, part.probes):
                images = data[request].test if probe.data == "test" else data[request].train
                if (probe.instances or 0) > len(images):
                    raise StudyError(
                        f"{request.where}{probe.kind}.instances: expected at most {len(images)}, "
                        f"the {probe.data} images of {request.name}, but got {probe.instances}"
                    )
        return data

    def plan(self, data: Mapping[DataRequest, DataSet]) -> Plan:
        """Return all trials and probes with their identities."""
        trials: dict[tuple[str, str], PlannedTrial] = {}
        for part in self.parts:
            for trial in _plan_trials(part, data):
                same = trials.setdefault(trial.key, trial)
                known = {probe.identity for probe in same.probes}
                if more := tuple(p for p in trial.probes if p.identity not in known):
                    trials[trial.key] = dataclasses.replace(same, probes=same.probes + more)
        return Plan(self.name, tuple(trials.values()))


def _plan_trials(part: Part, data: Mapping[DataRequest, DataSet]) -> list[PlannedTrial]:
    probes = _with_trajectories(part.probes)
    settings = [probe.as_dict() for probe in probes]
    trials = []
    for request, rate in itertools.product(part.data, part.learning_rates):
        images = data[request]
        exact_request, summary = request.exactly(images), images.summary()
        recipe = dataclasses.replace(part.recipe, learning_rate=rate)
        recipe_fields = dataclasses.asdict(recipe)
        sizes = {"test": len(images.test), "train": len(images.train)}
        costs = [probe.cost(sizes[probe.data]) for probe in probes]
        for cell, seed in itertools.product(part.cells, part.seeds):
            identity = training_identity(cell.genotype, images, recipe, seed)
            trials.append(
                PlannedTrial(
                    identity=identity,
                    label=cell.label,
                    family=cell.family,
                    variant=cell.variant,
                    genotype=cell.genotype.named(cell.label),
                    design=cell.design,
                    data=summary,
                    request=exact_request,
                    recipe=recipe_fields,
                    seed=seed,
                    probes=tuple(
                        PlannedProbe(probe.kind, probe.identity(identity), fields, cost)
                        for probe, fields, cost in zip(probes, settings, costs, strict=True)
                    ),
                )
            )
    return trials


def _with_trajectories(
    probes: Sequence[ProbeSettings],
) -> list[ProbeSettings]:
    """Let trajectories without moments lead through the moments of all other probes."""
    moments = distinct_snapshots(probe.at for probe in probes)
    return [
        dataclasses.replace(probe, through=moments)
        if isinstance(probe, GridSettings) and probe.along == "trajectory" and not probe.through
        else probe
        for probe in probes
    ]


def plan_cells(
    texts: Sequence[str],
    *,
    method: str = "random",
    seeds: Sequence[int] = (),
    rewired: Sequence[str] = CELL_KINDS,
    adapted: Sequence[str] = (),
) -> tuple[PlannedCell, ...]:
    """Return each cell, followed by its variants and its adapted form.

    Args:
        texts: names of the catalogue, files, or genotypes as text.
        method: "random" or "published", how variants are drawn.
        seeds: one variant per seed.
        rewired: which cells of a genotype are rewired in variants, "normal" and "reduce".
        adapted: which cells are made widest and shallowest in the adapted form; by default there is
            no adapted form.

    Raises:
        StudyError: published variants are asked for, but not of both cells.
        GenotypeError: a cell is unknown.
    """
    if method == "published" and set(rewired) != set(CELL_KINDS):
        raise StudyError(
            "variants.cells: published variants rewire both cells; give both, or method random"
        )
    cells = []
    for text in texts:
        genotype = _with_key("cells", functools.partial(resolve_cell, text))
        name = genotype.name or "cell"
        cells.append(PlannedCell(name, name, "original", genotype))
        for seed in seeds:
            draw = functools.partial(_variant, genotype, method, seed, rewired)
            variant = _with_key("variants.seeds", draw)
            label = variant.name or f"{name}-{seed}"
            cells.append(PlannedCell(label, name, f"{method} {seed}", variant))
        if adapted:
            widen = functools.partial(adapt, genotype, cells=adapted)
            widest = _with_key("variants.adapted", widen)
            cells.append(PlannedCell(widest.name or f"{name}-widest", name, "adapted", widest))
    return tuple(cells)


def plan_design(texts: Sequence[str], design: Design) -> tuple[PlannedCell, ...]:
    """Return the designed variants of each cell, pair by pair or block by block.

    The variants of a cell depend on its name, the design's seed and kind, and nothing else.

    Raises:
        GenotypeError: a cell is unknown, or has no variants at the design's levels.
    """
    cells = []
    for text in texts:
        genotype = _with_key("cells", functools.partial(resolve_cell, text))
        name = genotype.name or "cell"
        levels = _with_key("design", functools.partial(design.levels, genotype))
        for number in range(1, design.allocations + 1):
            seed = derived_seed("design", design.seed, design.kind, name, number)
            for level, variant in designed_block(genotype, seed, levels):
                label = f"{name}-{design.kind[0]}{number}-{level}"
                place = DesignPlace(design.kind, number, level)
                cells.append(
                    PlannedCell(label, name, f"{design.kind} {number}", variant.named(label), place)
                )
    return tuple(cells)


def _variant(genotype: Genotype, method: str, seed: int, rewired: Sequence[str]) -> Genotype:
    if method == "published":
        return published_variant(genotype, seed)
    return random_variant(genotype, seed, cells=rewired)


def _with_key(key: str, make: Callable[[], Made]) -> Made:
    """Call ``make``, and add the key at fault to its error."""
    try:
        return make()
    except GenotypeError as error:
        raise GenotypeError(f"{key}: {error}") from None
