"""How a training converged, in numbers.

Most of them are based on the training loss, because accuracy mixes the speed of convergence with
the final quality.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from nascope._src.records.read import CurvePoint, TrainingRecord


def sound_epochs(training: TrainingRecord) -> tuple[CurvePoint, ...]:
    """Return the completed epochs before divergence; later numbers mean nothing."""
    last = math.inf if training.diverged_at is None else training.diverged_at
    return tuple(epoch for epoch in training.epochs if epoch.epoch < last)


def sound_curve(training: TrainingRecord) -> tuple[CurvePoint, ...]:
    """Return the points of the curve, early ones included, before the epoch of divergence."""
    last = math.inf if training.diverged_at is None else training.diverged_at - 1
    return tuple(point for point in training.curve if point.epoch <= last)


def train_losses(training: TrainingRecord) -> tuple[float, ...]:
    """Return the mean training loss of each sound epoch, in nats per image."""
    return tuple(epoch.train_loss for epoch in sound_epochs(training))


def epochs_to_loss(losses: Sequence[float], threshold: float) -> int | None:
    """Return the first epoch whose loss is at or below a threshold, min {e : ℓ_e ≤ threshold}.

    If none is, return None: the trial is *censored*, and its value is only known to exceed the
    number of its epochs.

    Args:
        losses: the loss of each epoch, from epoch 1 on.
        threshold: in the unit of the losses.

    >>> epochs_to_loss([2.0, 1.1, 0.9], 1.0)
    3
    """
    return next((e for e, loss in enumerate(losses, start=1) if loss <= threshold), None)


def shared_threshold(trainings: Sequence[TrainingRecord]) -> float | None:
    """Return the training loss that half of the trainings reach, in nats per image.

    This is the median of their lowest losses; the other half is censored. (A loss that all of them
    reach would be set by the slowest.) Unfinished and diverged trainings do not count. None if no
    training is left.
    """
    lowest = [
        min(train_losses(training))
        for training in trainings
        if training.finished and training.diverged_at is None and training.epochs
    ]
    return median(lowest) if lowest else None


def area_under_loss(training: TrainingRecord) -> float:
    """Return the area under the training-loss curve, Σ_e ℓ_e over the epochs, in nats × epochs.

    The smaller it is, the sooner the loss fell. It is infinite if the training diverged, so that it
    ranks last, and NaN if the training is unfinished, because a sum over fewer epochs would look
    like fast convergence. Compare only trainings with the same number of epochs.
    """
    if training.diverged_at is not None:
        return math.inf
    return math.fsum(train_losses(training)) if training.finished else math.nan


def best_test_accuracy(training: TrainingRecord) -> float:
    """Return the largest test accuracy over the epochs, in [0, 1]; NaN before the first epoch.

    It is chosen on the test set itself, hence optimistic: a description, not an estimate.
    """
    return max((epoch.test_accuracy for epoch in sound_epochs(training)), default=math.nan)


def fluctuation(values: Sequence[float]) -> float:
    """Return how far a value of a curve is from a straight line through its neighbours.

    It is 1.4826 · median |dₑ − median d| / √6 with the second differences dₑ = xₑ₋₁ − 2 xₑ + xₑ₊₁.
    For white noise around a line or a parabola, it is the standard deviation σ of the noise: √6 σ
    is that of a second difference, and 1.4826 turns a Gaussian's median deviation into a standard
    deviation. A few steps, as when the learning rate falls, do not change it.

    Args:
        values: one for each epoch.

    Returns:
        σ, in the unit of the values; NaN for fewer than five, or if one is not finite.

    >>> fluctuation([1.0, 2.0, 3.0, 4.0, 5.0])
    0.0
    """
    if len(values) < 5 or not all(map(math.isfinite, values)):
        return math.nan
    slopes = [after - before for before, after in pairwise(values)]
    seconds = [after - before for before, after in pairwise(slopes)]
    middle = median(seconds)
    return 1.4826 * median([abs(second - middle) for second in seconds]) / math.sqrt(6)


def loss_fluctuation(losses: Sequence[float]) -> float:
    """Return the `fluctuation` of the log loss: a relative spread.

    Args:
        losses: the loss of each epoch.

    Returns:
        σ; NaN for fewer than five epochs or a loss that is not positive.

    >>> round(loss_fluctuation([1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125]), 12)
    0.0
    """
    if not all(0 < loss < math.inf for loss in losses):
        return math.nan
    return fluctuation([math.log(loss) for loss in losses])


def capped_area(training: TrainingRecord, chance: float, epochs: int) -> float:
    """Return `area_under_loss`, with the loss of a guess for each epoch after divergence.

    Args:
        training: a training; NaN is returned if it is unfinished.
        chance: the loss of a uniform guess, in nats per image.
        epochs: number of planned epochs.
    """
    if training.diverged_at is None:
        return area_under_loss(training)
    known = train_losses(training)
    return math.fsum(known) + chance * max(0, epochs - len(known))


CONVERGED = 0.9
"""The training accuracy at which a network counts as converged."""


def converged(training: TrainingRecord) -> bool:
    """Return whether a finished training fits its augmented training images to 90 % or more.

    Flat curves are no criterion, because a learning rate that falls to zero always flattens them.
    """
    last = training.last
    return (
        training.finished
        and training.diverged_at is None
        and last is not None
        and last.train_accuracy >= CONVERGED
    )


EARLY = 0.1
"""The share of a schedule after which a search evaluates; DARTS uses 50 epochs of 600."""

LATER = (0.25, 0.5)
"""Further shares of a schedule after which claim 7 is judged."""

SEARCH_STEPS = {
    "AmoebaNet": 8_800,  # 25 epochs (Real et al. 2019, Methods) of 45,000 images in batches of 128
    "DARTS": 19_550,  # 50 epochs of 25,000 images in batches of 64 (Liu et al. 2019, A.1.1)
}
"""Number of training steps after which these searches compare candidates, or end."""


def early_epoch(epochs: int, share: float = EARLY) -> int:
    """Return the last epoch of the first tenth of a schedule, or of a share, rounded up."""
    return max(1, math.ceil(share * epochs))


def comparison_epochs(epochs: int, steps: int) -> list[int]:
    """Return the epochs after which claim 7 is judged, from the `early_epoch` on.

    They are the ends of the first tenth, quarter and half of the schedule, and the epochs in which
    the published numbers of steps fall, if the schedule is that long.

    Args:
        epochs: number of planned epochs.
        steps: number of training steps in an epoch.

    >>> comparison_epochs(10, 63), comparison_epochs(600, 625)
    ([1, 3, 5], [60, 15, 32, 150, 300])
    """
    published = sorted(-(-count // steps) for count in SEARCH_STEPS.values())
    shares = [early_epoch(epochs, share) for share in (EARLY, *LATER)]
    later = sorted({*shares[1:], *(epoch for epoch in published if epoch < epochs)} - {shares[0]})
    return [shares[0], *later]


def search_accuracy(point: CurvePoint) -> float:
    """Return the accuracy that a search sees, in [0, 1].

    It is measured on validation images, or on the test images if none were held out.
    """
    return point.test_accuracy if point.validation_accuracy is None else point.validation_accuracy


def accuracy_after(training: TrainingRecord, at: int) -> float:
    """Return `search_accuracy` after an epoch, in [0, 1].

    Args:
        training: a training; NaN is returned if it diverged before, or has not got that far.
        at: the epoch.
    """
    return next((search_accuracy(p) for p in sound_epochs(training) if p.epoch == at), math.nan)
