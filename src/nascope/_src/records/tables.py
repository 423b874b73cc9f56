"""Write tables as CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nascope._src.errors import StudyError
from nascope._src.records.files import plain, write_bytes

Columns = Mapping[str, Sequence[Any]]

_FORMULA_STARTS = ("=", "+", "-", "@", "\t")


def write_table(path: Path, columns: Columns) -> None:
    """Write columns of equal length to ``path``: .csv, .json (a list of rows) or .parquet.

    Raises:
        StudyError: the name has another ending, or the folder cannot be written.
    """
    writers: dict[str, Callable[[Columns], bytes]] = {
        ".csv": _csv,
        ".json": _json,
        ".parquet": _parquet,
    }
    if path.suffix not in writers:
        raise StudyError(f"a table's name must end in {', '.join(writers)}, not {path.name!r}")
    write_bytes(path, writers[path.suffix](columns))


def columns_of(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """Return rows with equal keys, at least one, as columns."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def csv_bytes(header: Iterable[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return a table as CSV, encoded in UTF-8.

    A text that a spreadsheet would take for a formula gets a quote before it. Numbers are not
    changed.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(map(_no_formula, header))
    table.writerows(map(_no_formula, row) for row in rows)
    return text.getvalue().encode("utf-8", errors="backslashreplace")


def _no_formula(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    text = cell.replace("\r", "\\r")  # which the writer would not quote
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _csv(columns: Columns) -> bytes:
    return csv_bytes(columns, zip(*columns.values(), strict=True))


def _json(columns: Columns) -> bytes:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return (json.dumps(plain(rows), indent=1, ensure_ascii=False) + "\n").encode()


def _parquet(columns: Columns) -> bytes:
    import pyarrow  # noqa: PLC0415  (slow to import)
    import pyarrow.parquet  # noqa: PLC0415

    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(dict(columns)), buffer)
    return buffer.getvalue()
