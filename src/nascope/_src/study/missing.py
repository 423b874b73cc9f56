"""Find the planned work that has not been done. Imports no torch."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from nascope._src.errors import CheckpointError
from nascope._src.records.checkpoint_files import is_intact, read_header
from nascope._src.records.paths import StudyPaths, TrialPaths
from nascope._src.records.plan import Plan, PlannedProbe, PlannedTrial
from nascope._src.records.read import is_complete, read_training
from nascope._src.training.moments import Moment


@dataclass(frozen=True)
class Missing:
    """What a planned trial lacks.

    Attributes:
        trained: whether the training is complete, with all weights that its probes need.
        probes: the probes that are not complete.
    """

    planned: PlannedTrial
    trained: bool
    probes: tuple[PlannedProbe, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return self.trained and not self.probes

    @property
    def num_complete(self) -> int:
        """Number of results that exist."""
        return self.trained + len(self.planned.probes) - len(self.probes)


def find_missing(paths: StudyPaths, plan: Plan, *, thorough: bool = False) -> list[Missing]:
    """Return what each trial of a plan lacks, in the plan's order.

    Args:
        thorough: read all arrays and all weights, so that damaged ones count as missing.
    """
    folders: set[str] = set()
    with contextlib.suppress(OSError):
        folders = set(os.listdir(paths.trials))
    return [_missing_of(trial, paths, folders, thorough) for trial in plan.trials]


def _missing_of(
    trial: PlannedTrial, study: StudyPaths, folders: set[str], thorough: bool
) -> Missing:
    paths = trial.paths_in(study)
    if paths.folder.name not in folders:  # fast: true of most trials of a large study
        return Missing(trial, False, trial.probes)
    probes = tuple(
        probe for probe in trial.probes if not is_complete(probe.paths_in(paths), thorough=thorough)
    )
    trained = _is_trained(trial, paths, thorough=thorough)
    return Missing(trial, trained, probes)


def _is_trained(trial: PlannedTrial, paths: TrialPaths, *, thorough: bool) -> bool:
    """Return whether the training is complete, and the weights that probes need were kept."""
    try:
        training = read_training(paths.checkpoint, identity=trial.identity, correct=False)
        snapshots = [
            moment.path(paths.snapshots)
            for moment in moments_of(trial)
            if moment.needs_snapshot and moment.place(training.curve) is not None
        ]
        for path in snapshots:
            read_header(path, identity=trial.identity)
    except CheckpointError:  # missing or damaged: the training finds out which
        return False
    intact = not thorough or all(map(is_intact, [paths.checkpoint, *snapshots]))
    return training.finished and intact


def moments_of(trial: PlannedTrial) -> list[Moment]:
    """Return the moments of the training at which the planned probes need the weights."""
    texts: dict[str, None] = {}
    for probe in trial.probes:
        moments = [probe.settings["at"], *probe.settings.get("through", ())]
        texts |= dict.fromkeys(moments)
    return [Moment.parse(text) for text in texts]
