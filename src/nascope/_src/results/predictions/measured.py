"""Cells in tables that others published: their genotypes, and their measured curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nascope._src.cells.genotype import Genotype
from nascope._src.errors import GenotypeError, StudyError
from nascope._src.results.external.accuracies import read_tables
from nascope._src.results.external.columns import name_column
from nascope._src.results.external.facts import read_cell
from nascope._src.results.external.files import read_raw
from nascope._src.results.external.names import genotype_columns

TABLES = (".csv", ".tsv", ".parquet", ".jsonl")
"""Endings of the files that hold many cells."""
FILE = "tables/darts-214-random-cells.parquet"
"""Where measured cells are looked for in the data folder: those of antoyang/NAS-Benchmark."""


@dataclass(frozen=True)
class MeasuredCell:
    """A cell of a table.

    Attributes:
        genotype: the cell, with a name.
        curve: its mean accuracy over seeds, in [0, 1], by epoch; by 0 if the table has no epochs.
    """

    genotype: Genotype
    curve: dict[int, float]


def read_measured(path: Path) -> list[MeasuredCell]:
    """Return the cells of a table of measured accuracies.

    Raises:
        StudyError: the table cannot be read, has several data sets or schedules, or its accuracies
            are predicted.
    """
    table, *others = read_tables(path)
    if table.predicted or others:
        got = ", ".join(each.name for each in (table, *others))
        raise StudyError(
            f"{path}: expected measured accuracies on one data set and under one schedule, but got "
            f"{got}"
        )
    known = np.isfinite(table.accuracies)  # (cells, seeds, epochs)
    sums, counts = np.where(known, table.accuracies, 0).sum(axis=1), known.sum(axis=1)
    epochs = table.epochs or (0,)
    cells = []
    for row, member in enumerate(table.members):
        genotype = read_cell(table.cells.values[member]).genotype
        pairs = zip(epochs, sums[row], counts[row], strict=True)
        curve = {epoch: float(total / count) for epoch, total, count in pairs if count}
        cells.append(MeasuredCell(genotype.named(table.label(row)), curve))
    return cells


def read_cells(path: Path) -> list[Genotype]:
    """Return the distinct genotypes of a table, in order. It needs no accuracies.

    Raises:
        StudyError: the table cannot be read, or a genotype cannot; the message has the row.
    """

    def choose(names: Sequence[str]) -> list[str]:
        columns = genotype_columns(names)
        if not columns:
            raise StudyError(
                f"{path} lacks the column 'genotype'; its columns are {', '.join(names)}"
            )
        return [*columns, *filter(None, [name_column(names)])]

    raw = read_raw(path, choose)
    columns = genotype_columns(list(raw.columns))
    labels = raw.columns.get(name_column(list(raw.columns)) or "", [None] * len(raw))
    cells: dict[Genotype, Genotype] = {}
    seen: set[str] = set()
    for row, (label, *parts) in enumerate(
        zip(labels, *(raw.columns[name] for name in columns), strict=True)
    ):
        if (key := repr(parts)) in seen:
            continue
        seen.add(key)
        try:
            genotype = read_cell(
                parts[0] if len(parts) == 1 else dict(zip(columns, parts, strict=True))
            ).genotype
        except GenotypeError as error:
            raise StudyError(f"{raw.where(row)}: {error}") from None
        name = label or genotype.name or f"{path.stem}-{len(cells) + 1}"
        cells.setdefault(genotype, genotype.named(str(name)))
    return list(cells.values())
