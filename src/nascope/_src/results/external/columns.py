"""Which column of a table holds what, and raw values as numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nascope._src.errors import StudyError
from nascope._src.results.external.names import (
    accuracy_rank,
    epoch_of,
    genotype_columns,
    normalised,
)

_OTHERS = {
    "epoch": ("epoch", "epochs", "ep"),
    "seed": ("seed", "trial_seed"),
    "schedule": ("schedule", "planned_epochs", "max_epochs"),
    "data": ("data", "dataset", "data_set"),
    "source": ("source", "paper", "cluster"),
    "name": ("name", "label"),
    "origin": ("origin",),
}
_OWN = {"identity", "learning_rate"}
"""Columns of the tables that `nascope study results` writes."""
PREDICTED = "predicted"
"""What a column of origins says of accuracies that are not measured."""


@dataclass(frozen=True)
class Roles:
    """The columns of a table by what they hold.

    Attributes:
        genotype: one column, or several that hold a genotype together.
        accuracy: the column of accuracies; None in a wide table.
        wide: in a wide table, epochs with their columns, in order.
        epoch, seed, schedule, data, source, name, origin: None if the table has no such column.
        rate: the column of learning rates in a table of nascope's own; trials of several rates are
            tables of their own.
        notes: a sentence for each choice between columns.
    """

    genotype: tuple[str, ...]
    accuracy: str | None
    wide: tuple[tuple[int, str], ...] = ()
    epoch: str | None = None
    seed: str | None = None
    schedule: str | None = None
    data: str | None = None
    source: str | None = None
    name: str | None = None
    origin: str | None = None
    rate: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """All columns that have a role."""
        single = [self.accuracy, self.epoch, self.seed, self.schedule, self.data, self.source]
        named = [name for name in (*single, self.name, self.origin, self.rate) if name is not None]
        return [*self.genotype, *(name for _, name in self.wide), *named]


_LARGEST = 2**63  # of a whole number


def roles_of(path: Path, names: Sequence[str], accuracy: str | None = None) -> Roles:
    """Return what the columns of a table hold, by their names.

    Args:
        path: the file, for errors.
        names: of its columns.
        accuracy: the column of accuracies; by default the best name, test before validation.

    Raises:
        StudyError: there is no column of genotypes or of accuracies.
    """
    genotype = genotype_columns(names)
    if not genotype:
        raise StudyError(
            f"{path} lacks the column 'genotype'; expected genotype, accuracy and, if available, "
            f"epoch, seed, schedule, data, source and name, but got {_listed(names)}"
        )
    others = Roles(
        genotype,
        None,
        **{role: _column(role, names, genotype) for role in _OTHERS},  # type: ignore[arg-type]
        rate="learning_rate" if set(names) >= _OWN else None,
    )
    taken = set(others.columns)
    free = [name for name in names if name not in taken]
    if accuracy is not None:
        if accuracy not in names:
            raise StudyError(
                f"{path} lacks the column {accuracy!r}; its columns are {_listed(names)}"
            )
        return replace(others, accuracy=accuracy)
    single = sorted(
        (rank, place, name)
        for place, name in enumerate(free)
        if (rank := accuracy_rank(name)) is not None
    )
    wide = [(*found, name) for name in free if (found := epoch_of(name)) is not None]
    if len(wide) > 1 and others.epoch is None:
        best = min(rank for _, rank, _ in wide)
        columns = sorted((epoch, name) for epoch, rank, name in wide if rank == best)
        epochs = [epoch for epoch, _ in columns]
        if len(set(epochs)) < len(epochs):
            twice = next(epoch for epoch in epochs if epochs.count(epoch) > 1)
            raise StudyError(
                f"{path} has two columns of epoch {twice}; give --accuracy or one table"
            )
        notes = [f"left out the columns {_listed([n for *_, n in single])}"] if single else []
        return replace(others, wide=tuple(columns), notes=tuple(notes))
    if not single:
        errors = [name for name in names if "err" in normalised(name)]
        hint = f"; {errors[0]} holds errors: give accuracies, 1 − error" if errors else ""
        raise StudyError(
            f"{path} lacks the column 'accuracy'; its columns are {_listed(names)}{hint}. "
            "--accuracy NAME chooses another one"
        )
    notes = []
    if len(single) > 1:
        left = _listed([name for *_, name in single[1:]])
        notes = [f"accuracy is the column {single[0][2]}; left out {left}"]
    return replace(others, accuracy=single[0][2], notes=tuple(notes))


def name_column(names: Sequence[str]) -> str | None:
    """Return the column of the cells' names; None if there is none."""
    return _column("name", names, genotype_columns(names))


def _column(role: str, names: Sequence[str], genotype: Sequence[str]) -> str | None:
    known = _OTHERS[role]
    return next((n for n in names if normalised(n) in known and n not in genotype), None)


def _listed(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


# ---------------------------------------------------------------- numbers


def whole_number(value: Any, name: str, where: str) -> int:
    """Return a value as an integer of at least 0.

    Args:
        value: what the row holds.
        name: its column, for the error.
        where: the file and the row, for the error.

    Raises:
        StudyError: it is no such number.
    """
    try:
        number = _number(value)
        if number != int(number) or not 0 <= number < _LARGEST:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise StudyError(f"{where}: {name} must be a whole number, not {value!r:.60}") from None
    return int(number)


def accuracies(values: Sequence[Any], where: Callable[[int], str]) -> list[float]:
    """Return values as accuracies, in [0, 1] or in percent.

    Decimal commas are read, and percent signs are ignored.

    Args:
        values: what each row holds.
        where: returns the file and the row of an index, for the error.

    Raises:
        StudyError: one is not a number from 0 to 100.

    >>> accuracies(["93,5 %", 94], str)
    [93.5, 94.0]
    """
    return [_accuracy(value, where, row) for row, value in enumerate(values)]


def _accuracy(value: Any, where: Callable[[int], str], row: int) -> float:
    try:
        number = _number(value)
        if not (math.isfinite(number) and 0 <= number <= 100):
            raise ValueError
    except (TypeError, ValueError):
        raise StudyError(
            f"{where(row)}: accuracy must be in [0, 1], or in percent, not {value!r:.60}"
        ) from None
    return number


def is_blank(value: Any) -> bool:
    """Return whether a value is missing."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def is_predicted(origin: Any) -> bool:
    """Return whether an accuracy's origin says that it is predicted, not measured."""
    return not is_blank(origin) and str(origin).strip().lower() == PREDICTED


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, str):
        text = value.strip().removesuffix("%").strip()
        return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    return float(value)
