"""The name of what a training yields. Loads no torch."""

from __future__ import annotations

from nascope._src.cells.genotype import Genotype, to_dict
from nascope._src.data.datasets import DataSet
from nascope._src.plans.recipe import Recipe
from nascope._src.records.identity import identity, non_defaults


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
