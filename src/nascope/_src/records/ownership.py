"""Which files in a study's folder are nascope's: by their exact names, and by what they hold.

A trial's folder is nascope's if a file in it says so: trial.json, or the header of the checkpoint,
with the identity that the folder's name ends in. A probe's folder is if it lies in such a folder
and has the name of a known kind. Symbolic links are never nascope's.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from nascope._src.errors import CheckpointError, StudyError
from nascope._src.records.checkpoint_files import read_header
from nascope._src.records.files import PARTIAL_NAME, has_mark, read_json
from nascope._src.records.identity import NUMERICS_VERSION
from nascope._src.records.paths import FORECAST_MARK, ProbePaths, StudyPaths, TrialPaths

_PROBE_KINDS = "|".join(kind for kind in NUMERICS_VERSION if kind not in {"training", "imported"})
_PROBE = re.compile(rf"({_PROBE_KINDS})-([0-9a-f]{{16}})")
_TRIAL = re.compile(r".+-([0-9a-f]{16})")
_DAMAGED = re.compile(r"(checkpoint|previous)\.safetensors\.damaged(-\d+)?")
_CHUNK_TIMES = re.compile(r"part-\d+-of-\d+\.(json|lock)")
_OF_STUDY = re.compile(r"(study|checksums)\.json|report\.html|(candidates|best)\.jsonl")
_OF_FIGURES = re.compile(r".+\.(png|svg|pdf|csv|npz)")
_OF_THEORY = re.compile(r".+\.json")
_OF_TRIAL = re.compile(r"trial\.json|error\.txt|(checkpoint|previous)\.safetensors")
_OF_SNAPSHOTS = re.compile(r".+\.safetensors")
_OF_FORECAST = re.compile(r"(spare-)?-?\d+\.json")
_OF_PROBE = re.compile(r"result\.(npz|json)")
_OF_CHUNKS = re.compile(r".+\.npz|part-\d+-of-\d+\.json")


def _files(folder: Path, holds: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield the plain files in a folder of which something holds; none of a link's."""
    if folder.is_dir() and not folder.is_symlink():
        for path in sorted(folder.iterdir()):
            if not path.is_symlink() and path.is_file() and holds(path):
                yield path


def _partial(folder: Path, names: re.Pattern[str]) -> Iterator[Path]:
    def holds(path: Path) -> bool:
        part = PARTIAL_NAME.fullmatch(path.name)
        return part is not None and names.fullmatch(part[1]) is not None

    return _files(folder, holds)


def partial_files(paths: StudyPaths) -> list[Path]:
    """Return the half-written files of a study, except those of its trials."""
    places = (
        (paths.folder, _OF_STUDY),
        (paths.figures, _OF_FIGURES),
        (paths.theory, _OF_THEORY),
    )
    return [path for folder, names in places for path in _partial(folder, names)]


def partial_files_of_trial(paths: TrialPaths) -> list[Path]:
    """Return the half-written files of a trial, in a folder that is nascope's."""
    if not owns_trial(paths):
        return []
    found = [*_partial(paths.folder, _OF_TRIAL), *_partial(paths.snapshots, _OF_SNAPSHOTS)]
    for probe in probes_of(paths):
        found += [*_partial(probe.folder, _OF_PROBE), *_partial(probe.chunks, _OF_CHUNKS)]
    return found


def files_of_forecast(folder: Path) -> list[Path]:
    """Return the files of an interrupted forecast; none if it is another folder."""
    mark = folder / FORECAST_MARK
    if folder.is_symlink() or not mark.is_file() or mark.is_symlink():
        return []
    measured = _files(folder, lambda path: bool(_OF_FORECAST.fullmatch(path.name)))
    return [*measured, *_partial(folder, _OF_FORECAST), mark]


def owns_trial(paths: TrialPaths) -> bool:
    """Return whether nascope wrote a trial's folder."""
    name = _TRIAL.fullmatch(paths.folder.name)
    if name is None or paths.folder.is_symlink():
        return False
    with contextlib.suppress(StudyError, AttributeError):
        if read_json(paths.plan).get("identity") == name[1]:
            return True
    with contextlib.suppress(CheckpointError):
        return read_header(paths.checkpoint, identity=name[1])["identity"] == name[1]
    return False


def files_of_trial(paths: TrialPaths) -> list[Path]:
    """Return all files of a trial; none if its folder is not nascope's."""
    if not owns_trial(paths):
        return []
    names = {paths.plan.name, paths.log.name, paths.error.name, paths.lock.name}
    found = [
        *_files(paths.folder, lambda path: path.name in names),
        *_files(paths.folder, lambda path: path == paths.checkpoint and _is_checkpoint(path)),
        *spares_of(paths),
        *_files(paths.snapshots, _is_checkpoint),
        *partial_files_of_trial(paths),
    ]
    for probe in probes_of(paths):
        found += [path for path in files_of_probe(probe) if path not in found]
    return found


def spares_of(paths: TrialPaths) -> list[Path]:
    """Return the spare checkpoint of a trial, and damaged ones that were set aside."""

    def is_spare(path: Path) -> bool:  # by its name only, because it may be damaged
        return path == paths.previous_checkpoint or bool(_DAMAGED.fullmatch(path.name))

    return list(_files(paths.folder, is_spare)) if owns_trial(paths) else []


def _is_checkpoint(path: Path) -> bool:
    try:
        read_header(path)
    except CheckpointError:
        return False
    return path.suffix == ".safetensors"


def probes_of(paths: TrialPaths) -> list[ProbePaths]:
    """Return the folders of a trial's probes, planned or not."""
    found = []
    for folder in sorted(paths.folder.glob("*-*/")):
        name = _PROBE.fullmatch(folder.name)
        if name is not None and not folder.is_symlink():
            found.append(paths.probe(name[1], name[2]))
    return found


def files_of_probe(probe: ProbePaths) -> list[Path]:
    """Return the files of a probe that are nascope's."""
    named = _PROBE.fullmatch(probe.folder.name)
    described = False
    with contextlib.suppress(StudyError, AttributeError):
        described = named is not None and read_json(probe.summary).get("identity") == named[2]
    results = {probe.summary, probe.arrays} if described else set()

    def is_result(path: Path) -> bool:
        return path in results or (path == probe.arrays and has_mark(path))

    found = [
        *_files(probe.folder, is_result),
        *_partial(probe.folder, _OF_PROBE),
        *chunks_of(probe),
    ]
    return [*found, *_files(probe.folder, lambda path: path == probe.lock)] if found else []


def chunks_of(probe: ProbePaths) -> list[Path]:
    """Return the chunks of a probe, and the records of who worked on them."""

    def is_chunk(path: Path) -> bool:
        if path.suffix == ".npz":
            return has_mark(path)
        return _CHUNK_TIMES.fullmatch(path.name) is not None

    return [*_files(probe.chunks, is_chunk), *_partial(probe.chunks, _OF_CHUNKS)]
