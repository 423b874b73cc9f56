"""Width, depth and rank of the genotypes in the log of a search.

Two kinds of log can be read, also mixed: JSON lines with a ``genotype`` and an ``epoch``; and the
text logs of DARTS and its descendants, where ``epoch 3 …`` precedes ``genotype = Genotype(…)``. It
may go over several lines. NAS-Bench-201's code prints ``Structure(…)`` instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from nascope._src.cells.checks import is_index, short
from nascope._src.cells.formats import embedded
from nascope._src.cells.formats.literal import MAX_TEXT
from nascope._src.cells.formats.reading import parse
from nascope._src.cells.genotype import CELL_KINDS, FIELDS, Genotype
from nascope._src.cells.graph import topology
from nascope._src.cells.spaces.named import named_space
from nascope._src.errors import GenotypeError
from nascope._src.runtime.input_files import open_file

_EPOCH = re.compile(  # DARTS: "epoch 3", NAS-Bench-201: "the 003-250-th epoch"
    r"\bepoch\b\W{0,4}([0-9]{1,9})|\b([0-9]{1,9})(?:-[0-9]{1,9})?-th epoch", re.IGNORECASE
)
_MAX_LINE = 1_000_000  # characters; longer lines are read in pieces
_MAX_LINES = 500  # of one genotype


@dataclass(frozen=True)
class Step:
    """The genotype of a search at an epoch."""

    epoch: int
    genotype: Genotype


def read_log(path: str | Path) -> list[Step]:
    """Read the genotypes of a log file, in order.

    Raises:
        GenotypeError: The file cannot be read, has no genotype, or has an invalid one; the message
            names the line.
    """
    path = Path(path)
    try:
        with TextIOWrapper(open_file(path), encoding="utf-8", errors="replace") as file:
            steps = list(read_lines(iter(lambda: file.readline(_MAX_LINE), "")))
    except OSError as error:
        raise GenotypeError(f"{path}: {error.strerror}") from None
    except GenotypeError as error:
        raise GenotypeError(f"{path}, {error}") from None
    if not steps:
        raise GenotypeError(
            f"{path}: expected lines with Genotype(…), or JSON lines with a 'genotype', but there "
            "is no genotype here"
        )
    return steps


def read_lines(lines: Iterable[str]) -> Iterator[Step]:
    """Read genotypes from lines, like `read_log`. Without epochs they are numbered from 0.

    >>> log = ["epoch 7 lr 2.5e-02", "genotype = Genotype(normal=[('skip_connect', 0), "
    ...        "('skip_connect', 1)], normal_concat=range(2, 3), reduce=[('skip_connect', 0), "
    ...        "('skip_connect', 1)], reduce_concat=range(2, 3))"]
    >>> [step.epoch for step in read_lines(log)]
    [7]
    """
    epoch: int | None = None
    count = 0  # of genotypes so far
    unfinished, begun = "", 0  # a genotype that goes on in the next line, and its first line
    for number, line in enumerate(lines, start=1):
        begun = begun if unfinished else number
        try:
            if "\0" in line:
                raise GenotypeError("expected a log, but got binary data")
            text = line.strip()
            if unfinished:
                text, unfinished = _continued(unfinished, text, number - begun), ""
            elif (record := _record(text)) is not None:
                given = record.get("epoch", count)
                if not is_index(given):
                    raise GenotypeError(f"epoch: expected a number, got {short(given)}")
                inner = record.get("genotype", record)
                yield Step(given, parse(inner if isinstance(inner, str) else json.dumps(inner)))
                count += 1
                continue
            elif seen := _EPOCH.search(text[:2000]):
                epoch = int(seen[1] or seen[2])
            start = embedded.start_of(text)
            if start is None:
                continue
            if not embedded.is_complete(text):
                unfinished = text[start.start() :]
                continue
            found = next(embedded.find_all(text))
            yield Step(count if epoch is None else epoch, parse(found.text))
            count += 1
        except GenotypeError as error:
            raise GenotypeError(f"line {begun}: {error}") from None
    if unfinished:
        raise GenotypeError(f"line {begun}: {embedded.CUT_OFF}")


def _continued(unfinished: str, line: str, lines: int) -> str:
    """Return a genotype of so many lines with one more."""
    line = embedded.without_stamp(line)
    ends = _EPOCH.search(line[:2000]) or embedded.start_of(line)
    if ends or lines > _MAX_LINES or len(unfinished) > MAX_TEXT:
        raise GenotypeError(embedded.CUT_OFF)
    return f"{unfinished}\n{line}"


def _record(text: str) -> dict[str, Any] | None:
    """Return the JSON object of a line, if it has a genotype."""
    if not text.startswith("{") or len(text) > MAX_TEXT:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    holds = isinstance(value, dict) and ("genotype" in value or set(FIELDS) <= set(value))
    return value if holds else None


def trace(steps: Iterable[Step], within: str | None = None) -> list[dict[str, Any]]:
    """Return one row per step: its epoch, and the topology of its ``normal`` and ``reduce`` cell.

    Args:
        steps: The steps.
        within: Name of a space. If given, a row also has each cell's rank in it.

    Raises:
        GenotypeError: The space does not hold a cell of the search.
    """
    rows = []
    for step in steps:
        row: dict[str, Any] = {"epoch": step.epoch}
        for kind in CELL_KINDS:
            cell = getattr(step.genotype, kind)
            row[kind] = topology(cell, reduction=kind == "reduce").as_dict()
            if within is not None:
                try:
                    ranks = named_space(within).rank(cell)
                except GenotypeError as error:
                    raise GenotypeError(f"epoch {step.epoch}, {kind} cell: {error}") from None
                row[kind]["rank"] = {name: rank.as_dict() for name, rank in ranks.items()}
        rows.append(row)
    return rows
