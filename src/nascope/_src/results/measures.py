"""The registry of measures: every number of a trial that is compared or tabulated.

A measure is defined once: its title, unit and direction, and how it is computed from a trial. To
add one, add it to `all_measures`, and to `primary_measure` if a claim is judged by it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from nascope._src.records.read import GRID_ARRAYS, ProbeRecord, TrainingRecord, TrialRecord
from nascope._src.results.levels import Levels
from nascope._src.results.metrics.convergence import (
    accuracy_after,
    area_under_loss,
    best_test_accuracy,
    capped_area,
    comparison_epochs,
    early_epoch,
    epochs_to_loss,
    fluctuation,
    loss_fluctuation,
    sound_epochs,
    train_losses,
)
from nascope._src.results.metrics.smoothness import area_below, chance_loss
from nascope._src.results.planes import (
    Plane,
    ProbePlace,
    find_grid,
    loss_of,
    mode_of,
    modes_at,
    places_of,
    plane_of,
    probes_at,
    std_at_centre,
    std_of,
    summary_of,
)
from nascope._src.results.probe_measures import PROBE_MEASURES, Group, ProbeMeasure

Value = Callable[[TrialRecord], float]


@dataclass(frozen=True)
class Measure:
    """A number of one trial.

    Attributes:
        key: short name, unique among the measures.
        title: what it measures, without the unit.
        unit: unit in which it is shown; empty for a plain number.
        value: computes the number from a trial; NaN if the trial has none, infinite on the worse
            side if the trial diverged.
        better: which end of the scale is better; None if neither is.
        log: whether logarithms are compared, so that a shift is a ratio.
        scale: factor from the value to the number in ``unit``.
        digits: decimals shown; None for three significant digits.
        shift_unit: unit of a difference of two numbers, if it is not ``unit``.
    """

    key: str
    title: str
    unit: str
    value: Value
    better: Literal["lower", "higher"] | None = None
    log: bool = False
    scale: float = 1.0
    digits: int | None = None
    shift_unit: str | None = None

    @property
    def higher_is_better(self) -> bool:
        return self.better == "higher"

    def compared(self, trial: TrialRecord) -> float:
        """Return the number that is compared and averaged: the value or its logarithm."""
        value = self.value(trial)
        return math.log(value) if self.log and 0 < value < math.inf else value

    def shown(self, compared: float) -> float:
        """Return a mean of compared numbers in ``unit``."""
        if self.log and math.isfinite(compared):
            compared = math.exp(compared)
        return self.scale * compared

    def shift(self, difference: float) -> float:
        """Return a difference of compared numbers in ``shift_unit``; in percent if ``log``."""
        return 100 * math.expm1(difference) if self.log else self.scale * difference


# ---------------------------------------------------------------- measures that claims use


def _finished(trial: TrialRecord) -> TrainingRecord | None:
    return trial.training if trial.training is not None and trial.training.finished else None


def _area(trial: TrialRecord) -> float:
    return area_under_loss(trial.training) if trial.training is not None else math.nan


def _capped_area(trial: TrialRecord) -> float:
    training, classes = _finished(trial), trial.data.get("classes")
    if training is None or not isinstance(classes, int):
        return math.nan
    area = capped_area(training, chance_loss(classes), _planned_epochs(trial))
    return area if 0 < area < math.inf else math.nan


def _unsteadiness(spread: Callable[[TrainingRecord], float]) -> Value:
    """Return a spread of a finished training; infinite if it diverged."""

    def value(trial: TrialRecord) -> float:
        training = _finished(trial)
        if training is None:
            return math.nan
        return math.inf if trial.diverged else spread(training)

    return value


def _accuracy(trial: TrialRecord) -> float:
    training = _finished(trial)
    if training is None:
        return math.nan
    if trial.diverged:
        return -math.inf
    return training.last.test_accuracy if training.last is not None else math.nan


def _latest_accuracy(trial: TrialRecord) -> float:
    """Return the test accuracy of the last epoch so far, for unfinished trainings too."""
    training = trial.training
    if training is None or training.finished or training.last is None:
        return _accuracy(trial)
    return training.last.test_accuracy


def _best_accuracy(trial: TrialRecord) -> float:
    return best_test_accuracy(trial.training) if trial.training is not None else math.nan


def _accuracy_after(at: int | None) -> Value:
    """Return the accuracy after an epoch; None for the end of the first tenth."""

    def value(trial: TrialRecord) -> float:
        training = _finished(trial)
        if training is None:
            return math.nan
        accuracy = accuracy_after(training, at or early_epoch(_planned_epochs(trial)))
        return -math.inf if math.isnan(accuracy) and trial.diverged else accuracy

    return value


def _planned_epochs(trial: TrialRecord) -> int:
    """Return the number of epochs in a trial's recipe; of those done if the recipe has none."""
    done = len(trial.training.epochs) if trial.training is not None else 0
    return int(trial.recipe.get("epochs", done))


def _percentage(key: str, title: str, value: Value) -> Measure:
    """Return a measure with values in [0, 1], the higher the better, that is shown in percent."""
    return Measure(
        key, title, "%", value, "higher", scale=100, digits=1, shift_unit="percentage points"
    )


AREA = Measure(
    "area_under_loss",
    "Area under the training-loss curve",
    "nats × epochs",
    _area,
    better="lower",
    log=True,
    shift_unit="%",
)
CAPPED_AREA = replace(
    AREA,
    key="capped_area",
    title="Area under the training-loss curve, a guess's loss after divergence",
    value=_capped_area,
)
FLUCTUATION = Measure(
    "fluctuation",
    "Fluctuation of the training loss",
    "%",
    _unsteadiness(lambda training: loss_fluctuation(train_losses(training))),
    better="lower",
    scale=100,
    shift_unit="% of the loss",
)
TEST_FLUCTUATION = replace(
    FLUCTUATION,
    key="test_fluctuation",
    title="Fluctuation of the test loss",
    value=_unsteadiness(
        lambda training: loss_fluctuation([epoch.test_loss for epoch in sound_epochs(training)])
    ),
)
ACCURACY_FLUCTUATION = replace(
    FLUCTUATION,
    key="accuracy_fluctuation",
    title="Fluctuation of the test accuracy",
    unit="percentage points",
    value=_unsteadiness(
        lambda training: fluctuation([epoch.test_accuracy for epoch in sound_epochs(training)])
    ),
    shift_unit=None,
)
ACCURACY = _percentage("accuracy", "Test accuracy, last epoch", _accuracy)
BEST_ACCURACY = _percentage("best", "Test accuracy, best epoch", _best_accuracy)
EARLY_ACCURACY = _percentage(
    "early_accuracy", "Accuracy after the first tenth of the schedule", _accuracy_after(None)
)


def basin_fraction(mode: str, plane: Plane | None = None, levels: Levels | None = None) -> Measure:
    """Return the measure "share of a landscape below a level".

    Args:
        mode: BatchNorm mode of the landscapes.
        plane: plane of the landscapes; None for each trial's first.
        levels: levels of the study; without them the level is the loss of a uniform guess.
    """

    def value(trial: TrialRecord) -> float:
        probe = find_grid(trial, "landscape", mode, plane)
        if probe is None:
            return -math.inf if trial.diverged else math.nan
        level: float | None
        if levels is not None:
            level = levels.of(trial).landscape_loss
        else:
            classes = trial.data.get("classes")
            level = chance_loss(classes) if isinstance(classes, int) else None
        if level is None:
            return math.nan
        return area_below(loss_of(probe), probe.arrays["alphas"], probe.arrays["betas"], level)

    title = "Share of the plane below the loss of a random guess"
    return _percentage("basin_fraction", title, value)


def median_gradient_std(mode: str, plane: Plane | None = None) -> Measure:
    """Return the measure "median √g over a gradient-variance grid".

    A non-finite point counts as larger than any other. Without it, the grid would look smaller
    than it is.

    Args:
        mode: BatchNorm mode of the grids.
        plane: plane of the grids; None for each trial's first.
    """

    def value(trial: TrialRecord) -> float:
        probe = find_grid(trial, "variance", mode, plane)
        if probe is None:
            return math.inf if trial.diverged else math.nan
        std = std_of(probe)
        median = float(np.median(np.where(np.isfinite(std), std, math.inf)))
        return median if median > 0 else math.inf

    return Measure(
        "median_gradient_std",
        "Median √g over the plane",
        "",
        value,
        better="lower",
        log=True,
        shift_unit="%",
    )


PROBED = {5: "landscape", 6: "variance"}
"""The kind of probe that each of these claims is judged by."""


def primary_measure(claim: int, mode: str = "frozen", plane: Plane | None = None) -> Measure:
    """Return the measure by which one of the claims 2, 3, 5, 6 and 7 is judged.

    These were chosen before any study was judged; docs/guides/verdicts.md gives the reasons.

    Args:
        claim: number of the claim.
        mode: BatchNorm mode of the probes of claims 5 and 6.
        plane: plane of those probes; None for each trial's first.

    Raises:
        ValueError: the claim is judged by no number of single trials.
    """
    match claim:
        case 2:
            return AREA
        case 3:
            return TEST_FLUCTUATION
        case 5:
            return basin_fraction(mode, plane)
        case 6:
            return median_gradient_std(mode, plane)
        case 7:
            return EARLY_ACCURACY
    raise ValueError(f"Expected claim 2, 3, 5, 6 or 7, but got {claim}")


def further_measures(claim: int, trials: Sequence[TrialRecord]) -> list[Measure]:
    """Return measures by which a claim is judged besides its primary one.

    Claim 3: fluctuation of the test accuracy. Claim 5: the largest eigenvalue of the Hessian, the
    paper's L, wherever the study has it. Claim 7: accuracy after further numbers of steps.

    Args:
        claim: number of the claim.
        trials: the trials of one setting.
    """
    if claim == 3:
        return [ACCURACY_FLUCTUATION]
    if claim == 5:
        return [
            _largest_eigenvalue(place, mode)
            for place in places_of(trials)
            if place.kind == "curvature"
            for mode in modes_at(trials, place)
        ]
    if claim != 7 or not trials:
        return []
    images, batch = trials[0].data.get("train"), trials[0].recipe.get("batch_size")
    if not isinstance(images, int) or not isinstance(batch, int):
        return []
    steps, epochs = -(-images // batch), _planned_epochs(trials[0])
    return [
        _percentage(
            f"accuracy_after_{epoch}",
            f"Accuracy after {epoch * steps:,} of {epochs * steps:,} steps",
            _accuracy_after(epoch),
        )
        for epoch in comparison_epochs(epochs, steps)[1:]
        if epoch < epochs
    ]


def _largest_eigenvalue(place: ProbePlace, mode: str) -> Measure:
    """Return λ_max at a place; infinite without one if the training diverged."""
    measure = _of_probe(PROBE_MEASURES["eigenvalue"], place, mode)

    def value(trial: TrialRecord) -> float:
        eigenvalue = measure.value(trial)
        if math.isnan(eigenvalue) and trial.diverged:
            return math.inf
        return eigenvalue if eigenvalue > 0 else math.nan

    return replace(measure, value=value, log=True, shift_unit="%")


def planes_for(trial: TrialRecord, claim: int, mode: str) -> list[Plane]:
    """Return the planes of a trial's probes for claim 5 or 6, in order; none for other claims."""
    probes = trial.standard_probes(PROBED[claim]) if claim in PROBED else []
    return [plane_of(probe) for probe in probes if mode_of(probe) == mode]


# ---------------------------------------------------------------- measures that are tabulated


def all_measures(levels: Levels) -> dict[str, Measure]:
    """Return every measure that the report shows, by key, in the order of its columns."""
    surface, gradient = (levels.modes.get(kind, "frozen") for kind in GRID_ARRAYS)
    loss = functools.partial(_grid_statistic, "landscape", surface)
    std = functools.partial(_grid_statistic, "variance", gradient)
    below = basin_fraction(surface, levels=levels).value
    below_again = basin_fraction("recalibrated", levels=levels).value
    std_again = _grid_statistic("variance", "recalibrated", "median")
    every = (
        replace(ACCURACY, value=_latest_accuracy),
        BEST_ACCURACY,
        Measure("train_loss", "Training loss, last epoch", "nats", _of_last("train_loss"), "lower"),
        AREA,
        Measure("reached", "Epochs to the shared training loss", "", _epochs_to(levels), "lower",
                digits=0),
        FLUCTUATION,
        TEST_FLUCTUATION,
        ACCURACY_FLUCTUATION,
        Measure("test_loss", "Test loss, last epoch", "nats", _of_last("test_loss"), "lower"),
        _percentage("area_below", f"Landscape area below the shared level{_mode(surface)}", below),
        _percentage("area_below_recalibrated", "The same, BatchNorm recalibrated",
                    _no_number if surface == "recalibrated" else below_again),
        Measure("median_loss", f"Landscape, median loss{_mode(surface)}", "nats", loss("median")),
        Measure("mean_loss", f"Landscape, mean loss{_mode(surface)}", "nats", loss("mean")),
        Measure("largest_loss", f"Landscape, largest loss{_mode(surface)}", "nats",
                loss("largest")),
        Measure("std", f"Gradient std. √g, median{_mode(gradient)}", "", std("median"), "lower"),
        Measure("std_recalibrated", "√g, median, recalibrated", "",
                _no_number if gradient == "recalibrated" else std_again, "lower"),
        Measure("std_low", f"√g, 10 % quantile{_mode(gradient)}", "", std("lower_decile")),
        Measure("std_high", f"√g, 90 % quantile{_mode(gradient)}", "", std("upper_decile")),
        Measure("std_mean", f"√g, mean{_mode(gradient)}", "", std("mean")),
        Measure("std_centre", f"√g at the network{_mode(gradient)}", "",
                _of_grid("variance", gradient, std_at_centre)),
        *(_of_probe(PROBE_MEASURES[key], ProbePlace("landscape"), surface) for key in _SMOOTHNESS),
        *(_of_probe(PROBE_MEASURES[key], ProbePlace("curvature")) for key in _CURVATURE),
        *_at_equal_loss(levels),
        Measure("lost", "Non-finite grid points", "%", _non_finite(levels), "lower", scale=100,
                digits=1),
        Measure("parameters", "Parameters", "", _parameters, digits=0),
        Measure("seconds", "Training time", "s", _seconds, "lower", digits=1),
    )  # fmt: skip
    return {measure.key: measure for measure in every}


def trial_measures(levels: Levels) -> tuple[tuple[Group, Measure], ...]:
    """Return the measures of speed and steadiness, which a training has without any probe."""
    return (
        ("speed", AREA),
        ("speed", Measure("reached", "Epochs to the shared training loss", "", _epochs_to(levels),
                          "lower")),
        ("speed", EARLY_ACCURACY),
        ("speed", Measure("train_loss", "Training loss, last epoch", "nats",
                          _of_last("train_loss"), "lower", log=True)),
        ("speed", ACCURACY),
        ("steadiness", replace(FLUCTUATION, log=True)),
        ("steadiness", replace(TEST_FLUCTUATION, log=True)),
        ("steadiness", replace(ACCURACY_FLUCTUATION, log=True)),
    )  # fmt: skip


def _no_number(trial: TrialRecord) -> float:
    return math.nan


def _mode(mode: str) -> str:
    return "" if mode == "frozen" else f", BatchNorm {mode}"


def _of_last(name: str) -> Value:
    def value(trial: TrialRecord) -> float:
        training = trial.training
        if training is None or training.last is None or trial.diverged:
            return math.nan
        return float(getattr(training.last, name))

    return value


def _epochs_to(levels: Levels) -> Value:
    """Epochs to the shared training loss; infinite if the trial trained but did not reach it."""

    def value(trial: TrialRecord) -> float:
        threshold, training = levels.of(trial).train_loss, trial.training
        if threshold is None or training is None or not training.epochs:
            return math.nan
        reached = epochs_to_loss(train_losses(training), threshold)
        return math.inf if reached is None else float(reached)

    return value


def _of_grid(kind: str, mode: str, number: Callable[[ProbeRecord], float]) -> Value:
    def value(trial: TrialRecord) -> float:
        probe = find_grid(trial, kind, mode)
        return math.nan if probe is None else number(probe)

    return value


def _grid_statistic(kind: str, mode: str, statistic: str) -> Value:
    return _of_grid(kind, mode, lambda probe: getattr(summary_of(probe), statistic))


def _non_finite(levels: Levels) -> Value:
    def value(trial: TrialRecord) -> float:
        grids = [find_grid(trial, kind, levels.modes.get(kind)) for kind in GRID_ARRAYS]
        shares = [summary_of(grid).non_finite_share for grid in grids if grid is not None]
        return max(shares, default=math.nan)

    return value


_SMOOTHNESS = (
    "convex_radius", "convex_area", "concavity", "roughness", "largest_curvature", "sharpness",
    "smad", "persistence",
)  # fmt: skip
_CURVATURE = ("eigenvalue", "trace")
_AT_EQUAL_LOSS = (*_CURVATURE, "std_centre")


def _of_probe(measure: ProbeMeasure, place: ProbePlace, mode: str | None = None) -> Measure:
    """Return a number of a trial's first probe at a place as a measure.

    Args:
        mode: BatchNorm mode; None for that of the first probe.
    """

    def value(trial: TrialRecord) -> float:
        classes = trial.data.get("classes")
        return next(
            (
                measure.number(probe, classes if isinstance(classes, int) else None)
                for probe in probes_at(trial, place)
                if mode is None or mode_of(probe) == mode
            ),
            math.nan,
        )

    key, title = measure.key, f"{measure.title}{'' if mode is None else _mode(mode)}"
    if not place.is_standard:
        key, title = (
            f"{key} at {place.at} {place.data}",
            f"{title} at {place.at}, {place.data} images",
        )
    return Measure(key, title, measure.unit, value, measure.better)


def _at_equal_loss(levels: Levels) -> list[Measure]:
    """Return curvature and √g at each training loss at which the study probed its networks."""
    return [
        _of_probe(PROBE_MEASURES[key], place)
        for place in levels.places
        if place.at.startswith("loss ")
        for key in _AT_EQUAL_LOSS
        if PROBE_MEASURES[key].kind == place.kind
    ]


def _parameters(trial: TrialRecord) -> float:
    known = trial.training.provenance.get("parameters") if trial.training is not None else None
    return float(known) if known is not None else math.nan


def _seconds(trial: TrialRecord) -> float:
    epochs = trial.training.epochs if trial.training is not None else ()
    return math.fsum(epoch.seconds for epoch in epochs) if epochs else math.nan
