"""Tables of text, one line per row: separated by commas, semicolons or tabs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from nascope._src.errors import StudyError
from nascope._src.results.external.raw import Choose, RawTable
from nascope._src.runtime.input_files import open_file

_SEPARATORS = (",", ";", "\t")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_LONGEST = 10_000_000  # characters of one value; a list of 600 accuracies has 12,000


def read_delimited(path: Path, choose: Choose) -> RawTable:
    """Read a table of text. Equal values are one object, so long genotypes take little memory.

    The separator is the one that the header has most of. A byte-order mark is skipped; it also
    says whether the text is UTF-8 or UTF-16.

    Raises:
        StudyError: a row has too many or too few values.
    """
    csv.field_size_limit(_LONGEST)
    with _opened(open_file(path)) as text:
        head = text.readline()
        separator = max(_SEPARATORS, key=head.count)
        text.seek(0)
        try:
            return _table(path, csv.reader(_without_mark(text), delimiter=separator), choose)
        except csv.Error as error:
            raise StudyError(f"{path} cannot be read: {error}") from None


def _opened(file: BinaryIO) -> io.TextIOWrapper:
    utf16 = file.read(2) in _UTF16
    file.seek(0)
    return io.TextIOWrapper(file, encoding="utf-16" if utf16 else "utf-8", newline="")


def _without_mark(text: io.TextIOWrapper) -> Iterator[str]:
    for number, line in enumerate(text):
        yield line.removeprefix("\ufeff") if number == 0 else line


def _table(path: Path, lines: Iterator[list[str]], choose: Choose) -> RawTable:
    header = [name.strip() for name in next(lines, [])]
    wanted = set(choose([name for name in header if name]))
    places = [place for place, name in enumerate(header) if name in wanted]
    columns: list[list[str]] = [[] for _ in places]
    texts: dict[str, str] = {}
    row = 1
    for line in lines:
        row += 1
        if len(line) != len(header):
            if not line:
                if all(not column for column in columns):
                    continue
                row -= 1
                continue
            raise StudyError(
                f"{path}, row {row}: expected {len(header)} values, one per column, but got "
                f"{len(line)}. If a value holds the separator, such as a decimal comma, quote it, "
                "or separate the columns by semicolons"
            )
        for column, place in zip(columns, places, strict=True):
            value = line[place]
            column.append(texts.setdefault(value, value))
    named = {header[place]: column for place, column in zip(places, columns, strict=True)}
    return RawTable(path, named, first=2)  # the header is row 1
