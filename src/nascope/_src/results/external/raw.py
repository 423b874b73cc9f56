"""Columns of raw values, as a file holds them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

Choose = Callable[[Sequence[str]], Collection[str]]
"""Returns the names of the columns to read, from those of all."""


@dataclass(frozen=True)
class RawTable:
    """Columns of raw values.

    Attributes:
        path: the file.
        columns: by name, equally long; None where a row lacks a value.
        word: what its rows are called: "row" or "entry".
        first: number of the first row.
        places: of the rows among those of the file; None if these are all.
    """

    path: Path
    columns: Mapping[str, Sequence[Any]]
    word: str = "row"
    first: int = 1
    places: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def where(self, index: int) -> str:
        """Return the file and the row, for an error."""
        place = index if self.places is None else self.places[index]
        return f"{self.path}, {self.word} {self.first + place}"

    def only(self, places: Sequence[int]) -> RawTable:
        """Return the table with these of its rows only."""
        columns = {name: [column[k] for k in places] for name, column in self.columns.items()}
        return replace(self, columns=columns, places=places)
