"""One (cell, data, recipe, seed) and its probes: what a worker does, resumably, on plain files."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nascope.cells.genotype import from_dict
from nascope.data.augment import Images
from nascope.data.datasets import DataSet, balanced_subset, load_data
from nascope.data.device import choose_device, describe_device
from nascope.errors import DataError, StudyError
from nascope.probes.directions import random_directions
from nascope.probes.gradient_variance import gradient_variance
from nascope.probes.grid import Grid
from nascope.probes.landscape import landscape
from nascope.probes.risk import Risk
from nascope.records.files import write_arrays, write_json
from nascope.records.paths import StudyPaths, TrialPaths
from nascope.records.provenance import provenance
from nascope.training.checkpoint import load_checkpoint
from nascope.training.recipe import Recipe
from nascope.training.train import build_network, train

logger = logging.getLogger(__name__)
Progress = Callable[[float, str], None]
Plain = Mapping[str, Any]


def train_trial(
    folder: Path, entry: Plain, request: Plain, data_dir: str | None, device: str, progress: Progress
) -> None:
    """Train a planned trial to the end, from its checkpoint where there is one.

    Args:
        folder: the study's.
        entry: the trial, as in the study's plan.
        request: the data set's name and sizes, as in the plan.
    """
    paths = _paths(folder, entry)
    with _logged(paths, "training"), _locked(paths.lock):
        write_json(paths.plan, entry)
        data = _data(entry, request, data_dir)
        train(
            from_dict(entry["genotype"]).named(entry["label"]),
            data,
            Recipe(**entry["recipe"]),
            seed=entry["seed"],
            path=paths.checkpoint,
            previous=paths.previous_checkpoint,
            device=choose_device(device),
            progress=progress,
        )


def probe_trial(  # noqa: PLR0917  (an engine hands arguments on by position)
    folder: Path,
    entry: Plain,
    probe: Plain,
    request: Plain,
    data_dir: str | None,
    device: str,
    progress: Progress,
) -> None:
    """Probe a trained trial; finished rows of the grid are kept until the whole is there."""
    paths = _paths(folder, entry)
    files = paths.probe(probe["kind"], probe["identity"])
    settings = probe["settings"]
    with _logged(paths, probe["kind"]), _locked(files.folder / "lock"):
        if files.summary.is_file():
            return
        where = choose_device(device)
        checkpoint = load_checkpoint(paths.checkpoint, previous=paths.previous_checkpoint)
        network = build_network(
            from_dict(entry["genotype"]), Recipe(**entry["recipe"]), entry["data"], seed=0
        )
        network.load_state_dict(checkpoint.part("model"))
        network.to(where)
        risk = test_risk(network, _data(entry, request, data_dir), settings["instances"], where)
        directions = random_directions(risk.origin, 2, seed=settings["seed"])
        grid = Grid.square(settings["points"], settings["radius"])
        compute = {"landscape": landscape, "variance": gradient_variance}[probe["kind"]]
        arrays = compute(risk, directions, grid, chunks=files.chunks, progress=progress)
        write_arrays(
            files.arrays,
            {"alphas": np.array(grid.alphas), "betas": np.array(grid.betas), **arrays},
        )
        write_json(
            files.summary,
            {
                "kind": probe["kind"],
                "identity": probe["identity"],
                "settings": {
                    **settings,
                    "instances": len(risk),
                    "batchnorm": "frozen",
                    "directions": "Gaussian, normalised per filter, one-dimensional tensors zero",
                    "data": "test",
                },
                "provenance": provenance(
                    device=describe_device(where), threads=torch.get_num_threads()
                ),
            },
        )
        shutil.rmtree(files.chunks, ignore_errors=True)


def test_risk(
    network: torch.nn.Module, data: DataSet, instances: int | None, device: torch.device
) -> Risk:
    """The risk on the test set, or on a class-balanced part of it."""
    test = data.test
    if instances is not None:
        test = test.take(balanced_subset(test.labels, instances, what="instances"))
    images = Images(test.images, data.mean, data.std, device=device).plain(slice(None))
    return Risk(network, images, torch.from_numpy(test.labels).to(device))


def _paths(folder: Path, entry: Plain) -> TrialPaths:
    return StudyPaths(folder).trial(entry["label"], entry["identity"])


@functools.lru_cache(maxsize=2)
def _load(data_dir: str | None, request: tuple[tuple[str, Any], ...]) -> DataSet:
    return load_data(data_dir=data_dir, **dict(request))


def _data(entry: Plain, request: Plain, data_dir: str | None) -> DataSet:
    """The trial's data, loaded once a process, and checked to be the planned one."""
    data = _load(data_dir, tuple(sorted(request.items())))
    if data.digest != entry["data"]["digest"]:
        raise DataError(
            f"{data.name} changed since the study was planned: digest {data.digest}, planned "
            f"{entry['data']['digest']}"
        )
    return data


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; the system frees it when the process ends, however it does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise StudyError(f"cannot write {path}: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("waiting for another process that holds %s", path.name)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _logged(paths: TrialPaths, stage: str) -> Iterator[None]:
    """Append what nascope logs meanwhile to the trial's log file."""
    try:
        paths.folder.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(paths.log, encoding="utf-8")
    except OSError as error:
        raise StudyError(f"cannot write {paths.log}: {error.strerror}") from None
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
