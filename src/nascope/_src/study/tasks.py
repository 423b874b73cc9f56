"""Turn a study's missing work into tasks for an engine.

The driver imports no torch, so that its workers start at once; they import torch themselves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nascope._src.data.datasets import DataSet, load_data
from nascope._src.probes.chunks import Share, num_chunks
from nascope._src.records.paths import StudyPaths
from nascope._src.records.plan import PlannedProbe, PlannedTrial
from nascope._src.runtime.types import Progress
from nascope._src.study.engines.task import Shared, Task
from nascope._src.study.job import Job
from nascope._src.study.missing import Missing

# Cost of training on one image, in forward passes. Approximate: forecasts are measured.
_TRAINING_COST = 8.0
_PART_CHUNKS, _MAX_PARTS = 8, 16  # chunks of a grid per task, at least; tasks per grid, at most


@dataclass(frozen=True)
class WorkList:
    """What a study lacks, as tasks.

    Attributes:
        tasks: the tasks, in the order in which they should be started.
        jobs: what each task does, by the name of the task.
        num_complete: number of results that exist already.
    """

    tasks: tuple[Task, ...]
    jobs: Mapping[str, Job]
    num_complete: int

    @property
    def num_results(self) -> int:
        """Number of results that the tasks yield."""
        return sum(job.yields_result for job in self.jobs.values())


def make_work_list(
    missing: Sequence[Missing], folder: Path, data_dir: str | None, device: str
) -> WorkList:
    """Return tasks for all missing work: trainings first, then probes, large grids in parts.

    Args:
        folder: the study's folder.
        data_dir: the data folder.
        device: device that the workers use.
    """
    jobs: dict[str, Job] = {}

    def make_task(job: Job, data: Shared, cost: float, after: tuple[str, ...]) -> Task:
        name = job.name
        jobs[name] = job
        return Task(
            name,
            execute_job,
            (job, data),
            after,
            lock=job.lock,
            kind=job.kind,
            cost=cost,
            title=job.title,
        )

    study = StudyPaths(folder.absolute())
    trainings: list[Task] = []
    probes: list[list[Task]] = []
    for trial in missing:
        training = Job(trial.planned.paths_in(study).folder, device, trial.planned)
        data = shared_data(trial.planned, data_dir)
        after: tuple[str, ...] = ()
        if not trial.trained:
            trainings.append(make_task(training, data, _training_cost(trial.planned), ()))
            after = (training.name,)
        for planned_probe in trial.probes:
            probe = dataclasses.replace(training, probe=planned_probe)
            cost = planned_probe.cost
            parts = [
                make_task(dataclasses.replace(probe, share=share), data, cost / share.count, after)
                for share in _shares(planned_probe)
            ]
            names = tuple(part.name for part in parts)
            whole = make_task(probe, data, 0.0 if parts else cost, names or after)
            probes.append([*parts, whole])
    # Longest first, so that no core works alone at the end. Each grid is assembled as soon as its
    # parts are done, so that an interrupted study has as many results as possible.
    probes.sort(key=lambda tasks: -tasks[0].cost)
    tasks = (*trainings, *(task for tasks in probes for task in tasks))
    return WorkList(tasks, jobs, sum(trial.num_complete for trial in missing))


def execute_job(job: Job, data: DataSet, progress: Progress) -> None:
    """Do a job, in a worker."""
    from nascope._src.study.trial import (  # noqa: PLC0415  (imports torch)
        probe_part,
        probe_trial,
        train_trial,
    )

    if job.probe is None:
        train_trial(job, data, progress)
    elif job.share is None:
        probe_trial(job, job.probe, data, progress)
    else:
        probe_part(job, job.probe, job.share, data, progress)


def shared_data(trial: PlannedTrial, data_dir: str | None) -> Shared:
    """Return a planned trial's data set, which many trials share."""
    folder = str(Path(data_dir).absolute()) if data_dir is not None else None
    return Shared(_load, (folder, tuple(sorted(trial.request.items()))))


def _load(data_dir: str | None, request: tuple[tuple[str, Any], ...]) -> DataSet:
    return load_data(data_dir=data_dir, **dict(request))


def _training_cost(trial: PlannedTrial) -> float:
    """Return the approximate cost of a training, in forward passes of one image."""
    images = trial.data["train"] * _TRAINING_COST + trial.data["test"]
    return float(trial.epochs * images)


def _shares(probe: PlannedProbe) -> list[Share]:
    """Return the parts that a probe is split into; none if it is a single task."""
    if probe.kind == "curvature":
        return []
    chunks = num_chunks(probe.settings["points"] ** probe.settings["dimensions"])
    count = min(_MAX_PARTS, chunks // _PART_CHUNKS)
    return [Share(index, count) for index in range(count)] if count > 1 else []
