"""Numbers that describe how a training run converged.

Training loss comes first: accuracy mixes the speed of convergence with the final quality.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from nascope._src.records.read import CurvePoint, TrainingRecord


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
    """The training loss that half of the runs got to: the median of their lowest losses.

    The others are censored. (The lowest loss that all got to would be set by the slowest of them,
    and censor none.) Runs that diverged or are unfinished don't count; None where no run is left.
    """
    lowest = [
        min(train_losses(run))
        for run in runs
        if run.finished and run.diverged_at is None and run.epochs
    ]
    return median(lowest) if lowest else None


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


def loss_fluctuation(losses: Sequence[float]) -> float:
    """Spread of the log loss around a straight line through its neighbours, by epoch.

    1.4826 · median |dₑ − median d| / √6 with second differences dₑ = ln ℓₑ₋₁ − 2 ln ℓₑ + ln ℓₑ₊₁.
    For white noise of standard deviation σ around a line or a parabola it is σ (√6 is the standard
    deviation of such a difference, 1.4826 turns a Gaussian's median deviation into a standard
    one); a few steps, like those where the rate falls, don't move it. NaN below five epochs.

    >>> round(loss_fluctuation([1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125]), 12)
    0.0
    """
    if len(losses) < 5 or not all(0 < loss < math.inf for loss in losses):
        return math.nan
    logs = [math.log(loss) for loss in losses]
    slopes = [after - before for before, after in pairwise(logs)]
    seconds = [after - before for before, after in pairwise(slopes)]
    middle = median(seconds)
    return 1.4826 * median([abs(second - middle) for second in seconds]) / math.sqrt(6)


def capped_area(training: TrainingRecord, chance: float, epochs: int) -> float:
    """`area_under_loss`, finite for a diverged run too: what it lacks counts as never learnt.

    Args:
        chance: the loss of a uniform guess, taken for every epoch from divergence on.
        epochs: that were planned.
    """
    if training.diverged_at is None:
        return area_under_loss(training)
    known = train_losses(training)
    return math.fsum(known) + chance * max(0, epochs - len(known))


CONVERGED = 0.9
"""The training accuracy from which on a network counts as converged."""


def converged(training: TrainingRecord) -> bool:
    """Whether a finished run fits its training images, augmented: an accuracy of 90 % or more.

    A schedule that anneals to zero always ends flat, so flatness says nothing.
    """
    last = training.last
    return (
        training.finished
        and training.diverged_at is None
        and last is not None
        and last.train_accuracy >= CONVERGED
    )


EARLY = 0.1
"""The share of a schedule after which search evaluates; DARTS takes 50 epochs of 600."""


def early_epoch(epochs: int) -> int:
    """The last epoch of the first tenth of a schedule, rounded up."""
    return max(1, math.ceil(EARLY * epochs))


def search_accuracy(point: CurvePoint) -> float:
    """What a search looks at, in [0, 1]: validation images where held out, else test images."""
    return point.test_accuracy if point.validation_accuracy is None else point.validation_accuracy


def early_accuracy(training: TrainingRecord, epochs: int) -> float:
    """`search_accuracy` at the `early_epoch` of a schedule of so many epochs.

    NaN where the run diverged before, or has not come so far.
    """
    at = early_epoch(epochs)
    return next((search_accuracy(p) for p in sound_epochs(training) if p.epoch == at), math.nan)
