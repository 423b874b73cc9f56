"""A figure of what a search that stops early picks: rank correlation and regret by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nascope._src.errors import StudyError
from nascope._src.palette import BLUE, DARK_GREY, INK, VERMILION
from nascope._src.records.files import write_bytes
from nascope._src.report.figures.style import (
    STYLES,
    Drawing,
    StyleName,
    legend_below,
    new_figure,
    set_log_axis,
)
from nascope._src.results.selection.early_stopping import Choice

_FORMATS = (".png", ".svg", ".pdf")
_MOST_POINTS = 60


def draw_selection(
    by_schedule: Mapping[str, Sequence[Choice]], title: str, *, style: StyleName = "page"
) -> Drawing:
    """Draw ρ of early with final accuracy, and the regret, with 95 % bands; a row per schedule."""
    look = STYLES[style]
    by_schedule = {name: _spaced(choices) for name, choices in by_schedule.items()}
    with new_figure(look, (look.width, 3.1 * len(by_schedule) + 0.5), title) as figure:
        axes = figure.subplots(len(by_schedule), 2, squeeze=False)
        for (left, right), (schedule, choices) in zip(axes, by_schedule.items(), strict=True):
            _draw_rho(left, schedule, choices)
            _draw_regret(right, choices)
        legend_below(figure, axes.ravel())
    return Drawing(figure, look)


def _spaced(choices: Sequence[Choice]) -> list[Choice]:
    """Return about sixty choices at most, evenly spaced in the logarithm of the epoch."""
    if len(choices) <= _MOST_POINTS:
        return list(choices)
    places = np.geomspace(1, len(choices), _MOST_POINTS).round().astype(int) - 1
    return [choices[place] for place in np.unique(places)]


def _draw_rho(ax: Any, schedule: str, choices: Sequence[Choice]) -> None:
    epochs = [choice.epoch for choice in choices]
    mark = "o" if len(choices) < 30 else None
    ax.plot(epochs, [c.rho for c in choices], color=BLUE, marker=mark, markersize=3, label="ρ")
    banded = [c for c in choices if c.low is not None and c.high is not None]
    ax.fill_between([c.epoch for c in banded], [c.low for c in banded], [c.high for c in banded],
                    color=BLUE, alpha=0.18, linewidth=0)  # fmt: skip
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.set(ylabel="ρ with final accuracy", title=f"{schedule} schedule")
    _finish(ax, choices)


def _draw_regret(ax: Any, choices: Sequence[Choice]) -> None:
    epochs = [choice.epoch for choice in choices]
    mark = "s" if len(choices) < 30 else None
    regrets = [100 * choice.regret for choice in choices]
    ax.plot(epochs, regrets, color=VERMILION, marker=mark, markersize=3, label="regret")
    banded = [
        (choice.epoch, 100 * choice.regret_low, 100 * choice.regret_high)
        for choice in choices
        if choice.regret_low is not None and choice.regret_high is not None
    ]
    where, low, high = ([band[k] for band in banded] for k in range(3))
    ax.fill_between(where, low, high, color=VERMILION, alpha=0.18, linewidth=0)
    ax.plot(epochs, [100 * c.blind for c in choices], color=DARK_GREY, linestyle=(0, (4, 2)),
            label="regret of a random pick")  # fmt: skip
    ax.set(ylabel="regret (points)", title="Accuracy lost by stopping")
    ax.set_ylim(bottom=0)
    _finish(ax, choices)


def _finish(ax: Any, choices: Sequence[Choice]) -> None:
    ax.set_xlabel("epoch at which the search stops")
    ax.grid(True, axis="y")
    if choices[0].epoch > 0 and choices[-1].epoch > 10 * choices[0].epoch:
        set_log_axis(ax, "x")


def write_selection(by_schedule: Mapping[str, Sequence[Choice]], path: Path, title: str) -> None:
    """Write the figure as .png, .svg or .pdf.

    Raises:
        StudyError: the name has another ending, or the folder cannot be written.
    """
    if path.suffix not in _FORMATS:
        raise StudyError(f"a plot's name must end in {', '.join(_FORMATS)}, not {path.name!r}")
    drawing = draw_selection(by_schedule, title, style="paper")
    write_bytes(path, drawing.encode(path.suffix[1:]))
