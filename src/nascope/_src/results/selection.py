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

from nascope._src.cells.formats.reading import parse
from nascope._src.cells.genotype import Genotype
from nascope._src.cells.graph import topology
from nascope._src.errors import NascopeError, StudyError
from nascope._src.records.read import TrialRecord
from nascope._src.results.design import Family
from nascope._src.results.metrics.convergence import search_accuracy, sound_epochs
from nascope._src.results.stats.correlation import rank_interval, spearman

Schedule = Literal["truncated", "re-annealed"]


@dataclass(frozen=True)
class Candidate:
    """A cell that could be picked.

    Attributes:
        early: by seed, the accuracy after each epoch (or budget), in [0, 1].
        final: by seed, the accuracy at the end, a guess's where the training diverged.
        held_out: whether early accuracies are of other images than the final ones; None where
            that is not known.
    """

    label: str
    width: float
    depth: int
    early: Mapping[int, Mapping[int, float]]
    final: Mapping[int, float]
    held_out: bool | None = None


@dataclass(frozen=True)
class Choice:
    """What a search picks that stops at one epoch; means over the seeds of the early accuracy.

    Attributes:
        epoch: at which it stops.
        rho: Spearman's correlation of early with final accuracy over candidates.
        low, high: its 95 % interval over candidates; None below five.
        picked: what is picked most often, all of them where several are equally good.
        width, depth: of what is picked, and
        regret: the best final accuracy less that of what is picked, in [0, 1]; a diverged
            training ends as a guess. The best of noisy numbers is too good, so that regret is
            never quite 0: hold it against
        blind: the regret of a pick at random.
        candidates, seeds: how many.
        other_seeds: whether the final accuracies are of other seeds than the early ones.
        held_out: whether they are of other images; None where that is not known.
    """

    epoch: int
    rho: float
    low: float | None
    high: float | None
    picked: str
    width: float
    depth: float
    regret: float
    blind: float
    candidates: int
    seeds: int
    other_seeds: bool
    held_out: bool | None


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
            found.append(_choice(epoch, picks, candidates))
    return found


@dataclass(frozen=True)
class _Pick:
    rho: float
    equal: Sequence[Candidate]  # those that are picked, several where they tie
    regret: float
    blind: float
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
    best = max(final)
    first = [place for place, value in enumerate(early) if value == max(early)]

    def regret(places: Iterable[int]) -> float:
        return best - statistics.fmean(final[place] for place in places)

    return _Pick(
        spearman(early, final),
        [candidates[place] for place in first],
        regret(first),
        regret(range(len(final))),
        elsewhere,
    )


def _choice(epoch: int, picks: Sequence[_Pick], candidates: Sequence[Candidate]) -> Choice:
    labels = [" or ".join(one.label for one in pick.equal) for pick in picks]
    rhos = [pick.rho for pick in picks if not math.isnan(pick.rho)]
    rho = statistics.fmean(rhos) if rhos else math.nan
    count = len(candidates)
    low, high, _ = (
        rank_interval(rho, count, 12 / (count**3 - count)) if rhos else (None, None, None)
    )
    known = {one.held_out for one in candidates}
    return Choice(
        epoch,
        rho,
        low,
        high,
        max(dict.fromkeys(labels), key=labels.count),
        statistics.fmean(statistics.fmean(c.width for c in pick.equal) for pick in picks),
        statistics.fmean(statistics.fmean(c.depth for c in pick.equal) for pick in picks),
        statistics.fmean(pick.regret for pick in picks),
        statistics.fmean(pick.blind for pick in picks),
        count,
        len(picks),
        all(pick.other_seeds for pick in picks),
        known.pop() if len(known) == 1 else False,
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
        looked_at = shorter.get(one.label, one) if shorter is not None else one
        for trial in one.trials:
            training = trial.training
            if training is None or not training.finished or training.last is None:
                continue
            lost = training.diverged_at is not None
            final[trial.seed] = _guess(trial) if lost else training.last.test_accuracy
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
            held_out = all(_held_out(t) for t in looked_at.trials if t.seed in early)
            found.append(Candidate(one.label, width, wiring.depth, early, final, held_out))
    return found


def _guess(trial: TrialRecord) -> float:
    """The accuracy of a guess, 1 / classes; 0 where it is not known how many there are."""
    classes = trial.data.get("classes")
    return 1 / classes if isinstance(classes, int) and classes > 0 else 0.0


def _held_out(trial: TrialRecord) -> bool:
    """Whether what a search looks at are validation images, not the test's own."""
    last = trial.training.last if trial.training is not None else None
    return last is not None and last.validation_accuracy is not None


# ---------------------------------------------------------------- tables that others measured

_NEEDED = ("genotype", "epoch", "accuracy")


@dataclass(frozen=True)
class Table:
    """What a table of others' results holds; either may be empty."""

    truncated: Sequence[Candidate]
    reannealed: Sequence[Candidate]

    @property
    def by_schedule(self) -> dict[Schedule, Sequence[Candidate]]:
        """Those that are there."""
        both: dict[Schedule, Sequence[Candidate]] = {
            "truncated": self.truncated,
            "re-annealed": self.reannealed,
        }
        return {schedule: own for schedule, own in both.items() if own}


def read_candidates(path: Path) -> Table:
    """Candidates from a CSV or Parquet table of (genotype, epoch, accuracy), others' results.

    Each row is a cell's accuracy after an epoch. A column ``seed`` tells trainings apart (else
    there is one for each genotype); a column ``schedule``, the epochs that a training was planned
    for, tells short trainings whose rate fell to zero from the beginning of long ones: the longest
    schedule has the end, and of a shorter one its last epoch counts, as re-annealed. Without it all
    trainings must end at the same epoch. Accuracies above 1 are taken for per cent, in the whole
    table.

    Raises:
        StudyError: the file is missing, no such table, lacks a column or holds what is no number
            or genotype, or trainings end at different epochs; the row or genotype is named.
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
    curves: dict[tuple[str, int, int], dict[int, float]] = {}  # genotype, schedule, seed
    for number, row in enumerate(rows, start=2):
        where = f"{path}, row {number}"
        text = str(row["genotype"])
        if text not in cells:
            try:
                cells[text] = parse(text)
            except NascopeError as error:
                raise StudyError(f"{where}: {error}") from None
        seed, epoch, schedule = (
            _whole(row.get(name) or 0, name, where) for name in ("seed", "epoch", "schedule")
        )
        curve = curves.setdefault((text, schedule, seed), {})
        if epoch in curve:
            raise StudyError(f"{where}: this genotype, seed and epoch stand twice")
        curve[epoch] = _real(row["accuracy"], where)
    unit = 100.0 if max(v for curve in curves.values() for v in curve.values()) > 1 else 1.0
    longest = max(schedule for _, schedule, _ in curves)
    end = longest or max(max(curve) for curve in curves.values())
    _check_ends(path, cells, curves, end)
    truncated, reannealed = [], []
    for number, (text, genotype) in enumerate(cells.items(), start=1):
        early: dict[int, dict[int, float]] = {}
        final: dict[int, float] = {}
        short: dict[int, dict[int, float]] = {}
        for (other, schedule, seed), curve in curves.items():
            if other == text and schedule == longest:
                early[seed] = {e: value / unit for e, value in curve.items()}
                final[seed] = curve[end] / unit
            elif other == text:
                short.setdefault(seed, {})[schedule] = curve[schedule] / unit
        wiring = topology(genotype.normal)
        label, width = genotype.name or f"cell {number}", float(wiring.fractional_width)
        if final:
            truncated.append(Candidate(label, width, wiring.depth, early, final))
        if final and short:
            reannealed.append(Candidate(label, width, wiring.depth, short, final))
    return Table(truncated, reannealed)


def _check_ends(
    path: Path,
    cells: Mapping[str, Genotype],
    curves: Mapping[tuple[str, int, int], Mapping[int, float]],
    end: int,
) -> None:
    for (text, schedule, seed), curve in curves.items():
        wanted = schedule or end
        if max(curve) != wanted:
            of = cells[text].name or f"cell {1 + list(cells).index(text)}"
            raise StudyError(
                f"{path}: the training of {of}, seed {seed}, ends at epoch {max(curve)}, where "
                f"{wanted} was expected: give every training its last epoch, leave it out, or tell "
                "short trainings by a column schedule (the epochs that each was planned for)"
            )


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
