"""What a study's folder holds that its plan does not need, and removing it."""

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
from nascope._src.records.plan import plan_in
from nascope._src.records.read import is_complete, read_training

_AN_HOUR = 3600.0  # seconds


@dataclass(frozen=True)
class Leftover:
    """A file or folder that can go, and why."""

    path: Path
    why: str
    size: int  # bytes


def find_leftovers(folder: str | Path, *, unplanned: bool = False) -> list[Leftover]:
    """What can be removed without losing a result of the plan. What is locked is left alone.

    Args:
        unplanned: also trials and probes that are no longer planned: results, and work.

    Raises:
        StudyError: the folder holds no study, or its plan is damaged.
    """
    paths = StudyPaths(Path(folder))
    planned = {
        paths.trial(entry["label"], entry["identity"]).folder.name: entry
        for entry in plan_in(paths).trials
    }
    found: list[Leftover] = []
    for path in sorted(paths.folder.glob(".*.part")):  # no lock tells whether a process is at it
        if _is_old(path):
            found.append(_leftover(path, "half-written"))
    for path in sorted(paths.folder.glob(".forecast-*/")):
        if _is_old(path):
            found.append(_leftover(path, "of a forecast that was broken off"))
    for trial in sorted(path for path in paths.trials.glob("*") if path.is_dir()):
        files = TrialPaths(trial)
        if any(is_held(lock) for lock in files.locks()):
            continue
        entry = planned.get(trial.name)
        if entry is None and unplanned:
            found.append(_leftover(trial, "a trial that is no longer planned"))
            continue
        wanted = None
        if entry is not None:
            wanted = {files.probe(p["kind"], p["identity"]).folder for p in entry["probes"]}
        found += _within(files, wanted if unplanned else None)
    return found


def _within(files: TrialPaths, wanted: set[Path] | None) -> Iterator[Leftover]:
    for path in sorted(files.folder.rglob(".*.part")):
        if _is_old(path):  # where there are no locks, a process may be at it
            yield _leftover(path, "half-written")
    with contextlib.suppress(CheckpointError):
        if files.previous_checkpoint.exists() and read_training(files.checkpoint).finished:
            yield _leftover(files.previous_checkpoint, "the training is finished")
    for probe in sorted(files.folder.glob("*-*/")):
        own = files.probe(*probe.name.rsplit("-", 1))
        if wanted is not None and probe not in wanted and _is_probe(probe):
            yield _leftover(probe, "a probe that is no longer planned")
        elif own.chunks.is_dir() and is_complete(own):
            yield _leftover(own.chunks, "the probe is complete")


def _is_old(path: Path) -> bool:
    """Whether nobody has written to a file, or into a folder, for an hour."""
    try:
        newest = max(found.stat().st_mtime for found in (path, *path.glob("*")))
    except OSError:  # it has gone, or something in it: a process is at it
        return False
    return time.time() - newest > _AN_HOUR


def _is_probe(folder: Path) -> bool:
    kind, _, identity = folder.name.rpartition("-")
    return bool(kind) and len(identity) == 16 and set(identity) <= set("0123456789abcdef")


def _leftover(path: Path, why: str) -> Leftover:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return Leftover(path, why, sum(file.stat().st_size for file in files))


def remove(leftover: Leftover) -> None:
    """Remove it.

    Raises:
        StudyError: it can't be removed.
    """
    try:
        if leftover.path.is_dir():
            shutil.rmtree(leftover.path)
        else:
            leftover.path.unlink(missing_ok=True)
    except OSError as error:
        raise StudyError(f"cannot remove {leftover.path}: {error.strerror}") from None
