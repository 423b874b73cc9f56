"""Rows of a CSV or Parquet file, and their values as numbers. Errors name the file and the row."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nascope._src.errors import StudyError

Row = Mapping[str, Any]
FIRST_ROW = 2
"""Number of the first row below the header, as spreadsheets count."""


def read_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """Return the rows of a table, as mappings from column names to values.

    Args:
        path: a file that ends in .csv or .parquet. Values of a CSV file are strings.
        columns: names of the columns that the table must have.

    Raises:
        StudyError: the file is missing or damaged, has another ending, has no rows, or lacks a
            column.
    """
    rows = _rows(path)
    if not rows:
        raise StudyError(f"{path} has no rows")
    missing = [name for name in columns if name not in rows[0]]
    if missing:
        raise StudyError(
            f"{path} lacks the column {missing[0]!r}; expected the columns {', '.join(columns)}"
        )
    return rows


def _rows(path: Path) -> list[Row]:
    try:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
        if path.suffix == ".parquet":
            import pyarrow.parquet  # noqa: PLC0415  (slow to import)

            rows: list[Row] = pyarrow.parquet.read_table(path).to_pylist()
            return rows
    except (OSError, ValueError, csv.Error) as error:  # pyarrow's errors are ValueErrors
        raise StudyError(f"{path} cannot be read: {error}") from None
    raise StudyError(f"Expected a table that ends in .csv or .parquet, but got {path}")


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
        number = float(value)
        if number != int(number) or number < 0:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise StudyError(f"{where}: {name} must be a whole number, not {value!r}") from None
    return int(number)


def accuracy(value: Any, where: str) -> float:
    """Return a value as an accuracy, in [0, 1] or in percent.

    Args:
        value: what the row holds.
        where: the file and the row, for the error.

    Raises:
        StudyError: it is not a number from 0 to 100.
    """
    try:
        number = float(value)
        if not (math.isfinite(number) and 0 <= number <= 100):
            raise ValueError
    except (TypeError, ValueError):
        raise StudyError(
            f"{where}: accuracy must be in [0, 1], or in percent, not {value!r}"
        ) from None
    return number
