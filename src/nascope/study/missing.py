"""What of a plan is not on disk. Loads no torch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nascope.errors import CheckpointError
from nascope.plans.moments import Moment
from nascope.records.paths import StudyPaths, TrialPaths
from nascope.records.plan import Entry, Plan
from nascope.records.read import is_complete, read_header, read_training


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


def missing(paths: StudyPaths, plan: Plan, *, thorough: bool = False) -> list[Missing]:
    """For each trial of a plan, in its order, what it lacks.

    Args:
        thorough: read every array that is there, so that a damaged one is missing too.
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
    trained = _is_trained(trial, entry)
    lacking = tuple(
        probe
        for probe in entry["probes"]
        if not is_complete(trial.probe(probe["kind"], probe["identity"]), thorough=thorough)
    )
    found = trained + len(entry["probes"]) - len(lacking)
    return Missing(name, entry, trained, lacking, found)


def _is_trained(paths: TrialPaths, entry: Mapping[str, Any]) -> bool:
    """Whether it is finished, and the weights that its probes need were kept."""
    try:
        record = read_training(paths.checkpoint, identity=entry["identity"], correct=False)
        for moment in moments_of(entry):
            if moment.needs_snapshot and moment.place(record.curve) is not None:
                read_header(moment.path(paths.snapshots), identity=entry["identity"])
    except CheckpointError:  # missing, or damaged: training decides
        return False
    return record.finished


def moments_of(entry: Mapping[str, Any]) -> list[Moment]:
    """The moments of a planned trial's training at which it is probed."""
    texts = dict.fromkeys(probe["settings"]["at"] for probe in entry["probes"])
    return [Moment.parse(text) for text in texts]
