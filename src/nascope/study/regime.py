"""The theory's premises on trained networks: λ of their weights and edges, and whether γ < 1/L."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nascope.data.augment import on_device
from nascope.data.datasets import DataSet
from nascope.errors import StudyError
from nascope.probes.curvature import eigenvalues
from nascope.probes.grid import Progress
from nascope.records.paths import StudyPaths, TrialPaths
from nascope.records.read import ProbeRecord, read_study
from nascope.study.plans import CurvaturePlan
from nascope.study.probing import Probed, risk_of
from nascope.study.trained import data_of
from nascope.theory.jacobians import edge_norms
from nascope.theory.norms import weight_norms
from nascope.training.checkpoint import Checkpoint, load_checkpoint
from nascope.training.moments import Moment
from nascope.training.recipe import Recipe
from nascope.training.train import snapshots_of

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


def measure_regime(
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
        ``label``, ``identity``, ``cell``, ``accuracy``; ``moments``, for each of `MOMENTS`
        ``weights`` and ``edges`` (`nascope.theory`'s `WeightNorm` and `EdgeNorm`); and ``rates``,
        for each moment whose curvature is known the learning rate γ that was in force, L, and
        whether γ < 1/L.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
        DataError: its data set is not there, or another one lies in its place.
    """
    checkpoint = load_checkpoint(trained.checkpoint)
    data = data_of(checkpoint, data_dir)
    probed = Probed(checkpoint, snapshots_of(trained.checkpoint))
    records = checkpoint.records
    moments = [at for at in MOMENTS if at == "end" or records["seed"] is not None]
    found: dict[str, Any] = {
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
        plan = CurvaturePlan(at=at, data="train", instances=instances)
        risk = risk_of(network, data, dataclasses.asdict(plan), torch.device("cpu"))
        found["moments"][at] = {
            "weights": [_plain(norm) for norm in weight_norms(risk.model, few[:1])]
        }
        told(0.1 if at not in recorded else 0.4, "edges")
        found["moments"][at]["edges"] = [
            _plain(norm)
            for norm in edge_norms(risk.model, few)  # type: ignore[arg-type]
        ]
        if at not in recorded:

            def counted(done: float, words: str, told: Progress = told) -> None:
                told(0.25 + 0.75 * done, words)

            arrays = eigenvalues(
                risk,
                1,
                workers=workers,
                chunks=chunks / records["identity"] / at if chunks is not None else None,
                progress=counted,
            )
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
