"""Training curves: Figures 3, 4, 12 and 13 of the paper, and the curves of the page."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from nascope._src.records.read import CurvePoint, TrialRecord
from nascope._src.records.tables import csv_bytes
from nascope._src.report.arrangement import Arrangement, Group, ShownCell
from nascope._src.report.figures.scales import asks_for_log
from nascope._src.report.figures.style import (
    STYLES,
    Drawing,
    StyleName,
    legend_below,
    new_figure,
    set_log_axis,
    write_in_middle,
)
from nascope._src.report.figures.ticks import at_ticks, round_ticks
from nascope._src.report.figures.traces import cell_colour, escaped, numbers
from nascope._src.results.metrics.convergence import sound_curve
from nascope._src.results.paper.columns import FigureColumn
from nascope._src.results.quantities import CURVES, CurveQuantity
from nascope._src.results.stats.intervals import over_seeds
from nascope._src.results.text.trials import shortened

_BAND, _SEED = 0.14, 0.35  # opacity of an interval, and of a single seed
_CROWDED = 12  # curves from which lines are thin and a hover names one of them
_WIDE = 3  # columns beside which a title takes one line
_SMALL = {"font": {"size": 10}, "yaxis": {"title": {"standoff": 4, "font": {"size": 10}}}}

# ---------------------------------------------------------------- what is drawn


@dataclass(frozen=True)
class Divergence:
    """Where a training diverged; ``value`` is its last finite number, None if it has none."""

    seed: int
    epoch: float
    value: float | None


@dataclass(frozen=True)
class CellCurve:
    """A cell's curve of one quantity; NaN where a value is not finite.

    Attributes:
        epochs: of the seed that got furthest; the others share their beginning.
        seeds: the values of each seed.
        mean: over the seeds, for the epochs that all of them have: beyond, a mean would favour
            the seeds that survived.
        low, high: of the mean's 95 % interval; None below three seeds.
    """

    cell: ShownCell
    epochs: tuple[float, ...]
    seeds: tuple[tuple[float, ...], ...]
    mean: tuple[float, ...]
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None
    diverged: tuple[Divergence, ...]


@dataclass(frozen=True)
class CurvePanel:
    """The curves of a group's cells of one quantity."""

    quantity: CurveQuantity
    curves: tuple[CellCurve, ...]
    log: bool

    @property
    def is_empty(self) -> bool:
        """Whether no training has begun."""
        return not any(curve.seeds for curve in self.curves)


def curve_panel(
    group: Group, arrangement: Arrangement, quantity: str, *, shown_only: bool = False
) -> CurvePanel:
    """Return a group's curves of a quantity, a key of `CURVES`.

    Args:
        shown_only: leave out cells that a page with very many cells does not draw.
    """
    shown = CURVES[quantity]
    curves = tuple(
        _cell_curve(arrangement.cell(key), trials, shown)
        for key, trials in group.trials.items()
        if not shown_only or arrangement.shows(key)
    )
    values = [v for curve in curves for seed in curve.seeds for v in seed if math.isfinite(v)]
    return CurvePanel(shown, curves, quantity != "test_accuracy" and asks_for_log(values))


def _cell_curve(
    cell: ShownCell, trials: Sequence[TrialRecord], quantity: CurveQuantity
) -> CellCurve:
    epochs: tuple[float, ...] = ()
    seeds, diverged = [], []
    for trial in trials:
        if trial.training is None:
            continue
        points = sound_curve(trial.training)
        values = [float(quantity.value(point)) for point in points]
        values = [value if math.isfinite(value) else math.nan for value in values]
        seeds.append(tuple(values))
        if len(points) > len(epochs):
            epochs = tuple(float(point.epoch) for point in points)
        if trial.training.diverged_at is not None:
            finite = [value for value in values if math.isfinite(value)]
            last = finite[-1] if finite else None
            diverged.append(Divergence(trial.seed, trial.training.diverged_at, last))
    common = min(map(len, seeds), default=0)
    means = [over_seeds([seed[k] for seed in seeds]) for k in range(common)]
    low = tuple(math.nan if mean.low is None else mean.low for mean in means)
    high = tuple(math.nan if mean.high is None else mean.high for mean in means)
    has_interval = any(mean.low is not None for mean in means)
    return CellCurve(
        cell,
        epochs,
        tuple(seeds),
        tuple(mean.mean for mean in means),
        low if has_interval else None,
        high if has_interval else None,
        tuple(diverged),
    )


def curves_table(groups: Sequence[Group], arrangement: Arrangement) -> bytes:
    """Return every point of some groups' curves as CSV: losses in nats, accuracies as shares."""
    names = [field.name for field in dataclasses.fields(CurvePoint)]
    rows = (
        [cell.label, cell.variant, group.setting, trial.seed, *dataclasses.astuple(point)]
        for group in groups
        for cell, trials in ((arrangement.cell(key), own) for key, own in group.trials.items())
        for trial in trials
        for point in (trial.training.curve if trial.training else ())
    )
    return csv_bytes(["cell", "variant", "setting", "seed", *names], rows)


# ---------------------------------------------------------------- in print


@dataclass(frozen=True)
class CurveColumn:
    """A group in a figure: columns of the same data share their axes.

    Attributes:
        absent: why there is nothing to draw, if so.
    """

    group: Group
    data: str = ""
    absent: str = ""


def curve_columns(
    arrangement: Arrangement, columns: Sequence[FigureColumn]
) -> list[list[CurveColumn]]:
    """Return the columns of a figure for each family of a study."""
    return [
        [
            CurveColumn(arrangement.group_of(column, family), column.data, column.absent)
            for column in columns
        ]
        for family in arrangement.families
    ]


def draw_curves(
    families: Sequence[Sequence[CurveColumn]],
    arrangement: Arrangement,
    title: str,
    note: str = "",
    *,
    style: StyleName = "page",
) -> Drawing:
    """Draw training curves, one family below the other.

    In the page's style, all quantities of a group stand side by side. In the paper's, the test
    loss is above the test accuracy, and each group is a column.
    """
    look, side_by_side = STYLES[style], style == "page"
    size = (look.width, (3.0 if side_by_side else 3.9) * len(families) + 0.5)
    with new_figure(look, size, title, note) as figure:
        parts: Any = figure.subfigures(len(families), 1, squeeze=False)
        for part, columns in zip(parts[:, 0], families, strict=True):
            _draw_family(part, columns, arrangement, side_by_side=side_by_side)
    groups = [column.group for columns in families for column in columns]
    return Drawing(figure, look, curves_table(groups, arrangement))


def _draw_family(
    part: Any, columns: Sequence[CurveColumn], arrangement: Arrangement, *, side_by_side: bool
) -> None:
    shown = tuple(CURVES) if side_by_side else ("test_loss", "test_accuracy")
    if side_by_side:
        axes = part.subplots(len(columns), len(shown), squeeze=False).T
    else:
        axes = part.subplots(len(shown), len(columns), squeeze=False, sharex="col")
    for line, quantity in zip(axes, shown, strict=True):  # (columns,)
        panels = [curve_panel(column.group, arrangement, quantity) for column in columns]
        for _, same in groupby(range(len(columns)), key=lambda k: columns[k].data):
            drawn = [k for k in same if _draw_panel(line[k], panels[k], columns[k])]
            for k in drawn[1:]:
                line[k].sharey(line[drawn[0]])
                line[k].tick_params(labelleft=False)
            if any(panels[k].log for k in drawn):
                set_log_axis(line[drawn[0]])
        line[0].set_ylabel(CURVES[quantity].axis)
        if side_by_side:
            line[0].set_title(CURVES[quantity].title, loc="left", fontweight="bold")
    if not side_by_side:
        for ax, column in zip(axes[0], columns, strict=True):
            ax.set_title(_column_title(column, len(columns)), fontweight="bold")
    for line in axes if side_by_side else axes[-1:]:
        for ax, column in zip(line, columns, strict=True):
            if not column.absent:
                ax.set_xlabel("epoch")
    legend_below(part, axes.flat)


def _column_title(column: CurveColumn, columns: int) -> str:
    """Return a column's data and rate, on two lines if there are many columns."""
    setting = column.group.setting
    return setting if columns <= _WIDE else setting.replace(", learning ", "\n")


def _draw_panel(ax: Any, panel: CurvePanel, column: CurveColumn) -> bool:
    """Draw a panel's curves, or why there are none; return whether there are some."""
    if panel.is_empty:
        write_in_middle(ax, column.absent or "not run yet")
        return False
    draw_panel(ax, panel)
    return True


def draw_panel(ax: Any, panel: CurvePanel) -> None:
    """Draw the curves of a panel."""
    for curve in panel.curves:
        _draw_curve(ax, curve)
        for divergence in curve.diverged:
            edge = 1.0 if panel.quantity.worst == "high" else 0.0
            _draw_divergence(ax, divergence, curve.cell, edge=edge)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(True)


def _draw_curve(ax: Any, curve: CellCurve) -> None:
    cell, look = curve.cell, curve.cell.look
    epochs = curve.epochs[: len(curve.mean)]
    if curve.low is not None and curve.high is not None:
        band = {"color": look.colour, "alpha": _BAND, "linewidth": 0}
        ax.fill_between(epochs, curve.low, curve.high, **band)
    for values in curve.seeds if len(curve.seeds) > 1 else ():
        thin = {"color": look.colour, "alpha": _SEED, "linewidth": 0.5}
        ax.plot(curve.epochs[: len(values)], values, **thin)
    label = shortened(cell.label)
    ax.plot(
        epochs,
        curve.mean,
        color=look.colour,
        linestyle=look.mpl_dash,
        linewidth=0.6 * look.width,
        marker=look.mpl_marker,
        markersize=4 if cell.is_original else 5,
        markevery=max(1, len(epochs) // 6),
        label=f" {label}" if label.startswith("_") else label,  # matplotlib leaves out "_…"
        zorder=3 if cell.is_original else 2,
    )


def _draw_divergence(ax: Any, divergence: Divergence, cell: ShownCell, *, edge: float) -> None:
    """Mark the last number of a training, or the worse edge of the panel if it has none."""
    where, y = ax.transData, divergence.value
    if y is None:
        where, y = ax.get_xaxis_transform(), edge
    at = (divergence.epoch, y)
    look = {"color": cell.look.colour, "markersize": 7, "markeredgewidth": 1.6, "zorder": 4}
    ax.plot(*at, "x", transform=where, clip_on=False, **look)
    side = 4 if divergence.value is not None or edge == 0 else -10  # within the panel
    words = {"xycoords": where, "textcoords": "offset points", "fontsize": 7}
    ax.annotate("diverged", at, (4, side), **words)


# ---------------------------------------------------------------- on the page


def curve_figure(panel: CurvePanel, *, seeds: int | None = None, stride: int = 1) -> dict[str, Any]:
    """Return a panel as plotly draws it on the page.

    Args:
        seeds: number of seeds of a cell that are drawn singly; None for all.
        stride: draw one point in so many, the last one always.
    """
    panel = dataclasses.replace(
        panel, curves=tuple(_thinned(curve, seeds, stride) for curve in panel.curves)
    )
    epochs = list(dict.fromkeys(curve.epochs for curve in panel.curves))
    crowded = len(panel.curves) > _CROWDED
    traces = [
        trace | {"cell": curve.cell.key, "x": epochs.index(curve.epochs)}
        for curve in panel.curves
        for trace in _curve_traces(curve, crowded=crowded)
    ]
    traces += _divergence_traces(panel)  # last, so that no line covers them
    longest = max((curve.epochs[-1] for curve in panel.curves if curve.epochs), default=1.0)
    step = None if longest > 12 else 2 if longest > 6 else 1
    return {
        "kind": "curve",
        "x": [numbers(own) for own in epochs],
        "traces": traces,
        "layout": {
            "xaxis": {"range": numbers((-0.03 * longest, 1.03 * longest + 0.2)), "dtick": step},
            "yaxis": {
                "title": {"text": panel.quantity.axis},
                "type": "log" if panel.log else "linear",
                **(_log_ticks(panel) if panel.log else {}),
            },
            "hovermode": "closest" if crowded else "x unified",
            "annotations": [_NO_EPOCH] if not any(curve.epochs for curve in panel.curves) else [],
        },
    }


def _log_ticks(panel: CurvePanel) -> dict[str, Any]:
    drawn = [values for curve in panel.curves for values in (curve.mean, *curve.seeds)]
    known = [value for values in drawn for value in values if math.isfinite(value)]
    return at_ticks(round_ticks(min(known), max(known), log=True)) if known else {}


def _thinned(curve: CellCurve, seeds: int | None, stride: int) -> CellCurve:
    def thin(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(v for k, v in enumerate(values) if (len(curve.epochs) - 1 - k) % stride == 0)

    return dataclasses.replace(
        curve,
        epochs=thin(curve.epochs),
        seeds=tuple(map(thin, curve.seeds[:seeds])),
        mean=thin(curve.mean),
        low=None if curve.low is None else thin(curve.low),
        high=None if curve.high is None else thin(curve.high),
    )


_NO_EPOCH = {
    "text": "no epoch completed yet", "showarrow": False,
    "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5,
}  # fmt: skip

CURVE_LAYOUT = {
    "layout": {
        "xaxis": {
            "title": {"text": "epoch", "standoff": 6},
            "tickformat": "d",
            "tick0": 0,
            "hoverformat": ".3~g",
        },
        "yaxis": {"title": {"standoff": 8, "font": {"size": 13}}, "automargin": True},
    },
    "small": {"height": 240, "layout": _SMALL},
}
"""What all figures of curves on the page share, and what changes in a small one."""


def _curve_traces(curve: CellCurve, *, crowded: bool) -> list[dict[str, Any]]:
    cell, look = curve.cell, curve.cell.look
    silent: dict[str, Any] = {"mode": "lines", "hoverinfo": "skip"}
    traces: list[dict[str, Any]] = []
    if curve.low is not None and curve.high is not None:
        band = {"fill": "tonexty", "fillcolor": cell_colour(cell, _BAND)}
        traces.append({**silent, "y": numbers(curve.low), "line": {"width": 0}})
        traces.append({**silent, "y": numbers(curve.high), "line": {"width": 0}, **band})
    for values in curve.seeds if len(curve.seeds) > 1 else ():
        line = {"color": cell_colour(cell, _SEED), "width": 0.8}
        traces.append({**silent, "y": numbers(values), "line": line})
    colour, width = cell_colour(cell), look.width * (0.6 if crowded else 1)
    size = 7 if cell.is_original else 6
    traces.append(
        {
            "y": numbers(curve.mean),
            "name": escaped(cell.label),
            "mode": "lines+markers",
            "line": {"color": colour, "dash": look.dash, "width": width},
            "marker": {"color": colour, "symbol": look.marker, "size": size, "maxdisplayed": 8},
            "hovertemplate": "%{y:.4g}",
        }
    )
    return traces


def _divergence_traces(panel: CurvePanel) -> list[dict[str, Any]]:
    known = [v for curve in panel.curves for seed in curve.seeds for v in seed if math.isfinite(v)]
    edge = (max if panel.quantity.worst == "high" else min)(known, default=1.0)
    return [
        {
            "cell": curve.cell.key,
            "x": numbers(one.epoch for one in curve.diverged),
            "y": numbers(edge if one.value is None else one.value for one in curve.diverged),
            "text": [
                f"{escaped(curve.cell.label)}, seed {one.seed}: diverged at epoch {one.epoch:g}"
                for one in curve.diverged
            ],
            "mode": "markers",
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {
                "symbol": "x-thin",
                "size": 11,
                "line": {"width": 2.5, "color": cell_colour(curve.cell)},
            },
        }
        for curve in panel.curves
        if curve.diverged
    ]
