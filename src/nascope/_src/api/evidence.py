"""Evidence from tables of accuracies that others measured."""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascope._src.errors import StudyError
from nascope._src.results.evidence.design import check_epochs
from nascope._src.results.evidence.numbers import TableEvidence, as_dict
from nascope._src.results.evidence.table_evidence import evidence_of
from nascope._src.results.external.accuracies import read_tables

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Evidence:
    """What tables say about width and depth, as `evidence` returns it.

    A notebook shows the verdicts.

    Args:
        tables: What each table says.
        notes: A sentence for each epoch that some tables lack.
    """

    def __init__(self, tables: Sequence[TableEvidence], notes: Sequence[str] = ()) -> None:
        self.tables = tuple(tables)
        self.notes = tuple(notes)

    def __repr__(self) -> str:
        names = ", ".join(table.table.name for table in self.tables)
        return f"Evidence({names})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.statements().to_html(index=False)}"

    def rows(self) -> pd.DataFrame:
        """Return a pandas frame with one row per table, cell, measure and epoch.

        The columns are the keys of ``nascope evidence --json``: ``rho`` with its interval ``low`` …
        ``high``, the adjusted one, the slope in points per unit, and the number of cells ``n``.
        """
        return self._frame("rows")

    def statements(self) -> pd.DataFrame:
        """Return a pandas frame with one row per table and statement."""
        return self._frame("statements")

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values: what ``nascope evidence --json`` prints."""
        return as_dict(self.tables)

    def plot(self, table: int = 0) -> Figure:
        """Return a matplotlib figure of one table.

        Args:
            table: Its place among the tables.
        """
        from nascope._src.api.pictures import figure_of  # noqa: PLC0415  (loads matplotlib)
        from nascope._src.report.figures.evidence import draw_table  # noqa: PLC0415

        return figure_of(draw_table(self.tables[table]))

    def write_figures(self, folder: str | Path) -> list[Path]:
        """Write the figures of all tables as PNG, SVG and PDF, each with its numbers as CSV.

        Returns:
            The paths.

        Raises:
            StudyError: The folder cannot be written.
        """
        from nascope._src.report.figures.evidence import write_figures  # noqa: PLC0415

        return write_figures(self.tables, Path(folder))

    def _frame(self, key: str) -> pd.DataFrame:
        import pandas as pd  # noqa: PLC0415  (is slow)

        return pd.DataFrame(
            [
                {"table": table["table"], **row}
                for table in self.as_dict()["tables"]
                for row in table[key]
            ]
        )


def evidence(
    *tables: str | Path, epochs: Collection[int] | None = None, accuracy: str | None = None
) -> Evidence:
    """Compare cells' width and depth with the accuracies that others measured.

    For each number of a cell's topology: Spearman's ρ with accuracy early and late, raw and given
    the counts of operations, the parameters and the multiply-adds, with 95 % bootstrap intervals;
    and five statements with verdicts. docs/guides/tables.md has the rules.

    Args:
        tables: Files: CSV, Parquet, JSON, YAML or NumPy. Rows have a genotype and an accuracy and,
            if available, epoch, seed, schedule, data, source and name.
        epochs: At which numbers are computed, besides the last one; by default 1, 2, 5, 10, 20 ….
        accuracy: The column of accuracies; by default the best name, test before validation.

    Returns:
        `Evidence`: ``rows()`` and ``statements()`` as frames, ``as_dict()``, ``plot()``.

    Raises:
        StudyError: A table cannot be read, or no table has one of the epochs.

    >>> import nascope
    >>> nascope.evidence("missing.csv")
    Traceback (most recent call last):
    nascope._src.errors.StudyError: missing.csv cannot be read: No such file or directory
    """
    if not tables:
        raise StudyError("expected at least one table of accuracies, but got none")
    measured = [
        table for path in tables for table in read_tables(Path(path), accuracy_column=accuracy)
    ]
    notes = check_epochs(measured, epochs)
    return Evidence([evidence_of(table, epochs) for table in measured], notes)
