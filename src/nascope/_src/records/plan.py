"""A study's plan on disk: study.json, in which everything that trials share stands once.

{
  "format": 2,
  "name": …,
  "cells":   {LABEL: {"family", "variant", "genotype"}},
  "data":    [{"request": {name and sizes}, "summary": {digest, classes, sizes}}],
  "recipes": [{…}],
  "probes":  [{"kind", "settings", "costs": [one for each of "data"]}],
  "trials":  [[LABEL, data, recipe, seed, IDENTITY, [[probe, IDENTITY], …]]]
}

Numbers in "trials" are places in the lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nascope._src.errors import StudyError
from nascope._src.records.files import read_json, write_json
from nascope._src.records.paths import StudyPaths

FORMAT = 2

Entry = dict[str, Any]
"""A planned trial: identity, label, family, variant, genotype, data, request, recipe, seed, and
probes, each with kind, identity, settings and cost."""


@dataclass(frozen=True)
class Plan:
    """A study's name and its trials, in their order."""

    name: str
    trials: tuple[Entry, ...]


def write_plan(path: Path, plan: Plan) -> None:
    """Replace the plan at ``path``."""
    cells: dict[str, Entry] = {}
    data, recipes, probes = _Shared(), _Shared(), _Shared()
    costs: dict[tuple[int, int], float] = {}
    trials = []
    for entry in plan.trials:
        cell = {key: entry[key] for key in ("family", "variant", "genotype")}
        cells.setdefault(entry["label"], cell)
        where = data.place({"request": entry["request"], "summary": entry["data"]})
        own = []
        for probe in entry["probes"]:
            which = probes.place({"kind": probe["kind"], "settings": probe["settings"]})
            costs[which, where] = probe["cost"]
            own.append([which, probe["identity"]])
        recipe = recipes.place(entry["recipe"])
        trials.append([entry["label"], where, recipe, entry["seed"], entry["identity"], own])
    for which, probe in enumerate(probes.values):
        probe["costs"] = [costs.get((which, where)) for where in range(len(data.values))]
    whole = {
        "format": FORMAT,
        "name": plan.name,
        "cells": cells,
        "data": data.values,
        "recipes": recipes.values,
        "probes": probes.values,
        "trials": trials,
    }
    write_json(path, whole, indent=None if len(trials) > 1000 else 1)


def merged(old: Plan, new: Plan) -> Plan:
    """Everything that either of two plans asks for: the older one's trials first, the newer's name.

    A trial is the same where cell, data, recipe and seed are, and its probes where their settings
    are; then the newer plan's identities count, since the older may be of another version.

    Raises:
        StudyError: a name stands for one cell in the one plan, and for another in the other.
    """
    cells = {entry["label"]: _cell(entry) for entry in old.trials}
    for entry in new.trials:
        if cells.get(entry["label"], _cell(entry)) != _cell(entry):
            raise StudyError(
                f"the study holds another cell of the name {entry['label']!r}: give it another "
                "name, or choose another folder"
            )
    found = {_trial_key(entry): entry for entry in old.trials}
    for entry in new.trials:
        before = found.get(key := _trial_key(entry))
        probes = {_probe_key(probe): probe for probe in entry["probes"]}
        if before is not None and before["identity"] == entry["identity"]:
            probes = {_probe_key(probe): probe for probe in before["probes"]} | probes
        found[key] = {**entry, "probes": list(probes.values())}
    return Plan(new.name, tuple(found.values()))


def _cell(entry: Entry) -> tuple[Any, ...]:
    return entry["family"], entry["variant"], entry["genotype"]


def _trial_key(entry: Entry) -> str:
    data = entry["data"]["name"], entry["data"]["digest"]
    return repr((entry["label"], data, sorted(entry["recipe"].items()), entry["seed"]))


def _probe_key(probe: Entry) -> str:
    return repr((probe["kind"], sorted(probe["settings"].items())))


def read_plan(path: Path) -> Plan:
    """The plan at ``path``.

    Raises:
        StudyError: it is missing, damaged, or of another version of nascope.
    """
    whole = read_json(path)
    again = "run the study again to write it anew"
    other = isinstance(whole, dict) and whole.get("format") != FORMAT
    if other and isinstance(whole.get("trials"), list):
        raise StudyError(f"{path} was written by another version of nascope: {again}")
    try:
        trials = tuple(_entry(whole, trial) for trial in whole["trials"])
        return Plan(str(whole["name"]), trials)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise StudyError(f"{path} is damaged: {again}") from None


def plan_in(paths: StudyPaths) -> Plan:
    """The plan of the study in a folder.

    Raises:
        StudyError: the folder holds no study, or its plan is damaged.
    """
    if not paths.plan.is_file():
        raise StudyError(f"{paths.folder} holds no study (no study.json); run one there first")
    return read_plan(paths.plan)


def _entry(whole: dict[str, Any], trial: Sequence[Any]) -> Entry:
    label, where, recipe, seed, identity, own = trial
    data = whole["data"][where]
    return {
        "identity": identity,
        "label": label,
        **whole["cells"][label],
        "data": data["summary"],
        "request": data["request"],
        "recipe": whole["recipes"][recipe],
        "seed": seed,
        "probes": [
            {
                "kind": whole["probes"][which]["kind"],
                "identity": name,
                "settings": whole["probes"][which]["settings"],
                "cost": whole["probes"][which]["costs"][where],
            }
            for which, name in own
        ],
    }


class _Shared:
    """Values that are written once, and the place of each; equal objects are met again and again,
    so that each is compared once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._by_content: dict[str, int] = {}

    def place(self, value: Any) -> int:
        content = repr(value)
        if content not in self._by_content:
            self._by_content[content] = len(self.values)
            self.values.append(value)
        return self._by_content[content]
