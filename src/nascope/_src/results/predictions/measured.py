"""Cells in tables that others published: their genotypes, and their measured curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from nascope._src.cells.formats.reading import parse
from nascope._src.cells.genotype import Genotype
from nascope._src.errors import NascopeError, StudyError
from nascope._src.runtime.input_files import check_file

TABLES = (".csv", ".parquet")
"""Endings of the files that hold many cells."""
FILE = "tables/darts-214-random-cells.parquet"
"""Where measured cells are looked for in the data folder: those of antoyang/NAS-Benchmark."""


@dataclass(frozen=True)
class MeasuredCell:
    """A cell of a table.

    Attributes:
        genotype: the cell, with a name.
        curve: its mean accuracy over seeds, in [0, 1], by epoch; by 0 if the table has no epochs;
            empty if it has no accuracies.
    """

    genotype: Genotype
    curve: dict[int, float] = field(default_factory=dict)


def read_cells(path: Path) -> list[Genotype]:
    """Return the distinct genotypes of a table with a column ``genotype``, in order.

    Raises:
        StudyError: the table cannot be read, or a genotype cannot; the message has the row.
    """
    return [cell.genotype for cell in _read(path, with_accuracies=False)]


def read_measured(path: Path) -> list[MeasuredCell]:
    """Return the cells of a table with the columns ``genotype``, ``accuracy`` and maybe ``epoch``.

    Raises:
        StudyError: the table cannot be read, or a value cannot; the message has the row.
    """
    return _read(path, with_accuracies=True)


def _read(path: Path, *, with_accuracies: bool) -> list[MeasuredCell]:
    genotypes: dict[str, Genotype] = {}
    values: dict[str, dict[int, list[float]]] = {}
    columns = ("genotype", "accuracy") if with_accuracies else ("genotype",)
    for number, row in enumerate(_rows(path, columns), start=2):  # as spreadsheets count
        where = f"{path}, row {number}"
        text = str(row["genotype"])
        if text not in genotypes:
            try:
                genotype = parse(text)
            except NascopeError as error:
                raise StudyError(f"{where}: {error}") from None
            name = row.get("name") or genotype.name or f"{path.stem}-{len(genotypes) + 1}"
            genotypes[text] = genotype.named(str(name))
        if with_accuracies:
            epoch, value = _numbers(row, where)
            values.setdefault(text, {}).setdefault(epoch, []).append(value)
    curves = {
        text: {epoch: fmean(accuracies) for epoch, accuracies in curve.items()}
        for text, curve in values.items()
    }
    percent = any(value > 1 for curve in curves.values() for value in curve.values())
    return [
        MeasuredCell(
            genotype,
            {e: value / 100 if percent else value for e, value in curves.get(text, {}).items()},
        )
        for text, genotype in genotypes.items()
    ]


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of a table that has these columns."""
    import pandas  # noqa: PLC0415  (slow to import)

    try:
        check_file(path)
        if path.suffix == ".parquet":
            frame = pandas.read_parquet(path)
        else:
            frame = pandas.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # pandas' and pyarrow's errors are ValueErrors
        reason = getattr(error, "strerror", None) or str(error)
        raise StudyError(f"{path} cannot be read: {reason}") from None
    for name in columns:
        if name not in frame.columns:
            raise StudyError(
                f"{path} lacks the column {name!r}; expected the columns {', '.join(columns)}"
            )
    if not len(frame):
        raise StudyError(f"{path} has no rows")
    rows: list[dict[str, Any]] = frame.to_dict("records")
    return rows


def _numbers(row: Mapping[str, Any], where: str) -> tuple[int, float]:
    """Return a row's epoch, 0 without one, and its accuracy."""
    try:
        epoch, accuracy = float(row.get("epoch") or 0), float(row["accuracy"])
        if epoch != int(epoch) or epoch < 0 or not 0 <= accuracy <= 100:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise StudyError(
            f"{where}: expected an accuracy in [0, 1], or in percent, and an epoch that is a whole "
            f"number, but got {row['accuracy']!r:.60} and {row.get('epoch')!r:.60}"
        ) from None
    return int(epoch), accuracy
