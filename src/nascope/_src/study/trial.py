"""Train and probe one trial. Runs in a worker, resumes interrupted work, and writes plain files."""

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
from nascope._src.probes.chunks import Share
from nascope._src.probes.history import WeightHistory
from nascope._src.probes.settings import read_settings
from nascope._src.records.files import (
    discard_partial_files,
    read_json,
    why_unwritable,
    write_json,
)
from nascope._src.records.locks import locked
from nascope._src.records.paths import ProbePaths, TrialPaths
from nascope._src.records.plan import PlannedProbe, write_trial
from nascope._src.records.probe_files import write_probe
from nascope._src.records.provenance import make_provenance, this_process
from nascope._src.records.read import ProbeRecord, is_complete
from nascope._src.runtime.devices import choose_device, describe_device
from nascope._src.runtime.types import Arrays, Progress
from nascope._src.study.job import Job
from nascope._src.study.missing import moments_of
from nascope._src.training.checkpoint import load_checkpoint
from nascope._src.training.files import TrainingFiles
from nascope._src.training.recipe import Recipe
from nascope._src.training.train import train_network
from nascope._src.training.trained import require_digest

logger = logging.getLogger(__name__)


def train_trial(job: Job, data: DataSet, progress: Progress) -> None:
    """Train a planned trial to the end, starting from its checkpoint if there is one."""
    paths, trial = job.paths, job.trial
    with _log_to(paths, "training"), locked(paths.lock) as has_lock:
        if has_lock:
            for name in (paths.plan.name, paths.checkpoint.name):
                discard_partial_files(paths.folder, name)
            discard_partial_files(paths.snapshots)
        write_trial(paths.plan, trial)
        train_network(
            trial.genotype,
            require_digest(data, trial.data["digest"]),
            Recipe(**trial.recipe),
            TrainingFiles(paths.checkpoint, paths.previous_checkpoint, paths.snapshots),
            seed=trial.seed,
            keep=moments_of(trial),
            device=choose_device(job.device),
            progress=progress,
        )


def probe_part(
    job: Job, probe: PlannedProbe, share: Share, data: DataSet, progress: Progress
) -> None:
    """Compute some chunks of a probe's grid, which `probe_trial` assembles later.

    Processes that compute parts share the probe's lock, so that no process assembles the result and
    removes the chunks meanwhile.
    """
    paths = probe.paths_in(job.paths)
    with _log_to(job.paths, probe.kind), locked(paths.lock, shared=True):
        if not is_complete(paths):
            with locked(paths.part_lock(share.index, share.count)), _timed(paths, share):
                _compute(job, probe, share, data, progress)


def probe_trial(job: Job, probe: PlannedProbe, data: DataSet, progress: Progress) -> None:
    """Compute a probe. Completed chunks of its grid are used, and removed at the end."""
    paths = probe.paths_in(job.paths)
    with _log_to(job.paths, probe.kind), locked(paths.lock) as has_lock:
        if has_lock:
            discard_partial_files(paths.folder)
        if not is_complete(paths):
            with _timed(paths, Share(0, 1)):
                arrays, settings = _compute(job, probe, None, data, progress)
            processes = _processes_of(paths)
            provenance = make_provenance(
                device=describe_device(choose_device(job.device)),
                threads=torch.get_num_threads(),
                seconds=math.fsum(process["seconds"] for process in processes),
                **({"parts": processes} if len(processes) > 1 else {}),
            )
            record = ProbeRecord(probe.kind, probe.identity, settings, provenance, arrays)
            write_probe(paths.arrays, record)
        shutil.rmtree(paths.chunks, ignore_errors=True)


def _compute(
    job: Job, probe: PlannedProbe, share: Share | None, data: DataSet, progress: Progress
) -> tuple[Arrays, dict[str, Any]]:
    path = job.paths.checkpoint
    checkpoint = load_checkpoint(path, identity=job.trial.identity)
    if not checkpoint.records["finished"]:
        raise CheckpointError(f"{path}: this training is not finished: run the study again")
    return probe_network(
        WeightHistory(checkpoint, job.paths.snapshots),
        require_digest(data, job.trial.data["digest"]),
        read_settings(probe.settings),
        device=choose_device(job.device),
        chunks=probe.paths_in(job.paths).chunks,
        part=share,
        progress=progress,
    )


@contextlib.contextmanager
def _timed(paths: ProbePaths, share: Share) -> Iterator[None]:
    """Record that this process works on a part, and for how long.

    The time of a process that is killed is lost.
    """
    path = paths.part_times(share.index, share.count)
    before, begun = _read_times(path), time.perf_counter()
    try:
        yield
    finally:
        entry = {**this_process(), "seconds": time.perf_counter() - begun}
        with contextlib.suppress(StudyError):  # never lose work because a time cannot be written
            write_json(path, [*before, entry])


def _read_times(path: Path) -> list[dict[str, Any]]:
    """Read which processes worked on a part; older versions wrote the total seconds only."""
    try:
        entries = read_json(path)
        if not isinstance(entries, list):
            return [{"seconds": float(entries)}]
        return [{**entry, "seconds": float(entry["seconds"])} for entry in entries]
    except (StudyError, TypeError, ValueError, KeyError):  # missing or damaged
        return []


def _processes_of(paths: ProbePaths) -> list[dict[str, Any]]:
    """Return each process that worked on a probe, with its total seconds."""
    totals: dict[str, dict[str, Any]] = {}
    for path in sorted(paths.chunks.glob("part-*.json")):
        for entry in _read_times(path):
            process = {key: value for key, value in entry.items() if key != "seconds"}
            key = repr(sorted(process.items()))
            total = totals.setdefault(key, {**process, "seconds": 0.0})
            total["seconds"] += entry["seconds"]
    return list(totals.values())


class _LogFile(logging.FileHandler):
    """A log file. If it cannot be written, on a full disk for example, no trial fails."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


@contextlib.contextmanager
def _log_to(paths: TrialPaths, stage: str) -> Iterator[None]:
    """Append nascope's log messages to the trial's log file."""
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
