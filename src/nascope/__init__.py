"""nascope: what neural architecture search learnt.

    import nascope
    cell = nascope.load_cell("DARTS")     # shows itself as a drawing in a notebook
    nascope.topology(cell.normal)         # width under its conventions, depth, dead nodes

Names are loaded when they are first used: cells and reports need no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nascope._src.lazy import lazily
from nascope._version import __version__ as __version__

_HOMES = {
    "Cell": "nascope._src.cells",
    "Genotype": "nascope._src.cells",
    "load_cell": "nascope._src.cells",
    "parse": "nascope._src.cells",
    "published_variant": "nascope._src.cells",
    "random_variant": "nascope._src.cells",
    "topology": "nascope._src.cells",
    "Network": "nascope._src.networks",
    "load_data": "nascope._src.data",
    "Recipe": "nascope._src.training",
    "train": "nascope._src.training",
    "Grid": "nascope._src.probes",
    "Risk": "nascope._src.probes",
    "gradient_variance": "nascope._src.probes",
    "landscape": "nascope._src.probes",
    "random_directions": "nascope._src.probes",
    "read_study": "nascope._src.records",
    "write_report": "nascope._src.report",
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
    from nascope._src.cells import (
        Cell,
        Genotype,
        load_cell,
        parse,
        published_variant,
        random_variant,
        topology,
    )
    from nascope._src.data import load_data
    from nascope._src.networks import Network
    from nascope._src.plans.recipe import Recipe
    from nascope._src.probes import Grid, Risk, gradient_variance, landscape, random_directions
    from nascope._src.records import read_study
    from nascope._src.report import write_report
    from nascope._src.training.train import train


__getattr__ = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
