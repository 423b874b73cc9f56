"""Width, depth and rank along a search: from a log of genotypes to a curve.

Two kinds of log are read, and may be mixed: JSON lines with a ``genotype`` (and an ``epoch``), and
the text logs of DARTS and its descendants, where ``epoch 3 …`` precedes ``genotype =
Genotype(…)``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nascope._src.cells.entries import is_index, short
from nascope._src.cells.formats import parse
from nascope._src.cells.formats.literal import MAX_TEXT
from nascope._src.cells.genotype import FIELDS, Genotype
from nascope._src.cells.graph import topology
from nascope._src.cells.spaces import ranks, space
from nascope._src.errors import GenotypeError

_EPOCH = re.compile(r"\bepoch\b\W{0,4}([0-9]{1,9})", re.IGNORECASE)
_START = "Genotype("
_MAX_LINE = 1_000_000  # characters; a longer line is read in pieces


@dataclass(frozen=True)
class Step:
    """The genotype that a search had found at an epoch."""

    epoch: int
    genotype: Genotype


def read_log(path: str | Path) -> list[Step]:
    """The genotypes of a log file, in order.

    Raises:
        GenotypeError: the file cannot be read, holds no genotype, or one that is invalid; the
            message names the line.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            steps = list(read_lines(iter(lambda: file.readline(_MAX_LINE), "")))
    except OSError as error:
        raise GenotypeError(f"{path}: {error.strerror}") from None
    except GenotypeError as error:
        raise GenotypeError(f"{path}, {error}") from None
    if not steps:
        raise GenotypeError(
            f"{path}: no genotype here; expected lines with Genotype(…), or JSON lines with a "
            "'genotype'"
        )
    return steps


def read_lines(lines: Iterable[str]) -> Iterator[Step]:
    """As `read_log`, from lines. Without epochs, genotypes are numbered from 0.

    >>> log = ["epoch 7 lr 2.5e-02", "genotype = Genotype(normal=[('skip_connect', 0), "
    ...        "('skip_connect', 1)], normal_concat=range(2, 3), reduce=[('skip_connect', 0), "
    ...        "('skip_connect', 1)], reduce_concat=range(2, 3))"]
    >>> [step.epoch for step in read_lines(log)]
    [7]
    """
    epoch: int | None = None
    found = 0
    for number, line in enumerate(lines, start=1):
        try:
            if "\0" in line:
                raise GenotypeError("binary data where a log was expected")
            text = line.strip()
            record = _record(text)
            if record is not None:
                given = record.get("epoch", found)
                if not is_index(given):
                    raise GenotypeError(f"epoch: expected a number, got {short(given)}")
                inner = record.get("genotype", record)
                text = inner if isinstance(inner, str) else json.dumps(inner)
                yield Step(given, parse(text))
                found += 1
                continue
            seen = _EPOCH.search(text[:2000])
            epoch = int(seen[1]) if seen else epoch
            start = text.find(_START)
            if start >= 0 and "=[" in text[start:].replace(" ", ""):
                genotype = parse(_balanced(text[start:]))
                yield Step(found if epoch is None else epoch, genotype)
                found += 1
        except GenotypeError as error:
            raise GenotypeError(f"line {number}: {error}") from None


def _record(text: str) -> dict[str, Any] | None:
    """The JSON object of a line that has one with a genotype."""
    if not text.startswith("{") or len(text) > MAX_TEXT:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    holds = isinstance(value, dict) and ("genotype" in value or set(FIELDS) <= set(value))
    return value if holds else None


def _balanced(text: str) -> str:
    """The text up to the bracket that closes the first one."""
    depth = 0
    for position, character in enumerate(text[:MAX_TEXT]):
        depth += (character in "([") - (character in ")]")
        if depth == 0 and character == ")":
            return text[: position + 1]
    raise GenotypeError("the genotype is cut off: a bracket is not closed")


def trace(steps: Iterable[Step], within: str | None = None) -> list[dict[str, Any]]:
    """Plain rows: epoch, and for ``normal`` and ``reduce`` the topology and, if asked for, rank.

    Args:
        within: the space to rank in.

    Raises:
        GenotypeError: that space does not hold a cell of the search.
    """
    rows = []
    for step in steps:
        row: dict[str, Any] = {"epoch": step.epoch}
        for kind in ("normal", "reduce"):
            cell = getattr(step.genotype, kind)
            row[kind] = topology(cell, reduction=kind == "reduce").as_dict()
            if within is not None:
                try:
                    found = ranks(cell, space(within))
                except GenotypeError as error:
                    raise GenotypeError(f"epoch {step.epoch}, {kind} cell: {error}") from None
                row[kind]["rank"] = {name: rank.as_dict() for name, rank in found.items()}
        rows.append(row)
    return rows


def trace_svg(rows: list[dict[str, Any]], title: str = "width and depth along the search") -> str:
    """The rows as curves: width, depth and, where there is a rank, the share at least as wide."""
    from nascope._src.cells.plots import curves_svg  # noqa: PLC0415

    names = {"normal": "normal", "reduce": "reduction"}

    def panel(*keys: str) -> dict[str, list[float]]:
        out = {}
        for kind, name in names.items():
            values = [row[kind] for row in rows]
            for key in keys:
                values = [value[key] for value in values]
            out[name] = values
        return out

    panels = {"fractional width (c)": panel("fractional_width"), "depth": panel("depth")}
    if "rank" in rows[0]["normal"]:
        panels["share of the space at least as wide"] = panel("rank", "fractional", "as_wide")
    return curves_svg([row["epoch"] for row in rows], panels, title)
