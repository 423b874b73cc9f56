"""Files of any kind as columns of raw values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nascope._src.errors import NascopeError, StudyError
from nascope._src.results.external.arrays import read_array
from nascope._src.results.external.delimited import read_delimited
from nascope._src.results.external.nested import read_nested
from nascope._src.results.external.raw import Choose, RawTable
from nascope._src.runtime.input_files import check_file

_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".npz")


def read_raw(path: Path, choose: Choose) -> RawTable:
    """Read the columns of a file that are wanted.

    Args:
        path: .csv, .tsv, .txt, .parquet, .json, .jsonl, .yaml, .yml or .npy; see
            docs/guides/tables.md.
        choose: the columns to read.

    Raises:
        StudyError: the file is missing or damaged, has another ending, or has no rows.
    """
    try:
        check_file(path)
        table = _reader(path)(path, choose)
    except NascopeError:
        raise
    except Exception as error:  # of every kind: pyarrow and NumPy do not check a damaged file
        reason = (error.strerror if isinstance(error, OSError) else None) or _first_line(error)
        raise StudyError(f"{path} cannot be read: {reason}") from None
    if not len(table):
        raise StudyError(f"{path} has no rows")
    return table


def _first_line(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"expected text in UTF-8, but byte {error.start} is not; save the table as UTF-8"
    return (str(error).strip().splitlines() or ["damaged"])[0]


def _reader(path: Path) -> Callable[[Path, Choose], RawTable]:
    ending = path.suffix.lower()
    if ending in (".csv", ".tsv", ".txt"):
        return read_delimited
    if ending in (".json", ".jsonl", ".yaml", ".yml"):
        return read_nested
    if ending == ".npy":
        return read_array
    if ending == ".parquet":
        return _read_parquet
    if ending in _PICKLES:
        raise StudyError(
            f"{path}: expected a table without pickled objects, because unpickling runs code. "
            "Export it where you trust it: pandas.read_pickle(FILE).to_csv('table.csv'), or "
            "json.dump for a dictionary (docs/guides/tables.md)"
        )
    raise StudyError(
        "Expected a table that ends in .csv, .tsv, .parquet, .json, .jsonl, .yaml or .npy, but got "
        f"{path}"
    )


def _read_parquet(path: Path, choose: Choose) -> RawTable:
    import pyarrow  # noqa: PLC0415  (slow to import)
    import pyarrow.parquet  # noqa: PLC0415

    with pyarrow.parquet.ParquetFile(path) as file:
        names = [name for name in file.schema_arrow.names if name is not None]
        wanted = set(choose(names))
        table = file.read(columns=[name for name in names if name in wanted])
    columns = {}
    for name in table.column_names:
        column = table.column(name)
        if pyarrow.types.is_string(column.type) or pyarrow.types.is_large_string(column.type):
            column = column.dictionary_encode()  # so that equal texts are one object
        if pyarrow.types.is_dictionary(column.type):
            values: list[Any] = []
            for chunk in column.chunks:
                texts = [*chunk.dictionary.to_pylist(), None]
                values += [
                    texts[code] for code in chunk.indices.fill_null(len(texts) - 1).to_pylist()
                ]
            columns[name] = values
        else:
            columns[name] = column.to_pylist()
    return RawTable(path, columns, first=1)
