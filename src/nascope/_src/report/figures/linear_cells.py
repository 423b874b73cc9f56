"""Figure 8: the theory's widest and narrowest cell, and of each block what was measured and what
bounds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.ticker import NullLocator

from nascope._src.palette import cell_look
from nascope._src.records.tables import csv_bytes
from nascope._src.report.figures.curves import set_log_axis
from nascope._src.report.figures.drawn import WIDTH, Drawn, titled

Plain = Mapping[str, Any]

_INK = "#222222"
_WIDE, _NARROW = cell_look(0), cell_look(1)
_QUANTITIES = {
    "constant": ("wide", "narrow", "bound", "published"),
    "variance": ("wide_variance", "narrow_variance", "variance_bound"),
}
_AXES = {
    "constant": "block's Lipschitz constant",
    "variance": "block's gradient variance",
}
_LABELS = {
    "wide": "widest, measured",
    "narrow": "narrowest, measured",
    "bound": "narrowest, corrected bound",
    "published": "narrowest, bound as published",
}


def draw_linear_cells(found: Sequence[Plain], title: str, note: str = "") -> Drawn:
    """The two cells above; below, for each λ, every block's constant and gradient variance.

    Args:
        found: `nascope._src.theory.extremes.Extremes` as plain data.
    """
    figure = Figure(figsize=(WIDTH, 6.6), layout="constrained")
    titled(figure, title, note)
    parts: Any = figure.subfigures(2, 1, height_ratios=[1, 2.1])
    above, below = parts
    stages = above.subplots(1, 2, squeeze=False)[0]
    for ax, draw in zip(stages, (_draw_widest, _draw_narrowest), strict=True):
        draw(ax, len(found[0]["wide"]))
    axes = below.subplots(2, len(found), sharex=True, sharey="row", squeeze=False)
    for column, own in enumerate(found):
        for line, quantity in zip(axes, _QUANTITIES, strict=True):
            _draw_blocks(line[column], own, quantity)
        axes[0, column].set_title(f"λ = {own['scale']:g} of every matrix", fontweight="bold")
        axes[-1, column].set_xlabel("block i")
    for line, quantity in zip(axes, _QUANTITIES, strict=True):
        line[0].set_ylabel(_AXES[quantity])
        set_log_axis(line[0])
        line[0].yaxis.set_minor_locator(NullLocator())
    handles, labels = axes[0, 0].get_legend_handles_labels()
    below.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return Drawn(figure, _table(found))


def _draw_blocks(ax: Any, own: Plain, quantity: str) -> None:
    ax.grid(True)
    ax.set_xticks(range(1, len(own["wide"]) + 1))
    for place, name in enumerate(_QUANTITIES[quantity]):
        values = np.asarray(own[name], dtype=np.float64)  # (blocks, quantiles)
        x = np.arange(1, len(values) + 1) + (-0.24, -0.08, 0.08, 0.24)[place]
        kind = _LABELS_OF[name]
        look = _LOOKS[kind]
        ax.plot(x, values[:, 1], linestyle="none", label=_LABELS[kind], zorder=3, **look)
        ax.vlines(x, values[:, 0], values[:, 2], color=look["color"], linewidth=0.9, alpha=0.6)


_LABELS_OF = {
    "wide": "wide",
    "narrow": "narrow",
    "bound": "bound",
    "published": "published",
    "wide_variance": "wide",
    "narrow_variance": "narrow",
    "variance_bound": "bound",
}
_LOOKS: dict[str, dict[str, Any]] = {
    "wide": {"color": _WIDE.colour, "marker": _WIDE.mpl_marker, "markersize": 4.5},
    "narrow": {"color": _NARROW.colour, "marker": _NARROW.mpl_marker, "markersize": 4},
    "bound": {"color": _INK, "marker": "_", "markersize": 6, "markeredgewidth": 1.6},
    "published": {"color": "#7151b3", "marker": "x", "markersize": 4.5, "markeredgewidth": 1.2},
}


# ---------------------------------------------------------------- the two cells


def _box(ax: Any, x: float, y: float, text: str, *, fill: str = "white") -> None:
    half = (0.42, 0.3)
    ax.add_patch(
        Rectangle((x - half[0], y - half[1]), 2 * half[0], 2 * half[1], facecolor=fill,
                  edgecolor=_INK, linewidth=0.7, zorder=3)
    )  # fmt: skip
    ax.text(x, y, text, ha="center", va="center", zorder=4)


def _arrow(ax: Any, start: tuple[float, float], end: tuple[float, float], label: str = "") -> None:
    look: dict[str, Any] = {"color": "#7b7b7b", "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=6, zorder=2, **look))
    if label:
        x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        ax.text(x, y, label, ha="center", va="center", fontsize=7, color=_INK, zorder=4,
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
    _box(ax, 0, 0, "x", fill="#cfcfcf")
    for number in range(1, nodes + 1):
        y = (nodes + 1) / 2 - number
        _box(ax, 2.6, y, _raised("y", number))
        _arrow(ax, (0.42, 0), (2.18, y), _raised("W", number))
        _arrow(ax, (3.02, y), (4.58, 0))
    _box(ax, 5.0, 0, "f", fill="#cfcfcf")


def _draw_narrowest(ax: Any, nodes: int) -> None:
    """ŷ⁽ⁱ⁾ = W⁽ⁱ⁾ ŷ⁽ⁱ⁻¹⁾."""
    step = 1.9
    last = step * (nodes + 1)
    _stage(ax, "narrowest: ŷ⁽ⁱ⁾ = W⁽ⁱ⁾ ŷ⁽ⁱ⁻¹⁾", right=last + 0.6, nodes=nodes)
    _box(ax, 0, 0, "x", fill="#cfcfcf")
    for number in range(1, nodes + 1):
        x = step * number
        _box(ax, x, 0, _raised("ŷ", number))
        _arrow(ax, (x - step + 0.42, 0), (x - 0.42, 0), _raised("W", number))
        if number < nodes:
            bend = 0.5 * (nodes - number) / nodes
            look: dict[str, Any] = {"color": "#7b7b7b", "linewidth": 0.9}
            ax.add_patch(
                FancyArrowPatch((x, 0.3), (last, 0.3), arrowstyle="-|>", mutation_scale=6,
                                connectionstyle=f"arc3,rad=-{bend}", shrinkA=0, shrinkB=0, **look)
            )  # fmt: skip
    _arrow(ax, (last - step + 0.42, 0), (last - 0.42, 0))
    _box(ax, last, 0, "f", fill="#cfcfcf")


def _table(found: Sequence[Plain]) -> bytes:
    """A row a block: medians, and the quantiles 0.1 and 0.9 over the random cells."""
    names = [name for own in _QUANTITIES.values() for name in own]
    head = [f"{name}_{part}" for name in names for part in ("q10", "median", "q90")]
    rows = (
        [own["scale"], block + 1, *(v for name in names for v in own[name][block]),
         own["broken"][block]]
        for own in found
        for block in range(len(own["wide"]))
    )  # fmt: skip
    return csv_bytes(["scale", "block", *head, "published_broken_share"], rows)
