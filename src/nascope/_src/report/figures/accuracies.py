"""Figure 9: test accuracy at convergence, of popular cells and their variants."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    found = [accuracies_of(arrangement, column) for column in columns]
    size = (look.width, _HEIGHT * len(columns) + 0.9)
    with new_figure(look, size, title, note) as figure:
        axes = figure.subplots(len(columns), 1, squeeze=False, sharex=True)[:, 0]
        for ax, column, shown in zip(axes, columns, found, strict=True):
            _draw_panel(ax, shown, arrangement)
            ax.set_ylabel(f"test accuracy (%)\non {column.title}")
            if not shown:
                write_in_middle(ax, column.absent or "not run yet")
        _name_marks(figure, axes)
    return Drawing(
        figure, look, _table([accuracy for shown in found for accuracy in shown], arrangement)
    )


def _name_marks(figure: Any, axes: Any) -> None:
    """Name each label once, with all its marks: variants of other families have other marks."""
    handles: dict[str, dict[Any, Any]] = {}  # by label, then by mark
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, {}).setdefault(handle.get_marker(), handle)
    if handles:
        marks: list[Any] = [tuple(own.values())[:_NAMED] for own in handles.values()]
        figure.legend(
            marks, list(handles),
            handler_map={tuple: HandlerTuple(ndivide=None, pad=0.6)},
            handlelength=None if all(len(own) == 1 for own in handles.values()) else 6,
            loc="outside lower center", ncols=min(6, len(handles)), frameon=False,
        )  # fmt: skip


def _draw_panel(ax: Any, found: Sequence[Accuracy], arrangement: Arrangement) -> None:
    families = arrangement.families
    ax.set_xticks(range(len(families)), [shortened(family, 20) for family in families])
    ax.set_xlim(-0.5, len(families) - 0.5)
    ax.grid(True, axis="y")
    ax.tick_params(axis="x", length=0)
    finite = [one.mean.mean for one in found if math.isfinite(one.mean.mean)]
    foot = min(finite, default=0.0) - 0.12 * (max(finite, default=1.0) - min(finite, default=0.0))
    few = max((len(arrangement.cells_of(family)) for family in families), default=0) - 1 <= _NAMED
    for place, family in enumerate(families):
        cells = arrangement.cells_of(family)
        own = {one.cell.key: one for one in found if one.cell.family == family}
        for number, cell in enumerate(cells):
            if cell.key not in own:
                continue
            # The original in the middle, its variants to both sides.
            side = (-1) ** number * ((number + 1) // 2)
            x = place + _SPREAD * 2 * side / max(len(cells), 2)
            _draw_dot(ax, own[cell.key], x, foot, _label(cell, few=few))
        if found and not own:
            at = ax.get_xaxis_transform()
            ax.text(place, 0.5, "not run yet", transform=at, ha="center", color=NOTE)
        original = next((own[c.key] for c in cells if c.is_original and c.key in own), None)
        if original is not None and math.isfinite(original.mean.mean):
            level, colour = original.mean.mean, original.cell.look.colour
            ax.plot([place - 0.42, place + 0.42], [level] * 2, color=colour, linewidth=0.6,
                    linestyle=(0, (4, 2)), zorder=1)  # fmt: skip
    if len(families) > 1:
        for edge in range(1, len(families)):
            ax.axvline(edge - 0.5, color=FAINT, linewidth=0.6)


def _label(cell: ShownCell, *, few: bool) -> str:
    if cell.is_original:
        return "the original"
    return cell.variant.replace("published", "authors' variant") if few else "its random variants"


def _draw_dot(ax: Any, one: Accuracy, x: float, foot: float, label: str) -> None:
    look, original = one.cell.look, one.cell.is_original
    if not math.isfinite(one.mean.mean):
        ax.plot(x, foot, "x", color=look.colour, markersize=5, markeredgewidth=1.2, clip_on=False)
        ax.annotate("diverged", (x, foot), (0, 5), textcoords="offset points", fontsize=5.5,
                    ha="center", rotation=90, va="bottom")  # fmt: skip
        return
    if one.diverged:
        ax.annotate(f"{one.diverged} diverged", (x, one.mean.mean), (0, 6), ha="center",
                    textcoords="offset points", fontsize=5.5, rotation=90, va="bottom")  # fmt: skip
    if one.mean.low is not None and one.mean.high is not None:
        ax.plot([x, x], [one.mean.low, one.mean.high], color=look.colour, linewidth=1.1, alpha=0.55)
    ax.plot(
        x,
        one.mean.mean,
        linestyle="none",
        marker="o" if original else look.mpl_marker,
        color=look.colour,
        markerfacecolor="white" if one.diverged else look.colour,
        markersize=7.5 if original else 6.5 if look.mpl_marker == "*" else 5,
        markeredgewidth=0.8,
        label=label,
        zorder=4 if original else 3,
    )


def _table(cells: Sequence[Accuracy], arrangement: Arrangement) -> bytes:
    """Return one row per cell, with its rank in its family and what chance would do."""
    names = ["family", "cell", "variant", "data", "learning_rate", "seeds", "diverged"]
    names += ["test_accuracy_percent", "interval_low", "interval_high", "rank", "of"]
    names += ["chance_of_such_a_rank_or_better", "chance_that_another_is_better"]
    places: dict[tuple[FigureColumn, str], dict[str, Standing]] = {}
    rows = []
    for one in cells:
        key = one.column, one.cell.family
        if key not in places:
            compared = arrangement.group_of(*key).compared
            places[key] = (
                standings_of(compared, ACCURACY, most="members") if compared is not None else {}
            )
        place = places[key].get(one.cell.label)
        rows.append(
            [
                one.cell.family,
                one.cell.label,
                one.cell.variant,
                one.column.data,
                one.column.learning_rate,
                len(one.trials),
                one.diverged,
                one.mean.mean,
                one.mean.low,
                one.mean.high,
                *(
                    (f"{place.rank:g}", place.members, place.chance, place.chance_of_a_better_one)
                    if place is not None
                    else (None,) * 4
                ),
            ]
        )
    return csv_bytes(names, rows)
