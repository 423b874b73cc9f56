"""The theory's premises on trained networks: λ of their weights and edges, and whether γ < 1/L."""

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
from nascope._src.probes.settings import CurvatureSettings
from nascope._src.records.files import read_json, write_json
from nascope._src.records.identity import NUMERICS_VERSION
from nascope._src.records.paths import StudyPaths, TrialPaths
from nascope._src.records.read import ProbeRecord, read_header, read_study
from nascope._src.runtime.types import Progress
from nascope._src.theory.jacobians import edge_norms
from nascope._src.theory.norms import weight_norms
from nascope._src.training.checkpoint import Checkpoint, load_checkpoint
from nascope._src.training.files import snapshot_folder
from nascope._src.training.moments import Moment
from nascope._src.training.precision import arithmetic
from nascope._src.training.recipe import Recipe
from nascope._src.training.trained import load_training_data

MOMENTS = ("initialisation", "end")


@dataclass(frozen=True)
class TrainedNetwork:
    """A network that was trained, and the curvature of its training risk as far as recorded."""

    label: str
    checkpoint: Path
    curvatures: tuple[ProbeRecord, ...] = ()


def networks_in(paths: Sequence[Path]) -> list[TrainedNetwork]:
    """Checkpoints as they are named, and of a study's folder all that it has trained.

    Raises:
        StudyError: a folder holds no study, or a study nothing that is trained.
    """
    found = []
    for path in paths:
        if not path.is_dir():
            in_study = path.name == TrialPaths(path.parent).checkpoint.name
            found.append(TrainedNetwork(path.parent.name if in_study else path.stem, path))
            continue
        study = read_study(path)
        trained = [
            TrainedNetwork(
                f"{trial.label}, seed {trial.seed}",
                StudyPaths(path).trial(trial.label, trial.identity).checkpoint,
                tuple(
                    probe
                    for probe in trial.probes
                    if probe.kind == "curvature" and probe.settings["data"] == "train"
                ),
            )
            for trial in study.trials
            if trial.training is not None and trial.training.finished
        ]
        if not trained:
            raise StudyError(f"{path}: nothing is trained yet; run the study first")
        found += trained
    return found


def measured_by(trained: TrainedNetwork, *, images: int, instances: int) -> dict[str, Any]:
    """What determines the numbers of `measure_premises`, so that a finished network is kept.

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
    """`measure_premises` of several networks, kept in ``path`` (JSON) one by one.

    Networks that it holds already, measured in the same way, are not measured again.
    """
    known = _known(path)
    measured: list[dict[str, Any]] = []
    for number, network in enumerate(trained):

        def told(share: float, words: str, number: int = number) -> None:
            if progress is not None:
                progress((number + share) / len(trained), words)

        key = measured_by(network, images=images, instances=instances)
        found = next((own for own in known if own["key"] == key), None)
        if found is None:
            found = measure_premises(
                network,
                data_dir=data_dir,
                images=images,
                instances=instances,
                workers=workers,
                chunks=path.with_name(".chunks"),
                progress=told,
            )
            known.append(found)
            write_json(path, {"networks": known})
        measured.append({**found, "label": network.label})
    return measured


def _known(path: Path) -> list[dict[str, Any]]:
    """The networks that a file holds; none where it is missing, damaged or of old."""
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
    """What the theorems suppose of a network, measured, as plain data.

    Args:
        images: test images at which the edges' Jacobians are taken.
        instances: training images whose risk's Hessian gives L, where no probe has recorded it.
        workers: threads, for the Hessian.
        chunks: a folder in which Hessian-vector products are kept, so that a killed run goes on.

    Returns:
        ``key``, see `measured_by`; ``label``, ``identity``, ``cell``, ``accuracy``; ``moments``:
        for each of `MOMENTS` ``weights`` and ``edges`` (`nascope._src.theory`'s `WeightNorm` and
        `EdgeNorm`); and ``rates``: for each moment whose curvature is known the learning rate γ
        that was in force, L, and whether γ < 1/L.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
        DataError: its data set is not there, or another one lies in its place.
    """
    checkpoint = load_checkpoint(trained.checkpoint)
    data = load_training_data(checkpoint, data_dir)
    probed = WeightHistory(checkpoint, snapshot_folder(trained.checkpoint))
    records = checkpoint.records
    moments = [at for at in MOMENTS if at == "end" or records["seed"] is not None]
    found: dict[str, Any] = {
        "key": measured_by(trained, images=images, instances=instances),
        "label": trained.label,
        "identity": records["identity"],
        "cell": records["genotype"],
        "accuracy": checkpoint.curve[-1].test_accuracy if checkpoint.curve else None,
        "moments": {},
    }
    few = _first_images(data, images)
    recorded = {probe.settings["at"] for probe in trained.curvatures}
    share = 1 / len(moments)
    for number, at in enumerate(moments):

        def told(done: float, words: str, number: int = number, at: str = at) -> None:
            if progress is not None:
                progress(share * (number + done), f"{trained.label}, {at}: {words}")

        told(0.0, "weights")
        network, _ = probed.network_at(at)
        plan = CurvatureSettings(at=at, data="train", instances=instances)
        risk = make_risk(network, data, plan, torch.device("cpu"))
        found["moments"][at] = {
            "weights": [_plain(norm) for norm in weight_norms(risk.model, few[:1])]
        }
        told(0.1 if at not in recorded else 0.4, "edges")
        found["moments"][at]["edges"] = [
            _plain(norm)
            for norm in edge_norms(risk.model, few)  # type: ignore[arg-type]
        ]
        if at not in recorded:
            name = f"{plan.identity(records['identity'])}-{checkpoint.weights}"
            kept = chunks / name if chunks is not None else None

            def counted(done: float, words: str, told: Progress = told) -> None:
                told(0.25 + 0.75 * done, words)

            arrays = eigenvalues(
                risk,
                1,
                workers=workers,
                chunks=kept,
                progress=counted,
            )
            if kept is not None:
                shutil.rmtree(kept, ignore_errors=True)
            found["moments"][at]["curvature"] = {
                "instances": len(risk),
                "lipschitz": _largest(arrays),
            }
    found["rates"] = list(_rates(trained, checkpoint, found["moments"]))
    return found


def _first_images(data: DataSet, images: int) -> torch.Tensor:
    """Test images as the network takes them, (images, channels, height, width)."""
    part = data.test.take(np.arange(min(images, len(data.test))))
    return on_device(part, data, torch.device("cpu"))[0].plain(slice(None))


def _largest(arrays: Mapping[str, np.ndarray]) -> float:
    """L at a point: the Hessian's norm. An estimate from below: elsewhere it may be larger."""
    ends = [arrays["eigenvalues"].max(initial=-np.inf), arrays["smallest"]]
    return float(np.abs(ends).max())


def _rates(
    trained: TrainedNetwork, checkpoint: Checkpoint, moments: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    recipe = Recipe(**checkpoint.records["recipe"])
    last = max(0, len(checkpoint.records["epochs"]) - 1)
    known = [
        (probe.settings["at"], _largest(probe.arrays), probe.settings["instances"])
        for probe in trained.curvatures
    ] + [
        (at, own["curvature"]["lipschitz"], own["curvature"]["instances"])
        for at, own in moments.items()
        if "curvature" in own
    ]
    for at, lipschitz, instances in known:
        place = Moment.parse(at).place(checkpoint.curve)
        epoch = {"initialisation": 0, "end": last}.get(at)
        if epoch is None and place is None:  # the training never came there
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
            "held": rate * lipschitz < 1,  # False also where L is not a number
        }


def _plain(norm: Any) -> dict[str, Any]:
    """A dataclass of norms as plain data, tensors as lists."""
    return {
        name: value.tolist() if isinstance(value, torch.Tensor) else value
        for name, value in dataclasses.asdict(norm).items()
    }
