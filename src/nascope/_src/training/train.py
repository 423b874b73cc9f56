"""Training a network, or resuming its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from nascope._src.cells.genotype import Genotype
from nascope._src.data.datasets import DataSet
from nascope._src.errors import CheckpointError
from nascope._src.records.checkpoint_files import OtherTraining, read_header
from nascope._src.records.files import plain
from nascope._src.runtime.types import Progress
from nascope._src.training.build import describe_training
from nascope._src.training.checkpoint import Checkpoint
from nascope._src.training.files import Snapshots, TrainingFiles
from nascope._src.training.loop import Training, run_epochs
from nascope._src.training.moments import Moment
from nascope._src.training.recipe import Recipe
from nascope._src.training.repeat import add_missing_snapshots


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Say which settings of two trainings differ, the found one first."""
    parts = []
    if found["genotype"] != wanted["genotype"]:
        parts.append("the cell differs")
    if found["seed"] != wanted["seed"]:
        parts.append(f"seed {found['seed']} and not {wanted['seed']}")
    for section in ("recipe", "data"):
        parts += [
            f"{key} {found[section].get(key)} and not {value}"
            for key, value in plain(wanted[section]).items()
            if found[section].get(key) != value
        ]
    return ", ".join(parts) or "another version of nascope made it"


def train_network(
    genotype: Genotype,
    data: DataSet,
    recipe: Recipe,
    files: TrainingFiles,
    *,
    seed: int,
    keep: Sequence[Moment] = (),
    device: str | torch.device = "cpu",
    checkpoint_seconds: float = 60.0,
    progress: Progress | None = None,
) -> Checkpoint:
    """Train a network, or resume its training from its checkpoint.

    Each epoch ends with a checkpoint; a long epoch has some more. If the loss or the weights are
    no longer finite, training ends, and the record says "diverged at epoch e": a result, not an
    error.

    Args:
        genotype: Its cells.
        data: The data set.
        recipe: Size of the network, SGD and augmentation.
        files: Where the training is stored. A checkpoint of the same training is resumed.
        seed: Random seed of weights, order and augmentation.
        keep: Moments whose weights are kept. For moments that the training is past already, it is
            repeated up to there, which gives the same weights.
        device: The device to train on: "cpu", "cuda", "mps", …
        checkpoint_seconds: Time between two checkpoints within an epoch. It changes no number.
        progress: Called during training.

    Raises:
        CheckpointError: The checkpoint belongs to another training, or is damaged with no earlier
            one.
        StudyError: The device lacks the recipe's precision, or the network cannot be compiled.
    """
    training = Training(
        genotype, data, recipe, seed, torch.device(device), checkpoint_seconds, progress
    )
    snapshots = Snapshots.of_moments(files.snapshot_folder, keep)
    try:
        checkpoint = files.load(training.identity)
    except OtherTraining:
        found = read_header(files.path)
        wanted = describe_training(genotype, data, recipe, seed)
        raise CheckpointError(
            f"{files.path} belongs to another training ({_differences(found, wanted)}): choose "
            "another output, or move this file away"
        ) from None
    if checkpoint is not None:
        add_missing_snapshots(training, snapshots, checkpoint)
        if checkpoint.records["finished"]:
            return checkpoint
    return run_epochs(training, files, snapshots, resume=checkpoint)
