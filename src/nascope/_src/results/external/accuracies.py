"""Accuracies of cells that others measured, as typed data."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from nascope._src.cells.genotype import format_text
from nascope._src.errors import DisconnectedCellError, GenotypeError, StudyError
from nascope._src.results.external.columns import (
    PREDICTED,
    Roles,
    accuracies,
    is_blank,
    is_predicted,
    roles_of,
    whole_number,
)
from nascope._src.results.external.facts import CellFacts, facts_of, read_cell
from nascope._src.results.external.files import read_raw
from nascope._src.results.external.raw import RawTable
from nascope._src.results.selection.early_stopping import CellAccuracies, Schedule

Array = np.ndarray

_MOST_NUMBERS = 200_000_000  # cells × seeds × epochs


@dataclass(frozen=True, eq=False)
class CellsOfTable:
    """The cells of a file, in the order in which they appear.

    Attributes:
        values: what the table holds for each genotype.
        facts: each genotype in numbers.
        labels: what the column of names says; None without one.
        sources: the source of each cell; None without such a column.
    """

    values: tuple[Any, ...]
    facts: tuple[CellFacts, ...]
    labels: tuple[str, ...] | None
    sources: tuple[str, ...] | None

    @functools.cached_property
    def _own_names(self) -> Counter[str | None]:
        return Counter(facts.name for facts in self.facts)

    def label(self, index: int) -> str:
        """Return a name that identifies a cell: its own, or a digest of its genotype.

        The own name is that of the column of names, of the catalogue or of the genotype's text, if
        no other cell of the file has it.
        """
        if self.labels is not None:
            return self.labels[index]
        name = self.facts[index].name
        if name is not None and (self._own_names[name] == 1):
            return name
        return f"cell-{digest(self.values[index])}"


@dataclass(frozen=True, eq=False)
class MeasuredTable:
    """The accuracies of a file on one data set and under one schedule.

    Attributes:
        path: the file.
        name: of the file, with the data set and the schedule if the file has several, and a label
            if the accuracies are predicted.
        data: the data set; empty if unknown.
        schedule: number of epochs that its trainings were planned for; 0 if unknown.
        predicted: whether the accuracies are predicted, not measured.
        cells: all cells of the file.
        members: (n,) indices of the cells that have accuracies here.
        epochs: the epochs, increasing; None for a table without epochs.
        accuracies: (n, seeds, epochs) shares in [0, 1]; NaN if not measured. The seeds of a cell
            come in increasing order.
        seeds: (n, seeds) their numbers; −1 if the cell has fewer.
        percent: whether the file gives percentages.
        disconnected: number of cells that were left out because they connect nothing.
        notes: a sentence for each thing that was left out or chosen.
    """

    path: Path
    name: str
    data: str
    schedule: int
    predicted: bool
    cells: CellsOfTable
    members: Array
    epochs: tuple[int, ...] | None
    accuracies: Array
    seeds: Array
    percent: bool
    disconnected: int
    notes: tuple[str, ...]

    @property
    def facts(self) -> list[CellFacts]:
        """The cells in numbers."""
        return [self.cells.facts[index] for index in self.members]

    def label(self, index: int) -> str:
        """Return a name that identifies the index-th cell of this table."""
        return self.cells.label(int(self.members[index]))


def digest(value: Any) -> str:
    """Return eight hexadecimal digits of the SHA-256 of a genotype in DARTS' text format."""
    return hashlib.sha256(format_text(read_cell(value).genotype).encode()).hexdigest()[:8]


def read_tables(path: Path, *, accuracy_column: str | None = None) -> list[MeasuredTable]:
    """Return the accuracies of a file, one table for each data set and schedule.

    Predicted accuracies, which a column ``origin`` marks, are a table of their own.

    Args:
        path: the file; docs/guides/tables.md describes what is read.
        accuracy_column: the column of accuracies; by default the best name.

    Raises:
        StudyError: the file cannot be read or lacks a column, a value cannot be read, or a cell
            has two accuracies for one seed and epoch. The error names the row.
    """
    chosen: list[Roles] = []

    def choose(names: Sequence[str]) -> list[str]:
        chosen.append(roles_of(path, names, accuracy_column))
        return chosen[-1].columns

    raw = read_raw(path, choose)
    return _tables(*_at_ends_of_epochs(raw, chosen[-1]))


def _at_ends_of_epochs(raw: RawTable, roles: Roles) -> tuple[RawTable, Roles]:
    """Leave out the points within epochs that a table of nascope's own curves has."""
    if roles.rate is None or roles.epoch is None:
        return raw, roles
    ends = [k for k, epoch in enumerate(raw.columns[roles.epoch]) if not _is_fraction(epoch)]
    left = len(raw) - len(ends)
    if not left:
        return raw, roles
    note = f"left out {left:,} points within epochs"
    return raw.only(ends), replace(roles, notes=(*roles.notes, note))


def _is_fraction(epoch: Any) -> bool:
    try:
        return not float(epoch).is_integer()
    except (TypeError, ValueError, OverflowError):
        return False  # reported when it is read


# ---------------------------------------------------------------- rows


@dataclass
class _Rows:
    """One entry per accuracy: which cell, seed, epoch and group it belongs to."""

    index: Array  # of the row
    cell: Array
    seed: Array
    epoch: Array
    group: Array
    value: Array


def _tables(raw: RawTable, roles: Roles) -> list[MeasuredTable]:
    cells, cell_of_row, disconnected = _cells(raw, roles)
    notes = roles.notes
    if disconnected:
        first = f"{raw.word} {raw.first + int(np.argmax(cell_of_row < 0))}"
        notes = (*notes, _left_out(disconnected, first))
    groups, group_of_row = _groups(raw, roles)
    rows = _rows(raw, roles, cell_of_row, group_of_row)
    if not len(rows.value):
        raise StudyError(f"{raw.path} has no accuracy of a cell that connects its input and output")
    percent = bool((rows.value > 1).any())
    if percent:
        rows.value = rows.value / 100
    has_epochs = roles.epoch is not None or bool(roles.wide) or bool((rows.epoch > 0).any())
    many_data, many_schedules = (len({group[k] for group in groups}) > 1 for k in (0, 1))
    tables = []
    for number, (data, schedule, predicted) in enumerate(groups):
        here = np.flatnonzero(rows.group == number)
        if not len(here):
            continue
        name = raw.path.name
        name += f": {data}" if many_data else ""
        name += f", schedule {schedule}" if many_schedules else ""
        name += f" ({PREDICTED})" if predicted else ""
        tables.append(
            _table(raw, roles, cells, rows, here, has_epochs=has_epochs)(
                name=name,
                data=data,
                schedule=schedule,
                predicted=predicted,
                percent=percent,
                disconnected=disconnected,
                notes=notes,
            )
        )
    return tables


def _left_out(cells: int, first: str) -> str:
    if cells == 1:
        return f"left out 1 cell that connects nothing ({first})"
    return f"left out {cells:,} cells that connect nothing (the first in {first})"


def _cells(raw: RawTable, roles: Roles) -> tuple[CellsOfTable, Array, int]:
    """Return the cells, the cell of each row (−1 if it connects nothing), and how many do not."""
    columns = [raw.columns[name] for name in roles.genotype]
    sources = raw.columns[roles.source] if roles.source is not None else None
    labels = raw.columns[roles.name] if roles.name is not None else None
    numbers: dict[Any, int] = {}
    values: list[Any] = []
    facts: list[CellFacts] = []
    named: list[str] = []
    source_of: list[str] = []
    by_value: dict[Any, CellFacts | None] = {}
    cell_of_row = np.empty(len(raw), dtype=np.int64)
    for row, parts in enumerate(zip(*columns, strict=True)):
        key: Any = parts[0] if len(parts) == 1 and isinstance(parts[0], str) else repr(parts)
        source = None if sources is None else str(sources[row])
        known = numbers.get((key, source))
        if known is not None:
            cell_of_row[row] = known
            continue
        value = parts[0] if len(parts) == 1 else dict(zip(roles.genotype, parts, strict=True))
        if key not in by_value:
            by_value[key] = _facts(value, raw.where(row))
        found = by_value[key]
        if found is None:
            numbers[key, source] = -1
        else:
            numbers[key, source] = len(facts)
            facts.append(found)
            values.append(value)
            source_of.append(source or "")
            if labels is not None:
                named.append(str(labels[row]))
        cell_of_row[row] = numbers[key, source]
    disconnected = sum(found is None for found in by_value.values())
    own = labels is not None and len(set(named)) == len(named)
    cells = CellsOfTable(
        tuple(values),
        tuple(facts),
        tuple(named) if own else None,
        tuple(source_of) if sources is not None else None,
    )
    return cells, cell_of_row, disconnected


def _facts(value: Any, where: str) -> CellFacts | None:
    """Return a genotype in numbers; None if it connects nothing."""
    try:
        return facts_of(read_cell(value))
    except DisconnectedCellError:
        return None
    except GenotypeError as error:
        raise StudyError(f"{where}: {error}") from None


def _groups(raw: RawTable, roles: Roles) -> tuple[list[tuple[str, int, bool]], Array]:
    """Return the groups of a file, and the number of each row's.

    A group is a data set, a schedule, and whether the accuracies are predicted.
    """
    if not (roles.data or roles.schedule or roles.origin or roles.rate):
        return [("", 0, False)], np.zeros(len(raw), dtype=np.int64)
    numbers: dict[tuple[str, int, bool], int] = {}
    group_of_row = np.empty(len(raw), dtype=np.int64)
    data = raw.columns[roles.data] if roles.data is not None else ()
    schedules = raw.columns[roles.schedule] if roles.schedule is not None else ()
    origins = raw.columns[roles.origin] if roles.origin is not None else ()
    rates = raw.columns[roles.rate] if roles.rate is not None else ()
    many_rates = len(set(map(str, rates))) > 1
    columns = zip_longest(data, schedules, origins, rates)
    for row, (name, planned, origin, rate) in enumerate(columns):
        schedule = 0 if is_blank(planned) else whole_number(planned, "schedule", raw.where(row))
        parts = [] if is_blank(name) else [str(name)]
        parts += [f"learning rate {rate}"] if many_rates else []
        group = (", ".join(parts), schedule, is_predicted(origin))
        group_of_row[row] = numbers.setdefault(group, len(numbers))
    if len({schedule > 0 for _, schedule, _ in numbers}) > 1:
        raise StudyError(
            f"{raw.path}: the column schedule is filled in some rows only; fill it in all"
        )
    return list(numbers), group_of_row


def _rows(raw: RawTable, roles: Roles, cell_of_row: Array, group_of_row: Array) -> _Rows:
    seeds = _whole_column(raw, roles.seed, "seed")
    if roles.wide:
        epochs = np.array([epoch for epoch, _ in roles.wide])
        columns = [raw.columns[name] for _, name in roles.wide]
        filled = np.array([[not is_blank(value) for value in column] for column in columns]).T
        index, place = np.nonzero(filled)  # (rows, epochs)
        entries = [columns[p][row] for row, p in zip(index.tolist(), place.tolist(), strict=True)]
        value = np.array(accuracies(entries, lambda k: raw.where(int(index[k]))))
        epoch = epochs[place]
    else:
        assert roles.accuracy is not None
        column = raw.columns[roles.accuracy]
        if any(_is_curve(value) for value in column[:1]):
            index, epoch, value = _curves(raw, column)
        else:
            index = np.arange(len(raw))
            epoch = _whole_column(raw, roles.epoch, "epoch")
            value = np.array(accuracies(column, raw.where))
    kept = cell_of_row[index] >= 0
    index, epoch, value = index[kept], epoch[kept], value[kept]
    return _Rows(index, cell_of_row[index], seeds[index], epoch, group_of_row[index], value)


def _whole_column(raw: RawTable, name: str | None, role: str) -> Array:
    if name is None:
        return np.zeros(len(raw), dtype=np.int64)
    known: dict[Any, int] = {}
    column = np.empty(len(raw), dtype=np.int64)
    for row, value in enumerate(raw.columns[name]):
        key = repr(value) if isinstance(value, list | dict) else value  # refused as no number
        number = known.get(key)
        if number is None:
            blank = role == "seed" and is_blank(value)
            number = known[key] = 0 if blank else whole_number(value, role, raw.where(row))
        column[row] = number
    return column


def _is_curve(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, str) and value.lstrip().startswith("["))


def _curves(raw: RawTable, column: Sequence[Any]) -> tuple[Array, Array, Array]:
    """Return row, epoch and accuracy for a column of lists: the accuracies after epochs 1, 2, …"""
    index, epoch, entries = [], [], []
    for row, entry in enumerate(column):
        if not _is_curve(entry):
            raise StudyError(f"{raw.where(row)}: expected a list of accuracies, not {entry!r:.60}")
        curve = entry
        if isinstance(entry, str):
            curve = entry.strip().strip("[]").replace(",", " ").split()
        for number, single in enumerate(curve, start=1):
            if not is_blank(single):
                index.append(row)
                epoch.append(number)
                entries.append(single)
    value = np.array(accuracies(entries, lambda k: raw.where(index[k])))
    return np.array(index, dtype=np.int64), np.array(epoch, dtype=np.int64), value


# ---------------------------------------------------------------- one data set and schedule


def _table(
    raw: RawTable, roles: Roles, cells: CellsOfTable, rows: _Rows, here: Array, *, has_epochs: bool
) -> Callable[..., MeasuredTable]:
    """Return a table without its labels, of the accuracies with the given indices."""
    members, cell = np.unique(rows.cell[here], return_inverse=True)
    epochs, epoch = np.unique(rows.epoch[here], return_inverse=True)
    span = int(rows.seed.max(initial=0)) + 1
    pairs, pair = np.unique(cell * span + rows.seed[here], return_inverse=True)
    owner = pairs // span
    first = np.searchsorted(owner, np.arange(len(members)))
    place = (np.arange(len(pairs)) - first[owner])[pair]  # of the seed among those of its cell
    most = int(np.bincount(owner).max())
    if len(members) * most * len(epochs) > _MOST_NUMBERS:
        raise StudyError(
            f"{raw.path}: expected at most {_MOST_NUMBERS:,} accuracies, cells × seeds × epochs, "
            f"but got {len(members):,} × {most:,} × {len(epochs):,}"
        )
    flat = (cell * most + place) * len(epochs) + epoch
    if len(np.unique(flat)) < len(flat):
        _, inverse, count = np.unique(flat, return_inverse=True, return_counts=True)
        second = int(np.flatnonzero(count[inverse] > 1)[1])
        raise StudyError(
            f"{raw.where(int(rows.index[here][second]))}: this genotype, seed and epoch appear "
            "twice; number repeated trainings in a column seed"
        )
    accuracies = np.full(len(members) * most * len(epochs), np.nan)
    accuracies[flat] = rows.value[here]
    seeds = np.full((len(members), most), -1, dtype=np.int64)
    seeds[owner, np.arange(len(pairs)) - first[owner]] = pairs % span
    return functools.partial(
        MeasuredTable,
        path=raw.path,
        cells=cells,
        members=members,
        epochs=tuple(int(e) for e in epochs) if has_epochs else None,
        accuracies=accuracies.reshape(len(members), most, len(epochs)),
        seeds=seeds,
    )


# ---------------------------------------------------------------- selection


def by_schedule(tables: Sequence[MeasuredTable]) -> dict[str, list[CellAccuracies]]:
    """Return the cells of a file whose early accuracies can be compared with final ones.

    The longest schedule of a data set gives the final accuracies. Of a shorter one only the last
    epoch counts, as re-annealed. Without a column ``schedule``, all trainings must end at the same
    epoch.

    Returns:
        The cells by schedule ("truncated" or "re-annealed"), with the data set in front if there
        are several, and "predicted" if the accuracies are.

    Raises:
        StudyError: a training does not end where its schedule does. The error names the cell.
    """
    by_data: dict[tuple[str, bool], list[MeasuredTable]] = {}
    for table in tables:
        by_data.setdefault((table.data, table.predicted), []).append(table)
    many_data = len({table.data for table in tables}) > 1
    found: dict[str, list[CellAccuracies]] = {}
    for (data, predicted), group in by_data.items():
        prefix = (f"{data}, " if many_data else "") + (f"{PREDICTED}, " if predicted else "")
        for schedule, cells in _by_schedule(group).items():
            found[prefix + schedule] = cells
    return found


def _by_schedule(tables: Sequence[MeasuredTable]) -> dict[Schedule, list[CellAccuracies]]:
    longest = max(tables, key=lambda table: table.schedule)
    end = longest.schedule or max(longest.epochs or (0,))
    early: dict[int, dict[int, Mapping[int, float]]] = {}
    final: dict[int, dict[int, float]] = {}
    short: dict[int, dict[int, dict[int, float]]] = {}
    for table in tables:
        for row, cell in enumerate(table.members):
            for seed, curve in _curves_of(table, row).items():
                last = table.schedule or end
                _check_end(table, row, seed, max(curve), last)
                if table is longest:
                    early.setdefault(int(cell), {})[seed] = curve
                    final.setdefault(int(cell), {})[seed] = curve[end]
                else:
                    short.setdefault(int(cell), {}).setdefault(seed, {})[last] = curve[last]
    found: dict[Schedule, list[CellAccuracies]] = {}
    measured: tuple[tuple[Schedule, Mapping[int, Mapping[int, Mapping[int, float]]]], ...] = (
        ("truncated", early),
        ("re-annealed", short),
    )
    for name, curves in measured:
        cells = [
            CellAccuracies(
                longest.cells.label(cell),
                longest.cells.facts[cell].normal[1],
                int(longest.cells.facts[cell].normal[4]),
                curves[cell],
                final[cell],
            )
            for cell in curves
            if cell in final
        ]
        if cells:
            found[name] = cells
    return found


def _curves_of(table: MeasuredTable, row: int) -> dict[int, dict[int, float]]:
    """Return the curve of each seed of a cell, by epoch; epoch 0 if the table has no epochs."""
    curves = {}
    for place, seed in enumerate(table.seeds[row]):
        values = table.accuracies[row, place]
        curve = {
            epoch: float(value)
            for epoch, value in zip(table.epochs or (0,), values, strict=True)
            if np.isfinite(value)
        }
        if curve:
            curves[int(seed)] = curve
    return curves


def _check_end(table: MeasuredTable, row: int, seed: int, last: int, expected: int) -> None:
    """Raise an error if a training does not end at the last epoch of its schedule."""
    if last != expected:
        raise StudyError(
            f"{table.path}: the training of {table.label(row)}, seed {seed}, ends at epoch {last}, "
            f"but {expected} was expected. Add its last epoch, remove the training, or mark short "
            "training runs in a column schedule (the epochs that each was planned for)"
        )
