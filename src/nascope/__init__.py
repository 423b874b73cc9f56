"""nascope: what neural architecture search learnt.

    import nascope

    nascope.load_cell("DARTS")                        # a drawing, in a notebook
    nascope.topology("DARTS")                         # width by each convention, depth, dead nodes
    trained = nascope.train("DARTS", "digits")
    surface = nascope.landscape(trained)              # .plot(), .smoothness(), .save(path)
    spread = nascope.gradient_variance(trained)
    curvature = nascope.curvature(trained)
    study = nascope.run_study(nascope.Study("DARTS", training={"scale": "tiny"}))

A probe also takes any other model: ``nascope.landscape(nascope.Risk(model, inputs, targets))``.
Names are loaded when they are first used: cells, results and reports need no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from nascope._version import __version__ as __version__

if TYPE_CHECKING:
    from nascope._src.api.cells import load_cell, published_variant, random_variant, topology
    from nascope._src.api.curvatures import Curvature, curvature
    from nascope._src.api.evidence import evidence
    from nascope._src.api.files import load
    from nascope._src.api.gradient_variances import GradientVariance, gradient_variance
    from nascope._src.api.landscapes import Landscape, landscape
    from nascope._src.api.studies import Study, StudyResults, read_study, run_study
    from nascope._src.api.trained import Trained, train
    from nascope._src.cells.formats.reading import parse
    from nascope._src.cells.genotype import Cell, Genotype
    from nascope._src.cells.spaces.named import named_space
    from nascope._src.data.datasets import load_data
    from nascope._src.errors import NascopeError
    from nascope._src.networks.network import Network
    from nascope._src.probes.directions import random_directions
    from nascope._src.probes.grid import Grid
    from nascope._src.probes.risk import Risk
    from nascope._src.report.write import write_report
    from nascope._src.training.recipe import Recipe

__all__ = [
    "Cell",
    "Curvature",
    "Genotype",
    "GradientVariance",
    "Grid",
    "Landscape",
    "NascopeError",
    "Network",
    "Recipe",
    "Risk",
    "Study",
    "StudyResults",
    "Trained",
    "curvature",
    "evidence",
    "gradient_variance",
    "landscape",
    "load",
    "load_cell",
    "load_data",
    "named_space",
    "parse",
    "published_variant",
    "random_directions",
    "random_variant",
    "read_study",
    "run_study",
    "topology",
    "train",
    "write_report",
]

_MODULES = {
    "api.cells": ("load_cell", "published_variant", "random_variant", "topology"),
    "api.curvatures": ("Curvature", "curvature"),
    "api.evidence": ("evidence",),
    "api.files": ("load",),
    "api.gradient_variances": ("GradientVariance", "gradient_variance"),
    "api.landscapes": ("Landscape", "landscape"),
    "api.studies": ("Study", "StudyResults", "read_study", "run_study"),
    "api.trained": ("Trained", "train"),
    "cells.formats.reading": ("parse",),
    "cells.genotype": ("Cell", "Genotype"),
    "cells.spaces.named": ("named_space",),
    "data.datasets": ("load_data",),
    "errors": ("NascopeError",),
    "networks.network": ("Network",),
    "probes.directions": ("random_directions",),
    "probes.grid": ("Grid",),
    "probes.risk": ("Risk",),
    "report.write": ("write_report",),
    "training.recipe": ("Recipe",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"nascope._src.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *(name for name in _HOMES if name not in globals())]
