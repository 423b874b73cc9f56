"""Building the network of a training, and what a checkpoint records to build it again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from nascope._src.cells.formats.fields import from_dict
from nascope._src.cells.genotype import Genotype, to_dict
from nascope._src.data.datasets import DataSet
from nascope._src.networks.network import Network
from nascope._src.records.identity import derived_seed
from nascope._src.training.checkpoint import Checkpoint
from nascope._src.training.recipe import Recipe


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
        network = Network(
            genotype,
            channels=recipe.channels,
            layers=recipe.layers,
            classes=data["classes"],
            image_channels=data["image_channels"],
            image_size=data["image_size"],
            auxiliary=recipe.auxiliary_weight > 0,
        )
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def restore_network(checkpoint: Checkpoint) -> Network:
    """Return the network in a checkpoint, on the CPU."""
    records = checkpoint.records
    recipe = Recipe(**records["recipe"])
    network = build_network(trained_genotype(checkpoint), recipe, records["data"], seed=0)
    network.load_state_dict(checkpoint.part("model"))
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
