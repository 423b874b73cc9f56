"""The command `nascope cells`: the catalogue with widths, depths and sources."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Annotated, Any

import typer

from nascope._src.cells.catalog import GROUPS, CatalogCell, cells_in
from nascope._src.cells.genotype import CELL_KINDS
from nascope._src.cells.graph import topology
from nascope._src.errors import GenotypeError

_LINE = re.compile(r":([0-9]+)(?= @)")  # in a source: REPOSITORY FILE:LINE @COMMIT
_COLUMNS = {  # heading of a column → key of `Topology.as_dict`
    "strict": "strict_width",
    "frac.": "fractional_width",
    "eff.": "effective_width",
    "depth": "depth",
}


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("cells", epilog="Example: nascope cells sgas")(list_cells)


def list_cells(
    text: Annotated[
        str,
        typer.Argument(
            metavar="[TEXT]",
            help="Part of a name, algorithm, paper or source; by default, list all cells.",
            show_default=False,
        ),
    ] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """List the cells of the catalogue with widths, depth and source."""
    cells = [cell for group in GROUPS for cell in cells_in(group) if _matches(cell, text.lower())]
    if not cells:
        raise GenotypeError(
            f"expected part of a name, algorithm, paper or source, but no cell has {text!r}; "
            "`nascope cells` lists all cells"
        )
    if as_json:
        print(json.dumps([_facts(cell) for cell in cells]))
    else:
        print("\n".join(_table(cells)))


def _matches(cell: CatalogCell, text: str) -> bool:
    fields = (cell.genotype.name or "", cell.algorithm, cell.paper, cell.source)
    return any(text in field.lower() for field in fields)


def _facts(cell: CatalogCell) -> dict[str, Any]:
    return {
        "name": cell.genotype.name,
        "source": cell.source,
        "space": cell.space,
        "normal": topology(cell.genotype.normal).as_dict(),
        "reduce": topology(cell.genotype.reduce, reduction=True).as_dict(),
    }


def _table(cells: Iterable[CatalogCell]) -> Iterator[str]:
    """Yield the lines of the table, at most 100 characters wide, under one heading per source."""
    yield "width in units of c (strict, fractional, effective) and depth; line in the source"
    yield f"{'':35}{'normal':>27}{'reduction':>31}"
    headings = f"{'strict':>8}{'frac.':>7}{'eff.':>6}{'depth':>7}"
    yield f"{'':35}{headings}  {headings}{'line':>6}"
    for origin, group in groupby(cells, key=_origin):
        yield ""
        yield from textwrap.wrap(origin, 100, subsequent_indent="  ", break_on_hyphens=False)
        for cell in group:
            facts = _facts(cell)
            line = _LINE.search(cell.source)
            numbers = "  ".join(_numbers(facts[kind]) for kind in CELL_KINDS)
            yield f"  {facts['name']:33}{numbers}{line[1] if line else '':>6}".rstrip()


def _origin(cell: CatalogCell) -> str:
    """Return the paper and the source, without the line in the source."""
    source = _LINE.sub("", cell.source)
    return source if source.startswith(cell.paper) else f"{cell.paper}: {source}"


def _numbers(measured: dict[str, Any]) -> str:
    strict, fractional, effective, depth = (measured[key] for key in _COLUMNS.values())
    return f"{strict:>7}c{fractional:>6.3g}c{effective:>5.3g}c{depth:>7}"
