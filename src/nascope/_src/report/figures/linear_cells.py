"""Figure 8: the theory's widest and narrowest cell, and what bounds each of their blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.ticker import NullLocator

from nascope._src.palette import FILLS, GREY, INK, VIOLET, cell_look
from nascope._src.records.tables import csv_bytes
from nascope._src.report.figures.style import (
    STYLES,
    Drawing,
    StyleName,
    legend_below,
    new_figure,
    set_log_axis,
)
from nascope._src.theory.comparison_result import ExtremesOutcome

_WIDE, _NARROW = cell_look(0), cell_look(1)
_ROWS = {  # of panels: what they show, by its name in the data, and the series that it belongs to
    "block's Lipschitz constant": {
        "wide": "wide", "narrow": "narrow", "bound": "bound", "published": "published"
    },
    "block's gradient variance": {
        "wide_variance": "wide", "narrow_variance": "narrow", "variance_bound": "bound"
    },
}  # fmt: skip
_SERIES: dict[str, dict[str, Any]] = {
    "wide": {
        "label": "widest, measured",
        "color": _WIDE.colour, "marker": _WIDE.mpl_marker, "markersize": 4.5,
    },
    "narrow": {
        "label": "narrowest, measured",
        "color": _NARROW.colour, "marker": _NARROW.mpl_marker, "markersize": 4,
    },
    "bound": {
        "label": "narrowest, corrected bound",
        "color": INK, "marker": "_", "markersize": 6, "markeredgewidth": 1.6,
    },
    "published": {
        "label": "narrowest, bound as published",
        "color": VIOLET, "marker": "x", "markersize": 4.5, "markeredgewidth": 1.2,
    },
}  # fmt: skip


def draw_linear_cells(
    outcomes: Sequence[ExtremesOutcome], title: str, note: str = "", *, style: StyleName = "page"
) -> Drawing:
    """Draw the two cells; below, for each λ, every block's constant and gradient variance."""
    look = STYLES[style]
    with new_figure(look, (look.width, 6.6), title, note) as figure:
        parts: Any = figure.subfigures(2, 1, height_ratios=[1, 2.1])
        above, below = parts
        stages = above.subplots(1, 2, squeeze=False)[0]
        for ax, draw in zip(stages, (_draw_widest, _draw_narrowest), strict=True):
            draw(ax, len(outcomes[0].wide))
        axes = below.subplots(len(_ROWS), len(outcomes), sharex=True, sharey="row", squeeze=False)
        for column, outcome in zip(axes.T, outcomes, strict=True):
            for ax, shown in zip(column, _ROWS.values(), strict=True):
                _draw_blocks(ax, outcome, shown)
            column[0].set_title(f"λ = {outcome.scale:g} of every matrix", fontweight="bold")
            column[-1].set_xlabel("block i")
        for ax, label in zip(axes[:, 0], _ROWS, strict=True):
            ax.set_ylabel(label)
            set_log_axis(ax)
            ax.yaxis.set_minor_locator(NullLocator())
        legend_below(below, [axes[0, 0]])
    return Drawing(figure, look, _table(outcomes))


def _draw_blocks(ax: Any, outcome: ExtremesOutcome, shown: dict[str, str]) -> None:
    ax.grid(True)
    ax.set_xticks(range(1, len(outcome.wide) + 1))
    for (name, series), offset in zip(shown.items(), (-0.24, -0.08, 0.08, 0.24), strict=False):
        values = np.asarray(getattr(outcome, name), dtype=np.float64)  # (blocks, quantiles)
        x = np.arange(1, len(values) + 1) + offset
        look = _SERIES[series]
        ax.plot(x, values[:, 1], linestyle="none", zorder=3, **look)
        ax.vlines(x, values[:, 0], values[:, 2], color=look["color"], linewidth=0.9, alpha=0.6)


# ---------------------------------------------------------------- the two cells


def _box(ax: Any, x: float, y: float, text: str, *, fill: str = "white") -> None:
    half = (0.42, 0.3)
    ax.add_patch(
        Rectangle((x - half[0], y - half[1]), 2 * half[0], 2 * half[1], facecolor=fill,
                  edgecolor=INK, linewidth=0.7, zorder=3)
    )  # fmt: skip
    ax.text(x, y, text, ha="center", va="center", zorder=4)


def _arrow(ax: Any, start: tuple[float, float], end: tuple[float, float], label: str = "") -> None:
    look: dict[str, Any] = {"color": GREY, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=6, zorder=2, **look))
    if label:
        x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        ax.text(x, y, label, ha="center", va="center", fontsize=7, color=INK, zorder=4,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8})  # fmt: skip


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _raised(letter: str, number: int) -> str:
    return f"{letter}⁽{str(number).translate(_RAISED)}⁾"


def _stage(ax: Any, title: str, *, right: float, nodes: int) -> None:
    ax.set(xlim=(-0.6, right), ylim=(-0.5 * nodes - 0.3, 0.5 * nodes + 0.3), title=title)
    ax.set_axis_off()


def _draw_widest(ax: Any, nodes: int) -> None:
    """y⁽ⁱ⁾ = W⁽ⁱ⁾ x."""
    _stage(ax, "widest: y⁽ⁱ⁾ = W⁽ⁱ⁾ x", right=5.6, nodes=nodes)
    _box(ax, 0, 0, "x", fill=FILLS["end"])
    for number in range(1, nodes + 1):
        y = (nodes + 1) / 2 - number
        _box(ax, 2.6, y, _raised("y", number))
        _arrow(ax, (0.42, 0), (2.18, y), _raised("W", number))
        _arrow(ax, (3.02, y), (4.58, 0))
    _box(ax, 5.0, 0, "f", fill=FILLS["end"])


def _draw_narrowest(ax: Any, nodes: int) -> None:
    """ŷ⁽ⁱ⁾ = W⁽ⁱ⁾ ŷ⁽ⁱ⁻¹⁾."""
    step = 1.9
    last = step * (nodes + 1)
    _stage(ax, "narrowest: ŷ⁽ⁱ⁾ = W⁽ⁱ⁾ ŷ⁽ⁱ⁻¹⁾", right=last + 0.6, nodes=nodes)
    _box(ax, 0, 0, "x", fill=FILLS["end"])
    for number in range(1, nodes + 1):
        x = step * number
        _box(ax, x, 0, _raised("ŷ", number))
        _arrow(ax, (x - step + 0.42, 0), (x - 0.42, 0), _raised("W", number))
        if number < nodes:
            bend = 0.5 * (nodes - number) / nodes
            look: dict[str, Any] = {"color": GREY, "linewidth": 0.9}
            ax.add_patch(
                FancyArrowPatch((x, 0.3), (last, 0.3), arrowstyle="-|>", mutation_scale=6,
                                connectionstyle=f"arc3,rad=-{bend}", shrinkA=0, shrinkB=0, **look)
            )  # fmt: skip
    _arrow(ax, (last - step + 0.42, 0), (last - 0.42, 0))
    _box(ax, last, 0, "f", fill=FILLS["end"])


def _table(outcomes: Sequence[ExtremesOutcome]) -> bytes:
    """A row per block: medians, and the quantiles 0.1 and 0.9 over the random cells."""
    names = [name for shown in _ROWS.values() for name in shown]
    head = [f"{name}_{part}" for name in names for part in ("q10", "median", "q90")]
    rows = (
        [
            outcome.scale,
            block + 1,
            *(value for name in names for value in getattr(outcome, name)[block]),
            outcome.broken[block],
        ]
        for outcome in outcomes
        for block in range(len(outcome.wide))
    )
    return csv_bytes(["scale", "block", *head, "published_broken_share"], rows)
