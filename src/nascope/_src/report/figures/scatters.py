"""Small plots of the page: wirings by width or depth, spectra, and what a search picks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import LogLocator, MaxNLocator

from nascope._src.report.arrangement import ShownCell
from nascope._src.report.figures.traces import cell_colour, escaped, numbers
from nascope._src.results.text.numbers import readable
from nascope._src.runtime.types import Plain

SCATTER_LAYOUT = {
    "layout": {
        "font": {"size": 11},
        "margin": {"l": 48, "r": 10, "t": 8, "b": 36},
        "hovermode": "closest",
        "xaxis": {"automargin": True, "title": {"standoff": 4}},
        "yaxis": {"automargin": True, "title": {"text": "", "standoff": 4}},
    }
}
"""What all small plots of the page share."""


def round_ticks(low: float, high: float, *, log: bool) -> list[float]:
    """Return round numbers between two, at least three.

    >>> round_ticks(0, 10, log=False), round_ticks(0.8, 30, log=True)
    ([0, 5, 10], [1, 2, 5, 10, 20])
    """
    ticks: list[float] = []
    ends = low - 1e-9 * abs(low), high + 1e-9 * abs(high)
    parts = [(1,)] if high > 1e4 * low else [(1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)]
    locators: list[Any] = [LogLocator(subs=subs) for subs in parts] if log else []
    locators += [MaxNLocator(count, steps=[1, 2, 5, 10]) for count in (4, 6, 8)]
    for locator in locators:
        ticks = [t for t in locator.tick_values(low, high) if ends[0] <= t <= ends[1]]
        if len(ticks) > 2:
            break
    return numbers(ticks)


def _at_ticks(ticks: Sequence[float]) -> dict[str, Any]:
    names = [readable(tick, 4) for tick in ticks]
    return {"tickmode": "array", "tickvals": list(ticks), "ticktext": names}


# ---------------------------------------------------------------- a measure by width or depth


def scatter_figure(figure: Plain, cells: Mapping[str, ShownCell]) -> dict[str, Any]:
    """Return wirings by width or depth as plotly draws them.

    A wiring without a finite number is beyond the others, on the worse side.

    Args:
        figure: the axes and the points of a scatter.
        cells: by key.
    """
    points: Sequence[Plain] = figure["points"]
    log, worst_is_high = figure["log"], figure["worst"] == "high"
    known = [math.log10(p["y"]) if log else p["y"] for p in points if "lost" not in p]
    least, most = min(known, default=0.0), max(known, default=1.0)
    span = most - least or 0.1 * abs(most) or 1.0
    low, high = least - 0.18 * span, most + 0.18 * span
    rim, outward = (high, 1) if worst_is_high else (low, -1)
    edge = rim + outward * 0.12 * span
    is_lost = len(known) < len(points)
    ends = sorted((low if worst_is_high else high, edge + outward * 0.1 * span))

    def back(place: float) -> float:
        return 10.0**place if log else place

    ticks = round_ticks(back(low), back(high), log=log) if known else []
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": figure["x_axis"]}, **_range_of_widths(points)},
        "yaxis": {
            "type": "log" if log else "linear",
            "range": numbers(ends if is_lost else (low, high)),
            **_at_ticks(ticks),
        },
    }
    if is_lost:
        layout["shapes"] = [
            {
                "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": back(rim), "y1": back(rim),
                "line": {"color": "@line", "width": 1, "dash": "dot"},
            }
        ]  # fmt: skip
        diverged = all(point.get("lost", "diverged") == "diverged" for point in points)
        layout["annotations"] = [
            {
                "xref": "paper", "x": 0, "xanchor": "right", "y": edge, "showarrow": False,
                "text": "diverged" if diverged else "not finite",
                "font": {"size": 10, "color": "@warn"},
            }
        ]  # fmt: skip
    sides = _sides_of_names(points, "bottom center" if worst_is_high else "top center")
    traces = [
        _point_trace(point, cells[point["cell"]], x, back(edge), side)
        for point, x, side in zip(points, _spread(points), sides, strict=True)
    ]
    return {"kind": "scatter", "traces": traces, "layout": layout}


def _spread(points: Sequence[Plain]) -> list[float]:
    """Places next to each other for wirings of equal width, which would hide each other."""
    met: Counter[float] = Counter()
    places = []
    for point in points:
        x, count = point["x"], met[point["x"]]
        met[x] += 1
        places.append(x + 0.04 * (-1) ** count * math.ceil(count / 2))
    return places


def _sides_of_names(points: Sequence[Plain], lost: str) -> list[str]:
    """Where names stand: those of neighbours above and below in turn, so as not to touch."""
    named = [k for k, point in enumerate(points) if point["original"] and "lost" not in point]
    named.sort(key=lambda k: points[k]["x"])
    turns = {k: "bottom center" if turn % 2 else "top center" for turn, k in enumerate(named)}
    return [
        lost if "lost" in point else turns.get(k, "top center") for k, point in enumerate(points)
    ]


def _range_of_widths(points: Sequence[Plain]) -> dict[str, Any]:
    places = [point["x"] for point in points]
    if not places:
        return {}
    low, high = min(places), max(places)
    room = 0.2 * (high - low) or 0.5  # for names at the rim
    return {"range": numbers((low - room, high + room))} | ({"dtick": 1} if high - low < 8 else {})


def _point_trace(point: Plain, cell: ShownCell, x: float, edge: float, side: str) -> dict[str, Any]:
    colour, original, is_lost = cell_colour(cell), point["original"], "lost" in point
    seeds = point["seeds"]
    if is_lost:
        some = point["of"] < seeds
        number = point["lost"] + (f" in {point['of']} of {seeds} seeds" if some else "")
    else:
        number = readable(point["y"], 4)
    words = f"width {point['width']:g} c, depth {point['depth']}, {seeds} seed"
    return {
        "cell": cell.key,
        "x": numbers([x]),
        "y": numbers([edge if is_lost else point["y"]]),
        "mode": "markers+text",
        "text": [escaped(point["family"]) if original else ""],
        "textposition": side,
        "textfont": {"size": 9, "color": "@muted"},
        "cliponaxis": False,
        "hovertext": [f"{escaped(cell.label)}: {number}<br>{words}{'s' if seeds > 1 else ''}"],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {
            "color": colour,
            "symbol": "circle-x-open" if is_lost else cell.look.marker,
            "size": 11 if original else 8,
            "line": {
                "width": 2 if original else 1.5 if is_lost else 0,
                "color": colour if is_lost else "@ink",
            },
        },
    }


# ---------------------------------------------------------------- spectra


def lines_figure(figure: Plain, cells: Mapping[str, ShownCell]) -> dict[str, Any]:
    """Return a line per cell, on a logarithmic axis, as plotly draws it.

    Args:
        figure: the axes and the lines.
        cells: by key.
    """
    axis: dict[str, Any] = {
        "type": "log",
        "dtick": 1,
        "exponentformat": "power",
        "title": {"text": figure["y_axis"]},
    }
    values = [y for line in figure["lines"] for y in line["y"] if y is not None and y > 0]
    low, high = min(values, default=1.0), max(values, default=1.0)
    if low < high < 100 * low:
        axis |= _at_ticks(round_ticks(low, high, log=True))
    traces = []
    for line in figure["lines"]:
        cell = cells[line["cell"]]
        look = {"color": cell_colour(cell), "dash": cell.look.dash, "width": 0.7 * cell.look.width}
        traces.append(
            {
                "cell": cell.key,
                "x": line["x"],
                "y": line["y"],
                "name": escaped(cell.label),
                "mode": "lines+markers" if figure["marks"] else "lines",
                "line": look,
                "marker": {"symbol": cell.look.marker, "size": 6},
                "hovertemplate": "%{x}: %{y:.3g}",
            }
        )
    layout = {"xaxis": {"title": {"text": figure["x_axis"]}}, "yaxis": axis}
    return {"kind": "lines", "traces": traces, "layout": layout}


# ---------------------------------------------------------------- selection


def selection_figure(figure: Plain) -> dict[str, Any]:
    """Return rank correlation and regret by the epoch at which a search stops."""
    most = max([0.1, *(regret for regret in figure["regret"] if regret is not None)])
    common = {"x": figure["x"], "mode": "lines+markers"}
    return {
        "kind": "selection",
        "traces": [
            {
                **common,
                "y": figure["rho"],
                "name": "ρ",
                "line": {"color": "@accent", "width": 2},
                "marker": {"size": 6},
                "text": [escaped(text) for text in figure["text"]],
                "hovertemplate": "%{y:.2f}<br>%{text}",
            },
            {
                **common,
                "y": figure["regret"],
                "name": "regret",
                "yaxis": "y2",
                "line": {"color": "@warn", "width": 2, "dash": "dash"},
                "marker": {"size": 6, "symbol": "square"},
                "hovertemplate": "%{y:.2f} points",
            },
        ],
        "layout": {
            "margin": {"r": 48, "t": 28},
            "hovermode": "x unified",
            "showlegend": True,
            "legend": {
                "orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 11}
            },
            "xaxis": {"title": {"text": "epoch at which the search stops"}},
            "yaxis": {"title": {"text": "rank correlation ρ"}, "range": [-1.05, 1.05]},
            "yaxis2": {
                "linecolor": "@line",
                "zeroline": False,
                "ticks": "",
                "fixedrange": True,
                "automargin": True,
                "overlaying": "y",
                "side": "right",
                "title": {"text": "regret (points)", "standoff": 4},
                "range": numbers((-0.05 * most, 1.05 * most)),
                "nticks": 5,
                "showgrid": False,
            },
        },
    }  # fmt: skip
