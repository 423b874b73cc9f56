"""Training curves for print, and the table behind them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from nascope._src.records.read import CurvePoint, TrialRecord
from nascope._src.records.tables import csv_bytes
from nascope._src.report.arrangement import Arrangement, Group, ShownCell
from nascope._src.report.figures.plain_numbers import number, numbers
from nascope._src.report.scales import asks_for_log
from nascope._src.results.metrics.convergence import sound_curve
from nascope._src.results.quantities import CURVES
from nascope._src.results.stats.intervals import over_seeds
from nascope._src.results.text.numbers import readable
from nascope._src.results.text.trials import shortened

_WIDE = 3000.0  # ratio of an axis' ends from which powers of ten are named alone


def draw_curves(group: Group, arrangement: Arrangement, title: str) -> Figure:
    """Training loss, test loss and test accuracy of a group, side by side."""
    figure = Figure(figsize=(10.5, 3.6), layout="constrained")
    figure.suptitle(title, fontsize=10, fontweight="bold")
    axes = figure.subplots(1, len(CURVES))
    for ax, (quantity, curve) in zip(axes, CURVES.items(), strict=True):
        data = curve_figure(group, quantity)
        draw_lines(ax, data, arrangement)
        if data["log"]:
            set_log_axis(ax)
        ax.set_title(curve.title, loc="left", fontweight="bold")
        ax.set_xlabel("epoch")
        ax.set_ylabel(curve.axis)
    handles, labels = axes[0].get_legend_handles_labels()
    columns = min(6, len(handles)) or 1
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
    rows = -(-len(handles) // columns)
    figure.set_figheight(3.3 + 0.2 * rows)
    return figure


def draw_lines(ax: Any, data: dict[str, Any], arrangement: Arrangement) -> None:
    """The lines of one figure of curves, as `curve_figure` yields it."""
    for line in data["lines"]:
        cell = arrangement.cell(line["cell"])
        _draw_line(ax, line, cell)
        for lost in line["diverged"]:
            _draw_divergence(ax, lost, cell, edge=1.0 if data["worst"] == "high" else 0.0)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(True)


def set_log_axis(ax: Any) -> None:
    """A logarithmic y axis whose numbers are written out."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    wide = high > _WIDE * low
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0), numticks=20))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: readable(value)))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _draw_line(ax: Any, line: dict[str, Any], cell: ShownCell) -> None:
    look, blank = cell.look, float("nan")

    def clean(values: Sequence[float | None]) -> list[float]:
        return [blank if value is None else value for value in values]

    epochs = line["x"][: len(line["mean"])]
    if "low" in line:
        low, high = clean(line["low"]), clean(line["high"])
        ax.fill_between(epochs, low, high, color=look.colour, alpha=0.14, linewidth=0)
    if len(line["seeds"]) > 1:
        for seed in line["seeds"]:
            values = clean(seed["y"])
            ax.plot(line["x"][: len(values)], values, color=look.colour, alpha=0.35, linewidth=0.5)
    ax.plot(
        epochs,
        clean(line["mean"]),
        color=look.colour,
        linestyle=look.mpl_dash,
        linewidth=0.6 * look.width,
        marker=look.mpl_marker,
        markersize=4 if cell.is_original else 5,
        markevery=max(1, len(epochs) // 6),
        label=_in_legend(cell),
        zorder=3 if cell.is_original else 2,
    )


def _draw_divergence(ax: Any, lost: dict[str, Any], cell: ShownCell, *, edge: float) -> None:
    """Where a training's last number stands; at the panel's worse edge where it has none."""
    coords, y = ax.transData, lost["y"]
    if y is None:
        coords, y = ax.get_xaxis_transform(), edge
    ax.plot(
        lost["epoch"], y, "x", color=cell.look.colour, markersize=7, markeredgewidth=1.6,
        transform=coords, clip_on=False, zorder=4,
    )  # fmt: skip
    at = (lost["epoch"], y)
    side = 4 if lost["y"] is not None or edge == 0 else -10  # within the panel
    ax.annotate("diverged", at, (4, side), xycoords=coords, textcoords="offset points", fontsize=7)


def _in_legend(cell: ShownCell) -> str:
    """A cell's label; matplotlib leaves out those that begin with "_"."""
    label = shortened(cell.label)
    return f" {label}" if label.startswith("_") else label


def curves_table(groups: Sequence[Group], arrangement: Arrangement) -> bytes:
    """Every point of some groups' curves, as CSV: losses in nats, accuracies as shares."""
    names = [field.name for field in dataclasses.fields(CurvePoint)]
    rows = (
        [cell.label, cell.variant, group.setting, trial.seed, *dataclasses.astuple(point)]
        for group in groups
        for cell, trials in ((arrangement.cell(key), own) for key, own in group.trials.items())
        for trial in trials
        for point in (trial.training.curve if trial.training else ())
    )
    return csv_bytes(["cell", "variant", "setting", "seed", *names], rows)


# ---------------------------------------------------------------- curves


def curve_figure(group: Group, quantity: str) -> dict[str, Any]:
    """One figure of curves: for each cell its seeds, their mean, and its interval."""
    lines = [_line(key, trials, quantity) for key, trials in group.trials.items()]
    values = [y for line in lines for seed in line["seeds"] for y in seed["y"] if y is not None]
    return {
        "kind": "curve",
        "axis": CURVES[quantity].axis,
        "worst": CURVES[quantity].worst,
        "log": quantity != "test_accuracy" and asks_for_log(values),
        "lines": lines,
    }


def _line(key: str, trials: Sequence[TrialRecord], quantity: str) -> dict[str, Any]:
    seeds: list[dict[str, Any]] = []
    diverged: list[dict[str, Any]] = []
    x: list[float] = []
    for trial in trials:
        if trial.training is None:
            continue
        points = sound_curve(trial.training)
        values = [CURVES[quantity].value(point) for point in points]
        if len(points) > len(x):  # seeds share their places, as far as each got
            x = [point.epoch for point in points]
        seeds.append({"seed": trial.seed, "y": numbers(values)})
        if trial.training.diverged_at is not None:
            finite = [value for value in values if math.isfinite(value)]
            at = {"seed": trial.seed, "epoch": trial.training.diverged_at}
            diverged.append(at | {"y": number(finite[-1]) if finite else None})
    # A mean beyond the epochs that every seed has would favour the seeds that survived.
    common = min((len(seed["y"]) for seed in seeds), default=0)
    means = [
        over_seeds([math.nan if (y := seed["y"][e]) is None else y for seed in seeds])
        for e in range(common)
    ]
    line: dict[str, Any] = {
        "cell": key,
        "x": numbers(x),
        "seeds": seeds,
        "mean": numbers(mean.mean for mean in means),
        "diverged": diverged,
    }
    if any(mean.low is not None for mean in means):
        line["low"] = numbers(math.nan if mean.low is None else mean.low for mean in means)
        line["high"] = numbers(math.nan if mean.high is None else mean.high for mean in means)
    return line
