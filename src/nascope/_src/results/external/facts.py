"""A cell of a table in numbers: its topology, its operations and the size of its network."""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from nascope._src.cells.formats.nasbench import SHORTCUT
from nascope._src.cells.formats.reading import Reading, read, read_value
from nascope._src.cells.genotype import Cell
from nascope._src.cells.graph import (
    IDENTITY,
    dead_nodes,
    effective,
    fractional_width,
    live_width,
    strict_width,
)
from nascope._src.cells.graph import depth as depth_of
from nascope._src.cells.resolve import named_cell
from nascope._src.errors import GenotypeError
from nascope._src.networks.sizes import (
    Size,
    darts_size,
    nas_bench_101_size,
    nas_bench_201_size,
)

MEASURES = (
    "strict_width", "fractional_width", "live_width", "effective_width", "depth",
    "effective_depth", "dead_nodes",
)  # fmt: skip
"""The numbers of a cell's topology; widths in units of c."""


@dataclass(frozen=True, slots=True)
class CellFacts:
    """A genotype in numbers.

    Attributes:
        name: its name, if its text has one.
        normal, reduce: the numbers that `MEASURES` names; reduce is None for a format with one
            cell.
        operations: number of edges by kind of cell and operation, in a fixed order.
        size: of its network; None if no network is known for it.
    """

    name: str | None
    normal: tuple[float, ...]
    reduce: tuple[float, ...] | None
    operations: tuple[tuple[tuple[str, str], int], ...]
    size: Size | None


def read_cell(value: Any) -> Reading:
    """Read a genotype from a value of a table: a name, a text, or lists and dictionaries.

    Raises:
        DisconnectedCellError: the cell connects nothing.
        GenotypeError: the value is no genotype.
    """
    if isinstance(value, str):
        text = value.strip()
        if (genotype := named_cell(text)) is not None:
            return Reading(genotype, "catalogue", ())
        return read(text)
    if isinstance(value, dict):
        value = {name: _plain(part) for name, part in value.items()}
    return read_value(_as_lists(value))


def _plain(value: Any) -> Any:
    """Return a part of a genotype that a table holds as text, such as a matrix, as lists."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "(", "array", "range")):
        return value
    from nascope._src.cells.formats import literal  # noqa: PLC0415

    text = re.sub(r"(?<=[\d\]'\"])\s+(?=[\d\['\"])", ", ", value.strip())  # as NumPy prints arrays
    statements = literal.statements(literal.cleaned(text))
    return literal.literal_value(statements[0][1]) if len(statements) == 1 else value


def _as_lists(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_as_lists(item) for item in value]
    if isinstance(value, dict):
        return {name: _as_lists(item) for name, item in value.items()}
    return value


def facts_of(reading: Reading) -> CellFacts:
    """Return a genotype in numbers.

    >>> facts_of(read_cell("DARTS")).normal[:2]
    (3.0, 3.5)
    """
    genotype = reading.genotype
    single = genotype.normal.num_inputs == 1 and genotype.reduce == genotype.normal
    kinds = ("normal",) if single else ("normal", "reduce")
    counts = Counter(
        (kind, edge.operation) for kind in kinds for edge in getattr(genotype, kind).edges
    )
    return CellFacts(
        genotype.name,
        _numbers(genotype.normal, reduction=False),
        None if single else _numbers(genotype.reduce, reduction=True),
        tuple(sorted(counts.items())),
        _size(reading),
    )


def _size(reading: Reading) -> Size | None:
    genotype = reading.genotype
    try:
        if genotype.normal.num_inputs == 2:
            return darts_size(genotype)
        if reading.format == "nas-bench-201":
            return nas_bench_201_size(genotype.normal)
        if reading.format == "nas-bench-101":
            return nas_bench_101_size(genotype.normal, shortcut=SHORTCUT in reading.notes)
    except GenotypeError:  # an operation without a module
        return None
    return None


def _numbers(cell: Cell, *, reduction: bool) -> tuple[float, ...]:
    strict, fractional, live, deep, dead = _structure(cell.sources, cell.concat, cell.num_inputs)
    contracted = effective(cell, reduction=reduction)
    width, depth = float(contracted.width), float(contracted.depth)
    return strict, fractional, live, width, deep, depth, dead


@functools.lru_cache(maxsize=100_000)
def _structure(
    sources: tuple[tuple[int, ...], ...], concat: tuple[int, ...], num_inputs: int
) -> tuple[float, ...]:
    """Return the numbers of a wiring that do not depend on its operations."""
    nodes = tuple(tuple((IDENTITY, source) for source in node) for node in sources)
    cell = Cell(nodes, concat, num_inputs)  # type: ignore[arg-type]
    return (
        float(strict_width(cell)), float(fractional_width(cell)), float(live_width(cell)),
        float(depth_of(cell)), float(len(dead_nodes(cell))),
    )  # fmt: skip
