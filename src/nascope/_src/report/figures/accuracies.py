"""Test accuracies of cells and their variants at convergence: Figure 9."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.legend_handler import HandlerTuple

from nascope._src.palette import FAINT, NOTE
from nascope._src.records.tables import csv_bytes
from nascope._src.report.accuracies import Accuracy, accuracies_of
from nascope._src.report.arrangement import Arrangement, ShownCell
from nascope._src.report.figures.style import (
    STYLES,
    Drawing,
    StyleName,
    new_figure,
    write_in_middle,
)
from nascope._src.results.measures import ACCURACY
from nascope._src.results.paper.columns import FigureColumn
from nascope._src.results.standings import standings_of
from nascope._src.results.stats.contrasts import Standing
from nascope._src.results.text.trials import shortened

_HEIGHT = 2.6  # inches, of a data set
_SPREAD = 0.34  # how far a family's dots lie apart, in units of a family
_NAMED = 6  # variants up to which the legend names each


def draw_accuracies(
    arrangement: Arrangement,
    columns: Sequence[FigureColumn],
    title: str,
    note: str = "",
    *,
    style: StyleName = "page",
) -> Drawing:
    """Draw a strip of accuracies for each family, the original marked; a panel per data set.

    A cell whose trainings all diverged is a cross at the panel's foot. If only some diverged, its
    mark is hollow and stands for the others.
    """
    look = STYLES[style]
    by_column = [accuracies_of(arrangement, column) for column in columns]
    size = (look.width, _HEIGHT * len(columns) + 0.9)
    with new_figure(look, size, title, note) as figure:
        axes = figure.subplots(len(columns), 1, squeeze=False, sharex=True)[:, 0]
        for ax, column, shown in zip(axes, columns, by_column, strict=True):
            _draw_panel(ax, shown, arrangement)
            ax.set_ylabel(f"test accuracy (%)\non {column.title}")
            if not shown:
                write_in_middle(ax, column.absent or "not run yet")
        _name_marks(figure, axes)
    cells = [accuracy for shown in by_column for accuracy in shown]
    return Drawing(figure, look, _table(cells, arrangement))


def _name_marks(figure: Any, axes: Any) -> None:
    """Name each label once, with all its marks: variants of other families have other marks."""
    handles: dict[str, dict[Any, Any]] = {}  # by label, then by mark
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, {}).setdefault(handle.get_marker(), handle)
    if handles:
        by_label: list[Any] = [tuple(marks.values())[:_NAMED] for marks in handles.values()]
        figure.legend(
            by_label, list(handles),
            handler_map={tuple: HandlerTuple(ndivide=None, pad=0.6)},
            handlelength=None if all(len(marks) == 1 for marks in handles.values()) else 6,
            loc="outside lower center", ncols=min(6, len(handles)), frameon=False,
        )  # fmt: skip


def _draw_panel(ax: Any, accuracies: Sequence[Accuracy], arrangement: Arrangement) -> None:
    families = arrangement.families
    ax.set_xticks(range(len(families)), [shortened(family, 20) for family in families])
    ax.set_xlim(-0.5, len(families) - 0.5)
    ax.grid(True, axis="y")
    ax.tick_params(axis="x", length=0)
    means = [a.mean.mean for a in accuracies if math.isfinite(a.mean.mean)]
    foot = min(means, default=0.0) - 0.12 * (max(means, default=1.0) - min(means, default=0.0))
    few = max((len(arrangement.cells_of(family)) for family in families), default=0) - 1 <= _NAMED
    by_cell = {accuracy.cell.key: accuracy for accuracy in accuracies}
    for place, family in enumerate(families):
        cells = arrangement.cells_of(family)
        for number, cell in enumerate(cells):
            if cell.key in by_cell:
                # the original in the middle, its variants on both sides
                side = (-1) ** number * ((number + 1) // 2)
                x = place + _SPREAD * 2 * side / max(len(cells), 2)
                _draw_dot(ax, by_cell[cell.key], x, foot, _label(cell, few=few))
                if cell.is_original:
                    _draw_level(ax, by_cell[cell.key], place)
        if accuracies and not any(cell.key in by_cell for cell in cells):
            at = ax.get_xaxis_transform()
            ax.text(place, 0.5, "not run yet", transform=at, ha="center", color=NOTE)
    for edge in range(1, len(families)):
        ax.axvline(edge - 0.5, color=FAINT, linewidth=0.6)


def _label(cell: ShownCell, *, few: bool) -> str:
    if cell.is_original:
        return "the original"
    return cell.variant.replace("published", "authors' variant") if few else "its random variants"


def _draw_level(ax: Any, original: Accuracy, place: int) -> None:
    """Draw the original's accuracy across its family."""
    mean, look = original.mean.mean, original.cell.look
    if math.isfinite(mean):
        line = {"color": look.colour, "linewidth": 0.6, "linestyle": (0, (4, 2)), "zorder": 1}
        ax.plot([place - 0.42, place + 0.42], [mean] * 2, **line)


def _draw_dot(ax: Any, accuracy: Accuracy, x: float, foot: float, label: str) -> None:
    look, original = accuracy.cell.look, accuracy.cell.is_original
    mean, diverged = accuracy.mean, accuracy.diverged
    note = {"textcoords": "offset points", "fontsize": 5.5, "rotation": 90}
    note |= {"ha": "center", "va": "bottom"}
    if not math.isfinite(mean.mean):
        ax.plot(x, foot, "x", color=look.colour, markersize=5, markeredgewidth=1.2, clip_on=False)
        ax.annotate("diverged", (x, foot), (0, 5), **note)
        return
    if diverged:
        ax.annotate(f"{diverged} diverged", (x, mean.mean), (0, 6), **note)
    if mean.low is not None and mean.high is not None:
        ax.plot([x, x], [mean.low, mean.high], color=look.colour, linewidth=1.1, alpha=0.55)
    ax.plot(
        x, mean.mean, linestyle="none", label=label, color=look.colour,
        marker="o" if original else look.mpl_marker, markeredgewidth=0.8,
        markerfacecolor="white" if diverged else look.colour,
        markersize=7.5 if original else 6.5 if look.mpl_marker == "*" else 5,
        zorder=4 if original else 3,
    )  # fmt: skip


def _table(cells: Sequence[Accuracy], arrangement: Arrangement) -> bytes:
    """Return one row per cell, with its rank in its family and what chance would do."""
    names = ["family", "cell", "variant", "data", "learning_rate", "seeds", "diverged"]
    names += ["test_accuracy_percent", "interval_low", "interval_high", "rank", "of"]
    names += ["chance_of_such_a_rank_or_better", "chance_that_another_is_better"]
    places: dict[tuple[FigureColumn, str], Mapping[str, Standing]] = {}
    rows: list[list[Any]] = []
    for accuracy in cells:
        cell, column, mean = accuracy.cell, accuracy.column, accuracy.mean
        key = column, cell.family
        if key not in places:
            compared = arrangement.group_of(*key).compared
            places[key] = standings_of(compared, ACCURACY, most="members") if compared else {}
        row = [cell.family, cell.label, cell.variant, column.data, column.learning_rate]
        row += [len(accuracy.trials), accuracy.diverged, mean.mean, mean.low, mean.high]
        place = places[key].get(cell.label)
        if place is None:
            row += [None] * 4
        else:
            row += [f"{place.rank:g}", place.members, place.chance, place.chance_of_a_better_one]
        rows.append(row)
    return csv_bytes(names, rows)
