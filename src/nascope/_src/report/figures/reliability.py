"""Reliability of measures: bars of variance shares, with the interval of the wirings' share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nascope._src.palette import FILLS, INK
from nascope._src.records.tables import csv_bytes
from nascope._src.report.figures.style import STYLES, Drawing, StyleName, legend_below, new_figure
from nascope._src.results.reliability import Reliability
from nascope._src.results.stats.components import VarianceShares
from nascope._src.results.text.reliability import (
    name_of,
    ordered,
    reliability_row,
    setting_of_entry,
)
from nascope._src.results.text.trials import shortened

_PARTS = (
    ("wiring", "wiring", FILLS["sep"]),
    ("seed", "seed", FILLS["max"]),
    ("direction", "direction", FILLS["conv"]),
    ("mode", "BatchNorm mode", FILLS["end"]),
)


def draw_reliability(entries: Sequence[Reliability], *, style: StyleName = "page") -> Drawing:
    """Draw each measure's shares as a bar, by group, the most reliable first.

    Args:
        entries: of one setting, one with shares at least; those without are left out.
        style: for the page or for print.
    """
    known = [(entry, entry.shares) for entry in ordered(entries) if entry.shares is not None]
    groups = list(dict.fromkeys(entry.group for entry, _ in known))
    rows = [[pair for pair in known if pair[0].group == group] for group in groups]
    look = STYLES[style]
    title = "Reliability: the share of a value's variance that is wiring"
    note = ", ".join(dict.fromkeys(setting_of_entry(entry) for entry, _ in known))
    height = 0.21 * len(known) + 0.45 * len(groups) + 1.1
    with new_figure(look, (look.width, height), title, note) as figure:
        ratios = [len(own) + 1 for own in rows] or [1]
        axes = figure.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)
        for ax, group, own in zip(axes[:, 0], groups, rows, strict=False):
            for place, (_, shares) in enumerate(own):
                _draw_bar(ax, shares, place)
            names = [shortened(name_of(entry), 60) for entry, _ in own]
            ax.set_yticks(range(len(own)), names, fontsize=7)
            ax.set_ylim(len(own) - 0.4, -0.6)
            ax.set_title(group, loc="left", fontsize=9)
        axes[-1, 0].set_xlim(0, 1)
        axes[-1, 0].set_xlabel("share of the variance; line: 95 % interval of the wirings' share")
        legend_below(figure, axes[:1, 0])
    table = [reliability_row(entry) for entry, _ in known]
    return Drawing(figure, look, csv_bytes(table[0], [list(row.values()) for row in table]))


def first_setting(entries: Sequence[Reliability]) -> list[Reliability]:
    """Return the entries with shares of the first data set and learning rate that has any."""
    known = [entry for entry in entries if entry.shares is not None]
    return [entry for entry in known if setting_of_entry(entry) == setting_of_entry(known[0])]


def _draw_bar(ax: Any, shares: VarianceShares, place: int) -> None:
    start = 0.0
    for name, label, colour in _PARTS:
        size = getattr(shares, name)
        ax.barh(place, size, left=start, color=colour, height=0.7, label=label)
        start += size
    ax.plot([shares.low, shares.high], [place] * 2, color=INK, linewidth=1.2)
