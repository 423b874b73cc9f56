"""What of a plan is not on disk. Loads no torch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nascope._src.errors import CheckpointError
from nascope._src.records.checksums import is_intact
from nascope._src.records.paths import StudyPaths, TrialPaths
from nascope._src.records.plan import Entry, Plan
from nascope._src.records.read import is_complete, read_header, read_training
from nascope._src.training.moments import Moment


@dataclass(frozen=True)
class Missing:
    """What a trial lacks.

    Attributes:
        name: of its folder.
        trained: whether its training is there, with all weights that its probes need.
        probes: those that are not.
        found: results that are there.
    """

    name: str
    entry: Entry
    trained: bool
    probes: tuple[Mapping[str, Any], ...]
    found: int


def find_missing(paths: StudyPaths, plan: Plan, *, thorough: bool = False) -> list[Missing]:
    """For each trial of a plan, in its order, what it lacks.

    Args:
        thorough: read every array that is there, and the weights that are still to be probed, so
            that a damaged one is missing too.
    """
    there: set[str] = set()
    with contextlib.suppress(OSError):
        there = set(os.listdir(paths.trials))
    return [_missing(paths, entry, there, thorough) for entry in plan.trials]


def _missing(paths: StudyPaths, entry: Entry, there: set[str], thorough: bool) -> Missing:
    trial = paths.trial(entry["label"], entry["identity"])
    name = trial.folder.name
    if name not in there:  # most of a large study is not: nothing of it is looked for
        return Missing(name, entry, False, tuple(entry["probes"]), 0)
    lacking = tuple(
        probe
        for probe in entry["probes"]
        if not is_complete(trial.probe(probe["kind"], probe["identity"]), thorough=thorough)
    )
    trained = _is_trained(trial, entry, thorough=thorough and bool(lacking))
    found = trained + len(entry["probes"]) - len(lacking)
    return Missing(name, entry, trained, lacking, found)


def _is_trained(paths: TrialPaths, entry: Mapping[str, Any], *, thorough: bool) -> bool:
    """Whether it is finished, and the weights that its probes need were kept, and are sound."""
    try:
        record = read_training(paths.checkpoint, identity=entry["identity"], correct=False)
        kept = [
            moment.path(paths.snapshots)
            for moment in moments_of(entry)
            if moment.needs_snapshot and moment.place(record.curve) is not None
        ]
        for path in kept:
            read_header(path, identity=entry["identity"])
    except CheckpointError:  # missing, or damaged: training decides
        return False
    return record.finished and (not thorough or all(map(is_intact, [paths.checkpoint, *kept])))


def moments_of(entry: Mapping[str, Any]) -> list[Moment]:
    """The moments of a planned trial's training whose weights its probes need."""
    texts: dict[str, None] = {}
    for probe in entry["probes"]:
        settings = probe["settings"]
        texts |= dict.fromkeys([settings["at"], *settings.get("through", ())])
    return [Moment.parse(text) for text in texts]
