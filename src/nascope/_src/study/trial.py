"""One (cell, data, recipe, seed) and its probes: what a worker does, resumably, on plain files."""

from __future__ import annotations

import contextlib
import logging
import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from nascope._src.data.datasets import DataSet
from nascope._src.errors import CheckpointError, StudyError
from nascope._src.probes.checkpoint import probe_network
from nascope._src.probes.chunks import Arrays, Share
from nascope._src.probes.history import WeightHistory
from nascope._src.probes.settings import read_settings
from nascope._src.records.files import (
    discard_half_written,
    read_json,
    why_unwritable,
    write_arrays,
    write_json,
)
from nascope._src.records.locks import locked
from nascope._src.records.paths import ProbePaths, TrialPaths
from nascope._src.records.provenance import make_provenance, this_process
from nascope._src.records.read import is_complete
from nascope._src.runtime.devices import choose_device, describe_device
from nascope._src.runtime.types import Plain, Progress
from nascope._src.study.missing import moments_of
from nascope._src.study.tasks import Work
from nascope._src.training.checkpoint import load_checkpoint
from nascope._src.training.files import TrainingFiles
from nascope._src.training.recipe import Recipe
from nascope._src.training.train import train_network
from nascope._src.training.trained import require_digest

logger = logging.getLogger(__name__)


def train_trial(work: Work, data: DataSet, progress: Progress) -> None:
    """Train a planned trial to the end, from its checkpoint where there is one."""
    paths = work.paths
    with _logged(paths, "training"), locked(paths.lock) as alone:
        if alone:
            for name in (paths.plan.name, paths.checkpoint.name):
                discard_half_written(paths.folder, name)
            discard_half_written(paths.snapshots)
        write_json(paths.plan, work.entry)
        train_network(
            work.genotype,
            require_digest(data, work.entry["data"]["digest"]),
            Recipe(**work.entry["recipe"]),
            TrainingFiles(paths.checkpoint, paths.previous_checkpoint, paths.snapshots),
            seed=work.entry["seed"],
            keep=moments_of(work.entry),
            device=choose_device(work.device),
            progress=progress,
        )


def probe_part(work: Work, data: DataSet, probe: Plain, part: Share, progress: Progress) -> None:
    """Compute some of the chunks of a probe's grid, for `probe_trial` to put together.

    Parts hold the probe's lock together, so that nobody who has the whole removes the chunks
    meanwhile.
    """
    files = work.paths.probe(probe["kind"], probe["identity"])
    with _logged(work.paths, probe["kind"]), locked(files.lock, shared=True):
        if not is_complete(files):
            with locked(files.part_lock(part.index, part.count)), _timed(files, part):
                _probe(work, data, probe, part, progress)


def probe_trial(work: Work, data: DataSet, probe: Plain, progress: Progress) -> None:
    """Probe a trained trial; finished chunks of the grid are kept until the whole is there."""
    files = work.paths.probe(probe["kind"], probe["identity"])
    with _logged(work.paths, probe["kind"]), locked(files.lock) as alone:
        if alone:
            discard_half_written(files.folder)
        if not is_complete(files):
            with _timed(files, Share(0, 1)):
                arrays, used = _probe(work, data, probe, None, progress)
            write_arrays(files.arrays, arrays)
            parts = _took_part(files)
            write_json(
                files.summary,
                {
                    "kind": probe["kind"],
                    "identity": probe["identity"],
                    "settings": used,
                    "provenance": make_provenance(
                        device=describe_device(choose_device(work.device)),
                        threads=torch.get_num_threads(),
                        seconds=math.fsum(part["seconds"] for part in parts),
                        **({"parts": parts} if len(parts) > 1 else {}),
                    ),
                },
            )
        shutil.rmtree(files.chunks, ignore_errors=True)


@contextlib.contextmanager
def _timed(files: ProbePaths, part: Share) -> Iterator[None]:
    """Note who works on the part, and add the time spent within to what was spent on it before.

    A kill loses its own time.
    """
    path = files.spent(part.index, part.count)
    before, begun = _spent(path), time.perf_counter()
    try:
        yield
    finally:
        own = {**this_process(), "seconds": time.perf_counter() - begun}
        with contextlib.suppress(StudyError):  # no work is lost for a time that can't be kept
            write_json(path, [*before, own])


def _took_part(files: ProbePaths) -> list[dict[str, Any]]:
    """Each process that took part in a probe, with its seconds."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(files.chunks.glob("part-*.json")):
        for one in _spent(path):
            who = {key: value for key, value in one.items() if key != "seconds"}
            known = found.setdefault(repr(sorted(who.items())), {**who, "seconds": 0.0})
            known["seconds"] += one["seconds"]
    return list(found.values())


def _spent(path: Path) -> list[dict[str, Any]]:
    """On a part of a probe, by the processes that worked on it; seconds alone, as once written."""
    try:
        found = read_json(path)
        if not isinstance(found, list):
            return [{"seconds": float(found)}]
        return [{**one, "seconds": float(one["seconds"])} for one in found]
    except (StudyError, TypeError, ValueError, KeyError):  # not there yet, or damaged
        return []


def _probe(
    work: Work, data: DataSet, probe: Plain, part: Share | None, progress: Progress
) -> tuple[Arrays, dict[str, Any]]:
    path = work.paths.checkpoint
    checkpoint = load_checkpoint(path, identity=work.entry["identity"])
    if not checkpoint.records["finished"]:
        raise CheckpointError(f"{path}: this training is not finished: run the study again")
    return probe_network(
        WeightHistory(checkpoint, work.paths.snapshots),
        require_digest(data, work.entry["data"]["digest"]),
        read_settings(probe["settings"]),
        device=choose_device(work.device),
        chunks=work.paths.probe(probe["kind"], probe["identity"]).chunks,
        part=part,
        progress=progress,
    )


class _LogFile(logging.FileHandler):
    """A log that can't be written, on a full disk say, fails no trial."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


@contextlib.contextmanager
def _logged(paths: TrialPaths, stage: str) -> Iterator[None]:
    """Append what nascope logs meanwhile to the trial's log file."""
    try:
        paths.folder.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(paths.log, encoding="utf-8")
    except OSError as error:
        raise StudyError(f"cannot write {paths.log}: {why_unwritable(error)}") from None
    handler.setFormatter(logging.Formatter(f"%(asctime)s {stage} [%(process)d] %(message)s"))
    root = logging.getLogger("nascope")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        logger.info("started")
        yield
        logger.info("finished")
    except BaseException:
        logger.exception("failed")
        raise
    finally:
        root.removeHandler(handler)
        handler.close()
