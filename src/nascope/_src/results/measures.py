"""Every number of a trial that the report shows, at levels which all trials share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nascope._src.records.read import (
    GRID_ARRAYS,
    ProbeRecord,
    StudyRecord,
    TrainingRecord,
    TrialRecord,
)
from nascope._src.results.convergence import (
    agitation,
    area_under_loss,
    best_test_accuracy,
    epochs_to_loss,
    final_test_accuracy,
    shared_threshold,
    train_losses,
)
from nascope._src.results.smoothness import (
    GridSummary,
    area_below,
    at_centre,
    chance_loss,
    gradient_std,
    summarise,
)

_UNTRAINED = TrainingRecord(epochs=(), early=(), diverged_at=None, finished=False, provenance={})


@dataclass(frozen=True)
class DataLevels:
    """What all trials on one data set are held against.

    Attributes:
        data: its name.
        train_loss: the threshold of `epochs_to_loss`; None where no run finished.
        landscape_loss: the level of `area_below`; None where there is no landscape.
        landscape_rule: in words, how that level was chosen.
    """

    data: str
    train_loss: float | None
    landscape_loss: float | None
    landscape_rule: str


@dataclass(frozen=True)
class Levels:
    """The levels of a study: for each data set, by its digest, its own.

    Attributes:
        modes: for each kind of grid the BatchNorm mode of all numbers that name none.
    """

    by_data: Mapping[str, DataLevels]
    modes: Mapping[str, str]

    def of(self, trial: TrialRecord) -> DataLevels:
        """Those that a trial is held against."""
        return self.by_data[data_key(trial)]

    @property
    def only(self) -> DataLevels | None:
        """The levels of a study of one data set; None where there are several, or none."""
        return next(iter(self.by_data.values())) if len(self.by_data) == 1 else None


def data_key(trial: TrialRecord) -> str:
    """What tells the data of one trial from those of others."""
    return f"{trial.data.get('name')} {trial.data.get('digest')}"


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
        area_below_recalibrated, std_recalibrated: area and median √g of probes that estimated
            BatchNorm's statistics anew at each point, beside those of another mode.
        agitation: of the training loss.
        largest_eigenvalue, trace: of the Hessian.
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
    area_below_recalibrated: float
    landscape: GridSummary | None
    gradient_std: GridSummary | None
    centre_std: float
    std_recalibrated: float
    agitation: float
    largest_eigenvalue: float
    trace: float
    seconds: float
    parameters: float


Measured = Mapping[tuple[str, str, str], TrialMeasures]
"""The numbers of trials by their `TrialRecord.key`."""


def shared_levels(study: StudyRecord) -> Levels:
    """The levels for all trials of a study, for each data set apart.

    The landscape's is the loss of a uniform guess, ln(classes), where the data say how many
    classes they have and some landscape dips below it; else the median of all finite losses.
    """
    groups: dict[str, list[TrialRecord]] = {}
    for trial in study.trials:
        groups.setdefault(data_key(trial), []).append(trial)
    modes = {kind: found[0] for kind in GRID_ARRAYS if (found := modes_of(study.trials, kind))}
    return Levels({key: _levels(own) for key, own in groups.items()}, modes)


def _levels(trials: Sequence[TrialRecord]) -> DataLevels:
    runs = [trial.training for trial in trials if trial.training is not None]
    losses = [loss_of(probe) for trial in trials for probe in planes(trial, "landscape")]
    finite = np.concatenate([loss[np.isfinite(loss)] for loss in losses] or [np.empty(0)])
    level: float | None = None
    rule = "no landscape was measured"
    if finite.size:
        classes = trials[0].data.get("classes")
        level, rule = float(np.median(finite)), "the median of all finite losses on the grids"
        if isinstance(classes, int) and classes > 1:
            chance = chance_loss(classes)
            if finite.min() < chance < finite.max():
                level, rule = chance, f"ln {classes}, the loss of a uniform guess among the classes"
    name = str(trials[0].data.get("name"))
    return DataLevels(name, shared_threshold(runs), level, rule)


def measure_trial(trial: TrialRecord, levels: Levels) -> TrialMeasures:
    """All numbers of one trial, against the levels of its data set."""
    own = levels.of(trial)
    training = trial.training if trial.training is not None else _UNTRAINED
    landscape, variance = (plane(trial, kind, levels.modes.get(kind)) for kind in GRID_ARRAYS)
    curvature = trial.probe("curvature")
    beside = {
        kind: None if mode == "recalibrated" else plane(trial, kind, "recalibrated")
        for kind, mode in levels.modes.items()
    }
    reached = None
    if own.train_loss is not None:
        reached = epochs_to_loss(train_losses(training), own.train_loss)
    last = training.last if training.diverged_at is None else None
    return TrialMeasures(
        epochs=len(training.epochs),
        train_loss=last.train_loss if last is not None else math.nan,
        area_under_loss=area_under_loss(training),
        epochs_to_threshold=reached,
        censored=own.train_loss is not None and reached is None and bool(training.epochs),
        test_loss=last.test_loss if last is not None else math.nan,
        final_accuracy=final_test_accuracy(training),
        best_accuracy=best_test_accuracy(training),
        area_below=_below(landscape, own),
        area_below_recalibrated=_below(beside.get("landscape"), own),
        landscape=summarise(loss_of(landscape)) if landscape is not None else None,
        gradient_std=summarise(std_of(variance)) if variance is not None else None,
        centre_std=_centre(variance) if variance is not None else math.nan,
        std_recalibrated=_median_std(beside.get("variance")),
        agitation=agitation(train_losses(training)) if training.finished else math.nan,
        largest_eigenvalue=_largest_eigenvalue(curvature),
        trace=_trace(curvature),
        seconds=math.fsum(e.seconds for e in training.epochs) if training.epochs else math.nan,
        parameters=float(training.provenance.get("parameters", math.nan)),
    )


def measure_study(study: StudyRecord) -> tuple[Levels, Measured]:
    """The shared levels of a study, and the numbers of each trial."""
    levels = shared_levels(study)
    return levels, {trial.key: measure_trial(trial, levels) for trial in study.trials}


def _below(landscape: ProbeRecord | None, levels: DataLevels) -> float:
    if landscape is None or levels.landscape_loss is None:
        return math.nan
    alphas, betas = landscape.arrays["alphas"], landscape.arrays["betas"]
    return area_below(loss_of(landscape), alphas, betas, levels.landscape_loss)


def _median_std(variance: ProbeRecord | None) -> float:
    return math.nan if variance is None else summarise(std_of(variance)).median


def _largest_eigenvalue(curvature: ProbeRecord | None) -> float:
    values = None if curvature is None else curvature.arrays.get("eigenvalues")
    return float(np.max(values)) if values is not None and values.size else math.nan


def _trace(curvature: ProbeRecord | None) -> float:
    samples = None if curvature is None else curvature.arrays.get("trace_samples")
    return float(np.mean(samples)) if samples is not None and samples.size else math.nan


def _centre(variance: ProbeRecord) -> float:
    return at_centre(std_of(variance), variance.arrays["alphas"], variance.arrays["betas"])


def planes(trial: TrialRecord, kind: str) -> list[ProbeRecord]:
    """A trial's grids over random planes around the trained network, on test images."""
    return [
        probe
        for probe in trial.probes
        if probe.kind == kind
        and "betas" in probe.arrays
        and probe.settings.get("at", "end") == "end"
        and probe.settings.get("data", "test") == "test"
        and probe.settings.get("along", "random") == "random"
    ]


def mode_of(probe: ProbeRecord) -> str:
    """Its BatchNorm mode."""
    return str(probe.settings.get("batchnorm", "frozen"))


def modes_of(trials: Sequence[TrialRecord], *kinds: str) -> list[str]:
    """The BatchNorm modes in which some have planes; frozen, the paper's, first."""
    found = {mode_of(probe) for t in trials for kind in kinds for probe in planes(t, kind)}
    return sorted(found, key=lambda mode: (mode != "frozen", mode))


def plane(trial: TrialRecord, kind: str, mode: str | None) -> ProbeRecord | None:
    """The first of a trial's `planes` under a BatchNorm mode."""
    return next((probe for probe in planes(trial, kind) if mode_of(probe) == mode), None)


def loss_of(landscape: ProbeRecord) -> np.ndarray:
    """The losses of a landscape probe, (A, B)."""
    return np.asarray(landscape.arrays["loss"], dtype=np.float64)


def std_of(variance: ProbeRecord) -> np.ndarray:
    """√g of a variance probe, (A, B)."""
    return gradient_std(variance.arrays["variance"])
