"""What the page's script draws, as plain data: the curves, the grids, their scales."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nascope._src.records.read import ProbeRecord, TrialRecord
from nascope._src.report.arrangement import Arrangement, Group
from nascope._src.report.quantities import CURVES, GRIDS, scale_of
from nascope._src.report.scales import Scale, asks_for_log
from nascope._src.results.convergence import sound_curve
from nascope._src.results.intervals import over_seeds
from nascope._src.results.measures import Levels, mode_of, planes


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
                "colour": cell.style.colour,
                "dark": cell.style.dark,
                "dash": cell.style.dash,
                "marker": cell.style.marker,
                "width": cell.style.width,
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


# ---------------------------------------------------------------- curves


def curve_figure(group: Group, quantity: str) -> dict[str, Any]:
    """One figure of curves: for each cell its seeds, their mean, and its interval."""
    lines = [_line(key, trials, quantity) for key, trials in group.trials.items()]
    values = [y for line in lines for seed in line["seeds"] for y in seed["y"] if y is not None]
    return {
        "kind": "curve",
        "axis": CURVES[quantity].axis,
        "worst": CURVES[quantity].worst,
        "log": quantity != "test_accuracy" and asks_for_log(values),
        "lines": lines,
    }


def _line(key: str, trials: Sequence[TrialRecord], quantity: str) -> dict[str, Any]:
    seeds: list[dict[str, Any]] = []
    diverged: list[dict[str, Any]] = []
    x: list[float] = []
    for trial in trials:
        if trial.training is None:
            continue
        points = sound_curve(trial.training)
        values = [CURVES[quantity].value(point) for point in points]
        if len(points) > len(x):  # seeds share their places, as far as each got
            x = [point.epoch for point in points]
        seeds.append({"seed": trial.seed, "y": _numbers(values)})
        if trial.training.diverged_at is not None:
            finite = [value for value in values if math.isfinite(value)]
            at = {"seed": trial.seed, "epoch": trial.training.diverged_at}
            diverged.append(at | {"y": _number(finite[-1]) if finite else None})
    # A mean beyond the epochs that every seed has would favour the seeds that survived.
    common = min((len(seed["y"]) for seed in seeds), default=0)
    means = [
        over_seeds([math.nan if (y := seed["y"][e]) is None else y for seed in seeds])
        for e in range(common)
    ]
    line: dict[str, Any] = {
        "cell": key,
        "x": _numbers(x),
        "seeds": seeds,
        "mean": _numbers(mean.mean for mean in means),
        "diverged": diverged,
    }
    if any(mean.low is not None for mean in means):
        line["low"] = _numbers(math.nan if mean.low is None else mean.low for mean in means)
        line["high"] = _numbers(math.nan if mean.high is None else mean.high for mean in means)
    return line


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
        "stops": list(grid.stops),
        "ticks": list(scale.labels),
    }


def _grid_figure(panel: Panel, kind: str, level: float | None) -> dict[str, Any]:
    arrays = panel.probe.arrays
    values = GRIDS[kind].values(panel.probe)
    return {
        "kind": kind,
        "cell": panel.cell,
        "level": level,
        "x": _numbers(arrays["alphas"]),
        "y": _numbers(arrays["betas"]),
        # rows are y in the script, so betas
        "z": [[_number(z, name_lost=True) for z in row] for row in values.T],
    }


def _numbers(values: Iterable[float]) -> list[Any]:
    return [_number(value) for value in values]


def _number(value: float, *, name_lost: bool = False) -> Any:
    """Five significant digits; what is not finite becomes null, or its name."""
    value = float(value)
    if math.isfinite(value):
        rounded = float(f"{value:.5g}")
        return int(rounded) if rounded.is_integer() and abs(rounded) < 1e9 else rounded
    if not name_lost:
        return None
    return "not a number" if math.isnan(value) else "infinite"
