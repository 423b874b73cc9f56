"""The early and final accuracies of a family's cells in a study."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nascope._src.records.read import CurvePoint, TrainingRecord, TrialRecord
from nascope._src.results.design import Family, Member
from nascope._src.results.metrics.convergence import search_accuracy, sound_epochs
from nascope._src.results.selection.early_stopping import CellAccuracies


def family_accuracies(family: Family, short: Family | None = None) -> list[CellAccuracies]:
    """Return the accuracies of a family's cells, the original included.

    Args:
        family: cells with their trials under the long schedule.
        short: the same cells under a shorter schedule; their early accuracies are then those at its
            end.
    """
    shorter = {member.label: member for member in short.members} if short is not None else {}
    cells = []
    for member in family.members:
        searched = member if short is None else shorter.get(member.label)
        if searched is None:
            continue
        final = {
            trial.seed: _guess(trial) if training.diverged_at is not None else last.test_accuracy
            for trial, training, last in _finished(member)
        }
        early = {
            trial.seed: _at_each_epoch(trial, training)
            if short is None
            else _at_the_end(trial, training, last)
            for trial, training, last in _finished(searched)
        }
        if final and early:
            width = float(member.normal.fractional_width)
            held_out = all(_is_held_out(t) for t in searched.trials if t.seed in early)
            cells.append(
                CellAccuracies(member.label, width, member.normal.depth, early, final, held_out)
            )
    return cells


def _finished(member: Member) -> Iterator[tuple[TrialRecord, TrainingRecord, CurvePoint]]:
    """Yield the trials whose training has finished, with the training and its last epoch."""
    for trial in member.trials:
        training = trial.training
        if training is not None and training.finished and training.last is not None:
            yield trial, training, training.last


def _at_each_epoch(trial: TrialRecord, training: TrainingRecord) -> dict[int, float]:
    """Return the accuracy after each planned epoch; −∞, so never picked, after divergence."""
    sound = {int(point.epoch): search_accuracy(point) for point in sound_epochs(training)}
    planned = int(trial.recipe.get("epochs", len(sound)))
    return {epoch: sound.get(epoch, -math.inf) for epoch in range(1, planned + 1)}


def _at_the_end(trial: TrialRecord, training: TrainingRecord, last: CurvePoint) -> dict[int, float]:
    """Return the accuracy at the end of a short schedule; −∞, so never picked, if it diverged."""
    accuracy = -math.inf if training.diverged_at is not None else search_accuracy(last)
    return {int(trial.recipe.get("epochs", 0)): accuracy}


def _guess(trial: TrialRecord) -> float:
    """Return the accuracy of a uniform guess, 1 / classes; 0 if their number is unknown."""
    classes = trial.data.get("classes")
    return 1 / classes if isinstance(classes, int) and classes > 0 else 0.0


def _is_held_out(trial: TrialRecord) -> bool:
    """Return whether a search would look at validation images, not at the test images."""
    last = trial.training.last if trial.training is not None else None
    return last is not None and last.validation_accuracy is not None
