"""Figures of tables of accuracies: ρ by epoch, early against late, slopes, a census of means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nascope._src.palette import (
    BLUE,
    DARK_GREY,
    FAINT,
    INK,
    NOTE,
    VERMILION,
    VIRIDIS,
    colours_at,
)
from nascope._src.records.paths import slug
from nascope._src.records.tables import csv_bytes
from nascope._src.report.figures.style import (
    STYLES,
    Drawing,
    StyleName,
    legend_below,
    new_figure,
    set_log_axis,
    write_in_middle,
)
from nascope._src.results.evidence.numbers import Association, TableEvidence, flat_row
from nascope._src.results.stats.rank_bootstrap import Estimate
from nascope._src.results.text.evidence import UNITS, in_brackets

Array = np.ndarray

WIDTH, DEPTH = "fractional_width", "depth"
_LOOKS = {WIDTH: (BLUE, "o", "width"), DEPTH: (VERMILION, "s", "depth")}
_MOST_DOTS = 1500  # cells up to which each has a dot
_ROOM = 0.35  # of a step of width, over which dots are spread


def draw_table(evidence: TableEvidence, *, style: StyleName = "page") -> Drawing:
    """Draw one table: ρ by epoch (or by measure), early against late, the slope, and the census.

    Bands and bars are 95 % intervals.
    """
    look = STYLES[style]
    size = (look.width, 0.82 * look.width)
    with new_figure(look, size, evidence.table.name, _note(evidence)) as figure:
        (upper, other), (left, right) = figure.subplots(2, 2)
        if evidence.early is not None:
            _draw_epochs(upper, evidence)
            _draw_early_and_late(figure, other, evidence)
        else:
            _draw_measures(upper, evidence, adjusted=False)
            _draw_measures(other, evidence, adjusted=True)
        _draw_slope(left, evidence)
        _draw_census(right, evidence)
        legend_below(figure, [upper])
    return Drawing(figure, look, _rows_csv([evidence]))


def _note(evidence: TableEvidence) -> str:
    cells = f"{len(evidence.table.members):,} cells"
    if evidence.table.epochs is None:
        return cells
    return f"{cells}, {len(evidence.table.epochs):,} epochs"


def _draw_epochs(ax: Any, evidence: TableEvidence) -> None:
    """Draw ρ of width and depth with accuracy by epoch, raw and adjusted."""
    for measure, (colour, marker, name) in _LOOKS.items():
        rows = [r for r in evidence.rows if (r.cell, r.measure) == ("normal", measure)]
        epochs = [row.epoch for row in rows]
        raw = [row.rho for row in rows]
        ax.plot(epochs, [e.value for e in raw], color=colour, marker=marker, markersize=3,
                label=f"{name}, raw")  # fmt: skip
        if all(e.low is not None for e in raw):
            low, high = [e.low for e in raw], [e.high for e in raw]
            ax.fill_between(epochs, low, high, color=colour, alpha=0.16, linewidth=0)
        ax.plot(epochs, [row.adjusted.value for row in rows], color=colour, linestyle=(0, (4, 2)),
                label=f"{name}, adjusted")  # fmt: skip
    ax.axhline(0, color=INK, linewidth=0.6)
    if evidence.early is not None:
        ax.axvline(evidence.early, color=FAINT, linewidth=0.8)
    set_log_axis(ax, "x")
    ax.set(xlabel="epoch", ylabel="ρ with accuracy", title="Normal cell: ρ by epoch")
    ax.grid(True, axis="y")


def _draw_measures(ax: Any, evidence: TableEvidence, *, adjusted: bool) -> None:
    """Draw ρ of every measure with the final accuracy."""
    rows = [row for row in evidence.rows if row.epoch == evidence.final]
    shown = [(row, row.adjusted if adjusted else row.rho) for row in rows]
    shown = [(row, e) for row, e in shown if not math.isnan(e.value)]
    title = "Final accuracy, adjusted ρ" if adjusted else "Final accuracy, raw ρ"
    ax.set_title(title)
    if not shown:
        write_in_middle(ax, "no such numbers")
        return
    for place, (row, estimate) in enumerate(shown):
        colour = _LOOKS.get(row.measure, (DARK_GREY, "o", ""))[0]
        _draw_interval(ax, place, estimate, colour)
    names = [_short(row) for row, _ in shown]
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.axvline(0, color=INK, linewidth=0.6)
    ax.grid(True, axis="x")
    ax.set_xlabel("ρ with accuracy")


def _short(row: Association) -> str:
    name = row.measure.replace("_", " ")
    return f"{name}, reduction" if row.cell == "reduce" else name


def _draw_interval(ax: Any, place: float, estimate: Estimate, colour: str, **look: Any) -> None:
    if estimate.low is not None and estimate.high is not None:
        ax.plot([estimate.low, estimate.high], [place] * 2, color=colour, linewidth=1.6)
    ax.plot(estimate.value, place, marker="o", color=colour, markersize=4, **look)


def _draw_early_and_late(figure: Any, ax: Any, evidence: TableEvidence) -> None:
    """Draw the final accuracy of each cell against its early one, coloured by width."""
    table = evidence.table
    assert table.epochs is not None
    assert evidence.early is not None
    curves = _curves(evidence)
    early, late = curves[:, table.epochs.index(evidence.early)], curves[:, -1]
    width = _measure(evidence, WIDTH)
    colours = colours_at(VIRIDIS, _positions(width).tolist())
    size = 10 if len(width) <= _MOST_DOTS else 2
    ax.scatter(
        100 * early, 100 * late, c=colours, s=size, linewidths=0, rasterized=len(width) > 500
    )
    low, high = float(width.min()), float(width.max())
    ax.set(
        xlabel=f"accuracy at epoch {evidence.early} (%)",
        ylabel=f"accuracy at epoch {evidence.final} (%)",
        title=f"Early and late: ρ = {in_brackets(evidence.selects)}",
    )
    ends = [(low, 0.0), (high, 1.0)] if high > low else [(low, 0.0)]
    for value, position in ends:
        ax.plot([], [], "o", color=colours_at(VIRIDIS, [position])[0], label=f"width {value:.3g}c")
    ax.legend(frameon=False, loc="lower right", handletextpad=0.2)


def _draw_slope(ax: Any, evidence: TableEvidence) -> None:
    """Draw the final accuracy against width, with its slope and the deviation between seeds."""
    width, late = _measure(evidence, WIDTH), 100 * _curves(evidence)[:, -1]
    kept = np.isfinite(late)
    width, late = width[kept], late[kept]
    values = np.unique(width)
    step = float(np.diff(values).min()) if len(values) > 1 else 1.0
    if len(width) <= _MOST_DOTS:
        spread = np.random.default_rng(0).uniform(-_ROOM, _ROOM, len(width)) * step
        ax.plot(width + spread, late, "o", color=BLUE, alpha=0.45, markersize=2.5,
                markeredgewidth=0)  # fmt: skip
    else:
        for value in values:
            here = late[width == value]
            low, first, middle, third, high = np.percentile(here, [5, 25, 50, 75, 95])
            ax.plot([value] * 2, [low, high], color=BLUE, linewidth=0.8)
            ax.plot([value] * 2, [first, third], color=BLUE, linewidth=3)
            ax.plot(value, middle, "o", color="white", markeredgecolor=BLUE, markersize=3)
    row = evidence.row("normal", WIDTH, evidence.final)
    title = "Accuracy by width"
    if row is not None and not math.isnan(row.slope.value):
        ends = np.array([values[0], values[-1]])
        line = late.mean() + row.slope.value * (ends - width.mean())
        ax.plot(ends, line, color=INK, linewidth=1.2)
        title = f"{in_brackets(row.slope)} points per c"
    noise = next((n for n in evidence.noise if n.epoch == evidence.final), None)
    if noise is not None:
        x, y = values[-1] + 0.6 * step, float(np.median(late))
        ax.errorbar(x, y, noise.deviation, color=DARK_GREY, capsize=2, linewidth=1)
        ax.annotate("± between seeds", (x, y), (4, 0), textcoords="offset points", color=NOTE,
                    rotation=90, va="center")  # fmt: skip
    low, high = np.percentile(late, [1, 100])
    room = 0.08 * (high - low) or 0.5
    hidden = int((late < low - room).sum())
    ax.set_ylim(low - room, high + room)
    if hidden:
        title += f"; {hidden} below"
    ax.set(xlabel="fractional width of the normal cell (c)", ylabel=_final_label(evidence),
           title=title)  # fmt: skip
    ax.grid(True, axis="y")


def _final_label(evidence: TableEvidence) -> str:
    at = "" if evidence.final is None else f" at epoch {evidence.final}"
    return f"accuracy{at} (%)"


def _draw_census(ax: Any, evidence: TableEvidence) -> None:
    """Draw the mean accuracy of the cells at each width and depth, with their number."""
    width, depth = _measure(evidence, WIDTH), _measure(evidence, DEPTH)
    late = 100 * _curves(evidence)[:, -1]
    kept = np.isfinite(late)
    tiles: dict[tuple[float, float], list[float]] = {}
    for x, y, value in zip(width[kept], depth[kept], late[kept], strict=True):
        tiles.setdefault((round(2 * float(x)) / 2, float(y)), []).append(float(value))
    means = {place: float(np.mean(values)) for place, values in tiles.items()}
    positions = _positions(_ranked(np.array(list(means.values()))))
    widths, depths = ([place[k] for place in tiles] for k in (0, 1))
    for (x, y), position in zip(tiles, positions, strict=True):
        colour = colours_at(VIRIDIS, [float(position)])[0]
        ax.fill([x - 0.24, x + 0.24, x + 0.24, x - 0.24], [y - 0.48, y - 0.48, y + 0.48, y + 0.48],
                color=colour, linewidth=0)  # fmt: skip
        ink = "white" if position < 0.6 else INK
        text = f"{means[x, y]:.2f}\n{len(tiles[x, y]):,}"
        ax.text(x, y, text, ha="center", va="center", color=ink, fontsize=6.5)
    ax.set(
        xlim=(min(widths) - 0.3, max(widths) + 0.3),
        ylim=(max(depths) + 0.55, min(depths) - 0.55),
        xlabel="fractional width of the normal cell (c), to the nearest half",
        ylabel="depth",
        title="Mean accuracy (%) and number of cells",
    )
    ax.set_yticks(sorted(set(depths)))


def _ranked(values: Array) -> Array:
    return np.argsort(np.argsort(values)).astype(float)


def _positions(values: Array) -> Array:
    """Return values scaled to [0, 1]."""
    span = float(np.ptp(values))
    return (values - values.min()) / span if span else np.zeros(len(values))


def _measure(evidence: TableEvidence, measure: str) -> Array:
    place = {WIDTH: 1, DEPTH: 4}[measure]  # as in facts.MEASURES
    return np.array([fact.normal[place] for fact in evidence.table.facts])


def _curves(evidence: TableEvidence) -> Array:
    """Return the mean accuracy over seeds, (cells, epochs); NaN where there is none."""
    accuracies = evidence.table.accuracies
    counts = np.isfinite(accuracies).sum(axis=1)
    total = np.nansum(accuracies, axis=1)
    return np.where(counts > 0, total / np.where(counts > 0, counts, 1), np.nan)


# ---------------------------------------------------------------- several tables


def draw_comparison(
    tables: Sequence[TableEvidence],
    *,
    names: Sequence[str] | None = None,
    title: str = "Width, depth and accuracy in tables that others measured",
    style: StyleName = "page",
) -> Drawing:
    """Draw adjusted and raw ρ of width and depth, early and at the end, a line per table.

    Args:
        tables: at least one.
        names: what the tables are called; by default their files' names.
        title: of the figure.
        style: of the figure.
    """
    look = STYLES[style]
    labels = list(names or (table.table.name for table in tables))
    size = (look.width, 0.9 + 0.6 * len(tables) + 0.9)
    with new_figure(look, size, title) as figure:
        axes = figure.subplots(1, 2, sharey=True, sharex=True)
        for ax, measure in zip(axes, (WIDTH, DEPTH), strict=True):
            for number, evidence in enumerate(tables):
                _draw_comparison_rows(ax, number, evidence, measure)
            ax.axvline(0, color=INK, linewidth=0.6)
            ax.grid(True, axis="x")
            what = "Fractional width" if measure == WIDTH else "Depth"
            ax.set(title=f"{what} of the normal cell", xlabel="ρ with accuracy [95 %]")
        axes[0].set_yticks(range(len(tables)), labels)
        axes[0].set_ylim(len(tables) - 0.5, -0.5)
        axes[0].tick_params(axis="y", length=0)
        legend_below(figure, axes)
    return Drawing(figure, look, _rows_csv(tables))


def _draw_comparison_rows(ax: Any, number: int, evidence: TableEvidence, measure: str) -> None:
    shown = [
        (evidence.final, "raw", BLUE, "final accuracy, raw"),
        (evidence.final, "adjusted", VERMILION, "final accuracy, adjusted"),
    ]
    if evidence.early is not None:
        shown = [
            (evidence.early, "raw", colours_at((BLUE, "#ffffff"), [0.5])[0], "early, raw"),
            (evidence.early, "adjusted", colours_at((VERMILION, "#ffffff"), [0.5])[0],
             "early, adjusted"),
            *shown,
        ]  # fmt: skip
    for place, (epoch, kind, colour, label) in enumerate(shown):
        row = evidence.row("normal", measure, epoch)
        estimate = None if row is None else row.rho if kind == "raw" else row.adjusted
        if estimate is not None and not math.isnan(estimate.value):
            at = number + 0.19 * (place - (len(shown) - 1) / 2)
            _draw_interval(ax, at, estimate, colour, label=label, linestyle="none")


def write_figures(tables: Sequence[TableEvidence], folder: Path) -> list[Path]:
    """Write a figure per table, and one that compares them, as PNG, SVG and PDF with their data.

    Returns:
        The paths.

    Raises:
        StudyError: the folder cannot be written.
    """
    paths = []
    for number, evidence in enumerate(tables, start=1):
        prefix = f"{number}-" if len(tables) > 1 else ""
        stem = prefix + slug(evidence.table.name.replace(evidence.table.path.suffix, ""))
        paths += draw_table(evidence, style="paper").write(folder, stem)
    if len(tables) > 1:
        paths += draw_comparison(tables, style="paper").write(folder, "comparison")
    return paths


def _rows_csv(tables: Sequence[TableEvidence]) -> bytes:
    rows = [
        {"table": evidence.table.name, **flat_row(row), "unit": UNITS[row.measure]}
        for evidence in tables
        for row in (*evidence.rows, *evidence.given, *evidence.speed)
    ]
    return csv_bytes(rows[0], [list(row.values()) for row in rows])
