"""The name of what a training yields. Loads no torch."""

from __future__ import annotations

from nascope.cells.genotype import Genotype, to_dict
from nascope.data.datasets import DataSet
from nascope.plans.recipe import Recipe
from nascope.records.identity import identity, non_defaults


def training_identity(genotype: Genotype, data: DataSet, recipe: Recipe, seed: int) -> str:
    """Names what a training yields: the literal genotype counts, not its name."""
    return identity(
        "training",
        {
            "genotype": to_dict(genotype),
            "data": data.digest,
            "mirrors": data.mirrors,
            "normalisation": [data.mean, data.std],
            "recipe": non_defaults(recipe),
            "seed": seed,
        },
    )
