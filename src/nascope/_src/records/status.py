"""How far a study is, read from its folder, also while it runs elsewhere. Loads no torch."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nascope._src.errors import CheckpointError
from nascope._src.records.locks import is_held
from nascope._src.records.paths import StudyPaths
from nascope._src.records.plan import Entry, plan_in
from nascope._src.records.read import is_complete, read_training

State = Literal["running", "failed", "begun", "waiting", "done"]


@dataclass(frozen=True)
class TrialStatus:
    """How far a trial is.

    Attributes:
        state: "running": a process holds one of its locks; "begun": some of it is there, and
            nobody works on it just now.
        epochs, planned: completed and planned.
        accuracy: on the test set after the last completed epoch, in [0, 1]; NaN before.
        diverged_at: the epoch whose loss was not finite.
        probes, probes_planned: completed and planned.
        seconds: of training so far.
        words: the last line of its log, or of its error.
    """

    label: str
    data: str
    learning_rate: float
    seed: int
    state: State
    epochs: int
    planned: int
    trained: bool
    accuracy: float
    diverged_at: int | None
    probes: int
    probes_planned: int
    seconds: float
    words: str


@dataclass(frozen=True)
class StudyStatus:
    """How far a study is: its name, and its trials in the planned order."""

    name: str
    trials: tuple[TrialStatus, ...]

    def count(self, state: State) -> int:
        """How many trials are in a state."""
        return sum(trial.state == state for trial in self.trials)


def read_status(folder: str | Path) -> StudyStatus:
    """How far the study in a folder is.

    Raises:
        StudyError: the folder holds no study, or its plan is damaged.
    """
    paths = StudyPaths(Path(folder))
    plan = plan_in(paths)
    return StudyStatus(plan.name, tuple(_trial_status(paths, entry) for entry in plan.trials))


def _trial_status(study: StudyPaths, entry: Entry) -> TrialStatus:
    paths = study.trial(entry["label"], entry["identity"])
    record = None
    with contextlib.suppress(CheckpointError):  # none yet, or damaged: the next run tells
        record = read_training(paths.checkpoint, identity=entry["identity"], correct=False)
    probes = sum(
        is_complete(paths.probe(p["kind"], p["identity"]), thorough=False) for p in entry["probes"]
    )
    trained = record is not None and record.finished
    words = _last_line(paths.error)
    last = record.last if record is not None else None
    if any(is_held(lock) for lock in paths.locks()):
        state: State = "running"
    elif trained and probes == len(entry["probes"]):
        state, words = "done", ""  # an error that is there is of a probe that was planned once
    elif words:
        state = "failed"
    else:
        state = "begun" if record is not None else "waiting"
    return TrialStatus(
        label=entry["label"],
        data=entry["data"]["name"],
        learning_rate=entry["recipe"]["learning_rate"],
        seed=entry["seed"],
        state=state,
        epochs=len(record.epochs) if record is not None else 0,
        planned=entry["recipe"]["epochs"],
        trained=trained,
        accuracy=last.test_accuracy if last is not None else math.nan,
        diverged_at=record.diverged_at if record is not None else None,
        probes=probes,
        probes_planned=len(entry["probes"]),
        seconds=math.fsum(point.seconds for point in record.epochs) if record is not None else 0.0,
        words=words or _last_line(paths.log),
    )


def _last_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            lines = file.read().decode("utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1].strip() if lines else ""
