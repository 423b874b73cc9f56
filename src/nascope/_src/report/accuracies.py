"""Test accuracies in the last epoch: Figure 9's numbers, and Table 1's."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nascope._src.records.read import TrialRecord
from nascope._src.report.arrangement import Arrangement, Group, ShownCell
from nascope._src.results.measures import ACCURACY
from nascope._src.results.paper.columns import FigureColumn
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
