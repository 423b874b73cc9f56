"""Find and remove files in a study's folder that its plan does not need."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nascope._src.errors import CheckpointError, StudyError
from nascope._src.records.locks import is_held
from nascope._src.records.paths import StudyPaths, TrialPaths
from nascope._src.records.plan import read_study_plan
from nascope._src.records.read import is_complete, read_training

_AN_HOUR = 3600.0  # seconds


@dataclass(frozen=True)
class Leftover:
    """A file or folder that can be removed, and the reason why."""

    path: Path
    reason: str
    size: int  # bytes


def find_leftovers(folder: str | Path, *, unplanned: bool = False) -> list[Leftover]:
    """Find what can be removed without losing a planned result. Locked trials are left alone.

    Args:
        unplanned: include trials and probes that are no longer planned. These are results.

    Raises:
        StudyError: the folder holds no study, or its plan is damaged.
    """
    paths = StudyPaths(Path(folder))
    planned = {trial.paths_in(paths).folder: trial for trial in read_study_plan(paths).trials}
    leftovers: list[Leftover] = []
    for path in sorted(paths.folder.glob(".*.part")):  # written without a lock
        if _is_old(path):
            leftovers.append(_leftover(path, "half-written"))
    for path in sorted(paths.folder.glob(".forecast-*/")):
        if _is_old(path):
            leftovers.append(_leftover(path, "left by an interrupted forecast"))
    for trial_folder in sorted(path for path in paths.trials.glob("*") if path.is_dir()):
        trial_paths = TrialPaths(trial_folder)
        if any(is_held(lock) for lock in trial_paths.locks()):
            continue
        trial = planned.get(trial_folder)
        if trial is None and unplanned:
            leftovers.append(_leftover(trial_folder, "trial no longer planned"))
            continue
        planned_probes = None
        if trial is not None and unplanned:
            planned_probes = {probe.paths_in(trial_paths).folder for probe in trial.probes}
        leftovers += _leftovers_of_trial(trial_paths, planned_probes)
    return leftovers


def _leftovers_of_trial(paths: TrialPaths, planned_probes: set[Path] | None) -> Iterator[Leftover]:
    """Yield a trial's leftovers; with ``planned_probes`` also all other probes."""
    for path in sorted(paths.folder.rglob(".*.part")):
        if _is_old(path):  # without locks, a process may be writing it
            yield _leftover(path, "half-written")
    with contextlib.suppress(CheckpointError):
        if paths.previous_checkpoint.exists() and read_training(paths.checkpoint).finished:
            yield _leftover(paths.previous_checkpoint, "training finished")
    for folder in sorted(paths.folder.glob("*-*/")):
        probe = paths.probe(*folder.name.rsplit("-", 1))
        if planned_probes is not None and folder not in planned_probes and _is_probe(folder):
            yield _leftover(folder, "probe no longer planned")
        elif probe.chunks.is_dir() and is_complete(probe):
            yield _leftover(probe.chunks, "probe complete")


def _is_old(path: Path) -> bool:
    """Return whether nobody has written to a file, or into a folder, for an hour."""
    try:
        latest = max(each.stat().st_mtime for each in (path, *path.glob("*")))
    except OSError:  # a process has just removed it, or something in it
        return False
    return time.time() - latest > _AN_HOUR


def _is_probe(folder: Path) -> bool:
    kind, _, identity = folder.name.rpartition("-")
    return bool(kind) and len(identity) == 16 and set(identity) <= set("0123456789abcdef")


def _leftover(path: Path, reason: str) -> Leftover:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return Leftover(path, reason, sum(file.stat().st_size for file in files))


def remove(leftover: Leftover) -> None:
    """Remove a leftover.

    Raises:
        StudyError: it cannot be removed.
    """
    try:
        if leftover.path.is_dir():
            shutil.rmtree(leftover.path)
        else:
            leftover.path.unlink(missing_ok=True)
    except OSError as error:
        raise StudyError(f"cannot remove {leftover.path}: {error.strerror}") from None
