"""Probing a trained network: from a checkpoint and a plan to arrays and their settings."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nascope._src.data.augmentation import on_device
from nascope._src.data.datasets import DataSet, balanced_subset
from nascope._src.errors import ProbeError
from nascope._src.networks.network import Network, operation_keys
from nascope._src.probes.chunks import Share
from nascope._src.probes.compute import compute_probe
from nascope._src.probes.directions import direction_between, random_directions, trajectory_plane
from nascope._src.probes.forecast import ProbeForecast
from nascope._src.probes.grid import Grid
from nascope._src.probes.history import WeightHistory
from nascope._src.probes.plane import Plane
from nascope._src.probes.risk import Risk
from nascope._src.probes.settings import GridSettings, ProbeSettings
from nascope._src.records.probe_files import write_probe
from nascope._src.records.provenance import make_provenance
from nascope._src.records.read import ProbeRecord
from nascope._src.runtime.devices import describe_device, evaluation_batch
from nascope._src.runtime.types import Progress
from nascope._src.training.build import load_trained, restore_network
from nascope._src.training.checkpoint import Checkpoint
from nascope._src.training.files import snapshot_folder
from nascope._src.training.precision import arithmetic
from nascope._src.training.trained import load_training_data

CALIBRATION = 512  # training images on which BatchNorm's statistics are estimated again


def probe_network(
    history: WeightHistory,
    data: DataSet,
    probe: ProbeSettings,
    *,
    device: torch.device,
    other: Checkpoint | None = None,
    workers: int = 1,
    chunks: Path | None = None,
    part: Share | None = None,
    progress: Progress | None = None,
    announce: Callable[[ProbeForecast], None] | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Execute a planned probe in float32, whatever the precision of the training.

    Args:
        history: The trained network, and its weights on the way.
        data: The data set that it was trained on.
        probe: What to compute.
        device: The device to compute on.
        other: Probe the line to this network, in place of random directions.
        workers: Number of threads.
        chunks: Folder in which finished chunks are kept.
        part: Compute only this part of a grid's chunks, and keep them.
        progress: Called now and then.
        announce: Called with a forecast before the work starts.

    Returns:
        The arrays with the grid's coordinates, and the complete settings for the record.
    """
    with arithmetic("float32", device):
        network, reached = history.network_at(probe.at)
        risk = make_risk(network.to(device), data, probe, device)
        used = {
            **probe.as_dict(),
            "instances": len(risk),
            "calibration": f"{min(CALIBRATION, len(data.train))} training images",
            "reached": reached,
        }
        plane = None
        if isinstance(probe, GridSettings):
            plane = _plane(history, risk, network, probe, other, workers=workers, chunks=chunks)
        arrays, details = compute_probe(
            risk,
            probe,
            plane,
            keys=operation_keys(network),
            part=part,
            workers=workers,
            chunks=chunks,
            progress=progress,
            announce=announce,
        )
    return arrays, used | details


def make_risk(network: Network, data: DataSet, probe: ProbeSettings, device: torch.device) -> Risk:
    """Return the risk of a network on the planned data.

    The running statistics of an untrained network's BatchNorm are 0 and 1, which no training
    ever uses, so they are estimated first.
    """
    part = data.test if probe.data == "test" else data.train
    if probe.instances is not None:
        part = part.take(balanced_subset(part.labels, probe.instances, what="instances"))
    images, labels = on_device(part, data, device)
    inputs = images.plain(slice(None))
    size = evaluation_batch(data.image_size, torch.device("cpu"))  # the same on every device
    few = balanced_subset(data.train.labels, min(CALIBRATION, len(data.train)), what="calibration")
    calibration = on_device(data.train.take(few), data, device)[0].plain(slice(None))
    model: torch.nn.Module = network
    common: Any = {"batch_size": size, "calibration": calibration}
    if probe.at == "initialisation" and probe.batchnorm == "frozen":
        model = Risk(network, inputs, labels, batchnorm="recalibrated", **common).model
    return Risk(model, inputs, labels, batchnorm=probe.batchnorm, **common)


def _plane(
    history: WeightHistory,
    risk: Risk,
    network: Network,
    probe: GridSettings,
    other: Checkpoint | None,
    *,
    workers: int,
    chunks: Path | None,
) -> Plane:
    """Return directions and grid.

    Raises:
        ProbeError: The networks of a line differ in shape, or it has a radius.
    """
    if other is not None:
        if probe.radius == "auto":
            raise ProbeError(
                "expected no radius for the line to another network, which ends beyond that "
                "network, but got 'auto': leave it out"
            )
        line = direction_between(risk.origin, _parameters(restore_network(other), risk))
        axis = tuple(np.linspace(-0.5, 1.5, probe.points).tolist())
        return Plane([line], Grid(axis), details={"to": other.records["identity"]})
    if probe.along == "trajectory":
        weights, moments = history.trajectory(probe.through)
        device = next(iter(risk.parameters.values())).device
        steps = [{n: w[n].to(device) for n in risk.parameters} for w in weights]
        plane = trajectory_plane(risk.origin, steps)
        return Plane(plane.directions, plane.grid(probe.points), plane, {"moments": moments})
    directions = random_directions(
        risk.origin,
        probe.dimensions,
        seed=probe.seed,
        normalise=probe.normalise,
        one_dimensional=probe.one_dimensional,
        keys=operation_keys(network),
    )
    return Plane.around(risk, directions, probe, workers=workers, chunks=chunks)


def _parameters(network: Network, risk: Risk) -> dict[str, Tensor]:
    device = next(iter(risk.parameters.values())).device
    return {name: p.detach().to(device) for name, p in network.named_parameters()}


def probe_checkpoint(
    path: Path,
    probe: ProbeSettings,
    output: Path,
    *,
    data_dir: str | None,
    device: torch.device,
    to: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    announce: Callable[[ProbeForecast], None] | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Probe the network in a checkpoint; write ``output`` (npz) and its settings next to it.

    Results of an interrupted run are reused if they were computed from the same weights: the
    network may have been trained further since.

    Args:
        path: The checkpoint.
        probe: What to compute.
        output: The npz file.
        data_dir: The data folder.
        device: The device to compute on.
        to: Probe the line to the network in this checkpoint.
        workers: Number of threads.
        progress: Called now and then.
        announce: Called with a forecast before the work starts.

    Returns:
        The arrays, and the complete settings.

    Raises:
        CheckpointError: A checkpoint is missing or damaged.
        StudyError: The weights at the planned moment were not kept.
        DataError: The data set is missing, or is not the one that the network was trained on.
        ProbeError: The networks of a line differ in shape.
    """
    checkpoint = load_trained(path)
    history = WeightHistory(checkpoint, snapshot_folder(path))
    if isinstance(probe, GridSettings) and probe.along == "trajectory" and not probe.through:
        probe = dataclasses.replace(probe, through=history.kept_moments())
    other = load_trained(to) if to is not None else None
    data = load_training_data(checkpoint, data_dir)
    name = probe.identity(checkpoint.records["identity"])
    if other is not None:
        name += f"-{other.records['identity']}"
    weights = "-".join(c.weights for c in (checkpoint, other) if c is not None)
    chunks = output.with_name(f".{output.stem}-{name}-{weights}-chunks")
    arrays, settings = probe_network(
        history,
        data,
        probe,
        device=device,
        other=other,
        workers=workers,
        chunks=chunks,
        progress=progress,
        announce=announce,
    )
    provenance = make_provenance(
        checkpoint=str(path.name),
        device=describe_device(device),
        threads=torch.get_num_threads(),
    )
    write_probe(output, ProbeRecord(probe.kind, name, settings, provenance, arrays))
    shutil.rmtree(chunks, ignore_errors=True)
    return arrays, settings
