"""λ of trained networks: the spectral norms of their weights and edges, and their gains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nascope._src.palette import BLUE, INK, VERMILION
from nascope._src.report.figures.style import (
    STYLES,
    Drawing,
    StyleName,
    legend_below,
    new_figure,
    set_log_axis,
)
from nascope._src.runtime.types import Plain
from nascope._src.theory.summaries import norms_and_gains

_PANELS = (
    ("weights as stored", "weights"),
    ("weights with their BatchNorm", "batchnorm"),
    ("edges with weights, at real images", "edges"),
)
_SERIES = ((-0.15, BLUE, "o", "spectral norm λ"), (0.18, VERMILION, "D", "gain"))


def draw_networks(networks: Sequence[Plain], *, style: StyleName = "page") -> Drawing:
    """Draw λ and the gain of every weight and edge of some networks, early and at the end."""
    rows = [
        (f"{network['label']}, {at}", own)
        for network in networks
        for at, own in network["moments"].items()
    ]
    title = (
        "λ of trained networks: the spectral norm, and the gain ‖·‖_F/√n of a random input. "
        "Points are single weights or edges, bars are medians"
    )
    look = STYLES[style]
    with new_figure(look, (11, 0.3 * len(rows) + 1.9), title) as figure:
        axes = figure.subplots(1, len(_PANELS), sharey=True)
        for ax, (name, which) in zip(axes, _PANELS, strict=True):
            ax.axvline(1, color=INK, linewidth=0.8, linestyle=":")
            for place, (_, own) in enumerate(rows):
                _draw_row(ax, norms_and_gains(own, which), place)
            set_log_axis(ax, "x")
            ax.set_title(name, fontsize=9)
            ax.tick_params(labelsize=8)
            ax.set_xlabel("λ or gain", fontsize=8)
        axes[0].set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
        axes[0].set_ylim(len(rows) - 0.5, -0.5)
        for _, colour, marker, label in _SERIES:
            axes[0].plot([], [], marker, color=colour, label=label)
        legend_below(figure, axes[:1], fontsize=8)
    return Drawing(figure, look)


def _draw_row(ax: Any, pairs: Sequence[tuple[float, float]], place: int) -> None:
    for part, (offset, colour, marker, _) in enumerate(_SERIES):
        known = [pair[part] for pair in pairs if pair[part] > 0]
        y = place + offset
        faint = {"color": colour, "markersize": 2.2, "alpha": 0.35, "markeredgewidth": 0}
        ax.plot(known, [y] * len(known), marker, **faint)
        if known:
            middle = float(np.median(known))
            ax.plot([middle] * 2, [y - 0.15, y + 0.15], color=colour, linewidth=2)
