"""Find and remove files in a study's folder that its plan does not need.

Only files that nascope has written are removed: a file must have the exact name that nascope gives
it, in a folder that is nascope's (`records/ownership.py`). What else lies in such a folder stays,
and with it the folder. Symbolic links are never nascope's.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nascope._src.errors import CheckpointError, StudyError
from nascope._src.records import ownership
from nascope._src.records.locks import is_held
from nascope._src.records.paths import StudyPaths, TrialPaths
from nascope._src.records.plan import PlannedTrial, read_study_plan
from nascope._src.records.read import is_complete, read_training

_AN_HOUR = 3600.0  # seconds


@dataclass(frozen=True)
class Leftover:
    """What can be removed, and the reason why.

    Attributes:
        path: a file, or a folder of which nascope's files can be removed.
        files: the files.
        kept: number of other files in the folder, which stay.
    """

    path: Path
    reason: str
    files: tuple[Path, ...]
    size: int  # bytes
    kept: int


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
    for part in ownership.partial_files(paths):  # written without a lock
        if _is_old([part]):
            leftovers.append(_leftover(part, "half-written", [part]))
    for forecast in sorted(paths.folder.glob(".forecast-*/")):
        files = ownership.files_of_forecast(forecast)
        if files and _is_old([forecast, *files]):
            leftovers.append(_leftover(forecast, "left by an interrupted forecast", files))
    for trial_folder in sorted(path for path in paths.trials.glob("*") if path.is_dir()):
        trial_paths = TrialPaths(trial_folder)
        if not is_locked(trial_paths):
            trial = planned.get(trial_folder)
            leftovers += _leftovers_of_trial(trial_paths, trial, unplanned=unplanned)
    return leftovers


def is_locked(paths: TrialPaths) -> bool:
    """Return whether a process works on a trial."""
    return any(is_held(lock) for lock in paths.locks())


def _leftovers_of_trial(
    paths: TrialPaths, trial: PlannedTrial | None, *, unplanned: bool
) -> Iterator[Leftover]:
    if trial is None and unplanned:
        if files := ownership.files_of_trial(paths):
            yield _leftover(paths.folder, "trial no longer planned", files)
        return
    for path in ownership.partial_files_of_trial(paths):
        if _is_old([path]):  # without locks, a process may be writing it
            yield _leftover(path, "half-written", [path])
    with contextlib.suppress(CheckpointError):
        if read_training(paths.checkpoint, correct=False).finished:
            for path in ownership.spares_of(paths):
                yield _leftover(path, "training finished", [path])
    wanted = {probe.paths_in(paths).folder for probe in trial.probes} if trial else set()
    for probe in ownership.probes_of(paths):
        if trial is not None and unplanned and probe.folder not in wanted:
            if files := ownership.files_of_probe(probe):
                yield _leftover(probe.folder, "probe no longer planned", files)
        elif is_complete(probe) and (files := ownership.chunks_of(probe)):
            yield _leftover(probe.chunks, "probe complete", files)


def _is_old(paths: Iterable[Path]) -> bool:
    """Return whether none of some files or folders has changed for an hour."""
    try:
        latest = max(path.lstat().st_mtime for path in paths)
    except OSError:  # a process has just removed one
        return False
    return time.time() - latest > _AN_HOUR


def _leftover(path: Path, reason: str, files: Iterable[Path]) -> Leftover:
    ours = tuple(files)
    kept = 0
    if path.is_dir():
        kept = sum(not each.is_dir() or each.is_symlink() for each in path.rglob("*")) - len(ours)
    size = 0
    for file in ours:
        with contextlib.suppress(OSError):
            size += file.lstat().st_size
    return Leftover(path, reason, ours, size, kept)


def remove(leftover: Leftover) -> None:
    """Remove the files of a leftover, and the folders that are then empty.

    Raises:
        StudyError: a file cannot be removed. All others are.
    """
    problem: OSError | None = None
    for file in leftover.files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            problem = error
    folders = {parent for file in leftover.files for parent in file.parents}
    within = [path for path in folders if path == leftover.path or leftover.path in path.parents]
    for path in sorted(within, key=lambda path: -len(path.parts)):
        with contextlib.suppress(OSError):  # something else is in it
            path.rmdir()
    if problem is not None:
        reason = problem.strerror or str(problem)
        raise StudyError(f"cannot remove {problem.filename}: {reason}") from None
