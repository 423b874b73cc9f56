"""Building the network of a training, and what a checkpoint records to build it again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nascope._src.cells.checks import is_index, is_text
from nascope._src.cells.formats.fields import from_dict
from nascope._src.cells.genotype import Genotype, to_dict
from nascope._src.data.datasets import DataSet
from nascope._src.errors import CheckpointError, NascopeError
from nascope._src.networks.network import Network
from nascope._src.records.checkpoint_files import DamagedCheckpoint
from nascope._src.records.identity import derived_seed
from nascope._src.records.read import training_record
from nascope._src.training.checkpoint import Checkpoint, load_checkpoint
from nascope._src.training.recipe import Recipe
from nascope._src.training.recognise import Size, size_of

_SIZES = ("classes", "train", "test", "validation", "image_size", "image_channels")  # of the data


def build_network(
    genotype: Genotype, recipe: Recipe, data: Mapping[str, Any], *, seed: int
) -> Network:
    """Return the untrained network, on the CPU.

    Args:
        genotype: Its cells.
        recipe: Its channels, layers, and whether it has an auxiliary tower.
        data: A data set's summary; classes, image_channels and image_size are used.
        seed: Seed of the initial weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed("weights", seed))
        network = _network(genotype, recipe, data)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _network(genotype: Genotype, recipe: Recipe, data: Mapping[str, Any]) -> Network:
    return Network(
        genotype,
        channels=recipe.channels,
        layers=recipe.layers,
        classes=data["classes"],
        image_channels=data["image_channels"],
        image_size=data["image_size"],
        auxiliary=recipe.auxiliary_weight > 0,
    )


def load_trained(path: str | Path, *, previous: Path | None = None) -> Checkpoint:
    """Read a checkpoint that may come from elsewhere, and check all that is used of it later.

    Args:
        path: The checkpoint's file.
        previous: The file to read if that one is damaged.

    Raises:
        CheckpointError: Neither file can be read, or it does not describe a training.
    """
    checkpoint = load_checkpoint(path, previous=previous)
    records = checkpoint.records
    try:
        recipe, data = Recipe(**records["recipe"]), records["data"]
        trained_genotype(checkpoint)
        training_record(records)
        texts = [records["identity"], data["name"], data["digest"]]
        sizes = [data[name] for name in _SIZES]
        if not all(map(is_text, texts)) or not all(is_index(n) and n >= 0 for n in sizes):
            raise TypeError("the data set needs a name and sizes")
        if records["seed"] is not None and not is_index(records["seed"]):
            raise TypeError("the seed must be a number")
        _check_size(checkpoint.part("model"), recipe, data)
    except (KeyError, TypeError, ValueError, NascopeError) as error:
        reason = f"its {error.args[0]} is missing" if isinstance(error, KeyError) else error
        raise DamagedCheckpoint(f"{path}: not the checkpoint of a training ({reason})") from None
    return checkpoint


def _check_size(weights: Mapping[str, Tensor], recipe: Recipe, data: Mapping[str, Any]) -> None:
    """Raise a ValueError if the weights are those of another network, before one is allocated."""
    stem, classifier = weights["stem.0.weight"], weights["classifier.weight"]
    if (
        size_of(weights) != Size(recipe.channels, recipe.layers)
        or stem.shape[1] != data["image_channels"]
        or len(classifier) != data["classes"]
    ):
        raise ValueError("its weights are those of another network")


def restore_network(checkpoint: Checkpoint) -> Network:
    """Return the network in a checkpoint, on the CPU.

    Raises:
        CheckpointError: The weights are not those of the network.
    """
    records = checkpoint.records
    recipe = Recipe(**records["recipe"])
    network = build_network(trained_genotype(checkpoint), recipe, records["data"], seed=0)
    try:
        network.load_state_dict(checkpoint.part("model"))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"the weights are not those of the network ({reason})") from None
    return network


def trained_genotype(checkpoint: Checkpoint) -> Genotype:
    """Return the genotype of the network in a checkpoint, with its name if it has one."""
    records = checkpoint.records
    genotype = from_dict(records["genotype"])
    return genotype.named(records["name"]) if records.get("name") else genotype


def describe_training(
    genotype: Genotype, data: DataSet, recipe: Recipe, seed: int | None
) -> dict[str, Any]:
    """Return the records from which a checkpoint's network and data can be restored."""
    return {
        "genotype": to_dict(genotype),
        "name": genotype.name,
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
        "data": data.summary(),
    }
