"""A study's missing work as tasks: what workers are told, and the functions that they call.

Those load torch in the worker, and the driver never does: it starts its workers at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nascope._src.cells.formats.fields import from_dict
from nascope._src.cells.genotype import Genotype
from nascope._src.data.datasets import DataSet, load_data
from nascope._src.probes.chunks import Share, num_chunks
from nascope._src.records.paths import StudyPaths, TrialPaths
from nascope._src.records.plan import Entry
from nascope._src.runtime.types import Plain, Progress
from nascope._src.study.engines.task import Shared, Task
from nascope._src.study.missing import Missing

# Rough cost of an image, in forward passes; the time left is corrected as the work goes on.
_TRAINING_COST = 8.0
_PART_CHUNKS, _MAX_PARTS = 8, 16  # of a grid's chunks, the least in a task, and the most tasks


@dataclass(frozen=True)
class Work:
    """What a worker is told of a trial; plain data, sent to another process.

    Args:
        folder: the study's, absolute: workers may run in another folder than the driver.
        entry: the trial, as in the study's plan.
        device: "cpu", "cuda", …
    """

    folder: Path
    entry: Plain
    device: str

    @property
    def paths(self) -> TrialPaths:
        return StudyPaths(self.folder).trial(self.entry["label"], self.entry["identity"])

    @property
    def genotype(self) -> Genotype:
        return from_dict(self.entry["genotype"]).named(self.entry["label"])


def shared_data(entry: Plain, data_dir: str | None) -> Shared:
    """A planned trial's data, as many trials share them."""
    where = str(Path(data_dir).absolute()) if data_dir is not None else None
    return Shared(_load, (where, tuple(sorted(entry["request"].items()))))


def _load(data_dir: str | None, request: tuple[tuple[str, Any], ...]) -> DataSet:
    return load_data(data_dir=data_dir, **dict(request))


def train(work: Work, data: DataSet, progress: Progress) -> None:
    """See `nascope._src.study.trial.train_trial`."""
    from nascope._src.study.trial import train_trial  # noqa: PLC0415  (loads torch)

    train_trial(work, data, progress)


def probe_part(work: Work, data: DataSet, plan: Plain, part: Share, progress: Progress) -> None:
    """See `nascope._src.study.trial.probe_part`."""
    from nascope._src.study import trial  # noqa: PLC0415

    trial.probe_part(work, data, plan, part, progress)


def probe(work: Work, data: DataSet, plan: Plain, progress: Progress) -> None:
    """See `nascope._src.study.trial.probe_trial`."""
    from nascope._src.study.trial import probe_trial  # noqa: PLC0415

    probe_trial(work, data, plan, progress)


@dataclass(frozen=True)
class WorkList:
    """What a study still lacks, as tasks.

    Attributes:
        tasks: in the order in which they are best begun.
        costs: of each task, in forward passes of an image, roughly.
        results: the tasks at whose end a result is there: all but parts of a grid.
        found: results that are there already.
    """

    tasks: list[Task]
    costs: dict[str, float]
    results: set[str]
    found: int


def make_work_list(
    lacking: Sequence[Missing], folder: Path, data_dir: str | None, device: str
) -> WorkList:
    """Trainings, then their probes, large grids in parts."""
    trainings: list[Task] = []
    probings: list[list[Task]] = []
    costs: dict[str, float] = {}
    results: set[str] = set()
    folder = folder.absolute()
    for trial in lacking:
        entry, name = trial.entry, trial.name
        work, data = Work(folder, entry, device), shared_data(entry, data_dir)
        paths = work.paths
        if not trial.trained:
            trainings.append(Task(name, train, (work, data), lock=paths.lock))
            costs[name] = training_cost(entry)
            results.add(name)
        after = () if trial.trained else (name,)
        for plan in trial.probes:
            probe_name = f"{name}/{plan['kind']}/{plan['identity']}"
            files = paths.probe(plan["kind"], plan["identity"])
            parts = []
            for share in _shares(plan["settings"]):
                part = f"{probe_name}/part {share.index + 1} of {share.count}"
                lock = files.part_lock(share.index, share.count)
                parts.append(Task(part, probe_part, (work, data, plan, share), after, lock))
                costs[part] = plan["cost"] / share.count
            waits = tuple(part.name for part in parts) or after
            whole = Task(probe_name, probe, (work, data, plan), waits, files.lock)
            probings.append([*parts, whole])
            costs[probe_name] = 0.0 if parts else plan["cost"]
            results.add(probe_name)
    # The longest first, so that no core is left alone with one at the end; each put together as
    # soon as its parts are there, so that a study that is broken off has what is done.
    probings.sort(key=lambda own: -costs[own[0].name])
    tasks = [*trainings, *(task for own in probings for task in own)]
    return WorkList(tasks, costs, results, sum(trial.found for trial in lacking))


def training_cost(entry: Entry) -> float:
    """Of a training, in forward passes of an image, roughly."""
    images = entry["data"]["train"] * _TRAINING_COST + entry["data"]["test"]
    return float(entry["recipe"]["epochs"] * images)


def _shares(settings: Mapping[str, Any]) -> list[Share]:
    """How a probe is split into tasks; none for one that is done as a whole."""
    if settings["kind"] == "curvature":
        return []
    chunks = num_chunks(settings["points"] ** settings["dimensions"])
    of = min(_MAX_PARTS, chunks // _PART_CHUNKS)
    return [Share(place, of) for place in range(of)] if of > 1 else []
