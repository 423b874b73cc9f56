"""Probing a trained network: from a checkpoint and a plan to arrays and their settings."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nascope.cells.genotype import from_dict
from nascope.data.augment import Images
from nascope.data.datasets import DataSet, balanced_subset, load_data
from nascope.data.device import describe_device
from nascope.errors import DataError
from nascope.networks.network import Network
from nascope.probes.directions import random_directions
from nascope.probes.gradient_variance import gradient_variance
from nascope.probes.grid import Grid, Progress
from nascope.probes.landscape import landscape
from nascope.probes.per_instance import choose_method
from nascope.probes.risk import Risk
from nascope.records.files import write_arrays, write_json
from nascope.records.provenance import provenance
from nascope.study.study import ProbePlan
from nascope.training.checkpoint import Checkpoint, load_checkpoint
from nascope.training.recipe import Recipe
from nascope.training.train import build_network

Plain = Mapping[str, Any]

# Pixels of a batch: 64 images of 32 px, whose activations fit a core's cache, or 1,024 of 8 px,
# where the overhead of each operation counts. Fixed, so that no number depends on the machine.
_BATCH_PIXELS = 64 * 32 * 32


def trained_network(checkpoint: Checkpoint) -> Network:
    """The network that a checkpoint holds, on the CPU."""
    records = checkpoint.records
    network = build_network(
        from_dict(records["genotype"]), Recipe(**records["recipe"]), records["data"], seed=0
    )
    network.load_state_dict(checkpoint.part("model"))
    return network


def probe_network(
    network: torch.nn.Module,
    data: DataSet,
    settings: Plain,
    *,
    device: torch.device,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Carry out a planned probe on the test set.

    Args:
        settings: a `ProbePlan` as plain data.

    Returns:
        The arrays with the grid's coordinates, and the settings in full, as a record holds them.
    """
    test = data.test
    if settings["instances"] is not None:
        test = test.take(balanced_subset(test.labels, settings["instances"], what="instances"))
    images = Images(test.images, data.mean, data.std, device=device).plain(slice(None))
    risk = Risk(
        network.to(device),
        images,
        torch.from_numpy(test.labels).to(device),
        batch_size=max(1, _BATCH_PIXELS // data.image_size**2),
    )
    directions = random_directions(risk.origin, 2, seed=settings["seed"])
    grid = Grid.square(settings["points"], settings["radius"])
    method = {}
    if settings["kind"] == "landscape":
        arrays = landscape(risk, directions, grid, chunks=chunks, progress=progress)
    else:
        method = {"method": choose_method(risk)}
        arrays = gradient_variance(
            risk, directions, grid, **method, chunks=chunks, progress=progress
        )
    used = {
        **settings,
        "instances": len(risk),
        "batchnorm": "frozen",
        "directions": "Gaussian, normalised per filter, one-dimensional tensors zero",
        "data": "test",
        **method,
    }
    return {"alphas": np.array(grid.alphas), "betas": np.array(grid.betas), **arrays}, used


def probe_checkpoint(
    path: Path,
    plan: ProbePlan,
    output: Path,
    *,
    data_dir: str | None,
    device: torch.device,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Probe the network in a checkpoint; write ``output`` (npz) and its settings beside it.

    Rows of an interrupted run are taken up again.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
        DataError: its data set is not there, or another one lies in its place.
    """
    checkpoint = load_checkpoint(path)
    recorded = checkpoint.records["data"]
    request = {
        "name": recorded["name"],
        "train_size": recorded["train"],
        "test_size": recorded["test"],
        "validation_size": recorded["validation"],
    }
    data = checked(load_data(data_dir=data_dir, **request), recorded["digest"])
    name = plan.identity(checkpoint.records["identity"])
    chunks = output.with_name(f".{output.stem}-{name}-rows")
    arrays, settings = probe_network(
        trained_network(checkpoint),
        data,
        dataclasses.asdict(plan),
        device=device,
        chunks=chunks,
        progress=progress,
    )
    write_arrays(output, arrays)
    write_json(
        output.with_suffix(".json"),
        {
            "kind": plan.kind,
            "identity": name,
            "settings": settings,
            "provenance": provenance(
                checkpoint=str(path.name),
                device=describe_device(device),
                threads=torch.get_num_threads(),
            ),
        },
    )
    shutil.rmtree(chunks, ignore_errors=True)
    return arrays


def checked(data: DataSet, digest: str) -> DataSet:
    """The data set, if its digest is the expected one."""
    if data.digest != digest:
        raise DataError(
            f"{data.name} is another data set than planned or trained on: its digest is "
            f"{data.digest}, not {digest}"
        )
    return data
