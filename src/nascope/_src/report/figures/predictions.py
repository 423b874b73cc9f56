"""Figures of predicted accuracies. Every one is labelled, and shows the agreement next to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nascope._src.palette import BLUE, DARK_GREY, FAINT, INK, NOTE, PALE_BLUE, VERMILION
from nascope._src.report.figures.style import (
    STYLES,
    Drawing,
    legend_below,
    new_figure,
    write_in_middle,
)
from nascope._src.results.predictions.comparison import Comparison
from nascope._src.results.predictions.population import PopulationMean, Standing, by_chance
from nascope._src.results.predictions.table import PredictedFamily

_NOTE = "Predicted by a surrogate, not measured"
_SMALL = 7.5  # points
_ORIGINAL = {"color": VERMILION, "marker": "D", "markersize": 4, "linestyle": "none",
             "label": "original"}  # fmt: skip
_FEW = 20  # cells that are drawn as points


def draw_predictions(
    families: Sequence[PredictedFamily], epochs: Sequence[int], compared: Comparison | None
) -> Drawing:
    """Draw predicted accuracies at each epoch, and measured cells next to them.

    Rewirings are drawn as distributions with the original on them, single cells as points.
    """
    look = STYLES["page"]
    count = sum(len(family.accuracies) for family in families)
    title = f"Predicted accuracy of {count:,} cells"
    if len(families) == 1 and families[0].original is not None:
        title = f"Predicted accuracy of {count:,} rewirings of {families[0].name}"
    with new_figure(look, (look.width, 4.0), title, _NOTE) as figure:
        *panels, beside = figure.subplots(1, len(epochs) + 1, width_ratios=[*[1] * len(epochs), 3])
        for column, (ax, epoch) in enumerate(zip(panels, epochs, strict=True)):
            _draw_epoch(ax, families, column)
            ax.set_title(f"epoch {epoch}", fontsize=8)
        if panels:
            panels[0].set_ylabel("predicted validation accuracy, %")
        _draw_agreement(beside, compared)
        legend_below(figure, [*panels, beside], fontsize=_SMALL)
    return Drawing(figure, look)


def _draw_epoch(ax: Any, families: Sequence[PredictedFamily], column: int) -> None:
    """Draw the distribution of predicted accuracies at one epoch; points if there are few."""
    values = 100 * np.concatenate([family.accuracies[:, column] for family in families])
    if len(values) < _FEW or np.ptp(values) == 0:
        ax.plot(np.zeros(len(values)), values, "o", color=BLUE, markersize=3, label="cell")
    else:
        for body in ax.violinplot(values, [0], widths=1.6, showextrema=False)["bodies"]:
            body.set(facecolor=PALE_BLUE, alpha=0.6, edgecolor=BLUE, linewidth=0.6)
        ax.plot(0, np.median(values), "_", color=BLUE, markersize=16, label="median")
    for family in families:
        if family.original is not None:
            ax.plot(0, 100 * family.accuracies[family.original, column], **_ORIGINAL)
    ax.set(xlim=(-1, 1), xticks=[])
    ax.tick_params(labelsize=7)


def _draw_agreement(ax: Any, compared: Comparison | None) -> None:
    """Draw measured against predicted accuracies at the last epoch, with the 95 % interval."""
    if compared is None or not compared.epochs:
        write_in_middle(ax, "agreement with measured\ncells: unknown")
        return
    last = compared.epochs[-1]
    each = last.agreement
    ax.plot(100 * last.predicted, 100 * last.measured, "o", color=DARK_GREY, markersize=2.5,
            alpha=0.7, label="measured cell")  # fmt: skip
    x = np.linspace(last.predicted.min(), last.predicted.max(), 100)
    ax.plot(100 * x, 100 * each.calibration.calibrated(x), color=INK, linewidth=1,
            label="calibration")  # fmt: skip
    if each.calibration.has_interval:
        low, high = each.calibration.interval(x)
        ax.fill_between(100 * x, 100 * low, 100 * high, color=FAINT, alpha=0.35, linewidth=0,
                        label="95 % interval")  # fmt: skip
    at = "" if each.measured_epoch is None else f", epoch {each.measured_epoch}"
    ax.set(
        xlabel=f"predicted, epoch {each.epoch}, %",
        ylabel=f"measured{at}, %",
    )
    ax.set_title(f"agreement with {each.cells} measured cells: ρ = {each.rho:.2f}", fontsize=8)


def draw_population(
    standings: Sequence[Standing], means: Sequence[PopulationMean], compared: Comparison | None
) -> Drawing:
    """Draw where published cells stand among their rewirings, and what width and depth say."""
    look = STYLES["page"]
    published = [standing for standing in standings if not standing.control]
    epochs = sorted({standing.epoch for standing in standings})
    count = len(published) // max(len(epochs), 1)
    title = f"{count} published cells, each against all of its rewirings"
    with new_figure(look, (look.width, 6.6), title, _NOTE) as figure:
        axes = figure.subplots(2, 2)
        panels = (
            (axes[0, 0], ("quantile",), "quantile of the cell", "among all rewirings"),
            (axes[0, 1], ("quantile_given_topology",), "quantile of the cell",
             "among rewirings of equal width and depth"),
            (axes[1, 0], ("rho_width", "rho_depth", "rho_depth_given_width"),
             "ρ with predicted accuracy", "over the rewirings of each cell"),
        )  # fmt: skip
        for ax, measures, label, heading in panels:
            _draw_measures(ax, published, means, epochs, measures)
            ax.set(xlabel="epoch", ylabel=label)
            ax.set_title(heading, fontsize=8.5)
        _draw_agreement(axes[1, 1], compared)
        legend_below(figure, list(axes.flat), fontsize=_SMALL)
    return Drawing(figure, look)


_LOOKS = {
    "quantile": (BLUE, "published cell"),
    "quantile_given_topology": (BLUE, "published cell"),
    "rho_width": (BLUE, "width"),
    "rho_depth": (VERMILION, "depth"),
    "rho_depth_given_width": (DARK_GREY, "depth given width"),
}


def _draw_measures(
    ax: Any,
    standings: Sequence[Standing],
    means: Sequence[PopulationMean],
    epochs: Sequence[int],
    measures: Sequence[str],
) -> None:
    """Draw each cell as a point at each epoch, and the means with their intervals."""
    ax.axhline(by_chance(measures[0]), color=NOTE, linewidth=0.8, linestyle=":", label="by chance")
    shift = 0.8 / len(measures)
    jitter = np.random.default_rng(0)
    for place, measure in enumerate(measures):
        colour, name = _LOOKS[measure]
        offset = (place - (len(measures) - 1) / 2) * shift
        for number, epoch in enumerate(epochs):
            values = [getattr(s, measure) for s in standings if s.epoch == epoch]
            x = number + offset + jitter.uniform(-0.35, 0.35, len(values)) * shift
            ax.plot(x, values, "o", color=colour, markersize=2.2, alpha=0.3, markeredgewidth=0)
        found = [mean for mean in means if mean.measure == measure]
        centres = [epochs.index(mean.epoch) + offset for mean in found]
        ends = [mean.interval or (mean.mean, mean.mean) for mean in found]
        errors = np.abs(np.array(ends).T - [mean.mean for mean in found]) if found else None
        ax.errorbar(
            centres, [mean.mean for mean in found], yerr=errors, fmt="D", color=colour,
            markeredgecolor="white", markeredgewidth=0.6, markersize=5.5, capsize=3, elinewidth=1.4,
            label=f"{name}: mean, 95 %",
        )  # fmt: skip
    ax.set_xticks(range(len(epochs)), [str(epoch) for epoch in epochs])
