"""The study at a glance: a few counts, and where each cell stands on four measures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nascope._src.records.read import TrialRecord
from nascope._src.report.arrangement import Arrangement, Group, ShownCell
from nascope._src.report.figures.scales import LOG_RATIO
from nascope._src.results.measures import Measure
from nascope._src.results.standings import standing_of
from nascope._src.results.stats.intervals import Estimate, over_seeds
from nascope._src.results.table import MeasuredStudy
from nascope._src.results.text.entries import titled, write
from nascope._src.results.text.standings import rank_in_words

SHOWN = ("area_under_loss", "accuracy", "area_below", "std")
"""Measures of the strips: convergence, its result, smoothness, gradient variance."""
CURVATURE = ("eigenvalue", "trace")
"""Measures of the curvature's strips."""


@dataclass(frozen=True)
class StripMark:
    """A cell on a strip; places in percent of the strip's width."""

    cell: ShownCell
    place: float
    text: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Strip:
    """One measure of one group: every cell as a mark on a common axis.

    Attributes:
        key: of the measure.
        missing: number of cells without a finite number.
        standing: where the original stands, in words; a description, no verdict.
    """

    key: str
    title: str
    unit: str
    marks: tuple[StripMark, ...]
    ends: tuple[str, str]
    missing: int
    standing: str


@dataclass(frozen=True)
class Tile:
    """A number that sums the study up."""

    value: str
    label: str


def tiles(arrangement: Arrangement, measured: MeasuredStudy) -> list[Tile]:
    """Return counts, data and recipe: what was run."""
    trials = arrangement.study.trials
    done = sum(trial.error is None for trial in _finished(trials))
    diverged = sum(trial.diverged for trial in trials)
    failed = sum(trial.error is not None for trial in trials)
    seeds = sorted({trial.seed for trial in trials})
    notes = [f"{n} {word}" for n, word in ((diverged, "diverged"), (failed, "failed")) if n]
    shown = [
        Tile(_few([str(t.data.get("name", "unknown")) for t in trials]), "data set"),
        Tile(
            str(len(arrangement.cells)),
            f"cells, {sum(cell.is_original for cell in arrangement.cells)} of them original",
        ),
        Tile(f"{done} / {len(trials)}", ", ".join(["trials complete", *notes])),
        Tile(str(len(seeds)), "seed" if len(seeds) == 1 else "seeds"),
        Tile(_few([str(t.recipe.get("epochs", "?")) for t in trials]), "epochs planned"),
    ]
    accuracies = measured.shown("accuracy", _finished(trials))
    accuracies = [accuracy for accuracy in accuracies if math.isfinite(accuracy)]
    if accuracies:
        low, high = (f"{accuracy:.1f}" for accuracy in (min(accuracies), max(accuracies)))
        span = f"{low} %" if low == high else f"{low}–{high} %"
        shown.append(Tile(span, "test accuracy, last epoch"))
    return shown


def _finished(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    return [trial for trial in trials if trial.training is not None and trial.training.finished]


def _few(names: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(names))
    return ", ".join(distinct[:3]) + (" …" if len(distinct) > 3 else "")


def strips(
    group: Group,
    arrangement: Arrangement,
    measured: MeasuredStudy,
    shown: Sequence[str] = SHOWN,
) -> list[Strip]:
    """Return the strips of a group, except those without any number.

    Only finished trials count: what others have reached so far does not compare.

    Args:
        shown: keys of measures.
    """
    made = []
    for key in shown:
        means = {
            arrangement.cell(cell): over_seeds(measured.shown(key, _finished(trials)))
            for cell, trials in group.trials.items()
        }
        finite = {cell: mean for cell, mean in means.items() if math.isfinite(mean.mean)}
        if finite:
            measure = titled(measured.measures[key], measured.levels)
            standing = _standing(group, measure, finite)
            made.append(_strip(measure, finite, len(means) - len(finite), standing, arrangement))
    return made


def _standing(group: Group, measure: Measure, means: Mapping[ShownCell, Estimate]) -> str:
    original = next((cell for cell in means if cell.is_original), None)
    standing = standing_of(group.compared, measure) if group.compared is not None else None
    if original is None or standing is None:
        return ""
    rank = rank_in_words(standing, higher_is_better=measure.higher_is_better)
    return f"{original.label}: {write(measure, means[original].mean)}, {rank}"


def _strip(
    measure: Measure,
    means: Mapping[ShownCell, Estimate],
    missing: int,
    standing: str,
    arrangement: Arrangement,
) -> Strip:
    known = [x for mean in means.values() for x in (mean.mean, mean.low, mean.high)]
    values = [value for value in known if value is not None]
    low, high = min(values), max(values)
    log = low > 0 and high / low > LOG_RATIO

    def place(value: float) -> float:
        if low == high:
            return 50.0
        if log:
            return round(100 * math.log(value / low) / math.log(high / low), 2)
        return round(100 * (value - low) / (high - low), 2)

    marks = tuple(
        StripMark(
            cell,
            place(mean.mean),
            write(measure, mean.mean),
            None if mean.low is None else place(mean.low),
            None if mean.high is None else place(mean.high),
        )
        for cell, mean in means.items()
        if arrangement.shows(cell.key)
    )
    return Strip(
        key=measure.key,
        title=measure.title,
        unit=", ".join(part for part in (measure.unit, "log scale" if log else "") if part),
        marks=marks,
        ends=(write(measure, low), write(measure, high)),
        missing=missing,
        standing=standing,
    )
