"""Numbers that describe how a training run converged.

Training loss comes first: accuracy mixes the speed of convergence with the final quality.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from nascope.records import CurvePoint, TrainingRecord


def sound_epochs(training: TrainingRecord) -> tuple[CurvePoint, ...]:
    """The completed epochs, without the one at which the run diverged: its numbers mean nothing."""
    last = math.inf if training.diverged_at is None else training.diverged_at
    return tuple(epoch for epoch in training.epochs if epoch.epoch < last)


def sound_curve(training: TrainingRecord) -> tuple[CurvePoint, ...]:
    """The points of the curves, early ones too, before the epoch at which the run diverged."""
    last = math.inf if training.diverged_at is None else training.diverged_at - 1
    return tuple(point for point in training.curve if point.epoch <= last)


def train_losses(training: TrainingRecord) -> tuple[float, ...]:
    """Mean training loss of every sound epoch, in nats per image."""
    return tuple(epoch.train_loss for epoch in sound_epochs(training))


def epochs_to_loss(losses: Sequence[float], threshold: float) -> int | None:
    """The first epoch, from 1, whose loss is at or below the threshold.

    min {e : l_e ≤ threshold}; None if no epoch got there: such a trial is *censored*, its value is
    known only to exceed the number of epochs run.

    >>> epochs_to_loss([2.0, 1.1, 0.9], 1.0)
    3
    """
    return next((e for e, loss in enumerate(losses, start=1) if loss <= threshold), None)


def shared_threshold(runs: Sequence[TrainingRecord]) -> float | None:
    """The lowest training loss that every finished run reached: max over runs of min over epochs.

    Runs that diverged or are unfinished don't count; None where no run is left.
    """
    lowest = [
        min(train_losses(run))
        for run in runs
        if run.finished and run.diverged_at is None and run.epochs
    ]
    return max(lowest, default=None)


def area_under_loss(training: TrainingRecord) -> float:
    """Area under the training-loss curve, Σ_e l_e over its epochs, in nats × epochs.

    The smaller, the sooner the loss fell. Infinite for a run that diverged, so that it ranks last;
    NaN for one that is not finished, since a sum over fewer epochs would look like a fast one.
    Comparable between runs of equally many epochs only.
    """
    if training.diverged_at is not None:
        return math.inf
    return math.fsum(train_losses(training)) if training.finished else math.nan


def final_test_accuracy(training: TrainingRecord) -> float:
    """Test accuracy after the last completed epoch, in [0, 1]; NaN if it diverged or has none."""
    if training.diverged_at is not None or training.last is None:
        return math.nan
    return training.last.test_accuracy


def best_test_accuracy(training: TrainingRecord) -> float:
    """Largest test accuracy over the epochs, in [0, 1]; NaN before the first.

    Chosen on the test set itself, so it is optimistic: a description, not an estimate.
    """
    return max((epoch.test_accuracy for epoch in sound_epochs(training)), default=math.nan)
