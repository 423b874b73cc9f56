"""Table 1: test errors of popular cells, original and adapted, the paper's beside ours."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nascope._src.palette import FAINT, NOTE
from nascope._src.records.read import TrialRecord
from nascope._src.records.tables import csv_bytes
from nascope._src.report.accuracies import Accuracy, accuracies_of
from nascope._src.report.arrangement import Arrangement
from nascope._src.report.figures.style import STYLES, Drawing, StyleName, new_figure
from nascope._src.results.findings.pairs import Pair, make_pairs, pair_families
from nascope._src.results.paper.columns import FigureColumn
from nascope._src.results.paper.numbers import TABLE_1, TITLES
from nascope._src.results.text.trials import shortened

_LINE = 0.24  # inches


@dataclass(frozen=True)
class Errors:
    """A line of the table: test errors of a cell in percent, as found here; NaN where diverged.

    Attributes:
        original, adapted: None where not trained yet.
        paper: both as published, for the data set in whose place the column stands.
        pair: both on the seeds that they share, as accuracies; None where there are none.
    """

    family: str
    original: Accuracy | None
    adapted: Accuracy | None
    paper: tuple[float, float] | None
    pair: Pair | None = None

    @property
    def difference(self) -> float | None:
        """Adapted less original, on the seeds that they share; None where there are none."""
        return None if self.pair is None else -100 * self.pair.difference


@dataclass(frozen=True)
class Part:
    """A data set's lines.

    Args:
        published: the paper's data set, whose numbers stand beside.
    """

    column: FigureColumn
    published: str
    lines: tuple[Errors, ...]


def parts_of(
    arrangement: Arrangement, columns: Sequence[FigureColumn], published: Sequence[str]
) -> list[Part]:
    """The table of a study, a part a data set."""
    parts = []
    for column, name in zip(columns, published, strict=True):
        found = accuracies_of(arrangement, column)
        held = tuple(trial for trial in arrangement.study.trials if column.holds(trial))
        study = dataclasses.replace(arrangement.study, trials=held)
        paired = {pair.family: pair for pair in make_pairs(pair_families(study, column.data))}
        lines = []
        for family in arrangement.families:
            own = {one.cell.variant: one for one in found if one.cell.family == family}
            paper = TABLE_1[name].get(family)
            original, adapted = own.get("original"), own.get("adapted")
            lines.append(Errors(family, original, adapted, paper, paired.get(family)))
        parts.append(Part(column, name, tuple(lines)))
    return parts


def draw_table(
    parts: Sequence[Part], title: str, note: str = "", *, style: StyleName = "page"
) -> Drawing:
    """Draw the table as a figure."""
    head = [
        "",
        "original",
        "adapted",
        "difference",
        "original",
        "adapted",
        "difference",
        "Δ params",
    ]
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
    found = _signed(line.difference) if line.difference is not None else "–"
    added = _parameters(line)
    return [shortened(line.family, 18), *paper, *here, found, added]


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _error(one: Accuracy | None, column: FigureColumn) -> str:
    if one is None:
        return "no data" if column.absent else "–"
    if not math.isfinite(one.mean.mean):
        return "diverged"
    words = f"{100 - one.mean.mean:.2f}"
    if one.mean.low is not None and one.mean.high is not None:
        words += f" ± {(one.mean.high - one.mean.low) / 2:.2f}"
    return words + (f" ({one.diverged} div.)" if one.diverged else "")


def _parameters(line: Errors) -> str:
    """By how much adapting changes the network's size."""
    sizes = [_size(one.trials[0]) for one in (line.original, line.adapted) if one is not None]
    known = [size for size in sizes if size is not None]
    return f"{100 * (known[1] / known[0] - 1):+.1f} %".replace("-", "−") if len(known) == 2 else "–"


def _size(trial: TrialRecord) -> int | None:
    found = trial.training.provenance.get("parameters") if trial.training is not None else None
    return found if isinstance(found, int) else None


def _table(parts: Sequence[Part]) -> bytes:
    """A row a form; what compares both forms stands with the adapted one, in percentage points."""
    rows = []
    for part in parts:
        for line in part.lines:
            for name, one in (("original", line.original), ("adapted", line.adapted)):
                place = ("original", "adapted").index(name)
                mean = one.mean if one is not None else None
                rows.append(
                    [
                        line.family,
                        name,
                        one.cell.label if one is not None else None,
                        part.column.data,
                        part.published,
                        line.paper[place] if line.paper is not None else None,
                        100 - mean.mean if mean is not None else None,
                        100 - mean.high if mean is not None and mean.high is not None else None,
                        100 - mean.low if mean is not None and mean.low is not None else None,
                        len(one.trials) if one is not None else 0,
                        one.diverged if one is not None else None,
                        _size(one.trials[0]) if one is not None else None,
                        *_compared(line.pair if name == "adapted" else None),
                    ]
                )
    names = ["family", "form", "cell", "data", "paper_data", "paper_error_percent"]
    names += ["error_percent", "interval_low", "interval_high", "seeds", "diverged", "parameters"]
    return csv_bytes([*names, *_COMPARED], rows)


_COMPARED = (
    "difference_points", "difference_low", "difference_high", "within_margin", "mcnemar_p"
)  # fmt: skip


def _compared(pair: Pair | None) -> list[float | str | None]:
    """The adapted cell's error less the original's, its interval by the margin, McNemar's p."""
    if pair is None:
        return [None] * len(_COMPARED)
    numbers = [-100 * pair.difference, -100 * pair.high, -100 * pair.low]
    low, high, p = (None if math.isnan(x) else x for x in (*numbers[1:], pair.p))
    return [numbers[0], low, high, None if low is None else pair.equivalent, p]
