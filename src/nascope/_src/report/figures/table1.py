"""Table 1: test errors of published cells, original and adapted, in the paper and here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nascope._src.palette import FAINT, NOTE
from nascope._src.records.tables import csv_bytes
from nascope._src.report.accuracies import Accuracy, Errors, TablePart
from nascope._src.report.figures.style import STYLES, Drawing, StyleName, new_figure
from nascope._src.results.findings.pairs import Pair
from nascope._src.results.paper.columns import FigureColumn
from nascope._src.results.paper.numbers import TITLES
from nascope._src.results.text.trials import shortened

_LINE = 0.24  # inches


def draw_table(
    parts: Sequence[TablePart], title: str, note: str = "", *, style: StyleName = "page"
) -> Drawing:
    """Draw the table as a figure."""
    compared = ["original", "adapted", "difference"]
    head = ["", *compared, *compared, "Δ params"]
    edges = [0.0, 0.21, 0.315, 0.41, 0.535, 0.66, 0.775, 0.89]  # of the figure's width
    count = sum(len(part.lines) + 3 for part in parts)
    look = STYLES[style]
    height = count * _LINE + 0.55
    with new_figure(look, (look.width, height), title, note, layout=None) as figure:
        ax = figure.add_axes((0.02, 0.0, 0.96, 1 - 0.5 / height))
        ax.set(xlim=(0, 1), ylim=(count, 0))
        ax.set_axis_off()
        y = 0.5

        def write(words: Sequence[str], **letters: Any) -> None:
            for place, (x, word) in enumerate(zip(edges, words, strict=True)):
                side, at = ("left", x) if place == 0 else ("right", x + 0.085)
                ax.text(at, y, word, va="center", ha=side, **letters)

        for part in parts:
            ax.text(0, y, f"{part.column.title}: test error (%)", va="center", fontweight="bold")
            paper = f"paper, {TITLES[part.published]}"
            for left, right, words in ((0.24, 0.495, paper), (0.55, 0.975, "here")):
                ax.text((left + right) / 2, y, words, ha="center", va="center", color=NOTE)
                ax.plot([left, right], [y + 0.5] * 2, color=FAINT, linewidth=0.5)
            y += 1
            write(head, color=NOTE)
            ax.plot([0, 0.98], [y + 0.5] * 2, color="black", linewidth=0.6)
            for line in part.lines:
                y += 1
                write(_words(line, part.column))
            ax.plot([0, 0.98], [y + 0.5] * 2, color="black", linewidth=0.6)
            y += 2
    return Drawing(figure, look, _table(parts))


def _words(line: Errors, column: FigureColumn) -> list[str]:
    paper = ["–"] * 3
    if line.paper is not None:
        original, adapted = line.paper
        paper = [f"{original:.2f}", f"{adapted:.2f}", _signed(adapted - original)]
    here = [_error(line.original, column), _error(line.adapted, column)]
    difference = _signed(line.difference) if line.difference is not None else "–"
    return [shortened(line.family, 18), *paper, *here, difference, _added_parameters(line)]


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _error(accuracy: Accuracy | None, column: FigureColumn) -> str:
    if accuracy is None:
        return "no data" if column.absent else "–"
    mean = accuracy.mean
    if not math.isfinite(mean.mean):
        return "diverged"
    words = f"{100 - mean.mean:.2f}"
    if mean.low is not None and mean.high is not None:
        words += f" ± {(mean.high - mean.low) / 2:.2f}"
    return words + (f" ({accuracy.diverged} div.)" if accuracy.diverged else "")


def _added_parameters(line: Errors) -> str:
    """By how much adapting changes the size of the network."""
    original, adapted = (_parameters(form) for form in (line.original, line.adapted))
    if original is None or adapted is None:
        return "–"
    return f"{100 * (adapted / original - 1):+.1f} %".replace("-", "−")


def _parameters(accuracy: Accuracy | None) -> int | None:
    training = accuracy.trials[0].training if accuracy is not None else None
    count = training.provenance.get("parameters") if training is not None else None
    return count if isinstance(count, int) else None


def _table(parts: Sequence[TablePart]) -> bytes:
    """One row per cell; differences are in the adapted cell's row, in percentage points."""
    names = ["family", "form", "cell", "data", "paper_data", "paper_error_percent"]
    names += ["error_percent", "interval_low", "interval_high", "seeds", "diverged", "parameters"]
    rows: list[list[Any]] = []
    for part in parts:
        for line in part.lines:
            papers = line.paper or (None, None)
            forms = (("original", line.original, None), ("adapted", line.adapted, line.pair))
            for paper, (form, accuracy, pair) in zip(papers, forms, strict=True):
                label: str | None = None
                numbers: list[float | None] = [None, None, None, 0, None]
                if accuracy is not None:
                    mean = accuracy.mean
                    label = accuracy.cell.label
                    numbers = [
                        100 - mean.mean,
                        None if mean.high is None else 100 - mean.high,
                        None if mean.low is None else 100 - mean.low,
                        len(accuracy.trials),
                        accuracy.diverged,
                    ]
                where = [line.family, form, label, part.column.data, part.published, paper]
                rows.append([*where, *numbers, _parameters(accuracy), *_compared(pair)])
    return csv_bytes([*names, *_COMPARED], rows)


_COMPARED = (
    "difference_points", "difference_low", "difference_high", "within_margin", "mcnemar_p"
)  # fmt: skip


def _compared(pair: Pair | None) -> list[float | str | None]:
    """The adapted cell's error minus the original's, its interval, the margin, McNemar's p."""
    if pair is None:
        return [None] * len(_COMPARED)
    low, high, p = (
        None if math.isnan(x) else x for x in (-100 * pair.high, -100 * pair.low, pair.p)
    )
    return [-100 * pair.difference, low, high, None if low is None else pair.equivalent, p]
