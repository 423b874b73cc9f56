"""The study at a glance: a few counts, and where each cell stands on four measures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nascope._src.records.read import TrialRecord
from nascope._src.report.arrangement import Arrangement, Group, ShownCell
from nascope._src.report.columns import Column, column, estimate, measures_of
from nascope._src.report.scales import LOG_RATIO, ordinal
from nascope._src.results.intervals import MIN_BOOTSTRAP, MIN_SEEDS, Estimate
from nascope._src.results.measures import Levels, Measured

SHOWN = ("area_under_loss", "accuracy", "area_below", "std")
"""Columns of the strips: convergence, its result, smoothness, gradient variance."""
CURVATURE = ("eigenvalue", "trace")
"""Columns of the curvature's strips."""


@dataclass(frozen=True)
class Mark:
    """A cell on a strip; places in per cent of the strip's width."""

    cell: ShownCell
    place: float
    text: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Strip:
    """One measure of one group: every cell as a mark on a common axis."""

    title: str
    unit: str
    marks: tuple[Mark, ...]
    ends: tuple[str, str]
    missing: int  # cells without a finite number
    standing: str  # where the original stands, in words


@dataclass(frozen=True)
class Tile:
    """A number that sums the study up."""

    value: str
    label: str


def tiles(arrangement: Arrangement, measured: Measured) -> list[Tile]:
    """Counts, data and recipe: what was run."""
    trials = arrangement.study.trials
    done = sum(trial.error is None for trial in _finished(trials))
    diverged = sum(trial.diverged for trial in trials)
    failed = sum(t.error is not None for t in trials)
    seeds = sorted({trial.seed for trial in trials})
    note = [f"{n} {word}" for n, word in ((diverged, "diverged"), (failed, "failed")) if n]
    found = [
        Tile(_few([str(t.data.get("name", "unknown")) for t in trials]), "data set"),
        Tile(
            str(len(arrangement.cells)),
            f"cells, {sum(cell.is_original for cell in arrangement.cells)} of them original",
        ),
        Tile(f"{done} / {len(trials)}", ", ".join(["trials complete", *note])),
        Tile(str(len(seeds)), "seed" if len(seeds) == 1 else "seeds"),
        Tile(_few([str(t.recipe.get("epochs", "?")) for t in trials]), "epochs planned"),
    ]
    accuracies = [one.final_accuracy for one in measures_of(_finished(trials), measured)]
    accuracies = [accuracy for accuracy in accuracies if math.isfinite(accuracy)]
    if accuracies:
        low, high = (f"{100 * x:.1f}" for x in (min(accuracies), max(accuracies)))
        span = f"{low} %" if low == high else f"{low}–{high} %"
        found.append(Tile(span, "test accuracy, last epoch"))
    return found


def _finished(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    return [trial for trial in trials if trial.training is not None and trial.training.finished]


def _few(names: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(names))
    return ", ".join(distinct[:3]) + (" …" if len(distinct) > 3 else "")


def strips(
    group: Group,
    arrangement: Arrangement,
    levels: Levels,
    measured: Measured,
    shown: Sequence[str] = SHOWN,
) -> list[Strip]:
    """The strips of a group, without those for which there is no number.

    Args:
        shown: keys of columns.

    Finished trials only: what others have reached so far does not compare.
    """
    found = []
    for key in shown:
        of = column(levels, key)
        means = {
            arrangement.cell(cell): estimate(of, measures_of(_finished(trials), measured))
            for cell, trials in group.trials.items()
        }
        finite = {cell: mean for cell, mean in means.items() if math.isfinite(mean.mean)}
        if finite:
            found.append(_strip(of, finite, missing=len(means) - len(finite)))
    return found


def _strip(of: Column, means: Mapping[ShownCell, Estimate], *, missing: int) -> Strip:
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
        Mark(
            cell,
            place(mean.mean),
            of.write(mean.mean),
            None if mean.low is None else place(mean.low),
            None if mean.high is None else place(mean.high),
        )
        for cell, mean in means.items()
    )
    return Strip(
        title=of.title,
        unit=", ".join(part for part in (of.unit, "log scale" if log else "") if part),
        marks=marks,
        ends=(of.write(low), of.write(high)),
        missing=missing,
        standing=_standing(of, {cell: mean.mean for cell, mean in means.items()}),
    )


def _standing(of: Column, means: Mapping[ShownCell, float]) -> str:
    """Where the original stands among those measured: a description, no verdict."""
    original = next((cell for cell in means if cell.is_original), None)
    if original is None or len(means) < 2:
        return ""
    own = means[original]
    written = of.write(own)
    # What is written alike is a tie: no rank rests on digits that are not shown.
    others = [value for value in means.values() if of.write(value) != written]
    tied = "tied for " if len(means) - len(others) > 1 else ""
    from_below = 1 + sum(value < own for value in others)
    from_above = 1 + sum(value > own for value in others)
    extreme, rank = min((from_below, "lowest"), (from_above, "highest"))[::-1]
    nth = extreme if rank == 1 else f"{ordinal(rank)} {extreme}"
    return f"{original.label}: {written}, {tied}the {nth} of {len(means)}"


def caveat(trials: Sequence[TrialRecord]) -> str:
    """What so few runs can show and what not, in a sentence or two."""
    seeds = len({trial.seed for trial in trials})
    epochs = {trial.recipe.get("epochs") for trial in trials}
    counted = "One seed" if seeds == 1 else f"{seeds} seeds"
    length = f", {epochs.pop()} epochs" if len(epochs) == 1 else ""
    scale = f"{counted}{length}; the paper trains for 600 epochs."
    if seeds < MIN_SEEDS:
        return f"{scale} Differences this size can be chance: by themselves they prove nothing."
    kind = "Student's" if seeds < MIN_BOOTSTRAP else "bootstrap-t, below ten seeds Student's"
    return f"{scale} Intervals over seeds are {kind}; a difference is no explanation yet."
