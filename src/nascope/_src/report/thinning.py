"""What a page about many trials leaves out, so that it stays small. Its tests and means do not."""

from __future__ import annotations

from dataclasses import dataclass

from nascope._src.report.arrangement import Arrangement
from nascope._src.results.quantities import CURVES

MAX_ROWS = 1000  # of a table
_MAX_POINTS = 500_000  # of all curves
_PER_LINE = 20  # points whose text is as long as what else a line needs


@dataclass(frozen=True)
class Thinning:
    """What a page shows of its trials.

    Attributes:
        rows: whether each trial has a row in the table of numbers.
        seeds: number of seeds of a cell whose curves are drawn singly; None for all.
        stride: each how many epochs a curve has a point.
        notes: what is left out, in sentences.
    """

    rows: bool
    seeds: int | None
    stride: int
    notes: tuple[str, ...]


def thinning_of(arrangement: Arrangement) -> Thinning:
    """Decide what a page leaves out. It shows everything of up to about a thousand trials."""
    trials = arrangement.study.trials
    notes = []
    rows = len(trials) <= MAX_ROWS
    if not rows:
        notes.append(
            f"The table of numbers has a row per cell; nascope study results writes a row for each "
            f"of the {len(trials):,} trials."
        )
    trained = [trial.training for trial in trials if trial.training is not None]
    longest = max((len(training.curve) for training in trained), default=0)
    drawn_cells = [
        own for g in arrangement.groups for key, own in g.trials.items() if arrangement.shows(key)
    ]
    cells, most = len(drawn_cells), max(map(len, drawn_cells), default=0)
    per_line = max(1, cells * (longest + _PER_LINE) * len(CURVES))
    seeds, stride = None, 1
    if (3 + most) * per_line > _MAX_POINTS:  # the mean, its interval, and each seed
        seeds = min(most, max(0, _MAX_POINTS // per_line - 3))
        seeds = 0 if seeds < 2 else seeds  # one seed alone says nothing
        stride = max(1, -(-(3 + seeds) * per_line // _MAX_POINTS))
        if seeds < most:
            drawn = f"the first {seeds} of up to {most}" if seeds else "none"
            notes.append(
                f"Curves are means over all seeds; of the single seeds, {drawn} are drawn."
            )
        if stride > 1:
            notes.append(f"Curves show one in {stride} points.")
    shown, known = len(arrangement.shown_cells), len(arrangement.cells)
    if shown < known:
        notes.append(f"Originals and the first variants are drawn, {shown} of {known:,} cells.")
    shown, probed = len(arrangement.shown_seeds), len(arrangement.probed_seeds)
    if shown < probed:
        notes.append(f"Landscapes and variances are drawn for the first {shown} of {probed} seeds.")
    return Thinning(rows, seeds, stride, tuple(notes))
