"""nascope: what neural architecture search learnt.

    import nascope
    cell = nascope.load_cell("DARTS")     # shows itself as a drawing in a notebook
    nascope.topology(cell.normal)         # width under its conventions, depth, dead nodes

Names are loaded when they are first used: cells and reports need no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from nascope._version import __version__ as __version__

if TYPE_CHECKING:
    from nascope._src.cells.catalog import load as load_cell
    from nascope._src.cells.formats.reading import parse
    from nascope._src.cells.genotype import Cell, Genotype
    from nascope._src.cells.graph import topology
    from nascope._src.cells.spaces.named import named_space
    from nascope._src.cells.wiring import published_variant, random_variant
    from nascope._src.data.datasets import load_data
    from nascope._src.networks.network import Network
    from nascope._src.probes.directions import random_directions
    from nascope._src.probes.gradient_variance import compute_gradient_variance as gradient_variance
    from nascope._src.probes.grid import Grid
    from nascope._src.probes.landscape import compute_landscape as landscape
    from nascope._src.probes.risk import Risk
    from nascope._src.records.read import read_study
    from nascope._src.report.write import write_report
    from nascope._src.training.recipe import Recipe
    from nascope._src.training.train import train_network as train

_HOMES = {
    "Cell": "cells.genotype",
    "Genotype": "cells.genotype",
    "Grid": "probes.grid",
    "Network": "networks.network",
    "Recipe": "training.recipe",
    "Risk": "probes.risk",
    "gradient_variance": "probes.gradient_variance:compute_gradient_variance",
    "landscape": "probes.landscape:compute_landscape",
    "load_cell": "cells.catalog:load",
    "load_data": "data.datasets",
    "named_space": "cells.spaces.named",
    "parse": "cells.formats.reading",
    "published_variant": "cells.wiring",
    "random_directions": "probes.directions",
    "random_variant": "cells.wiring",
    "read_study": "records.read",
    "topology": "cells.graph",
    "train": "training.train:train_network",
    "write_report": "report.write",
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
    "named_space",
    "parse",
    "published_variant",
    "random_directions",
    "random_variant",
    "read_study",
    "topology",
    "train",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(f"nascope._src.{module}"), attribute or name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
