"""Study: what is to be trained and probed, as data. A Study yields its plan: a list of trials."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nascope._src.cells.adaptation import adapt
from nascope._src.cells.genotype import CELL_KINDS, Genotype, to_dict
from nascope._src.cells.resolve import resolve_cell
from nascope._src.cells.wiring import published_variant, random_variant
from nascope._src.data.datasets import DataSet
from nascope._src.data.request import DataRequest
from nascope._src.errors import GenotypeError, StudyError
from nascope._src.probes.settings import GridSettings, ProbeSettings
from nascope._src.records.plan import Entry, Plan
from nascope._src.training.moments import distinct_snapshots
from nascope._src.training.recipe import Recipe, training_identity


@dataclass(frozen=True)
class PlannedCell:
    """A cell of a study: an original, or a variant of one."""

    label: str
    family: str
    variant: str
    genotype: Genotype


@dataclass(frozen=True, kw_only=True)
class Part:
    """Every cell, on all data, at every learning rate, with every seed: trained, then probed.

    Args:
        cells: originals and variants; their labels are unique.
        recipe: of every trial but for the learning rate.
        data: at least one.
        learning_rates, seeds: at least one each.
        probes: of every trained network.

    Raises:
        StudyError: something is empty, repeated or out of range.
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
            keys = named.get(name) or list(getattr(self, name))
            if not keys:
                raise StudyError(f"{name} is empty: a study needs at least one")
            if len(set(keys)) < len(keys):
                twice = next(key for key in keys if keys.count(key) > 1)
                raise StudyError(f"{name} holds {twice!r} twice: name each once")
        for probe in self.probes:
            if self.probes.count(probe) > 1:
                raise StudyError(f"{probe.kind}: the same probe is planned twice: leave one out")
        if min(self.seeds) < 0:
            raise StudyError(f"seeds must be at least 0, not {min(self.seeds)}")
        for rate in self.learning_rates:
            dataclasses.replace(self.recipe, learning_rate=rate)  # raises if it's out of range


@dataclass(frozen=True)
class Study:
    """Trainings and probes under one name.

    Args:
        name: names the study in its report.
        parts: what they have in common is done once.

    Raises:
        StudyError: there is no part, or a label stands for two cells.
    """

    name: str
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise StudyError("a study needs at least one part")
        known: dict[str, tuple[int, PlannedCell]] = {}
        for place, part in enumerate(self.parts, start=1):
            for cell in part.cells:
                first, other = known.setdefault(cell.label, (place, cell))
                if other != cell:
                    raise StudyError(
                        f"part.{place}.cells: two different cells have the label {cell.label!r}, "
                        f"here and in part.{first}: give one of the files another name"
                    )

    def load_data(self, data_dir: str | Path | None = None) -> dict[DataRequest, DataSet]:
        """Every data set that the study needs.

        Raises:
            DataError: one is missing, damaged or smaller than asked for.
            StudyError: a probe is to use more images than there are.
        """
        requests = dict.fromkeys(request for part in self.parts for request in part.data)
        data = {request: request.load(data_dir) for request in requests}
        for part in self.parts:
            for request, probe in itertools.product(part.data, part.probes):
                there = len(data[request].test if probe.data == "test" else data[request].train)
                if (probe.instances or 0) > there:
                    raise StudyError(
                        f"{request.where}{probe.kind}.instances: {probe.instances} {probe.data} "
                        f"images of {request.name} asked for, {there} there; ask for less"
                    )
        return data

    def plan(self, data: Mapping[DataRequest, DataSet]) -> Plan:
        """All trials and probes with their identities."""
        found: dict[tuple[str, str], Entry] = {}
        for part in self.parts:
            for entry in _trials(part, data):
                same = found.setdefault((entry["label"], entry["identity"]), entry)
                known = {probe["identity"] for probe in same["probes"]}
                same["probes"] += [p for p in entry["probes"] if p["identity"] not in known]
        return Plan(self.name, tuple(found.values()))


def _trials(part: Part, data: Mapping[DataRequest, DataSet]) -> list[Entry]:
    literal = {cell.label: to_dict(cell.genotype) for cell in part.cells}
    probes = _through_what_is_kept(part.probes)
    settings = [probe.as_dict() for probe in probes]
    entries = []
    for request, rate in itertools.product(part.data, part.learning_rates):
        images = data[request]
        exact, summary = request.exactly(images), images.summary()
        recipe = dataclasses.replace(part.recipe, learning_rate=rate)
        written = dataclasses.asdict(recipe)
        sizes = {"test": len(images.test), "train": len(images.train)}
        costs = [probe.cost(sizes[probe.data]) for probe in probes]
        for cell, seed in itertools.product(part.cells, part.seeds):
            training = training_identity(cell.genotype, images, recipe, seed)
            entries.append(
                {
                    "identity": training,
                    "label": cell.label,
                    "family": cell.family,
                    "variant": cell.variant,
                    "genotype": literal[cell.label],
                    "data": summary,
                    "request": exact,
                    "recipe": written,
                    "seed": seed,
                    "probes": [
                        {
                            "kind": probe.kind,
                            "identity": probe.identity(training),
                            "settings": setting,
                            "cost": cost,
                        }
                        for probe, setting, cost in zip(probes, settings, costs, strict=True)
                    ],
                }
            )
    return entries


def _through_what_is_kept(
    probes: Sequence[ProbeSettings],
) -> list[ProbeSettings]:
    """The probes, a trajectory through the moments that they name."""
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
    """Each cell followed by its variants, and by itself adapted.

    Args:
        texts: catalogue names, files or genotype texts.
        method: "random" or "published", how variants are drawn.
        seeds: one variant each.
        rewired: which cells of a genotype are redrawn, "normal" and "reduce".
        adapted: which are made the widest and shallowest in a further cell; none: no such cell.

    Raises:
        StudyError: the authors' variants are asked for with one of the two cells kept.
        GenotypeError: a cell is unknown.
    """
    if method == "published" and set(rewired) != set(CELL_KINDS):
        raise StudyError("variants.cells: the authors' variants rewire both cells; take random")
    cells = []
    for text in texts:
        genotype = _under("cells", functools.partial(resolve_cell, text))
        name = genotype.name or "cell"
        cells.append(PlannedCell(name, name, "original", genotype))
        for seed in seeds:
            draw = functools.partial(_variant, genotype, method, seed, rewired)
            variant = _under("variants.seeds", draw)
            label = variant.name or f"{name}-{seed}"
            cells.append(PlannedCell(label, name, f"{method} {seed}", variant))
        if adapted:
            wide = _under("variants.adapted", functools.partial(adapt, genotype, cells=adapted))
            cells.append(PlannedCell(wide.name or f"{name}-widest", name, "adapted", wide))
    return tuple(cells)


def _variant(genotype: Genotype, method: str, seed: int, rewired: Sequence[str]) -> Genotype:
    if method == "published":
        return published_variant(genotype, seed)
    variant = random_variant(genotype, seed, cells=rewired)
    if set(rewired) != set(CELL_KINDS):  # the same seed's other variant has that name
        variant = variant.named(f"{variant.name}{rewired[0][0]}")
    return variant


def _under(key: str, make: Callable[[], Genotype]) -> Genotype:
    """What ``make`` makes; an error of it is that of a key."""
    try:
        return make()
    except GenotypeError as error:
        raise GenotypeError(f"{key}: {error}") from None
