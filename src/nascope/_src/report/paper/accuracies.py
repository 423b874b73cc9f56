"""Test accuracies at convergence, and where the original stands among its variants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nascope._src.records.read import TrialRecord
from nascope._src.report.arrangement import Arrangement, Group, ShownCell
from nascope._src.report.paper.columns import Column
from nascope._src.results.convergence import final_test_accuracy
from nascope._src.results.generalisation import chance_that_a_variant_wins
from nascope._src.results.intervals import Estimate, over_seeds


@dataclass(frozen=True)
class Accuracy:
    """A cell's test accuracies in the last epoch, in percent, over its seeds.

    Attributes:
        diverged: how many of the seeds did; the mean is that of the others.
    """

    cell: ShownCell
    column: Column
    mean: Estimate
    trials: tuple[TrialRecord, ...]
    diverged: int


def accuracies(arrangement: Arrangement, column: Column) -> list[Accuracy]:
    """Of every cell that was trained to the end on a data set."""
    found = []
    for family in arrangement.families:
        for key, trials in column.group(arrangement, family).trials.items():
            own = tuple(t for t in trials if t.training is not None and t.training.finished)
            values = [100 * final_test_accuracy(t.training) for t in own if t.training]
            sound = [value for value in values if math.isfinite(value)]
            if own:
                cell = arrangement.cell(key)
                lost = len(values) - len(sound)
                found.append(Accuracy(cell, column, over_seeds(sound), own, lost))
    return found


@dataclass(frozen=True)
class Place:
    """Where a cell stands in its family, and what chance alone would do.

    Were all members alike, each rank from 1 to ``of`` would be equally likely.

    Attributes:
        rank: 1 for the best; equal for equals. A cell of which a training diverged ranks last.
        of: members.
        chance: the probability of such a rank or a better one: rank / of, where none are equal.
    """

    rank: int
    of: int
    chance: float

    @property
    def chance_of_a_better_one(self) -> float:
        """The probability that some other member is better, (of − 1) / of."""
        return chance_that_a_variant_wins(self.of - 1)


def place_of(one: Accuracy, family: Sequence[Accuracy]) -> Place | None:
    """A cell's place among the cells of its family, itself among them, on the seeds that all have.

    None where they have none in common yet.
    """
    shared = frozenset.intersection(*(_seeds(other) for other in family))
    if not shared:
        return None
    levels = [_level(other, shared) for other in family]
    own = _level(one, shared)
    rank = 1 + sum(level > own for level in levels)
    return Place(rank, len(levels), sum(level >= own for level in levels) / len(levels))


def _seeds(one: Accuracy) -> frozenset[int]:
    return frozenset(trial.seed for trial in one.trials)


def _level(one: Accuracy, seeds: frozenset[int]) -> float:
    """Its mean over some seeds; below all where one of those diverged."""
    found = [
        final_test_accuracy(trial.training)
        for trial in one.trials
        if trial.training is not None and trial.seed in seeds
    ]
    return math.fsum(found) / len(found) if all(map(math.isfinite, found)) else -math.inf


def place_of_original(group: Group, found: Sequence[Accuracy]) -> Place | None:
    """The original's place in its family; None where one of both is missing."""
    own = [one for one in found if one.cell.key in group.trials]
    original = next((one for one in own if one.cell.is_original), None)
    return None if original is None or len(own) < 2 else place_of(original, own)
