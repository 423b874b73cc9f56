"""Tables of accuracies: one row per genotype, epoch and seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nascope._src.cells.formats.reading import parse
from nascope._src.cells.genotype import Genotype
from nascope._src.cells.graph import topology
from nascope._src.errors import NascopeError, StudyError
from nascope._src.results.external.rows import FIRST_ROW, accuracy, read_rows, whole_number
from nascope._src.results.selection.early_stopping import CellAccuracies, Schedule

Curve = dict[int, float]
"""Accuracies by epoch."""
RunKey = tuple[str, int, int]
"""The text of its genotype, the epochs it was planned for (0 if unknown), and its seed."""


def read_accuracies(path: Path) -> dict[Schedule, list[CellAccuracies]]:
    """Return the cells of a CSV or Parquet table of accuracies, by schedule.

    Each row is the accuracy of a cell after an epoch: columns ``genotype``, ``epoch`` and
    ``accuracy``. Two more columns are optional:

    - ``seed`` distinguishes trainings of one genotype.
    - ``schedule`` is the number of epochs that a training was planned for. The longest schedule
      gives the final accuracies. Of a shorter one only the last epoch counts, as re-annealed.

    Without ``schedule``, all trainings must end at the same epoch. If any accuracy is above 1, all
    accuracies are taken as percentages.

    Returns:
        The cells for each schedule that has any.

    Raises:
        StudyError: the table cannot be read or lacks a column, a value cannot be read,
            or a training does not end where its schedule does. The error names the row or the cell.
    """
    genotypes, curves = _trainings(path)
    names = {
        text: genotype.name or f"cell {number}"
        for number, (text, genotype) in enumerate(genotypes.items(), start=1)
    }
    longest = max(schedule for _, schedule, _ in curves)
    end = longest or max(max(curve) for curve in curves.values())
    _check_ends(path, names, curves, end)
    by_schedule: dict[Schedule, list[CellAccuracies]] = {}
    for text, genotype in genotypes.items():
        early: dict[int, Curve] = {}
        final: dict[int, float] = {}
        short: dict[int, Curve] = {}
        for (other, schedule, seed), curve in curves.items():
            if other == text and schedule == longest:
                early[seed], final[seed] = curve, curve[end]
            elif other == text:
                short.setdefault(seed, {})[schedule] = curve[schedule]
        wiring = topology(genotype.normal)
        measured: tuple[tuple[Schedule, dict[int, Curve]], ...] = (
            ("truncated", early),
            ("re-annealed", short),
        )
        for name, accuracies in measured:
            if final and accuracies:
                cell = CellAccuracies(
                    names[text], float(wiring.fractional_width), wiring.depth, accuracies, final
                )
                by_schedule.setdefault(name, []).append(cell)
    return by_schedule


def _trainings(path: Path) -> tuple[dict[str, Genotype], dict[RunKey, Curve]]:
    """Return the genotypes of a table by their text, and the curve of each training, in [0, 1]."""
    genotypes: dict[str, Genotype] = {}
    curves: dict[RunKey, Curve] = {}
    rows = read_rows(path, ("genotype", "epoch", "accuracy"))
    for number, row in enumerate(rows, start=FIRST_ROW):
        where = f"{path}, row {number}"
        text = str(row["genotype"])
        if text not in genotypes:
            try:
                genotypes[text] = parse(text)
            except NascopeError as error:
                raise StudyError(f"{where}: {error}") from None
        seed, epoch, schedule = (
            whole_number(row.get(name) or 0, name, where) for name in ("seed", "epoch", "schedule")
        )
        curve = curves.setdefault((text, schedule, seed), {})
        if epoch in curve:
            raise StudyError(f"{where}: this genotype, seed and epoch appear twice")
        curve[epoch] = accuracy(row["accuracy"], where)
    if len({schedule > 0 for _, schedule, _ in curves}) > 1:
        raise StudyError(f"{path}: the column schedule is filled in some rows only; fill it in all")
    if max(value for curve in curves.values() for value in curve.values()) > 1:
        curves = {
            training: {epoch: value / 100 for epoch, value in curve.items()}
            for training, curve in curves.items()
        }
    return genotypes, curves


def _check_ends(
    path: Path, names: Mapping[str, str], curves: Mapping[RunKey, Curve], end: int
) -> None:
    """Raise an error if a training does not end at the last epoch of its schedule."""
    for (text, schedule, seed), curve in curves.items():
        expected = schedule or end
        if max(curve) != expected:
            raise StudyError(
                f"{path}: the training of {names[text]}, seed {seed}, ends at epoch {max(curve)}, "
                f"but {expected} was expected. Add its last epoch, remove the training, or mark "
                "short training runs in a column schedule (the epochs that each was planned for)"
            )
