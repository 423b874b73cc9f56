"""Loss landscapes and gradient variances as plotly draws them on the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nascope._src.palette import COLOUR_MAPS
from nascope._src.report.figures.grid_panels import GridPanel
from nascope._src.report.figures.grids import named_levels
from nascope._src.report.figures.scales import LevelScale
from nascope._src.report.figures.traces import number, numbers
from nascope._src.results.quantities import GRIDS

_AXIS = {
    "constrain": "domain", "showgrid": False, "showline": False, "ticks": "outside", "ticklen": 3,
    "tickcolor": "@line", "tickfont": {"size": 10}, "tickformat": ".3~g",
}  # fmt: skip
_SMALL_AXIS = {"tickfont": {"size": 9}}


def grid_figure(
    panel: GridPanel, kind: str, scale: LevelScale, level: float | None
) -> dict[str, Any]:
    """Return a cell's grid as plotly draws it: flat, or as a surface on demand.

    Args:
        kind: "landscape" or "variance".
        level: the loss of a heavy contour.
    """
    places = scale.place(panel.values)
    lost = np.argwhere(np.isnan(places))
    traces: list[dict[str, Any]] = [_hatching(panel, kind, lost)] if lost.size else []
    traces.append({"like": "map"})
    if kind == "landscape" and level is not None:
        at = number(float(scale.place(np.array(level))))
        for width, colour in ((2.4, "#fff"), (1.2, "#000")):
            line = {"width": width, "color": colour}
            traces.append({"like": "level", "contours": {"start": at, "end": at}, "line": line})
    traces.append({"like": "centre"})
    axes = (("xaxis", panel.alphas), ("yaxis", panel.betas))
    return {
        "kind": kind,
        "cell": panel.cell.key,
        "data": {  # rows are β
            "x": numbers(panel.alphas),
            "y": numbers(panel.betas),
            "z": [numbers(row) for row in places.T],
            "text": [[_in_words(value) for value in row] for row in panel.values.T],
        },
        "traces": traces,
        "layout": {name: _ends(points, kind) for name, points in axes},
    }


def grid_kind(kind: str, scale: LevelScale) -> dict[str, Any]:
    """Return what all grids of a kind share on the page."""
    shown = GRIDS[kind]
    low, high = scale.start - scale.step / 2, scale.end + scale.step / 2
    levels = {"start": scale.start, "end": scale.end, "size": scale.step}
    stops = COLOUR_MAPS[kind]
    look = {
        "colorscale": [[k / (len(stops) - 1), colour] for k, colour in enumerate(stops)],
        "showscale": False,
        "hovertemplate": f"α %{{x:.2f}}, β %{{y:.2f}}<br>{shown.name} %{{text}}<extra></extra>",
    }
    flat = {**look, "zauto": False, "zmin": low, "zmax": high, "hoverongaps": True}
    contour = {"type": "contour", "autocontour": False}
    filled = {
        **flat,
        **contour,
        "contours": {**levels, "coloring": "fill"},
        "line": {"width": 0.6, "color": "rgba(255,255,255,.55)", "smoothing": 0.4},
    }
    named = named_levels(scale, most=6)
    return {
        "title": shown.axis,
        "traces": {
            "map": filled if kind == "landscape" else {**flat, "type": "heatmap"},
            "level": {
                **contour,
                "showscale": False,
                "hoverinfo": "skip",
                "contours": {"size": 1, "coloring": "none"},
                "line": {"smoothing": 0.4},
            },
            "centre": {
                "x": [0],
                "y": [0],
                "mode": "markers",
                "hoverinfo": "skip",
                "marker": {
                    "symbol": "cross-thin",
                    "size": 8,
                    "line": {"width": 1.6, "color": "#fff"},
                },
            },
            "surface": {
                **look,
                "type": "surface",
                "cmin": low,
                "cmax": high,
                "connectgaps": False,
                "contours": {
                    "z": {**levels, "show": True, "width": 1, "color": "rgba(255,255,255,.5)"}
                },
                "lighting": {"ambient": 0.75, "diffuse": 0.45, "specular": 0.05, "roughness": 0.9},
            },
        },
        "layout": {
            "margin": {"l": 30, "r": 8, "t": 4, "b": 30},
            "xaxis": {**_AXIS, "title": {"text": "α", "standoff": 0}},
            "yaxis": {**_AXIS, "title": {"text": "β", "standoff": 0}, "scaleanchor": "x"},
        },
        "small": {
            "width": 200,
            "layout": {
                "margin": {"l": 26, "r": 6, "t": 4, "b": 26},
                "xaxis": _SMALL_AXIS,
                "yaxis": _SMALL_AXIS,
            },
        },
        "scene": {
            "xaxis": {"title": {"text": "α"}},
            "yaxis": {"title": {"text": "β"}},
            "zaxis": {
                "title": {"text": shown.name},
                "range": [scale.start, high],
                "tickvals": list(named),
                "ticktext": list(named.values()),
            },
        },
    }


def _in_words(value: float) -> Any:
    """A value for a hover, by its name if it is not finite."""
    if math.isfinite(value):
        return number(value, digits=4)
    return "not a number" if math.isnan(value) else "infinite"


def _ends(points: np.ndarray, kind: str) -> dict[str, Any]:
    """The ends of an axis; a map colours half a step beyond its outermost points."""
    rim = (0.0, 0.0)
    if kind != "landscape":
        rim = ((points[1] - points[0]) / 2, (points[-1] - points[-2]) / 2)
    return {
        "range": numbers((points[0] - rim[0], points[-1] + rim[1])),
        "tickvals": numbers((points[0], points[-1])),
    }


def _hatching(panel: GridPanel, kind: str, lost: np.ndarray) -> dict[str, Any]:
    """Hatch the points without a value: they are results, never filled in.

    A map colours the surroundings of each point. Contours are drawn between points, so that a lost
    one takes all that reaches to its neighbours.
    """
    across, along = (_surroundings(axis, kind) for axis in (panel.alphas, panel.betas))
    x: list[float] = []
    y: list[float] = []
    for i, j in lost:
        (left, right), (low, high) = across[i], along[j]
        x += [left, right, right, left, left, math.nan]
        y += [low, low, high, high, low, math.nan]
    pattern = {"shape": "/", "size": 5, "solidity": 0.25, "fgcolor": "@warn", "bgcolor": "@ground"}
    return {
        "x": numbers(x), "y": numbers(y), "mode": "lines", "line": {"width": 0}, "fill": "toself",
        "hoverinfo": "skip", "fillpattern": pattern,
    }  # fmt: skip


def _surroundings(points: np.ndarray, kind: str) -> Sequence[tuple[float, float]]:
    """From where to where each point of an axis reaches."""
    if kind == "landscape":
        lows, highs = np.r_[points[:1], points[:-1]], np.r_[points[1:], points[-1:]]
    else:
        inner = (points[1:] + points[:-1]) / 2
        borders = np.r_[2 * points[0] - inner[0], inner, 2 * points[-1] - inner[-1]]
        lows, highs = borders[:-1], borders[1:]
    return [(float(low), float(high)) for low, high in zip(lows, highs, strict=True)]
