"""Test accuracies in the last epoch: Figure 9's numbers, and Table 1's."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from nascope._src.records.read import TrialRecord
from nascope._src.report.arrangement import Arrangement, Group, ShownCell
from nascope._src.results.findings.pairs import Pair, make_pairs, pair_families
from nascope._src.results.measures import ACCURACY
from nascope._src.results.paper.columns import FigureColumn
from nascope._src.results.paper.numbers import TABLE_1
from nascope._src.results.standings import standing_of
from nascope._src.results.stats.contrasts import Standing
from nascope._src.results.stats.intervals import Estimate, over_seeds


@dataclass(frozen=True)
class Accuracy:
    """A cell's test accuracies in the last epoch, in percent, over its seeds.

    Attributes:
        mean: over the seeds that did not diverge.
        diverged: number of seeds that diverged.
    """

    cell: ShownCell
    column: FigureColumn
    mean: Estimate
    trials: tuple[TrialRecord, ...]
    diverged: int


def accuracies_of(arrangement: Arrangement, column: FigureColumn) -> list[Accuracy]:
    """Return the accuracies of every cell that was trained to the end on a data set."""
    made = []
    for family in arrangement.families:
        for key, trials in arrangement.group_of(column, family).trials.items():
            ended = tuple(t for t in trials if t.training is not None and t.training.finished)
            values = [100 * ACCURACY.value(trial) for trial in ended]
            finite = [value for value in values if math.isfinite(value)]
            if ended:
                lost = len(values) - len(finite)
                cell = arrangement.cell(key)
                made.append(Accuracy(cell, column, over_seeds(finite), ended, lost))
    return made


def place_of_original(group: Group) -> Standing | None:
    """Return where a family's original stands by test accuracy; None if nothing compares."""
    if group.compared is None:
        return None
    return standing_of(group.compared, ACCURACY, most="members")


@dataclass(frozen=True)
class Errors:
    """A line of the table: test errors of a family in percent; NaN if diverged.

    Attributes:
        original, adapted: None if not trained yet.
        paper: both as published, on the data set that the column stands for.
        pair: both on the seeds that they share, as accuracies; None if they share none.
    """

    family: str
    original: Accuracy | None
    adapted: Accuracy | None
    paper: tuple[float, float] | None
    pair: Pair | None = None

    @property
    def difference(self) -> float | None:
        """Adapted minus original, on the seeds that they share; None if they share none."""
        return None if self.pair is None else -100 * self.pair.difference


@dataclass(frozen=True)
class TablePart:
    """The lines of a data set; ``published`` is the paper's data set, whose numbers are shown."""

    column: FigureColumn
    published: str
    lines: tuple[Errors, ...]


def parts_of(
    arrangement: Arrangement, columns: Sequence[FigureColumn], published: Sequence[str]
) -> list[TablePart]:
    """Return the table of a study, one part per data set."""
    parts = []
    for column, name in zip(columns, published, strict=True):
        accuracies = accuracies_of(arrangement, column)
        trials = tuple(trial for trial in arrangement.study.trials if column.holds(trial))
        study = dataclasses.replace(arrangement.study, trials=trials)
        paired = {pair.family: pair for pair in make_pairs(pair_families(study, column.data))}
        lines = []
        for family in arrangement.families:
            forms = {a.cell.variant: a for a in accuracies if a.cell.family == family}
            original, adapted = forms.get("original"), forms.get("adapted")
            paper = TABLE_1[name].get(family)
            lines.append(Errors(family, original, adapted, paper, paired.get(family)))
        parts.append(TablePart(column, name, tuple(lines)))
    return parts
