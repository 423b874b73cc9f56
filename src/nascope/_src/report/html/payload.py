"""The data of the page's script: every interactive figure, ready for plotly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nascope._src.records.read import TrialRecord
from nascope._src.report.arrangement import Arrangement, Group, ShownCell
from nascope._src.report.figures.curves import CURVE_LAYOUT, curve_figure, curve_panel
from nascope._src.report.figures.grid_panels import GridPanel, grid_panel
from nascope._src.report.figures.grid_traces import grid_figure, grid_kind
from nascope._src.report.figures.scales import LevelScale
from nascope._src.report.figures.scatters import SCATTER_LAYOUT
from nascope._src.report.thinning import Thinning
from nascope._src.results.levels import Levels
from nascope._src.results.planes import mode_of
from nascope._src.results.quantities import CURVES, GRIDS
from nascope._src.runtime.types import Plain

_AXIS = {
    "gridcolor": "@grid", "linecolor": "@line", "zeroline": False, "ticks": "", "fixedrange": True
}  # fmt: skip
_LAYOUT = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "showlegend": False,
    "autosize": True,
    "font": {"size": 12, "color": "@muted"},
    "hoverlabel": {
        "bgcolor": "@card",
        "bordercolor": "@line",
        "font": {"color": "@ink", "size": 12},
        "namelength": 24,
    },
    "margin": {"l": 52, "r": 12, "t": 10, "b": 40},
}
_SCENE_AXIS = {
    "gridcolor": "@grid", "zerolinecolor": "@grid", "backgroundcolor": "rgba(0,0,0,0)",
    "color": "@muted", "showspikes": False, "tickfont": {"size": 10},
}  # fmt: skip
_SCENE = {
    "xaxis": _SCENE_AXIS,
    "yaxis": _SCENE_AXIS,
    "zaxis": _SCENE_AXIS,
    "aspectmode": "manual",
    "aspectratio": {"x": 1, "y": 1, "z": 0.75},
    "camera": {"eye": {"x": 1.15, "y": -1.25, "z": 0.75}, "center": {"x": 0, "y": 0, "z": -0.14}},
}


@dataclass(frozen=True)
class PageGrid:
    """A grid of the page; ``name`` is the id of its element."""

    name: str
    cell: ShownCell
    trial: TrialRecord
    mode: str
    panel: GridPanel


def page_grids(group: Group, arrangement: Arrangement, kind: str) -> list[PageGrid]:
    """Return a group's grids of a kind: one per trial and BatchNorm mode."""
    grids: dict[str, PageGrid] = {}
    for key, trials in group.trials.items():
        if not arrangement.shows(key):
            continue
        cell = arrangement.cell(key)
        for index, trial in enumerate(trials):
            if trial.seed not in arrangement.shown_seeds:
                continue
            for probe in trial.standard_probes(kind):
                mode = mode_of(probe)
                name = f"{group.key}-{kind}-{key}-{index}-{mode}"
                grids.setdefault(name, PageGrid(name, cell, trial, mode, grid_panel(cell, probe)))
    return list(grids.values())


def page_data(
    arrangement: Arrangement,
    levels: Levels,
    scales: Mapping[str, LevelScale | None],
    others: Mapping[str, Plain],
    thinning: Thinning,
) -> dict[str, Any]:
    """Return everything that the script needs, figures by the id of their element.

    Args:
        scales: by the kind of grid; None if there is none.
        others: further figures.
        thinning: what is left out.
    """
    figures: dict[str, Any] = {}
    for group in arrangement.groups:
        for quantity in CURVES:
            panel = curve_panel(group, arrangement, quantity, shown_only=True)
            figures[f"{group.key}-{quantity}"] = {
                **curve_figure(panel, seeds=thinning.seeds, stride=thinning.stride),
                "source": group.key,
            }
        for kind in GRIDS:
            for grid in page_grids(group, arrangement, kind):
                level, scale = levels.of(grid.trial).landscape_loss, scales[kind]
                assert scale is not None  # there is a grid of the kind
                figures[grid.name] = grid_figure(grid.panel, kind, scale, level)
    small = dict.fromkeys(("scatter", "lines", "selection"), SCATTER_LAYOUT)
    grid_kinds = {kind: grid_kind(kind, scale) for kind, scale in scales.items() if scale}
    return {
        "cells": {
            cell.key: {"label": cell.label, "colour": cell.look.colour, "dark": cell.look.dark}
            for cell in arrangement.shown_cells
        },
        "layout": _LAYOUT,
        "axes": {"xaxis": _AXIS, "yaxis": _AXIS},
        "scene": _SCENE,
        "kinds": {"curve": CURVE_LAYOUT, **small, **grid_kinds},
        "figures": {**figures, **others},
    }


def as_script(data: Any) -> str:
    r"""Return JSON that can stand in a ``<script>`` element, whatever text it holds.

    >>> as_script("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
