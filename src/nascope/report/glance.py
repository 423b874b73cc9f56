"""The study at a glance: a few counts, and where each cell stands on four measures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nascope.analysis import MIN_SEEDS, Levels, TrialMeasures
from nascope.records import TrialRecord
from nascope.report.arrangement import Arrangement, Group, ShownCell
from nascope.report.columns import Column, column, estimate, measures_of
from nascope.report.scales import LOG_RATIO

SHOWN = ("area_under_loss", "accuracy", "area_below", "std")
"""Columns of the strips: convergence, its result, smoothness, gradient variance."""


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
    place: str  # where the original stands, in words


@dataclass(frozen=True)
class Tile:
    """A number that sums the study up."""

    value: str
    label: str


def tiles(arrangement: Arrangement, measured: Mapping[str, TrialMeasures]) -> list[Tile]:
    """Counts, data and recipe: what was run."""
    trials = arrangement.study.trials
    done = sum(bool(t.training and t.training.finished and not t.error) for t in trials)
    diverged = sum(bool(t.training and t.training.diverged_at is not None) for t in trials)
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
    accuracies = [m.final_accuracy for m in measured.values() if math.isfinite(m.final_accuracy)]
    if accuracies:
        low, high = (f"{100 * x:.1f}" for x in (min(accuracies), max(accuracies)))
        span = f"{low} %" if low == high else f"{low}–{high} %"
        found.append(Tile(span, "test accuracy, last epoch"))
    return found


def _few(names: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(names))
    return ", ".join(distinct[:3]) + (" …" if len(distinct) > 3 else "")


def strips(
    group: Group,
    arrangement: Arrangement,
    levels: Levels,
    measured: Mapping[str, TrialMeasures],
) -> list[Strip]:
    """The strips of a group, without those for which there is no number."""
    found = []
    for key in SHOWN:
        of = column(levels, key)
        shown = {
            arrangement.cell(cell): estimate(of, measures_of(trials, measured))
            for cell, trials in group.trials.items()
        }
        finite = {cell: est for cell, est in shown.items() if math.isfinite(est.mean)}
        if not finite:
            continue
        bounds = [
            x for est in finite.values() for x in (est.mean, est.low, est.high) if x is not None
        ]
        low, high = min(bounds), max(bounds)
        log = low > 0 and high / low > LOG_RATIO

        def place(
            value: float | None, low: float = low, high: float = high, log: bool = log
        ) -> float | None:
            if value is None:
                return None
            if log:
                value, low, high = math.log(value), math.log(low), math.log(high)
            return 50.0 if high == low else round(100 * (value - low) / (high - low), 2)

        marks = tuple(
            Mark(cell, place(est.mean) or 0.0, of.write(est.mean), place(est.low), place(est.high))
            for cell, est in finite.items()
        )
        found.append(
            Strip(
                of.title,
                ", ".join(part for part in (of.unit, "log scale" if log else "") if part),
                marks,
                (of.write(low), of.write(high)),
                len(shown) - len(finite),
                _standing(of, {cell: est.mean for cell, est in finite.items()}),
            )
        )
    return found


def _standing(of: Column, means: Mapping[ShownCell, float]) -> str:
    """Where the original stands among those measured: a description, no verdict."""
    original = next((cell for cell in means if cell.is_original), None)
    if original is None or len(means) < 2:
        return ""
    own = means[original]
    from_below = 1 + sum(value < own for value in means.values())
    from_above = 1 + sum(value > own for value in means.values())
    extreme, rank = min((from_below, "lowest"), (from_above, "highest"))[::-1]
    nth = extreme if rank == 1 else f"{_ordinal(rank)} {extreme}"
    return f"{original.label}: {of.write(own)}, the {nth} of {len(means)}"


def _ordinal(number: int) -> str:
    ending = (
        "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    )
    return f"{number}{ending}"


def caveat(trials: Sequence[TrialRecord]) -> str:
    """What so few runs can show and what not, in a sentence or two."""
    seeds = len({trial.seed for trial in trials})
    epochs = {trial.recipe.get("epochs") for trial in trials}
    counted = "One seed" if seeds == 1 else f"{seeds} seeds"
    length = f", {epochs.pop()} epochs" if len(epochs) == 1 else ""
    scale = f"{counted}{length}; the paper trains for 600 epochs."
    if seeds < MIN_SEEDS:
        return f"{scale} Differences this size can be chance: by themselves they prove nothing."
    return f"{scale} Intervals are Student's over seeds; a difference is no explanation yet."
