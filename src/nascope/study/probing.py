"""Probing a trained network: from a checkpoint and a plan to arrays and their settings."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nascope.data.augment import on_device
from nascope.data.datasets import DataSet, balanced_subset
from nascope.data.device import describe_device, evaluation_batch
from nascope.probes.directions import random_directions
from nascope.probes.gradient_variance import gradient_variance
from nascope.probes.grid import Grid, Progress
from nascope.probes.landscape import landscape
from nascope.probes.per_instance import choose_method
from nascope.probes.risk import Risk
from nascope.records.files import write_arrays, write_json
from nascope.records.provenance import provenance
from nascope.study.study import ProbePlan
from nascope.study.trained import data_of, trained_network
from nascope.training.checkpoint import load_checkpoint

Plain = Mapping[str, Any]


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
    images, labels = on_device(test, data, device)
    risk = Risk(
        network.to(device),
        images.plain(slice(None)),
        labels,
        batch_size=evaluation_batch(data.image_size, torch.device("cpu")),  # on every device
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
    data = data_of(checkpoint, data_dir)
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
