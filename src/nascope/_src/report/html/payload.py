"""What the page's script draws, as plain data: the curves, the grids, their scales."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nascope._src.records.read import ProbeRecord, TrialRecord
from nascope._src.report.arrangement import Arrangement, Group
from nascope._src.report.figures.curves import curve_figure
from nascope._src.report.figures.plain_numbers import number, numbers
from nascope._src.report.quantities import STOPS, scale_of
from nascope._src.report.scales import Scale
from nascope._src.results.levels import Levels
from nascope._src.results.planes import mode_of, planes
from nascope._src.results.quantities import CURVES, GRIDS


def payload(
    arrangement: Arrangement, levels: Levels, others: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Everything that the script needs; figures by the id of the element they are drawn in.

    Args:
        others: further figures.
    """
    scales = {kind: scale for kind in GRIDS if (scale := scale_of(arrangement, kind)) is not None}
    figures: dict[str, Any] = {}
    for group in arrangement.groups:
        for quantity in CURVES:
            figures[f"{group.key}-{quantity}"] = curve_figure(group, quantity)
        for kind in GRIDS:
            for panel in panels(group, kind):
                level = levels.of(panel.trial).landscape_loss
                figures[panel.name] = _grid_figure(panel, kind, level)
    return {
        "cells": {
            cell.key: {
                "label": cell.label,
                "colour": cell.look.colour,
                "dark": cell.look.dark,
                "dash": cell.look.dash,
                "marker": cell.look.marker,
                "width": cell.look.width,
            }
            for cell in arrangement.cells
        },
        "scales": {kind: _scale(kind, scale) for kind, scale in scales.items()},
        "figures": {**figures, **(others or {})},
    }


def as_script(data: Any) -> str:
    r"""JSON that may stand inside a ``<script>`` element, whatever the text in it.

    >>> as_script("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


# ---------------------------------------------------------------- grids


@dataclass(frozen=True)
class Panel:
    """A grid of the page: ``name`` is its element's, ``cell`` the cell's key."""

    name: str
    cell: str
    trial: TrialRecord
    probe: ProbeRecord
    mode: str


def panels(group: Group, kind: str) -> list[Panel]:
    """The group's grids of a kind: one a trial and BatchNorm mode."""
    found: dict[tuple[str, int, str], Panel] = {}
    for key, trials in group.trials.items():
        for index, trial in enumerate(trials):
            for probe in planes(trial, kind):
                mode = mode_of(probe)
                name = f"{group.key}-{kind}-{key}-{index}-{mode}"
                found.setdefault((key, index, mode), Panel(name, key, trial, probe, mode))
    return list(found.values())


def _scale(kind: str, scale: Scale) -> dict[str, Any]:
    grid = GRIDS[kind]
    return {
        "name": grid.name,
        "title": grid.axis,
        "base": scale.base,
        "start": scale.start,
        "end": scale.end,
        "step": scale.step,
        "stops": list(STOPS[kind]),
        "ticks": list(scale.labels),
    }


def _grid_figure(panel: Panel, kind: str, level: float | None) -> dict[str, Any]:
    arrays = panel.probe.arrays
    values = GRIDS[kind].values(panel.probe)
    return {
        "kind": kind,
        "cell": panel.cell,
        "level": level,
        "x": numbers(arrays["alphas"]),
        "y": numbers(arrays["betas"]),
        # rows are y in the script, so betas
        "z": [[number(z, name_lost=True) for z in row] for row in values.T],
    }
