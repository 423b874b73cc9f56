"""A study's plan: which networks are trained and how each one is probed.

The plan is stored in study.json, which holds only once what several trials have in common:

{
  "format": 2,
  "name": …,
  "cells":   {LABEL: {"family", "variant", "genotype", "design" if it is a designed variant}},
  "data":    [{"request": {name and sizes}, "summary": {digest, classes, sizes}}],
  "recipes": [{…}],
  "probes":  [{"kind", "settings", "costs": [one per entry of "data"]}],
  "trials":  [[LABEL, data, recipe, seed, IDENTITY, [[probe, IDENTITY], …]]]
}

In "trials", data, recipe and probe are indices into the lists above.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nascope._src.cells.designs import DesignPlace
from nascope._src.cells.formats.fields import from_dict
from nascope._src.cells.genotype import Genotype, to_dict
from nascope._src.errors import GenotypeError, StudyError
from nascope._src.records.files import plain, read_json, write_json
from nascope._src.records.paths import ProbePaths, StudyPaths, TrialPaths, slug
from nascope._src.runtime.types import Plain

FORMAT = 2

_CellEntry = tuple[str, str, Genotype, DesignPlace | None]

_Kinds = Mapping[str, type | tuple[type, ...]]
_RECIPE_ITEMS: _Kinds = {"learning_rate": (int, float), "epochs": int}  # a `Recipe` has more
_DATA_ITEMS: _Kinds = {"name": str, "digest": str}
_DATA_SIZES = ("train", "test", "validation", "classes", "image_size", "image_channels")


@dataclass(frozen=True)
class PlannedProbe:
    """A probe of a trained network.

    Attributes:
        kind: "landscape", "variance" or "curvature".
        identity: hash of the training and the settings.
        settings: the fields of the probe's settings (`probes/settings.py`).
        cost: estimated work, in forward passes of one image.
    """

    kind: str
    identity: str
    settings: Plain
    cost: float

    def __post_init__(self) -> None:
        _require_types(self, kind=str, identity=str, settings=Mapping, cost=(int, float))

    def paths_in(self, trial: TrialPaths) -> ProbePaths:
        """Return where the results are stored."""
        return trial.probe(self.kind, self.identity)


@dataclass(frozen=True)
class PlannedTrial:
    """A cell to be trained with one recipe and one seed, and the probes of the trained network.

    Attributes:
        identity: hash of everything that determines the training.
        label: name of the cell, unique within the study.
        family: label of the original that the cell is a variant of; the original's own label.
        variant: "original", or how the variant was made: "random 2", "published 2", "adapted",
            "contrast 1", "factorial 1".
        data: name, digest and sizes of the data set, see `DataSet.summary`.
        request: the arguments of `load_data` that yield exactly these images.
        recipe: the fields of a `Recipe`.
        seed: seed of the weights and of the order of the images.
        design: the place of a designed variant in its design.
    """

    identity: str
    label: str
    family: str
    variant: str
    genotype: Genotype
    data: Plain
    request: Plain
    recipe: Plain
    seed: int
    probes: tuple[PlannedProbe, ...] = ()
    design: DesignPlace | None = None

    def __post_init__(self) -> None:
        _require_types(self, identity=str, label=str, family=str, variant=str, seed=int)
        _require_types(self, data=Mapping, request=Mapping, recipe=Mapping)
        _require_items(self.data, "data", _DATA_ITEMS)
        sizes = {name: int for name in _DATA_SIZES if name in self.data}
        _require_items(self.data, "data", sizes)
        _require_items(self.recipe, "recipe", _RECIPE_ITEMS)

    @property
    def learning_rate(self) -> float:
        """The recipe's learning rate."""
        return float(self.recipe["learning_rate"])

    @property
    def epochs(self) -> int:
        """The recipe's number of epochs."""
        return int(self.recipe["epochs"])

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the trial within its study."""
        return self.label, self.identity

    def paths_in(self, study: StudyPaths) -> TrialPaths:
        """Return where the results are stored."""
        return study.trial(self.label, self.identity)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as plain data, as trial.json holds them."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del fields["design"]
        probes = [dataclasses.asdict(probe) for probe in self.probes]
        fields |= {"genotype": to_dict(self.genotype), "probes": probes}
        return fields | ({"design": self.design.as_dict()} if self.design else {})


@dataclass(frozen=True)
class Plan:
    """A study's name and its trials, in order."""

    name: str
    trials: tuple[PlannedTrial, ...]


def write_plan(path: Path, plan: Plan) -> None:
    """Replace the plan at ``path``."""
    cells: dict[str, Plain] = {}
    data, recipes, probes = _Distinct(), _Distinct(), _Distinct()
    costs: dict[tuple[int, int], float] = {}
    rows = []
    for trial in plan.trials:
        if trial.label not in cells:
            genotype = to_dict(trial.genotype)
            cells[trial.label] = {
                "family": trial.family,
                "variant": trial.variant,
                "genotype": genotype,
                **({"design": trial.design.as_dict()} if trial.design else {}),
            }
        data_index = data.index({"request": trial.request, "summary": trial.data})
        recipe_index = recipes.index(trial.recipe)
        probe_rows = []
        for probe in trial.probes:
            probe_index = probes.index({"kind": probe.kind, "settings": probe.settings})
            costs[probe_index, data_index] = probe.cost
            probe_rows.append([probe_index, probe.identity])
        rows.append([trial.label, data_index, recipe_index, trial.seed, trial.identity, probe_rows])
    content = {
        "format": FORMAT,
        "name": plan.name,
        "cells": cells,
        "data": data.values,
        "recipes": recipes.values,
        "probes": [
            {**probe, "costs": [costs.get((place, k)) for k in range(len(data.values))]}
            for place, probe in enumerate(probes.values)
        ],
        "trials": rows,
    }
    write_json(path, content, indent=None if len(rows) > 1000 else 1)


def read_plan(path: Path) -> Plan:
    """Read the plan at ``path``.

    Raises:
        StudyError: the file is missing, damaged, or of another version of nascope.
    """
    remedy = "run the study again to replace it"
    content = read_json(path, remedy=remedy)
    is_plan = isinstance(content, dict) and isinstance(content.get("trials"), list)
    if is_plan and content.get("format") != FORMAT:
        raise StudyError(f"{path} was written by another version of nascope: {remedy}")
    try:
        return _parse_plan(content)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, GenotypeError):
        raise StudyError(f"{path} is damaged: {remedy}") from None


def write_trial(path: Path, trial: PlannedTrial) -> None:
    """Write a planned trial to its own file, from which a damaged plan can be recovered."""
    write_json(path, trial.to_dict())


def holds_trial(path: Path, trial: PlannedTrial) -> bool:
    """Return whether a file holds exactly this trial."""
    try:
        return bool(read_json(path) == plain(trial.to_dict()))
    except StudyError:
        return False


def recover_trials(paths: StudyPaths) -> tuple[PlannedTrial, ...]:
    """Return the trials that have files of their own, in place of a damaged plan."""
    trials = []
    for path in sorted(paths.trials.glob("*/trial.json")):
        with contextlib.suppress(StudyError, KeyError, TypeError, ValueError, GenotypeError):
            trial = _trial_from(read_json(path))
            if trial.paths_in(paths).folder == path.parent:
                trials.append(trial)
    return tuple(trials)


def _trial_from(content: Mapping[str, Any]) -> PlannedTrial:
    """Return the trial that `PlannedTrial.to_dict` describes."""
    probes = tuple(PlannedProbe(**probe) for probe in content["probes"])
    genotype = from_dict(content["genotype"]).named(content["label"])
    design = DesignPlace.from_dict(content["design"]) if "design" in content else None
    return PlannedTrial(
        **{**content, "genotype": genotype, "probes": probes, "design": design},
    )


def read_study_plan(paths: StudyPaths) -> Plan:
    """Read the plan of the study in a folder.

    Raises:
        StudyError: the folder holds no study, or its plan is damaged.
    """
    if not paths.plan.is_file():
        raise StudyError(f"{paths.folder} holds no study (no study.json); run one there first")
    return read_plan(paths.plan)


def merge_plans(old: Plan, new: Plan) -> Plan:
    """Return a plan with every trial and probe of either plan, under the newer one's name.

    The older plan's trials come first. Two trials are the same if cell, data, recipe and seed are,
    and two probes of a trial if their settings are. If their identities differ, the older plan is
    of another version of nascope, and the newer identity replaces the older one.

    Raises:
        StudyError: the two plans use one label for two different cells.
    """
    cells = {trial.label: _cell_of(trial) for trial in old.trials}
    for trial in new.trials:
        if cells.get(trial.label, _cell_of(trial)) != _cell_of(trial):
            raise StudyError(
                f"the study holds another cell of the name {trial.label!r}: give it another "
                "name, or choose another folder"
            )
    merged = {_content_of_trial(trial): trial for trial in old.trials}
    for trial in new.trials:
        older = merged.get(key := _content_of_trial(trial))
        probes = {_content_of_probe(probe): probe for probe in trial.probes}
        if older is not None and older.identity == trial.identity:
            probes = {_content_of_probe(probe): probe for probe in older.probes} | probes
        merged[key] = dataclasses.replace(trial, probes=tuple(probes.values()))
    return Plan(new.name, tuple(merged.values()))


def _cell_of(trial: PlannedTrial) -> _CellEntry:
    return trial.family, trial.variant, trial.genotype, trial.design


def _content_of_trial(trial: PlannedTrial) -> str:
    data = trial.data["name"], trial.data["digest"]
    return repr((trial.label, data, sorted(trial.recipe.items()), trial.seed))


def _content_of_probe(probe: PlannedProbe) -> str:
    return repr((probe.kind, sorted(probe.settings.items())))


def _parse_plan(content: Any) -> Plan:
    cells = {
        label: (
            cell["family"],
            cell["variant"],
            from_dict(cell["genotype"]).named(label),
            DesignPlace.from_dict(cell["design"]) if "design" in cell else None,
        )
        for label, cell in content["cells"].items()
    }
    return Plan(
        str(content["name"]),
        tuple(_parse_trial(content, cells, row) for row in content["trials"]),
    )


def _parse_trial(content: Plain, cells: dict[str, _CellEntry], row: Sequence[Any]) -> PlannedTrial:
    label, data_index, recipe_index, seed, identity, probe_rows = row
    family, variant, genotype, design = cells[label]
    _require_file_names(identity)
    data = content["data"][data_index]
    probes = []
    for probe_index, probe_identity in probe_rows:
        probe = content["probes"][probe_index]
        _require_file_names(probe["kind"], probe_identity)
        probes.append(
            PlannedProbe(
                probe["kind"], probe_identity, probe["settings"], probe["costs"][data_index]
            )
        )
    return PlannedTrial(
        identity=identity,
        label=label,
        family=family,
        variant=variant,
        genotype=genotype,
        data=data["summary"],
        request=data["request"],
        recipe=content["recipes"][recipe_index],
        seed=seed,
        probes=tuple(probes),
        design=design,
    )


def _require_types(value: Any, **types: type | tuple[type, ...]) -> None:
    for name, expected in types.items():
        given = getattr(value, name)
        if not isinstance(given, expected):
            what = type(value).__name__
            raise TypeError(f"{what}.{name} must be of type {expected}, but got {given!r:.60}")


def _require_items(items: Plain, what: str, expected: _Kinds) -> None:
    for name, kind in expected.items():
        if not isinstance(items.get(name), kind) or isinstance(items[name], bool):
            raise TypeError(f"{what}.{name} must be of type {kind}, got {items.get(name)!r:.60}")


def _require_file_names(*names: str) -> None:
    for name in names:
        if slug(name) != name:  # it would lead out of the study's folder
            raise ValueError(f"{name!r} cannot be part of a file name")


class _Distinct:
    """A list in which each value occurs once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._indices: dict[str, int] = {}

    def index(self, value: Any) -> int:
        """Return the index of the value, which is appended if it is new."""
        content = repr(value)
        if content not in self._indices:
            self._indices[content] = len(self.values)
            self.values.append(value)
        return self._indices[content]
