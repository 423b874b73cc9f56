"""Probing a network: from a checkpoint and a plan to arrays and their settings."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nascope._src.cells.formats.fields import from_dict
from nascope._src.data.augmentation import on_device
from nascope._src.data.datasets import DataSet, balanced_subset
from nascope._src.errors import StudyError
from nascope._src.networks.network import Network, operation_keys
from nascope._src.probes.chunks import Share
from nascope._src.probes.curvature import eigenvalues, spectrum
from nascope._src.probes.directions import direction_between, random_directions, trajectory_plane
from nascope._src.probes.gradient_variance import gradient_variance
from nascope._src.probes.grid import Grid, Progress
from nascope._src.probes.landscape import landscape
from nascope._src.probes.lipschitz import (
    block_lipschitz,
    cell_blocks,
    gradient_lipschitz,
    matrix_blocks,
)
from nascope._src.probes.per_instance import choose_method
from nascope._src.probes.risk import Direction, Risk
from nascope._src.probes.settings import GridSettings, ProbeSettings
from nascope._src.records.files import write_arrays, write_json
from nascope._src.records.provenance import make_provenance
from nascope._src.records.read import read_header
from nascope._src.runtime.devices import describe_device, evaluation_batch
from nascope._src.training.checkpoint import Checkpoint, load_checkpoint
from nascope._src.training.moments import Moment, distinct_snapshots
from nascope._src.training.precision import arithmetic
from nascope._src.training.recipe import Recipe
from nascope._src.training.train import AGAIN, build_network, snapshots_of
from nascope._src.training.trained import data_of, trained_network

Plain = Mapping[str, Any]
Arrays = dict[str, np.ndarray]

CALIBRATION = 512  # training images on which BatchNorm's statistics are estimated anew
_MARGIN = 0.25  # of a trajectory's extent, left free around it


@dataclass(frozen=True)
class Probed:
    """A training, and where its snapshots lie."""

    checkpoint: Checkpoint
    snapshots: Path

    def network_at(self, at: str) -> tuple[Network, bool]:
        """The network at a moment, and whether it ever came there; else its weights are NaN.

        Raises:
            StudyError: the weights at that moment were not kept, or have no seed.
            CheckpointError: the snapshot is damaged, or of another training.
        """
        moment, records = Moment.parse(at), self.checkpoint.records
        if moment.kind == "initialisation":
            if records["seed"] is None:
                raise StudyError("these weights were imported: how they began is not known")
            recipe = Recipe(**records["recipe"])
            genotype = from_dict(records["genotype"])
            return build_network(genotype, recipe, records["data"], seed=records["seed"]), True
        if not moment.needs_snapshot:
            return trained_network(self.checkpoint), True
        path = moment.path(self.snapshots)
        if path.exists():
            return trained_network(load_checkpoint(path, identity=records["identity"])), True
        curve = self.checkpoint.curve
        place = moment.place(curve)
        if records["finished"] and place is not None and place == curve[-1].epoch:
            return trained_network(self.checkpoint), True  # the moment is the end
        if place is not None or not records["finished"]:
            raise StudyError(
                f"the weights at {moment} were not kept ({path} is missing): train again with "
                f'--keep "{moment}"; it costs only the training up to there'
            )
        network = trained_network(self.checkpoint)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.fill_(float("nan"))
        return network, False

    def kept(self) -> tuple[str, ...]:
        """The moments whose weights were kept."""
        identity = self.checkpoint.records["identity"]
        return distinct_snapshots(
            read_header(path, identity=identity)["moment"]
            for path in self.snapshots.glob("*.safetensors")
            if path.name != AGAIN
        )

    def trajectory(self, through: Sequence[str]) -> tuple[list[dict[str, Tensor]], list[str]]:
        """The weights at the beginning and at those of the moments that came, and the moments."""
        places = {text: Moment.parse(text).place(self.checkpoint.curve) for text in through}
        came = sorted((place, text) for text, place in places.items() if place is not None)
        if not came:
            raise StudyError(
                "a trajectory needs weights kept on the way: train with --keep, or let a study "
                "probe at such moments"
            )
        moments = ["initialisation", *(text for _, text in came)]
        networks = [self.network_at(moment)[0] for moment in moments]
        return [{n: p.detach() for n, p in net.named_parameters()} for net in networks], moments


def probe_network(
    probed: Probed,
    data: DataSet,
    settings: Plain,
    *,
    device: torch.device,
    other: Checkpoint | None = None,
    workers: int = 1,
    chunks: Path | None = None,
    part: Share | None = None,
    progress: Progress | None = None,
) -> tuple[Arrays, dict[str, Any]]:
    """Carry out a planned probe, in float32 whatever the network was trained in.

    Args:
        settings: those of a probe as plain data: `ProbeSettings.as_dict`.
        other: another network to which a line leads, in place of random directions.
        workers: threads that work side by side.
        part: compute only a part of a grid's chunks, and keep them.

    Returns:
        The arrays with the grid's coordinates, and the settings in full, as a record holds them.
    """
    with arithmetic("float32", device):
        network, reached = probed.network_at(settings["at"])
        risk = risk_of(network.to(device), data, settings, device)
        used = {
            **settings,
            "instances": len(risk),
            "calibration": f"{min(CALIBRATION, len(data.train))} training images",
            "reached": reached,
        }
        work: Any = {"workers": workers, "chunks": chunks, "progress": progress}
        if settings["kind"] == "curvature":
            return _curvature(risk, network, settings, work), used
        work["part"] = part
        directions, grid, more = _plane(probed, risk, network, settings, other)
        if settings["kind"] == "landscape":
            arrays = landscape(risk, directions, grid, **work)
        else:
            method = choose_method(risk)
            used |= {"method": method.name, "method_why": method.why}
            arrays = gradient_variance(risk, directions, grid, method=method.name, **work)
    used |= {name: value for name, value in more.items() if not isinstance(value, np.ndarray)}
    drawn = {name: value for name, value in more.items() if isinstance(value, np.ndarray)}
    return {**grid.coordinates(), **arrays, **drawn}, used


def risk_of(network: Network, data: DataSet, settings: Plain, device: torch.device) -> Risk:
    """The risk on the planned data. An untrained network's statistics are estimated first.

    BatchNorm's running statistics begin as 0 and 1, which is no network that anyone trains.
    """
    part = data.test if settings["data"] == "test" else data.train
    if settings["instances"] is not None:
        part = part.take(balanced_subset(part.labels, settings["instances"], what="instances"))
    images, labels = on_device(part, data, device)
    inputs = images.plain(slice(None))
    batch = evaluation_batch(data.image_size, torch.device("cpu"))  # on every device
    few = balanced_subset(data.train.labels, min(CALIBRATION, len(data.train)), what="calibration")
    calibration = on_device(data.train.take(few), data, device)[0].plain(slice(None))
    model: torch.nn.Module = network
    common: Any = {"batch_size": batch, "calibration": calibration}
    if settings["at"] == "initialisation" and settings["batchnorm"] == "frozen":
        model = Risk(network, inputs, labels, batchnorm="recalibrated", **common).model
    return Risk(model, inputs, labels, batchnorm=settings["batchnorm"], **common)


def _plane(
    probed: Probed, risk: Risk, network: Network, settings: Plain, other: Checkpoint | None
) -> tuple[list[Direction], Grid, dict[str, Any]]:
    """Directions and grid, and what else a result should hold."""
    if other is not None:
        line = direction_between(risk.origin, _parameters(trained_network(other), risk))
        axis = tuple(np.linspace(-0.5, 1.5, settings["points"]).tolist())
        return [line], Grid(axis), {"to": other.records["identity"]}
    if settings["along"] == "trajectory":
        weights, moments = probed.trajectory(settings.get("through", ()))
        device = next(iter(risk.parameters.values())).device
        steps = [{n: w[n].to(device) for n in risk.parameters} for w in weights]
        plane = trajectory_plane(risk.origin, steps)
        lows = np.minimum(plane.coordinates.min(axis=0), 0)
        highs = np.maximum(plane.coordinates.max(axis=0), 0)
        room = _MARGIN * (highs - lows)
        axes = np.linspace(lows - room, highs + room, settings["points"]).T
        grid = Grid(tuple(axes[0].tolist()), tuple(axes[1].tolist()))
        extra = {"trajectory": plane.coordinates, "explained": plane.explained}
        return list(plane.directions), grid, {**extra, "moments": moments}
    count = settings["dimensions"]
    directions = random_directions(
        risk.origin,
        count,
        seed=settings["seed"],
        normalise=settings["normalise"],
        one_dimensional=settings["one_dimensional"],
        keys=operation_keys(network),
    )
    make = Grid.square if count == 2 else Grid.line
    return list(directions), make(settings["points"], settings["radius"]), {}


def _parameters(network: Network, risk: Risk) -> dict[str, Tensor]:
    device = next(iter(risk.parameters.values())).device
    return {name: p.detach().to(device) for name, p in network.named_parameters()}


def _curvature(risk: Risk, network: Network, settings: Plain, work: dict[str, Any]) -> Arrays:
    """All parts of a curvature probe, one after the other."""
    seed, steps = settings["seed"], settings["steps"]
    chunks: Path | None = work["chunks"]
    parts: list[tuple[str, float]] = [("eigenvalues", 8 * settings["top"] + 20)]
    if settings["vectors"]:
        parts.append(("spectrum", settings["vectors"] * steps))
    if settings["blocks"] != "none":
        parts.append(("blocks", settings["block_steps"] * 10))
    if settings["points"]:
        parts.append(("gradient", settings["points"] ** 2 * 0.7))
    total, before = sum(cost for _, cost in parts), 0.0
    arrays: Arrays = {}
    for name, cost in parts:

        def told(share: float, words: str, before: float = before, cost: float = cost) -> None:
            if work["progress"] is not None:
                work["progress"]((before + share * cost) / total, words)

        own: Any = {
            "workers": work["workers"],
            "chunks": chunks / name if chunks is not None else None,
            "progress": told,
        }
        match name:
            case "eigenvalues":
                arrays |= eigenvalues(risk, settings["top"], seed=seed, **own)
            case "spectrum":
                vectors = settings["vectors"]
                arrays |= spectrum(risk, vectors=vectors, steps=steps, seed=seed, **own)
            case "blocks":
                cells = settings["blocks"] == "cells"
                blocks = cell_blocks(risk) if cells else matrix_blocks(risk)
                arrays |= block_lipschitz(
                    risk, blocks, steps=settings["block_steps"], seed=seed, **own
                )
            case "gradient":
                directions = random_directions(
                    risk.origin, 2, seed=seed, keys=operation_keys(network)
                )
                grid = Grid.square(settings["points"], settings["radius"])
                arrays |= {
                    **grid.coordinates(),
                    **gradient_lipschitz(risk, directions, grid, **own),
                }
        before += cost
    return arrays


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
) -> tuple[Arrays, dict[str, Any]]:
    """Probe the network in a checkpoint; write ``output`` (npz) and its settings beside it.

    What an interrupted run had finished is taken up again, if it was of the same weights: the
    network may have been trained further.

    Args:
        to: another checkpoint, to which a line leads.

    Returns:
        The arrays, and the settings in full.

    Raises:
        CheckpointError: a checkpoint is missing or damaged.
        StudyError: the weights at the planned moment were not kept.
        DataError: its data set is not there, or another one lies in its place.
        ProbeError: the networks of a line differ in shape.
    """
    checkpoint = load_checkpoint(path)
    probed = Probed(checkpoint, snapshots_of(path))
    if isinstance(probe, GridSettings) and probe.along == "trajectory" and not probe.through:
        probe = dataclasses.replace(probe, through=probed.kept())
    other = load_checkpoint(to) if to is not None else None
    data = data_of(checkpoint, data_dir)
    name = probe.identity(checkpoint.records["identity"])
    if other is not None:
        name += f"-{other.records['identity']}"
    weights = "-".join(c.weights for c in (checkpoint, other) if c is not None)
    chunks = output.with_name(f".{output.stem}-{name}-{weights}-chunks")
    arrays, settings = probe_network(
        probed,
        data,
        probe.as_dict(),
        device=device,
        other=other,
        workers=workers,
        chunks=chunks,
        progress=progress,
    )
    write_arrays(output, arrays)
    write_json(
        output.with_suffix(".json"),
        {
            "kind": probe.kind,
            "identity": name,
            "settings": settings,
            "provenance": make_provenance(
                checkpoint=str(path.name),
                device=describe_device(device),
                threads=torch.get_num_threads(),
            ),
        },
    )
    shutil.rmtree(chunks, ignore_errors=True)
    return arrays, settings
