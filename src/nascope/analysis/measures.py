"""Every number of a trial that the report shows, at levels which all trials share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nascope.analysis.convergence import (
    area_under_loss,
    best_test_accuracy,
    epochs_to_loss,
    final_test_accuracy,
    shared_threshold,
    train_losses,
)
from nascope.analysis.smoothness import (
    GridSummary,
    area_below,
    at_centre,
    chance_loss,
    gradient_std,
    summarise,
)
from nascope.records import ProbeRecord, StudyRecord, TrainingRecord, TrialRecord

_UNTRAINED = TrainingRecord(epochs=(), early=(), diverged_at=None, finished=False, provenance={})


@dataclass(frozen=True)
class Levels:
    """What all trials of a study are held against.

    Attributes:
        train_loss: the threshold of `epochs_to_loss`; None where no run finished.
        landscape_loss: the level of `area_below`; None where there is no landscape.
        landscape_rule: in words, how that level was chosen.
    """

    train_loss: float | None
    landscape_loss: float | None
    landscape_rule: str


@dataclass(frozen=True)
class TrialMeasures:
    """The numbers of one trial; NaN where it has no such result.

    Attributes:
        epochs: completed ones.
        epochs_to_threshold: None where the trial has not reached it, or there is none.
        censored: whether it trained and did not reach it, so that the number is only known to
            exceed ``epochs``.
        seconds: of training, summed over the epochs.
        parameters: of the network.
        landscape: summary of the loss landscape.
        gradient_std: summary of √g over the variance probe's grid.
        centre_std: √g at the trained network itself.
    """

    epochs: int
    train_loss: float
    area_under_loss: float
    epochs_to_threshold: int | None
    censored: bool
    test_loss: float
    final_accuracy: float
    best_accuracy: float
    area_below: float
    landscape: GridSummary | None
    gradient_std: GridSummary | None
    centre_std: float
    seconds: float
    parameters: float


def shared_levels(study: StudyRecord) -> Levels:
    """The levels for all trials of a study.

    The landscape's is the loss of a uniform guess, ln(classes), where the data say how many
    classes they have and some landscape dips below it; else the median of all finite losses.
    """
    runs = [trial.training for trial in study.trials if trial.training is not None]
    losses = [loss_of(probe) for trial in study.trials if (probe := trial.probe("landscape"))]
    finite = np.concatenate([loss[np.isfinite(loss)] for loss in losses] or [np.empty(0)])
    level: float | None = None
    rule = "no landscape was measured"
    if finite.size:
        classes = {trial.data.get("classes") for trial in study.trials}
        level, rule = float(np.median(finite)), "the median of all finite losses on the grids"
        if len(classes) == 1 and isinstance(count := classes.pop(), int) and count > 1:
            chance = chance_loss(count)
            if finite.min() < chance < finite.max():
                level, rule = chance, f"ln {count}, the loss of a uniform guess among the classes"
    return Levels(shared_threshold(runs), level, rule)


def measure_trial(trial: TrialRecord, levels: Levels) -> TrialMeasures:
    """All numbers of one trial, against the study's shared levels."""
    training = trial.training if trial.training is not None else _UNTRAINED
    landscape, variance = trial.probe("landscape"), trial.probe("variance")
    reached = None
    if levels.train_loss is not None:
        reached = epochs_to_loss(train_losses(training), levels.train_loss)
    below = math.nan
    if landscape is not None and levels.landscape_loss is not None:
        alphas, betas = landscape.arrays["alphas"], landscape.arrays["betas"]
        below = area_below(loss_of(landscape), alphas, betas, levels.landscape_loss)
    last = training.last if training.diverged_at is None else None
    return TrialMeasures(
        epochs=len(training.epochs),
        train_loss=last.train_loss if last is not None else math.nan,
        area_under_loss=area_under_loss(training),
        epochs_to_threshold=reached,
        censored=levels.train_loss is not None and reached is None and bool(training.epochs),
        test_loss=last.test_loss if last is not None else math.nan,
        final_accuracy=final_test_accuracy(training),
        best_accuracy=best_test_accuracy(training),
        area_below=below,
        landscape=summarise(loss_of(landscape)) if landscape is not None else None,
        gradient_std=summarise(std_of(variance)) if variance is not None else None,
        centre_std=_centre(variance) if variance is not None else math.nan,
        seconds=math.fsum(e.seconds for e in training.epochs) if training.epochs else math.nan,
        parameters=float(training.provenance.get("parameters", math.nan)),
    )


def measure_study(study: StudyRecord) -> tuple[Levels, Mapping[str, TrialMeasures]]:
    """The shared levels of a study, and the numbers of each trial by its identity."""
    levels = shared_levels(study)
    return levels, {trial.identity: measure_trial(trial, levels) for trial in study.trials}


def _centre(variance: ProbeRecord) -> float:
    return at_centre(std_of(variance), variance.arrays["alphas"], variance.arrays["betas"])


def loss_of(landscape: ProbeRecord) -> np.ndarray:
    """The losses of a landscape probe, (A, B)."""
    return np.asarray(landscape.arrays["loss"], dtype=np.float64)


def std_of(variance: ProbeRecord) -> np.ndarray:
    """√g of a variance probe, (A, B)."""
    return gradient_std(variance.arrays["variance"])
