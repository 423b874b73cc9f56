"""Forecast how long a study takes on this machine, by timing a few steps of its own work."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nascope._src.data.augmentation import on_device
from nascope._src.data.datasets import DataSet, balanced_subset
from nascope._src.errors import StudyError
from nascope._src.networks.network import Network
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import compute_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.per_instance import choose_method
from nascope._src.probes.risk import Risk
from nascope._src.probes.settings import LandscapeSettings, VarianceSettings
from nascope._src.records.files import make_folder, read_json, write_json
from nascope._src.records.paths import FORECAST_MARK
from nascope._src.records.plan import PlannedProbe, PlannedTrial
from nascope._src.records.provenance import this_process
from nascope._src.runtime.devices import choose_device, evaluation_batch
from nascope._src.runtime.types import Progress
from nascope._src.study.engines.task import Engine, Task
from nascope._src.study.job import Job
from nascope._src.study.tasks import WorkList, shared_data
from nascope._src.training.build import build_network
from nascope._src.training.loop import time_steps
from nascope._src.training.precision import arithmetic
from nascope._src.training.recipe import Recipe

_SECONDS = 1.5  # minimum duration of each measurement, which has two repetitions at least
_MAX_CELLS = 3  # number of cells that are timed, per kind of network
_BYTES_PER_WEIGHT = 4  # float32

Measurement = Mapping[str, float]
"""Number of parameters, and seconds per image by kind of work."""


@dataclass(frozen=True)
class Forecast:
    """What a study will take.

    Attributes:
        seconds: seconds of one process, by kind of work: "training", "landscape", "variance",
            "curvature".
        workers: number of tasks at a time.
        longest: seconds of the longest chain of tasks that wait for one another.
        bytes: size of all results on disk.
    """

    seconds: Mapping[str, float]
    workers: int
    longest: float
    bytes: float

    @property
    def wall_seconds(self) -> float:
        """Seconds from start to end, if all workers are busy until the last task."""
        return max(sum(self.seconds.values()) / self.workers, self.longest)


def forecast(
    work: WorkList, engine: Engine, folder: Path, *, workers: int, data_dir: str | None
) -> Forecast:
    """Time a few steps of each kind of work, on all workers at a time, and extrapolate.

    Networks of equal size on images of equal size are assumed to take equally long; up to three
    cells of each kind are timed.

    Args:
        folder: the study's folder, which all nodes of a cluster can read. Nothing is left in it.
        workers: number of tasks at a time.

    Raises:
        StudyError: a measurement fails; the message says why.
    """
    folder = folder.absolute()  # workers may run in another folder
    by_trial = {job.trial.key: job for job in work.jobs.values()}
    by_kind: dict[str, list[Job]] = {}
    for job in by_trial.values():
        by_kind.setdefault(_network_kind(job.trial), []).append(job)
    chosen = {kind: _spread(jobs) for kind, jobs in by_kind.items()}
    with _temporary_folder(folder) as temporary:
        jobs = list(itertools.chain.from_iterable(chosen.values()))
        paths = [temporary / f"{place}.json" for place in range(len(jobs))]
        tasks = [
            _measuring_task(job, path, data_dir) for job, path in zip(jobs, paths, strict=True)
        ]
        # As many tasks at a time as there will be, since they share caches and memory.
        spare = [
            _measuring_task(jobs[k % len(jobs)], temporary / f"spare-{k}.json", data_dir)
            for k in range(-len(jobs) % workers if jobs else 0)
        ]
        for outcome in engine.run([*tasks, *spare], lambda *_: None):
            if outcome.error is not None:
                last = outcome.error.strip().splitlines()[-1]
                raise StudyError(f"the calibration failed: {last}")
        measurements = iter([read_json(path) for path in paths])
        means = {
            kind: _mean([next(measurements) for _ in jobs_of_kind])
            for kind, jobs_of_kind in chosen.items()
        }
    return _extrapolate(work, means, workers)


def _measuring_task(job: Job, path: Path, data_dir: str | None) -> Task:
    return Task(path.name, measure, (job, shared_data(job.trial, data_dir), path))


@contextlib.contextmanager
def _temporary_folder(folder: Path) -> Iterator[Path]:
    """Make a folder within ``folder``, which may not exist; finally remove all that was made."""
    new = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    make_folder(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=".forecast-", dir=folder) as temporary:
            write_json(Path(temporary) / FORECAST_MARK, this_process())
            yield Path(temporary)
    finally:
        for parent in new:
            with contextlib.suppress(OSError):  # something else has been written to it
                parent.rmdir()


def _mean(measurements: Sequence[Measurement]) -> Measurement:
    return {
        name: sum(measurement[name] for measurement in measurements) / len(measurements)
        for name in measurements[0]
    }


def _extrapolate(work: WorkList, means: Mapping[str, Measurement], workers: int) -> Forecast:
    seconds: dict[str, float] = {}
    chains: dict[tuple[str, str], float] = {}
    size = 0.0
    for task in work.tasks:
        job = work.jobs[task.name]
        trial, mean = job.trial, means[_network_kind(job.trial)]
        if trial.key not in chains:
            size += _training_bytes(trial, mean)
        if job.probe is None:
            task_seconds = in_chain = _training_seconds(trial, mean)
        else:
            per_image = mean["variance" if job.kind == "variance" else "landscape"]
            task_seconds = task.cost * per_image
            in_chain = task_seconds / workers
            size += _probe_bytes(job.probe) if job.yields_result else 0.0
        seconds[job.kind] = seconds.get(job.kind, 0.0) + task_seconds
        chains[trial.key] = chains.get(trial.key, 0.0) + in_chain
    return Forecast(seconds, workers, max(chains.values(), default=0.0), size)


def _training_seconds(trial: PlannedTrial, mean: Measurement) -> float:
    held_out = trial.data["test"] + trial.data["validation"]
    evaluations = trial.epochs + 6  # early points of the curves
    training = trial.epochs * trial.data["train"] * mean["training"]
    return float(training + evaluations * held_out * mean["landscape"])


def _training_bytes(trial: PlannedTrial, mean: Measurement) -> float:
    """Two checkpoints with their momentum, and the snapshots."""
    snapshots = {probe.settings["at"] for probe in trial.probes} - {"end", "initialisation"}
    return _BYTES_PER_WEIGHT * mean["parameters"] * (4 + len(snapshots)) + 20_000


def _probe_bytes(probe: PlannedProbe) -> float:
    arrays = 4.0 if probe.kind == "landscape" else 14.0
    points = probe.settings["points"] ** probe.settings.get("dimensions", 2)
    return float(8 * arrays * points)


def _network_kind(trial: PlannedTrial) -> str:
    """Return what networks of about the same cost have in common."""
    keys = ("channels", "layers", "batch_size", "auxiliary_weight", "precision", "compile")
    sizes = ("classes", "image_size", "image_channels")
    return json.dumps([[trial.recipe[key] for key in keys], [trial.data[key] for key in sizes]])


def _spread(jobs: Sequence[Job]) -> list[Job]:
    """Choose a few jobs with different cells, evenly spaced."""
    by_cell = list({job.trial.genotype: job for job in jobs}.values())
    count = min(_MAX_CELLS, len(by_cell))
    return [by_cell[k * (len(by_cell) - 1) // max(1, count - 1)] for k in range(count)]


def measure(job: Job, data: DataSet, path: Path, progress: Progress) -> None:
    """Time a training step and a point of a landscape and of a variance, in seconds per image.

    The times of the probes are divided by their weight in `GridSettings.cost`, so that cost times
    result is the time of a probe. The results are written to ``path``.
    """
    device = choose_device(job.device)
    recipe = Recipe(**job.trial.recipe)
    network = build_network(job.trial.genotype, recipe, data.summary(), seed=0).to(device)
    results = {
        "parameters": float(sum(p.numel() for p in network.parameters())),
        "training": time_steps(network, data, recipe, device=device, seconds=_SECONDS),
    }
    with arithmetic("float32", device):
        results |= _time_probes(network, data, device)
    write_json(path, results)


def _time_probes(network: Network, data: DataSet, device: torch.device) -> dict[str, float]:
    """Return the seconds per image and forward pass of a landscape and of a variance."""
    batch = evaluation_batch(data.image_size, torch.device("cpu"))
    size = min(batch, len(data.test))
    subset = data.test.take(balanced_subset(data.test.labels, size, what="calibration"))
    images, labels = on_device(subset, data, device)
    risk = Risk(network, images.plain(slice(None)), labels, batch_size=batch)
    directions = random_directions(risk.origin, 2, seed=0)
    variance = functools.partial(compute_gradient_variance, method=choose_method(risk).name)
    probes: list[tuple[str, Callable[..., Any], float]] = [
        ("landscape", compute_landscape, LandscapeSettings.COST_PER_POINT),
        ("variance", variance, VarianceSettings.COST_PER_POINT),
    ]
    grid = Grid((0.0,), (0.0, 0.5))
    seconds = {}
    for name, probe, weight in probes:
        repetition = _time_repetition(functools.partial(probe, risk, directions, grid))
        seconds[name] = repetition / (2 * len(subset) * weight)
    return seconds


def _time_repetition(work: Callable[[], Any]) -> float:
    """Return the seconds of one repetition, after one for warming up."""
    work()
    start, repetitions = time.perf_counter(), 0
    while repetitions < 2 or time.perf_counter() - start < _SECONDS / 2:
        work()
        repetitions += 1
    return (time.perf_counter() - start) / repetitions
