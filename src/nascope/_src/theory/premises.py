"""Measure premises of the theory on trained networks: λ of weights and edges, and γ < 1/L."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nascope._src.data.augmentation import on_device
from nascope._src.data.datasets import DataSet
from nascope._src.errors import StudyError
from nascope._src.probes.checkpoint import make_risk
from nascope._src.probes.hessian import eigenvalues
from nascope._src.probes.history import WeightHistory
from nascope._src.probes.risk import Risk
from nascope._src.probes.settings import CurvatureSettings
from nascope._src.records.checkpoint_files import read_header
from nascope._src.records.files import read_json, write_json
from nascope._src.records.identity import NUMERICS_VERSION
from nascope._src.records.paths import StudyPaths, TrialPaths
from nascope._src.records.read import ProbeRecord, read_study
from nascope._src.runtime.types import Arrays, Plain, Progress
from nascope._src.theory.jacobians import EdgeNorm, edge_norms
from nascope._src.theory.norms import WeightNorm, weight_norms
from nascope._src.training.build import load_trained
from nascope._src.training.checkpoint import Checkpoint
from nascope._src.training.files import snapshot_folder
from nascope._src.training.moments import Moment
from nascope._src.training.precision import arithmetic
from nascope._src.training.recipe import Recipe
from nascope._src.training.trained import load_training_data

MOMENTS = ("initialisation", "end")


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network.

    Attributes:
        label: how to name it.
        checkpoint: path of its checkpoint.
        curvatures: recorded probes of the curvature of its training risk.
    """

    label: str
    checkpoint: Path
    curvatures: tuple[ProbeRecord, ...] = ()


def find_networks(paths: Sequence[Path]) -> list[TrainedNetwork]:
    """Return the networks at these paths: checkpoints, or all finished trials of a study's folder.

    Raises:
        StudyError: a folder is not a study, or a study has no finished training.
    """
    networks = []
    for path in paths:
        if path.is_dir():
            networks += _find_in_study(path)
        else:
            in_study = path.name == TrialPaths(path.parent).checkpoint.name
            networks.append(TrainedNetwork(path.parent.name if in_study else path.stem, path))
    return networks


def _find_in_study(folder: Path) -> list[TrainedNetwork]:
    networks = [
        TrainedNetwork(
            f"{trial.label}, seed {trial.seed}",
            StudyPaths(folder).trial(trial.label, trial.identity).checkpoint,
            tuple(
                probe
                for probe in trial.probes
                if probe.kind == "curvature" and probe.settings["data"] == "train"
            ),
        )
        for trial in read_study(folder).trials
        if trial.training is not None and trial.training.finished
    ]
    if not networks:
        raise StudyError(f"{folder}: nothing is trained yet; run the study first")
    return networks


def measurement_key(trained: TrainedNetwork, *, images: int, instances: int) -> dict[str, Any]:
    """Return what determines the results of `measure_premises`.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
    """
    header = read_header(trained.checkpoint)
    step = header.get("here", {}).get("step")  # within an epoch
    return {
        "identity": header["identity"],
        "epochs": len(header["epochs"]),
        **({"step": step} if step else {}),
        "curvatures": sorted(probe.identity for probe in trained.curvatures),
        "images": images,
        "instances": instances,
        "numerics": NUMERICS_VERSION["regime"],
    }


def measure_networks(
    trained: Sequence[TrainedNetwork],
    path: Path,
    *,
    data_dir: str | None,
    images: int = 4,
    instances: int = 100,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Run `measure_premises` for several networks, and store each result in ``path`` (JSON).

    Networks that the file already has, measured in the same way, are not measured again.
    """
    stored = _read_networks(path)
    results: list[dict[str, Any]] = []
    for number, network in enumerate(trained):

        def report(share: float, step: str, number: int = number) -> None:
            if progress is not None:
                progress((number + share) / len(trained), step)

        key = measurement_key(network, images=images, instances=instances)
        result = next((result for result in stored if result["key"] == key), None)
        if result is None:
            result = measure_premises(
                network,
                data_dir=data_dir,
                images=images,
                instances=instances,
                workers=workers,
                chunks=path.with_name(".chunks"),
                progress=report,
            )
            stored.append(result)
            write_json(path, {"networks": stored})
        results.append({**result, "label": network.label})
    return results


def _read_networks(path: Path) -> list[dict[str, Any]]:
    """Return the networks in a file; none if it is missing, damaged or of an old version."""
    try:
        networks = read_json(path)["networks"]
        return [network for network in networks if isinstance(network["key"], dict)]
    except (StudyError, KeyError, TypeError):
        return []


@arithmetic("float32", torch.device("cpu"))
def measure_premises(
    trained: TrainedNetwork,
    *,
    data_dir: str | None,
    images: int = 4,
    instances: int = 100,
    workers: int = 1,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure what the theorems assume about a network; return plain data.

    Args:
        trained: the network.
        data_dir: folder of data sets.
        images: number of test images at which the edges' Jacobians are measured.
        instances: number of training images for the Hessian that gives L, unless a probe has
            recorded it.
        workers: number of threads, for the Hessian.
        chunks: folder for Hessian-vector products, so that a killed run can resume.

    Returns:
        ``key`` (see `measurement_key`), ``label``, ``identity``, ``cell`` and ``accuracy``;
        ``moments``: ``weights`` and ``edges`` (`WeightNorm` and `EdgeNorm`) at each of `MOMENTS`;
        ``rates``: the learning rate γ, L, and whether γ < 1/L, at each moment with a known L.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
        DataError: its data set is missing, or another one is in its place.
    """
    checkpoint = load_trained(trained.checkpoint)
    data = load_training_data(checkpoint, data_dir)
    history = WeightHistory(checkpoint, snapshot_folder(trained.checkpoint))
    records = checkpoint.records
    recorded = {probe.settings["at"] for probe in trained.curvatures}
    test_images = _first_images(data, images)
    at_moments = [at for at in MOMENTS if at == "end" or records["seed"] is not None]
    moments: dict[str, dict[str, Any]] = {}
    for number, at in enumerate(at_moments):

        def report(share: float, step: str, number: int = number, at: str = at) -> None:
            if progress is not None:
                progress((number + share) / len(at_moments), f"{trained.label}, {at}: {step}")

        report(0.0, "weights")
        network, _ = history.network_at(at)
        settings = CurvatureSettings(at=at, data="train", instances=instances)
        risk = make_risk(network, data, settings, torch.device("cpu"))
        weights = [_as_plain(norm) for norm in weight_norms(risk.model, test_images[:1])]
        report(0.1 if at not in recorded else 0.4, "edges")
        edges = edge_norms(risk.model, test_images)  # type: ignore[arg-type]
        moments[at] = {"weights": weights, "edges": [_as_plain(norm) for norm in edges]}
        if at not in recorded:
            name = f"{settings.identity(records['identity'])}-{checkpoint.weights}"
            moments[at]["curvature"] = {
                "instances": len(risk),
                "lipschitz": _hessian_norm(
                    risk, workers, chunks / name if chunks is not None else None, report
                ),
            }
    return {
        "key": measurement_key(trained, images=images, instances=instances),
        "label": trained.label,
        "identity": records["identity"],
        "cell": records["genotype"],
        "accuracy": checkpoint.curve[-1].test_accuracy if checkpoint.curve else None,
        "moments": moments,
        "rates": list(_check_rates(trained, checkpoint, moments)),
    }


def _first_images(data: DataSet, images: int) -> torch.Tensor:
    """Return test images as network inputs, (images, channels, height, width)."""
    part = data.test.take(np.arange(min(images, len(data.test))))
    return on_device(part, data, torch.device("cpu"))[0].plain(slice(None))


def _hessian_norm(risk: Risk, workers: int, chunks: Path | None, progress: Progress) -> float:
    def report(share: float, step: str) -> None:
        progress(0.25 + 0.75 * share, step)

    ends = eigenvalues(risk, 1, workers=workers, chunks=chunks, progress=report)
    if chunks is not None:
        shutil.rmtree(chunks, ignore_errors=True)
    return _largest(ends.arrays())


def _largest(arrays: Arrays) -> float:
    """Return the Hessian's norm, a lower bound of L: at other weights it may be larger."""
    ends = [arrays["eigenvalues"].max(initial=-np.inf), arrays["smallest"]]
    return float(np.abs(ends).max())


def _check_rates(
    trained: TrainedNetwork, checkpoint: Checkpoint, moments: Mapping[str, Plain]
) -> Iterator[dict[str, Any]]:
    recipe = Recipe(**checkpoint.records["recipe"])
    last = max(0, len(checkpoint.records["epochs"]) - 1)
    known = [
        (probe.settings["at"], _largest(probe.arrays), probe.settings["instances"])
        for probe in trained.curvatures
    ] + [
        (at, measured["curvature"]["lipschitz"], measured["curvature"]["instances"])
        for at, measured in moments.items()
        if "curvature" in measured
    ]
    for at, lipschitz, instances in known:
        place = Moment.parse(at).place(checkpoint.curve)
        epoch = {"initialisation": 0, "end": last}.get(at)
        if epoch is None and place is None:  # the training did not reach this moment
            continue
        if epoch is None:
            assert place is not None
            epoch = min(int(place), last)
        rate = recipe.learning_rate_at(epoch)
        yield {
            "at": at,
            "epoch": epoch,
            "rate": rate,
            "lipschitz": lipschitz,
            "instances": instances,
            "product": rate * lipschitz,
            "held": rate * lipschitz < 1,  # False if L is not a number
        }


def _as_plain(norm: WeightNorm | EdgeNorm) -> dict[str, Any]:
    """Return plain data, with tensors as lists."""
    return {
        name: value.tolist() if isinstance(value, torch.Tensor) else value
        for name, value in dataclasses.asdict(norm).items()
    }
