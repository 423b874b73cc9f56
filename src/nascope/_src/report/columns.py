"""The numbers that the page and the figures show: titles, units, and how each is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nascope._src.records.read import GRID_ARRAYS, TrialRecord
from nascope._src.report.scales import in_digits, readable
from nascope._src.results.intervals import Estimate, over_seeds
from nascope._src.results.measures import Levels, Measured, TrialMeasures


@dataclass(frozen=True)
class Column:
    """One number of a trial.

    Attributes:
        key: short and unique.
        title: what it is, without its unit.
        unit: of the numbers as shown; empty for a plain number.
        value: the number; NaN where a trial has none, infinite where it was never reached.
        digits: decimals shown; None for three significant digits.
    """

    key: str
    title: str
    unit: str
    value: Callable[[TrialMeasures], float]
    digits: int | None = None

    def write(self, value: float) -> str:
        """A number of this column, in words for what is not a number."""
        if math.isnan(value):
            return "–"
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        return in_digits(value) if self.digits is None else f"{value:,.{self.digits}f}"


def columns(levels: Levels) -> tuple[Column, ...]:
    """All columns; two of them name the levels that trials share, where there is one data set."""
    threshold, level = "the data set's threshold", "the data set's level"
    surface, gradient = (
        "" if (mode := levels.modes.get(kind, "frozen")) == "frozen" else f", BatchNorm {mode}"
        for kind in GRID_ARRAYS
    )
    if (own := levels.only) is not None:
        threshold = "?" if own.train_loss is None else readable(own.train_loss)
        level = "?" if own.landscape_loss is None else readable(own.landscape_loss)
    return (
        Column("accuracy", "Test accuracy, last epoch", "%", _percent("final_accuracy"), 1),
        Column("best", "Test accuracy, best epoch", "%", _percent("best_accuracy"), 1),
        Column("train_loss", "Training loss, last epoch", "nats", _plain("train_loss")),
        Column(
            "area_under_loss",
            "Area under the training-loss curve",
            "nats × epochs",
            _plain("area_under_loss"),
        ),
        Column("reached", f"Epochs to training loss ≤ {threshold}", "", _epochs, 0),
        Column("agitation", "Agitation of the training loss", "%", _percent("agitation")),
        Column("test_loss", "Test loss, last epoch", "nats", _plain("test_loss")),
        Column(
            "area_below",
            f"Landscape area below loss {level}{surface}",
            "%",
            _percent("area_below"),
            1,
        ),
        Column(
            "area_below_recalibrated",
            f"The same, BatchNorm recalibrated, below {level}",
            "%",
            _percent("area_below_recalibrated"),
            1,
        ),
        Column("median_loss", f"Landscape, median loss{surface}", "nats", _landscape("median")),
        Column("mean_loss", f"Landscape, mean loss{surface}", "nats", _landscape("mean")),
        Column("largest_loss", f"Landscape, largest loss{surface}", "nats", _landscape("largest")),
        Column("std", f"Gradient std. √g, median{gradient}", "", _gradient("median")),
        Column("std_recalibrated", "√g, median, recalibrated", "", _plain("std_recalibrated")),
        Column("std_low", f"√g, 10 % quantile{gradient}", "", _gradient("lower_decile")),
        Column("std_high", f"√g, 90 % quantile{gradient}", "", _gradient("upper_decile")),
        Column("std_mean", f"√g, mean{gradient}", "", _gradient("mean")),
        Column("std_centre", f"√g at the network{gradient}", "", _plain("centre_std")),
        Column("eigenvalue", "Largest Hessian eigenvalue", "", _plain("largest_eigenvalue")),
        Column("trace", "Trace of the Hessian", "", _plain("trace")),
        Column("lost", "Grid points not finite", "%", _lost, 1),
        Column("parameters", "Parameters", "", _plain("parameters"), 0),
        Column("seconds", "Training time", "s", _plain("seconds"), 1),
    )


def column(levels: Levels, key: str) -> Column:
    """The column of that key."""
    return next(one for one in columns(levels) if one.key == key)


def _plain(name: str) -> Callable[[TrialMeasures], float]:
    return lambda measures: float(getattr(measures, name))


def _percent(name: str) -> Callable[[TrialMeasures], float]:
    return lambda measures: 100 * float(getattr(measures, name))


def _landscape(name: str) -> Callable[[TrialMeasures], float]:
    return lambda measures: float(getattr(measures.landscape, name, math.nan))


def _gradient(name: str) -> Callable[[TrialMeasures], float]:
    return lambda measures: float(getattr(measures.gradient_std, name, math.nan))


def _epochs(measures: TrialMeasures) -> float:
    if measures.epochs_to_threshold is not None:
        return float(measures.epochs_to_threshold)
    return math.inf if measures.censored else math.nan


def _lost(measures: TrialMeasures) -> float:
    shares = [
        grid.non_finite_share
        for grid in (measures.landscape, measures.gradient_std)
        if grid is not None
    ]
    return 100 * max(shares, default=math.nan)


@dataclass(frozen=True)
class Entry:
    """One cell of the table: its text, and the number by which it sorts (None: last)."""

    text: str
    sort: float | None


def of_trial(column: Column, measures: TrialMeasures) -> Entry:
    """A trial's entry; an epoch count that was never reached is censored, "> epochs run"."""
    value = column.value(measures)
    if column.key == "reached" and math.isinf(value):
        return Entry(f"> {measures.epochs}", 1e9)
    return Entry(column.write(value), None if math.isnan(value) else min(value, 1e300))


def over_trials(column: Column, measures: Sequence[TrialMeasures]) -> Entry:
    """The entry of a cell's trials together: mean over seeds, with an interval from three on."""
    if len(measures) == 1:
        return of_trial(column, measures[0])
    values = [column.value(one) for one in measures]
    unreached = sum(math.isinf(value) for value in values)
    if unreached:
        what = "unreached" if column.key == "reached" else "diverged"
        return Entry(f"{what} in {unreached} of {len(values)}", 1e300)
    mean = estimate(column, measures)
    if math.isnan(mean.mean):
        known = sum(not math.isnan(value) for value in values)
        return Entry("–" if not known else f"in {known} of {len(values)} only", None)
    text = column.write(mean.mean)
    if mean.low is not None and mean.high is not None:
        text += f" [{column.write(mean.low)}, {column.write(mean.high)}]"
    return Entry(text, mean.mean)


def estimate(column: Column, measures: Sequence[TrialMeasures]) -> Estimate:
    """A column's mean over seeds."""
    return over_seeds([column.value(one) for one in measures])


def measures_of(trials: Sequence[TrialRecord], measured: Measured) -> list[TrialMeasures]:
    """The measures of some trials, in their order."""
    return [measured[trial.key] for trial in trials]
