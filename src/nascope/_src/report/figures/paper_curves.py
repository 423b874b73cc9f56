"""Figures 3, 4, 12 and 13: loss above, accuracy below; a column a data set or learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from matplotlib.figure import Figure

from nascope._src.report.arrangement import Arrangement, Group
from nascope._src.report.figures.curves import curve_figure, curves_table, draw_lines, set_log_axis
from nascope._src.report.figures.drawn import WIDTH, Drawn, titled
from nascope._src.results.paper.columns import FigureColumn
from nascope._src.results.quantities import CURVES

QUANTITIES = ("test_loss", "test_accuracy")
_HEIGHT = 3.9  # inches, of a family


def draw_curves(
    arrangement: Arrangement, columns: Sequence[FigureColumn], title: str, note: str = ""
) -> Drawn:
    """Curves of every family of a study, one below the other.

    Columns of one data set share their axes, so that learning rates can be compared.
    """
    families = arrangement.families
    figure = Figure(figsize=(WIDTH, _HEIGHT * len(families) + 0.5), layout="constrained")
    titled(figure, title, note)
    groups: list[Group] = []
    parts = figure.subfigures(len(families), 1, squeeze=False)[:, 0]
    for part, family in zip(parts, families, strict=True):
        own = [arrangement.group_of(column, family) for column in columns]
        _draw_family(part, own, arrangement, columns)
        groups += own
    return Drawn(figure, curves_table(groups, arrangement))


def _draw_family(
    part: Any, groups: Sequence[Group], arrangement: Arrangement, columns: Sequence[FigureColumn]
) -> None:
    axes = part.subplots(len(QUANTITIES), len(columns), squeeze=False, sharex="col")
    for line, quantity in zip(axes, QUANTITIES, strict=True):
        figures = [curve_figure(group, quantity) for group in groups]
        for _, same in groupby(range(len(columns)), key=lambda k: columns[k].data):
            drawn = [k for k in same if _draw_panel(line[k], figures[k], arrangement, columns[k])]
            for k in drawn[1:]:
                line[k].sharey(line[drawn[0]])
                line[k].tick_params(labelleft=False)
            if any(figures[k]["log"] for k in drawn):
                set_log_axis(line[drawn[0]])
        line[0].set_ylabel(CURVES[quantity].axis)
    for ax, column in zip(axes[0], columns, strict=True):
        ax.set_title(column.title, fontweight="bold")
    for ax, column in zip(axes[-1], columns, strict=True):
        if not column.absent:
            ax.set_xlabel("epoch")
    handles: dict[str, Any] = {}
    for ax in axes.flat:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        part.legend(
            handles.values(),
            handles.keys(),
            loc="outside lower center",
            ncols=min(6, len(handles)),
            frameon=False,
        )


def _draw_panel(
    ax: Any, data: dict[str, Any], arrangement: Arrangement, column: FigureColumn
) -> bool:
    """A panel's lines, or why there are none; whether there are some."""
    if any(line["seeds"] for line in data["lines"]):
        draw_lines(ax, data, arrangement)
        return True
    words = column.absent or "not run yet"
    ax.text(0.5, 0.5, words, ha="center", va="center", transform=ax.transAxes, color="#555555")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color("#bbbbbb")
    return False
