"""Small plots of the page: wirings by width or depth, spectra, and what a search picks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nascope._src.report.arrangement import ShownCell
from nascope._src.report.figures.ticks import at_ticks, round_ticks
from nascope._src.report.figures.traces import cell_colour, escaped, numbers
from nascope._src.results.selection.early_stopping import Choice
from nascope._src.results.text.numbers import readable

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


# ---------------------------------------------------------------- a measure by width or depth


@dataclass(frozen=True)
class WiringPoint:
    """A wiring with a measure of it.

    Attributes:
        value: mean over the seeds; None if it has no finite number.
        lost: why it has none, and in how many seeds; empty if it has one.
    """

    cell: ShownCell
    width: float
    depth: int
    seeds: int
    value: float | None
    lost: str = ""


def scatter_figure(
    points: Sequence[WiringPoint],
    axis: Literal["width", "depth"],
    *,
    log: bool,
    worst: Literal["low", "high"],
) -> dict[str, Any]:
    """Return wirings by width or depth as plotly draws them.

    A wiring without a finite number is drawn beyond the others.

    Args:
        log: whether the measure's axis is logarithmic.
        worst: the end of that axis to which a wiring without a number belongs.
    """
    known = [math.log10(p.value) if log else p.value for p in points if p.value is not None]
    least, most = min(known, default=0.0), max(known, default=1.0)
    span = most - least or 0.1 * abs(most) or 1.0
    low, high = least - 0.18 * span, most + 0.18 * span
    rim, outward = (high, 1) if worst == "high" else (low, -1)
    edge = rim + outward * 0.12 * span

    def back(place: float) -> float:
        return 10.0**place if log else place

    ticks = round_ticks(back(low), back(high), log=log) if known else []
    layout: dict[str, Any] = {
        "xaxis": _places_axis([getattr(point, axis) for point in points])
        | {"title": {"text": "width (c)" if axis == "width" else axis}},
        "yaxis": {
            "type": "log" if log else "linear",
            "range": numbers((low, high)),
            **at_ticks(ticks),
        },
    }
    if len(known) < len(points):
        ends = (low if worst == "high" else high, edge + outward * 0.1 * span)
        layout["yaxis"]["range"] = numbers(sorted(ends))
        layout["shapes"] = [
            {
                "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": back(rim), "y1": back(rim),
                "line": {"color": "@line", "width": 1, "dash": "dot"},
            }
        ]  # fmt: skip
        diverged = all(p.lost.startswith("diverged") for p in points if p.lost)
        layout["annotations"] = [
            {
                "xref": "paper", "x": 0, "xanchor": "right", "y": edge, "showarrow": False,
                "text": "diverged" if diverged else "not finite",
                "font": {"size": 10, "color": "@warn"},
            }
        ]  # fmt: skip
    sides = _sides_of_names(points, axis, "bottom center" if worst == "high" else "top center")
    places = _spread([getattr(point, axis) for point in points])
    traces = [
        _point_trace(point, x, back(edge), side)
        for point, x, side in zip(points, places, sides, strict=True)
    ]
    return {"kind": "scatter", "traces": traces, "layout": layout}


def _spread(places: Sequence[float]) -> list[float]:
    """Move points of equal width next to each other, since they would hide each other."""
    met: Counter[float] = Counter()
    spread = []
    for x in places:
        spread.append(x + 0.04 * (-1) ** met[x] * math.ceil(met[x] / 2))
        met[x] += 1
    return spread


def _sides_of_names(points: Sequence[WiringPoint], axis: str, lost: str) -> list[str]:
    """Put the names of neighbours above and below in turn, so that they do not touch."""
    named = [k for k, point in enumerate(points) if point.cell.is_original and not point.lost]
    named.sort(key=lambda k: getattr(points[k], axis))
    turns = {k: "bottom center" if turn % 2 else "top center" for turn, k in enumerate(named)}
    return [lost if p.lost else turns.get(k, "top center") for k, p in enumerate(points)]


def _places_axis(places: Sequence[float]) -> dict[str, Any]:
    if not places:
        return {}
    low, high = min(places), max(places)
    room = 0.2 * (high - low) or 0.5  # for names at the rim
    return {"range": numbers((low - room, high + room))} | ({"dtick": 1} if high - low < 8 else {})


def _point_trace(point: WiringPoint, x: float, edge: float, side: str) -> dict[str, Any]:
    cell, original = point.cell, point.cell.is_original
    number = point.lost if point.value is None else readable(point.value, 4)
    words = f"width {point.width:g} c, depth {point.depth}, {point.seeds} seed"
    words += "s" if point.seeds > 1 else ""
    colour = cell_colour(cell)
    return {
        "cell": cell.key,
        "x": numbers([x]),
        "y": numbers([edge if point.value is None else point.value]),
        "mode": "markers+text",
        "text": [escaped(cell.family) if original else ""],
        "textposition": side,
        "textfont": {"size": 9, "color": "@muted"},
        "cliponaxis": False,
        "hovertext": [f"{escaped(cell.label)}: {number}<br>{words}"],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {
            "color": colour,
            "symbol": "circle-x-open" if point.lost else cell.look.marker,
            "size": 11 if original else 8,
            "line": {
                "width": 2 if original else 1.5 if point.lost else 0,
                "color": colour if point.lost else "@ink",
            },
        },
    }


# ---------------------------------------------------------------- spectra


Line = tuple[ShownCell, Sequence[Any], Sequence[Any]]
"""A cell, and x and y of its line; None where there is no value."""


def lines_figure(
    lines: Sequence[Line], x_axis: str, y_axis: str, *, marks: bool = False
) -> dict[str, Any]:
    """Return a line per cell, on a logarithmic axis, as plotly draws it.

    Args:
        marks: also mark the points.
    """
    axis: dict[str, Any] = {"type": "log", "dtick": 1, "exponentformat": "power"}
    values = [y for _, _, values in lines for y in values if y is not None and y > 0]
    low, high = min(values, default=1.0), max(values, default=1.0)
    if low < high < 100 * low:
        axis |= at_ticks(round_ticks(low, high, log=True))
    traces = [
        {
            "cell": cell.key,
            "x": x,
            "y": y,
            "name": escaped(cell.label),
            "mode": "lines+markers" if marks else "lines",
            "line": {
                "color": cell_colour(cell), "dash": cell.look.dash, "width": 0.7 * cell.look.width
            },
            "marker": {"symbol": cell.look.marker, "size": 6},
            "hovertemplate": "%{x}: %{y:.3g}",
        }
        for cell, x, y in lines
    ]  # fmt: skip
    titles = {"xaxis": {"title": {"text": x_axis}}, "yaxis": axis | {"title": {"text": y_axis}}}
    return {"kind": "lines", "traces": traces, "layout": titles}


# ---------------------------------------------------------------- selection


def selection_figure(choices: Sequence[Choice]) -> dict[str, Any]:
    """Return rank correlation and regret by the epoch at which a search stops."""
    regrets = [100 * choice.regret for choice in choices]
    most = max([0.1, *(regret for regret in regrets if math.isfinite(regret))])
    picks = [f"picks {c.picked}: width {c.width:.3g} c, depth {c.depth:.3g}" for c in choices]
    common = {"x": [choice.epoch for choice in choices], "mode": "lines+markers"}
    return {
        "kind": "selection",
        "traces": [
            {
                **common,
                "y": numbers(choice.rho for choice in choices),
                "name": "ρ",
                "line": {"color": "@accent", "width": 2},
                "marker": {"size": 6},
                "text": [escaped(pick) for pick in picks],
                "hovertemplate": "%{y:.2f}<br>%{text}",
            },
            {
                **common,
                "y": numbers(regrets),
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
                "linecolor": "@line", "zeroline": False, "ticks": "", "fixedrange": True,
                "automargin": True, "overlaying": "y", "side": "right", "showgrid": False,
                "title": {"text": "regret (points)", "standoff": 4},
                "range": numbers((-0.05 * most, 1.05 * most)),
                **at_ticks(round_ticks(0, most, log=False)),
            },
        },
    }  # fmt: skip
