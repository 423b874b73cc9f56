"""nascope: what neural architecture search learnt.

    import nascope
    cell = nascope.load_cell("DARTS")     # shows itself as a drawing in a notebook
    nascope.topology(cell.normal)         # width under its conventions, depth, dead nodes

Names are loaded when they are first used: cells and reports need no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nascope.lazy import lazily

__version__ = "0.1.0"

_HOMES = {
    "Cell": "nascope.cells",
    "Genotype": "nascope.cells",
    "load_cell": "nascope.cells",
    "parse": "nascope.cells",
    "published_variant": "nascope.cells",
    "random_variant": "nascope.cells",
    "topology": "nascope.cells",
    "Network": "nascope.networks",
    "load_data": "nascope.data",
    "Recipe": "nascope.training",
    "train": "nascope.training",
    "Grid": "nascope.probes",
    "Risk": "nascope.probes",
    "gradient_variance": "nascope.probes",
    "landscape": "nascope.probes",
    "random_directions": "nascope.probes",
    "read_study": "nascope.records",
    "write_report": "nascope.report",
}

__all__ = [
    "Cell",
    "Genotype",
    "Grid",
    "Network",
    "Recipe",
    "Risk",
    "gradient_variance",
    "landscape",
    "load_cell",
    "load_data",
    "parse",
    "published_variant",
    "random_directions",
    "random_variant",
    "read_study",
    "topology",
    "train",
    "write_report",
]

if TYPE_CHECKING:
    from nascope.cells import (
        Cell,
        Genotype,
        load_cell,
        parse,
        published_variant,
        random_variant,
        topology,
    )
    from nascope.data import load_data
    from nascope.networks import Network
    from nascope.plans.recipe import Recipe
    from nascope.probes import Grid, Risk, gradient_variance, landscape, random_directions
    from nascope.records import read_study
    from nascope.report import write_report
    from nascope.training.train import train


__getattr__ = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
