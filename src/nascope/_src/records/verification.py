"""Verify every file of a study against its checksum. Imports no torch.

Most files hold their own checksum (`records/checksums.py`). The others are listed with theirs in
the study's checksums.json: the report, its figures and the logs of a search.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nascope._src.errors import CheckpointError, StudyError
from nascope._src.records.checkpoint_files import is_intact, read_header
from nascope._src.records.checksums import DIGESTS_KEY, digest, is_sealed
from nascope._src.records.files import read_json, write_json
from nascope._src.records.locks import locked
from nascope._src.records.paths import ProbePaths, StudyPaths
from nascope._src.records.plan import PlannedTrial, read_study_plan
from nascope._src.records.read import read_probe, read_summary, read_training
from nascope._src.runtime.input_files import open_file

Remedy = Literal["run", "report", "reproduce", "search", "clean"]
"""What replaces a damaged file: running the study, its report, reproduction or search again, or
`study clean`, for a file that is no longer needed."""


@dataclass(frozen=True)
class FileCheck:
    """What the verification of a file found.

    Attributes:
        state: "unverified" if the file has no checksum, because an older version wrote it.
        problem: what is wrong with a damaged file.
    """

    path: Path
    state: Literal["intact", "unverified", "damaged"]
    problem: str = ""
    remedy: Remedy = "run"


def check_study(folder: str | Path) -> Iterator[FileCheck]:
    """Verify every file of the study in a folder that nascope's numbers come from.

    Work that has not been done is not damage.

    Raises:
        StudyError: the folder holds no study, or its plan is damaged.
    """
    paths = StudyPaths(Path(folder))
    plan = read_study_plan(paths)
    yield _check(paths.plan, _has_seal)
    for trial in plan.trials:
        yield from _check_trial(paths, trial)
    for path in sorted(paths.theory.glob("*.json")):
        yield _check(path, _has_seal, remedy="reproduce")
    yield from _check_listed(paths)


def _check_trial(study: StudyPaths, trial: PlannedTrial) -> Iterator[FileCheck]:
    paths = trial.paths_in(study)
    if paths.plan.exists():
        yield _check(paths.plan, lambda path: _is_trial(path, trial))
    elif paths.checkpoint.exists():
        yield FileCheck(paths.plan, "damaged", "is missing")
    if paths.checkpoint.exists():
        yield _check(paths.checkpoint, lambda path: _is_training(path, trial))
    if paths.previous_checkpoint.exists():
        yield _check(paths.previous_checkpoint, _is_checkpoint, remedy="clean")
    for path in sorted(paths.snapshots.glob("*.safetensors")):
        yield _check(path, lambda path: _is_snapshot(path, trial))
    for planned in trial.probes:
        probe = planned.paths_in(paths)
        if probe.summary.exists():
            yield _check(probe.summary, lambda path, probe=probe: _is_summary(path, probe))  # type: ignore[misc]
            yield _check(probe.arrays, lambda path, probe=probe: _is_probe(path, probe))  # type: ignore[misc]


def _check(path: Path, verify: Callable[[Path], bool], *, remedy: Remedy = "run") -> FileCheck:
    """Verify a file.

    Args:
        verify: returns whether the file has a checksum, or raises an error if it is damaged.
    """
    try:
        return FileCheck(path, "intact" if verify(path) else "unverified", remedy=remedy)
    except (StudyError, CheckpointError) as error:
        problem = str(error).removeprefix("cannot read ")
        problem = problem.removeprefix(f"{path}: ").removeprefix(f"{path} ")
        return FileCheck(path, "damaged", problem.split(": ")[0], remedy)


def _has_seal(path: Path) -> bool:
    read_json(path)
    with open_file(path) as file:
        return is_sealed(json.loads(file.read()))


def _is_trial(path: Path, trial: PlannedTrial) -> bool:
    content = read_json(path)
    if not isinstance(content, dict) or content.get("identity") != trial.identity:
        raise StudyError("belongs to another trial")
    return _has_seal(path)


def _is_training(path: Path, trial: PlannedTrial) -> bool:
    read_training(path, identity=trial.identity)
    return _is_checkpoint(path)


def _is_snapshot(path: Path, trial: PlannedTrial) -> bool:
    read_header(path, identity=trial.identity)
    return _is_checkpoint(path)


def _is_checkpoint(path: Path) -> bool:
    if not is_intact(path):
        raise CheckpointError("its checksum does not match")
    return True


def _is_summary(path: Path, probe: ProbePaths) -> bool:
    read_summary(probe)
    return _has_seal(path)


def _is_probe(_: Path, probe: ProbePaths) -> bool:
    try:
        summary = read_summary(probe)
    except StudyError:
        raise StudyError(f"cannot be verified without an intact {probe.summary.name}") from None
    read_probe(probe)
    return DIGESTS_KEY in summary


def _check_listed(paths: StudyPaths) -> Iterator[FileCheck]:
    """Verify the files whose checksums are listed."""
    if not paths.checksums.exists():
        return
    yield _check(paths.checksums, _has_seal, remedy="report")
    for name, expected in _listed(paths).items():
        path = paths.folder / name
        in_search = path in {paths.candidates, paths.best}
        yield _check(
            path,
            lambda path, expected=expected: _matches(path, expected),  # type: ignore[misc]
            remedy="search" if in_search else "report",
        )


def _matches(path: Path, expected: str) -> bool:
    if _digest_of(path) != expected:
        raise StudyError("has changed since nascope wrote it")
    return True


def _digest_of(path: Path) -> str:
    try:
        with open_file(path) as file:
            return digest(file.read())
    except OSError as error:
        raise StudyError((error.strerror or str(error)).lower()) from None


def list_checksums(paths: StudyPaths, files: Iterable[Path]) -> None:
    """Add files of a study to the list of checksums, or renew their checksums in it.

    Raises:
        StudyError: a file cannot be read, or the list cannot be written.
    """
    new = {str(path.relative_to(paths.folder)): _digest_of(path) for path in files}
    with locked(paths.plan_lock):
        kept = {name: old for name, old in _listed(paths).items() if (paths.folder / name).exists()}
        write_json(paths.checksums, {DIGESTS_KEY: dict(sorted((kept | new).items()))})


def _listed(paths: StudyPaths) -> dict[str, str]:
    """Return the listed checksums by name; none if the list is missing or damaged."""
    try:
        digests = read_json(paths.checksums)[DIGESTS_KEY]
    except (StudyError, KeyError, TypeError):
        return {}
    return {str(name): str(value) for name, value in digests.items()}
