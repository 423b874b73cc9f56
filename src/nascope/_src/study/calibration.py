"""What a study will take on this machine: measured on a few steps of its own work."""

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

from nascope._src.cells.formats.fields import from_dict
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
from nascope._src.records.files import make_folder, read_json, write_json
from nascope._src.records.plan import Entry
from nascope._src.runtime.devices import choose_device, evaluation_batch
from nascope._src.runtime.types import Progress
from nascope._src.study.engines.task import Engine, Task
from nascope._src.study.tasks import Work, WorkList, shared_data
from nascope._src.training.build import build_network
from nascope._src.training.loop import time_steps
from nascope._src.training.precision import arithmetic
from nascope._src.training.recipe import Recipe

_SECONDS = 1.5  # of each measurement, at least; and two repetitions
_CELLS = 3  # of each kind of network, spread over its cells
_BYTES = 4  # of a float32


@dataclass(frozen=True)
class Forecast:
    """What is to come.

    Attributes:
        seconds: of one process, by kind of work: "training", "landscape", "variance", "curvature".
        workers: side by side.
        longest: seconds of the longest chain of tasks that wait for one another.
        bytes: on disk, at the end.
    """

    seconds: Mapping[str, float]
    workers: int
    longest: float
    bytes: float

    @property
    def wall_seconds(self) -> float:
        """From start to end, where all workers are busy until the last task."""
        return max(sum(self.seconds.values()) / self.workers, self.longest)


def forecast(
    todo: WorkList, engine: Engine, folder: Path, *, workers: int, data_dir: str | None
) -> Forecast:
    """Measure a few steps of each kind of work, on all workers at once, and extrapolate.

    Networks of the same size on images of the same size are taken to be of one kind, of which
    up to three cells are timed.

    Args:
        folder: the study's, which all nodes of a cluster see; nothing stays in it.
        workers: side by side.

    Raises:
        StudyError: a measurement fails; its message says why.
    """
    folder = folder.absolute()  # workers may run elsewhere
    works = {id(t.arguments[0].entry): t.arguments[0] for t in todo.tasks}
    kinds: dict[str, list[Work]] = {}
    for work in works.values():
        kinds.setdefault(_kind(work.entry), []).append(work)
    chosen = {kind: _spread(found) for kind, found in kinds.items()}
    with _passing_folder(folder) as own:
        tasks = []
        for place, work in enumerate(itertools.chain.from_iterable(chosen.values())):
            path = own / f"{place}.json"
            data = shared_data(work.entry, data_dir)
            tasks.append(Task(path.name, measure, (work, data, path)))
        # As many at once as there will be: they share caches and memory.
        spare = [
            Task(f"again {k}", tasks[k % len(tasks)].function,
                 (*tasks[k % len(tasks)].arguments[:2], own / f"again-{k}.json"))
            for k in range(-len(tasks) % workers)
        ] if tasks else []  # fmt: skip
        for outcome in engine.run([*tasks, *spare], lambda *_: None):
            if outcome.error is not None:
                last = outcome.error.strip().splitlines()[-1]
                raise StudyError(f"the calibration failed: {last}")
        places = iter(range(len(tasks)))
        measured = {
            kind: [read_json(own / f"{next(places)}.json") for _ in found]
            for kind, found in chosen.items()
        }
    return _extrapolated(todo, measured, workers)


@contextlib.contextmanager
def _passing_folder(folder: Path) -> Iterator[Path]:
    """A folder within ``folder``, which is made for it where it is not there, and goes again."""
    before = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    make_folder(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=".forecast-", dir=folder) as own:
            yield Path(own)
    finally:
        for made in before:
            with contextlib.suppress(OSError):  # something else is in it by now
                made.rmdir()


def _extrapolated(
    todo: WorkList, measured: Mapping[str, Sequence[Mapping[str, float]]], workers: int
) -> Forecast:
    seconds: dict[str, float] = {}
    chains: dict[int, float] = {}
    size = 0.0
    seen: set[int] = set()
    for task in todo.tasks:
        entry = task.arguments[0].entry
        found = measured[_kind(entry)]
        mean = {name: sum(one[name] for one in found) / len(found) for name in found[0]}
        if len(task.arguments) == 2:
            kind, own = "training", _training_seconds(entry, mean)
            chains[id(entry)] = chains.get(id(entry), 0.0) + own
        else:
            probe = task.arguments[2]
            kind = probe["kind"]
            own = todo.costs[task.name] * mean["variance" if kind == "variance" else "landscape"]
            chains[id(entry)] = chains.get(id(entry), 0.0) + own / workers
            arrays = 4.0 if kind == "landscape" else 14.0
            points = probe["settings"]["points"] ** probe["settings"].get("dimensions", 2)
            size += 8 * arrays * points if task.name in todo.results else 0.0
        seconds[kind] = seconds.get(kind, 0.0) + own
        if id(entry) not in seen:
            seen.add(id(entry))
            snapshots = {p["settings"]["at"] for p in entry["probes"]} - {"end", "initialisation"}
            size += _BYTES * mean["parameters"] * (4 + len(snapshots)) + 20_000
    return Forecast(seconds, workers, max(chains.values(), default=0.0), size)


def _training_seconds(entry: Entry, mean: Mapping[str, float]) -> float:
    data, epochs = entry["data"], entry["recipe"]["epochs"]
    held_out = data["test"] + data["validation"]
    evaluations = epochs + 6  # early points of the curves
    return float(
        epochs * data["train"] * mean["training"] + evaluations * held_out * mean["landscape"]
    )


def _kind(entry: Entry) -> str:
    """What networks of about the same cost have in common."""
    recipe, data = entry["recipe"], entry["data"]
    keys = ("channels", "layers", "batch_size", "auxiliary_weight", "precision", "compile")
    sizes = ("classes", "image_size", "image_channels")
    return json.dumps([[recipe[key] for key in keys], [data[key] for key in sizes]])


def _spread(works: Sequence[Work]) -> list[Work]:
    """A few of them, of different cells, evenly over all."""
    by_cell = list({json.dumps(work.entry["genotype"]): work for work in works}.values())
    count = min(_CELLS, len(by_cell))
    return [by_cell[k * (len(by_cell) - 1) // max(1, count - 1)] for k in range(count)]


def measure(work: Work, data: DataSet, path: Path, progress: Progress) -> None:
    """Time a training step, a landscape's point and a variance's, in seconds an image.

    The probes' figures are divided by their share in `GridSettings.cost`, so that a plan's cost
    times the figure is its time.
    """
    device = choose_device(work.device)
    recipe = Recipe(**work.entry["recipe"])
    genotype = from_dict(work.entry["genotype"])
    network = build_network(genotype, recipe, data.summary(), seed=0).to(device)
    found = {
        "parameters": float(sum(p.numel() for p in network.parameters())),
        "training": time_steps(network, data, recipe, device=device, seconds=_SECONDS),
    }
    with arithmetic("float32", device):
        found |= _time_probes(network, data, device)
    write_json(path, found)


def _time_probes(network: Network, data: DataSet, device: torch.device) -> dict[str, float]:
    """Seconds an image, in forward passes, of a landscape's point and of a variance's."""
    batch = evaluation_batch(data.image_size, torch.device("cpu"))
    size = min(batch, len(data.test))
    few = data.test.take(balanced_subset(data.test.labels, size, what="calibration"))
    images, labels = on_device(few, data, device)
    risk = Risk(network, images.plain(slice(None)), labels, batch_size=batch)
    directions = random_directions(risk.origin, 2, seed=0)
    variance = functools.partial(compute_gradient_variance, method=choose_method(risk).name)
    probes: list[tuple[str, Callable[..., Any], float]] = [
        ("landscape", compute_landscape, 1.0),
        ("variance", variance, 5.0),
    ]
    found = {}
    for name, probe, share in probes:
        pair = Grid((0.0,), (0.0, 0.5))

        def points(probe: Callable[..., Any] = probe, grid: Grid = pair) -> None:
            probe(risk, directions, grid)

        found[name] = _pace(points) / (2 * len(few) * share)
    return found


def _pace(work: Callable[[], None]) -> float:
    """Seconds of a repetition, after one to warm up."""
    work()
    begun, times = time.perf_counter(), 0
    while times < 2 or time.perf_counter() - begun < _SECONDS / 2:
        work()
        times += 1
    return (time.perf_counter() - begun) / times
