"""The status of a study, read from its folder while it may run elsewhere. Imports no torch."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nascope._src.errors import CheckpointError
from nascope._src.records.locks import is_held
from nascope._src.records.paths import StudyPaths
from nascope._src.records.plan import PlannedTrial, read_study_plan
from nascope._src.records.read import is_complete, read_training
from nascope._src.runtime.input_files import open_file

State = Literal["running", "failed", "begun", "waiting", "done"]


@dataclass(frozen=True)
class TrialStatus:
    """The status of a trial.

    Attributes:
        state: "running" if a process holds one of its locks; "begun" if some of the work is done
            and nobody continues it at the moment.
        epochs: completed epochs.
        epochs_planned: epochs of the recipe.
        accuracy: test accuracy after the last completed epoch, in [0, 1]; NaN before that.
        diverged_at: the epoch with a non-finite loss.
        probes: completed probes.
        probes_planned: probes in the plan.
        seconds: training time so far.
        message: last line of the error if the trial failed, else of the log.
    """

    label: str
    data: str
    learning_rate: float
    seed: int
    state: State
    epochs: int
    epochs_planned: int
    trained: bool
    accuracy: float
    diverged_at: int | None
    probes: int
    probes_planned: int
    seconds: float
    message: str


@dataclass(frozen=True)
class StudyStatus:
    """The status of a study: its name and its trials, in the planned order."""

    name: str
    trials: tuple[TrialStatus, ...]

    def count(self, state: State) -> int:
        """Return the number of trials in a state."""
        return sum(trial.state == state for trial in self.trials)


def read_status(folder: str | Path) -> StudyStatus:
    """Read the status of the study in a folder.

    Raises:
        StudyError: the folder holds no study, or its plan is damaged.
    """
    paths = StudyPaths(Path(folder))
    plan = read_study_plan(paths)
    return StudyStatus(plan.name, tuple(_trial_status(paths, trial) for trial in plan.trials))


def _trial_status(study: StudyPaths, trial: PlannedTrial) -> TrialStatus:
    paths = trial.paths_in(study)
    training = None
    with contextlib.suppress(CheckpointError):  # none yet, or damaged: the next run reports it
        training = read_training(paths.checkpoint, identity=trial.identity, correct=False)
    probes = sum(is_complete(probe.paths_in(paths), thorough=False) for probe in trial.probes)
    trained = training is not None and training.finished
    error = _last_line(paths.error)
    last = training.last if training is not None else None
    if any(is_held(lock) for lock in paths.locks()):
        state: State = "running"
    elif trained and probes == len(trial.probes):
        state, error = "done", ""  # the error of a probe that is no longer planned
    elif error:
        state = "failed"
    else:
        state = "begun" if training is not None else "waiting"
    epochs = training.epochs if training is not None else ()
    return TrialStatus(
        label=trial.label,
        data=trial.data["name"],
        learning_rate=trial.learning_rate,
        seed=trial.seed,
        state=state,
        epochs=len(epochs),
        epochs_planned=trial.epochs,
        trained=trained,
        accuracy=last.test_accuracy if last is not None else math.nan,
        diverged_at=training.diverged_at if training is not None else None,
        probes=probes,
        probes_planned=len(trial.probes),
        seconds=math.fsum(point.seconds for point in epochs),
        message=error or _last_line(paths.log),
    )


def _last_line(path: Path) -> str:
    try:
        with open_file(path) as file:
            file.seek(max(0, path.stat().st_size - 4096))
            lines = file.read().decode("utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1].strip() if lines else ""
