"""Measures as the entries of a table."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from nascope._src.records.read import TrialRecord
from nascope._src.results.levels import Levels
from nascope._src.results.measures import Measure
from nascope._src.results.stats.intervals import Estimate, over_seeds
from nascope._src.results.table import MeasuredStudy
from nascope._src.results.text.numbers import in_digits, readable


@dataclass(frozen=True)
class Entry:
    """An entry of a table: its text, and the number by which it sorts (None: last)."""

    text: str
    sort: float | None


def titled(measure: Measure, levels: Levels) -> Measure:
    """Return a measure whose title names the level that it uses, if all trials share one."""
    only = levels.only
    match measure.key:
        case "reached":
            known = only.train_loss if only is not None else None
            level = "the data set's threshold" if only is None else _level(known)
            return dataclasses.replace(measure, title=f"Epochs to training loss ≤ {level}")
        case "area_below":
            level = "the data set's level"
            if only is not None:
                level = f"loss {_level(only.landscape_loss)}"
            title = measure.title.replace("the shared level", level)
            return dataclasses.replace(measure, title=title)
        case "area_below_recalibrated":
            level = "the data set's level" if only is None else _level(only.landscape_loss)
            return dataclasses.replace(measure, title=f"{measure.title}, below {level}")
    return measure


def _level(known: float | None) -> str:
    return "?" if known is None else readable(known)


def write(measure: Measure, shown: float) -> str:
    """Return a number of a measure, in its unit, as text."""
    if math.isnan(shown):
        return "–"
    if math.isinf(shown):
        return "∞" if shown > 0 else "−∞"
    return in_digits(shown) if measure.digits is None else f"{shown:,.{measure.digits}f}"


def of_trial(study: MeasuredStudy, key: str, trial: TrialRecord) -> Entry:
    """Return a trial's entry; a loss that was not reached is "> epochs run"."""
    (shown,) = study.shown(key, [trial])
    if math.isinf(shown):
        if key == "reached":
            return Entry(f"> {len(trial.training.epochs) if trial.training else 0}", 1e9)
        return Entry(_lost([trial]), None)
    return Entry(write(study.measures[key], shown), None if math.isnan(shown) else shown)


def over_trials(study: MeasuredStudy, key: str, trials: Sequence[TrialRecord]) -> Entry:
    """Return the entry of a cell: mean over its seeds, with an interval from three seeds on."""
    if len(trials) == 1:
        return of_trial(study, key, trials[0])
    shown = study.shown(key, trials)
    infinite = [t for t, number in zip(trials, shown, strict=True) if math.isinf(number)]
    if infinite:
        what = "not reached" if key == "reached" else _lost(infinite)
        sort = 1e300 if key == "reached" else None
        return Entry(f"{what} in {len(infinite)} of {len(trials)}", sort)
    mean = over_seeds(shown)
    if math.isnan(mean.mean):
        known = sum(not math.isnan(number) for number in shown)
        return Entry(f"in {known} of {len(trials)} only" if known else "–", None)
    return Entry(interval(study.measures[key], mean), mean.mean)


def _lost(trials: Sequence[TrialRecord]) -> str:
    return "diverged" if any(trial.diverged for trial in trials) else "not finite"


def interval(measure: Measure, mean: Estimate) -> str:
    """Return a mean with its interval, if it has one."""
    text = write(measure, mean.mean)
    if mean.low is not None and mean.high is not None:
        text += f" [{write(measure, mean.low)}, {write(measure, mean.high)}]"
    return text
