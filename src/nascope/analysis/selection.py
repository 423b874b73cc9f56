"""What would a search pick that stops early, and what does it lose by it (Sections 4.1 and 6)?

Early accuracies are compared with final accuracies *of other seeds*: on the same seed, luck that
lasts would pass for foresight. A *truncated* schedule is the beginning of the long one; a
*re-annealed* short one is a training of its own whose rate falls to zero. They are kept apart.
"""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nascope.analysis.association import spearman
from nascope.analysis.convergence import search_accuracy, sound_epochs
from nascope.analysis.families import Family
from nascope.cells.formats import parse
from nascope.cells.genotype import Genotype
from nascope.cells.topology import topology
from nascope.errors import NascopeError, StudyError

Schedule = Literal["truncated", "re-annealed"]


@dataclass(frozen=True)
class Candidate:
    """A cell that could be picked.

    Attributes:
        early: by seed, the accuracy after each epoch (or budget), in [0, 1].
        final: by seed, the accuracy at the end; −∞ where the training diverged.
    """

    label: str
    width: float
    depth: int
    early: Mapping[int, Mapping[int, float]]
    final: Mapping[int, float]


@dataclass(frozen=True)
class Choice:
    """What a search picks that stops at one epoch; means over the seeds of the early accuracy.

    Attributes:
        epoch: at which it stops.
        rho: Spearman's correlation of early with final accuracy over candidates.
        picked: what is picked most often.
        width, depth: of what is picked, and
        regret: the best final accuracy less that of what is picked, in [0, 1].
        candidates, seeds: how many.
        other_seeds: whether the final accuracies are of other seeds than the early ones.
    """

    epoch: int
    rho: float
    picked: str
    width: float
    depth: float
    regret: float
    candidates: int
    seeds: int
    other_seeds: bool


def choices(candidates: Sequence[Candidate]) -> list[Choice]:
    """One choice an epoch at which every candidate has an early accuracy, for as many seeds."""
    if len(candidates) < 2:
        return []
    seeds = sorted(set.intersection(*(set(one.early) for one in candidates)))
    found = []
    epochs = {e for one in candidates for seed in seeds for e in one.early[seed]}
    for epoch in sorted(epochs):
        picks = [
            pick
            for seed in seeds
            if all(epoch in one.early[seed] for one in candidates)
            and (pick := _pick(candidates, epoch, seed)) is not None
        ]
        if picks:
            found.append(_choice(epoch, picks, len(candidates)))
    return found


@dataclass(frozen=True)
class _Pick:
    rho: float
    one: Candidate
    regret: float
    other_seeds: bool


def _pick(candidates: Sequence[Candidate], epoch: int, seed: int) -> _Pick | None:
    early = [one.early[seed][epoch] for one in candidates]
    others = [[value for s, value in one.final.items() if s != seed] for one in candidates]
    elsewhere = all(others)
    if not elsewhere:
        if not all(seed in one.final for one in candidates):
            return None
        others = [[one.final[seed]] for one in candidates]
    final = [statistics.fmean(values) for values in others]
    at = max(range(len(early)), key=lambda place: early[place])
    best = max(final)
    regret = best - final[at] if math.isfinite(best) else math.nan
    return _Pick(spearman(early, final), candidates[at], regret, elsewhere)


def _choice(epoch: int, picks: Sequence[_Pick], candidates: int) -> Choice:
    labels = [pick.one.label for pick in picks]
    rhos = [pick.rho for pick in picks if not math.isnan(pick.rho)]
    return Choice(
        epoch,
        statistics.fmean(rhos) if rhos else math.nan,
        max(dict.fromkeys(labels), key=labels.count),
        statistics.fmean(pick.one.width for pick in picks),
        statistics.fmean(pick.one.depth for pick in picks),
        statistics.fmean(pick.regret for pick in picks),
        candidates,
        len(picks),
        all(pick.other_seeds for pick in picks),
    )


def candidates_of(family: Family, short: Family | None = None) -> list[Candidate]:
    """A family's cells, the original too, as candidates.

    Args:
        short: the same cells under a shorter schedule: their last epoch is then the early one.
    """
    shorter = {one.label: one for one in short.members} if short is not None else None
    found = []
    for one in family.members:
        final: dict[int, float] = {}
        early: dict[int, dict[int, float]] = {}
        for trial in one.trials:
            training = trial.training
            if training is None or not training.finished or training.last is None:
                continue
            lost = training.diverged_at is not None
            final[trial.seed] = -math.inf if lost else training.last.test_accuracy
            if shorter is None:
                points = {int(p.epoch): search_accuracy(p) for p in sound_epochs(training)}
                # a search that meets a diverged training does not pick it
                lacking = range(1, int(trial.recipe.get("epochs", len(points))) + 1)
                early[trial.seed] = {e: points.get(e, -math.inf) for e in lacking}
        if shorter is not None and one.label in shorter:
            for trial in shorter[one.label].trials:
                training = trial.training
                if training is not None and training.finished and training.last is not None:
                    lost = training.diverged_at is not None
                    value = -math.inf if lost else search_accuracy(training.last)
                    early[trial.seed] = {int(trial.recipe.get("epochs", 0)): value}
        if final and early:
            wiring = one.normal
            width = float(wiring.fractional_width)
            found.append(Candidate(one.label, width, wiring.depth, early, final))
    return found


# ---------------------------------------------------------------- tables that others measured

_NEEDED = ("genotype", "epoch", "accuracy")


def read_candidates(path: Path) -> list[Candidate]:
    """Candidates from a CSV or Parquet table of (genotype, epoch, accuracy), others' results.

    Each row is a cell's accuracy after an epoch; a column ``seed`` tells trainings apart (else
    there is one for each genotype). The last epoch of a training is its end. Accuracies above 1
    are taken for per cent, in the whole table.

    Raises:
        StudyError: the file is missing, no such table, lacks a column or holds what is no number
            or genotype; the row is named.
    """
    rows = list(_rows(path))
    if not rows:
        raise StudyError(f"{path} holds no rows")
    missing = [name for name in _NEEDED if name not in rows[0]]
    if missing:
        raise StudyError(
            f"{path} lacks the column {missing[0]!r}; needed are {', '.join(_NEEDED)}, and seed "
            "where there are several"
        )
    cells: dict[str, Genotype] = {}
    curves: dict[str, dict[int, dict[int, float]]] = {}
    for number, row in enumerate(rows, start=2):
        where = f"{path}, row {number}"
        text = str(row["genotype"])
        if text not in cells:
            try:
                cells[text] = parse(text)
            except NascopeError as error:
                raise StudyError(f"{where}: {error}") from None
        seed, epoch = (_whole(row.get(name) or 0, name, where) for name in ("seed", "epoch"))
        value = _real(row["accuracy"], where)
        of_seed = curves.setdefault(text, {}).setdefault(seed, {})
        if epoch in of_seed:
            raise StudyError(f"{where}: this genotype, seed and epoch stand twice")
        of_seed[epoch] = value
    largest = max(
        v for seeds in curves.values() for curve in seeds.values() for v in curve.values()
    )
    unit = 100.0 if largest > 1 else 1.0
    found = []
    for number, (text, seeds) in enumerate(curves.items(), start=1):
        wiring = topology(cells[text].normal)
        early = {s: {e: v / unit for e, v in curve.items()} for s, curve in seeds.items()}
        final = {seed: curve[max(curve)] for seed, curve in early.items()}
        label = cells[text].name or f"cell {number}"
        width = float(wiring.fractional_width)
        found.append(Candidate(label, width, wiring.depth, early, final))
    return found


def _rows(path: Path) -> Iterable[Mapping[str, Any]]:
    try:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
        if path.suffix == ".parquet":
            import pyarrow.parquet  # noqa: PLC0415  (slow to import)

            rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
            return rows
    except (OSError, ValueError, csv.Error) as error:  # pyarrow's errors are ValueErrors
        raise StudyError(f"{path} cannot be read: {error}") from None
    raise StudyError(f"{path}: expected a table that ends in .csv or .parquet")


def _whole(value: Any, name: str, where: str) -> int:
    try:
        number = float(value)
        if number != int(number) or number < 0:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise StudyError(f"{where}: {name} must be a whole number, not {value!r}") from None
    return int(number)


def _real(value: Any, where: str) -> float:
    try:
        number = float(value)
        if not (math.isfinite(number) and 0 <= number <= 100):
            raise ValueError
    except (TypeError, ValueError):
        raise StudyError(f"{where}: accuracy must be in 0 … 1 or 0 … 100, not {value!r}") from None
    return number
