"""The commands that show cells: cells, describe, convert. They load torch to count parameters."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from nascope._src.cells.catalog import GROUPS, CatalogCell, cells_in, names
from nascope._src.cells.drawing import cells_svg
from nascope._src.cells.formats.reading import FORMATS, write
from nascope._src.cells.genotype import CELL_KINDS, Genotype, to_dict
from nascope._src.cells.graph import topology
from nascope._src.cells.resolve import resolve_reading
from nascope._src.cli.options import JsonOption
from nascope._src.cli.output import write_svg
from nascope._src.errors import GenotypeError


def _complete_cell(start: str) -> list[str]:
    """Return the catalogue's names that a shell can complete."""
    known = (name for group in GROUPS for name in names(group))
    return [name for name in known if name.startswith(start)]


CellArgument = Annotated[
    str,
    typer.Argument(
        metavar="CELL",
        help="A catalogue name (DARTS, nasnet …), a file, - for standard input, or a genotype.",
        show_default=False,
        autocompletion=_complete_cell,
    ),
]
SvgOption = Annotated[
    Path | None,
    typer.Option("--svg", metavar="FILE", help="Write a drawing of both cells.", dir_okay=False),
]
ChannelsOption = Annotated[
    int | None, typer.Option(metavar="C", help="Initial channels, to count parameters.")
]
LayersOption = Annotated[
    int | None, typer.Option(metavar="L", help="Number of cells, to count parameters.")
]
ClassesOption = Annotated[int, typer.Option(metavar="N", help="Number of classes.")]
AuxiliaryOption = Annotated[bool, typer.Option("--auxiliary", help="Count the auxiliary tower.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("cells", epilog="Example: nascope cells sgas")(list_cells)
    app.command(epilog="Example: nascope describe DARTS --channels 36 --layers 20")(describe)
    app.command(epilog="Example: nascope convert DARTS --to naslib")(convert)


# ---------------------------------------------------------------- helpers of several commands


def read_cell(cell: str) -> Genotype:
    """Return the genotype that an argument names; print what its reader left out as notes."""
    reading = resolve_reading(cell)
    for note in reading.notes:
        print(f"note: {note}", file=sys.stderr)
    return reading.genotype


def topologies(genotype: Genotype) -> dict[str, dict[str, Any]]:
    """Return the topology of both cells, as plain values."""
    return {
        "normal": topology(genotype.normal).as_dict(),
        "reduce": topology(genotype.reduce, reduction=True).as_dict(),
    }


def genotype_facts(genotype: Genotype) -> dict[str, Any]:
    """Return what ``--json`` prints of a genotype."""
    return {"name": genotype.name, **topologies(genotype), "genotype": to_dict(genotype)}


def network_size(
    genotype: Genotype,
    channels: int | None,
    layers: int | None,
    classes: int,
    *,
    auxiliary: bool,
) -> dict[str, int]:
    """Return the parameters and multiply-adds of a network, if channels and layers are given."""
    if (channels is None) != (layers is None):
        raise GenotypeError("--channels and --layers go together: give both or neither")
    if channels is None or layers is None:
        return {}
    import torch

    from nascope._src.networks.network import Network

    with torch.device("meta"):  # allocates nothing
        network = Network(
            genotype, channels=channels, layers=layers, classes=classes, auxiliary=auxiliary
        )
        return {"parameters": network.num_parameters, "multiply_adds": network.multiply_adds()}


def write_drawing(path: Path, genotype: Genotype) -> None:
    """Write a drawing of both cells."""
    write_svg(path, cells_svg(genotype.captioned(), title=genotype.name or "genotype"))


# ---------------------------------------------------------------- cells

_LINE = re.compile(r":([0-9]+)(?= @)")  # in a source, REPOSITORY FILE:LINE @COMMIT
_COLUMNS = ("strict_width", "fractional_width", "effective_width", "depth")
_HEADINGS = f"{'strict':>8}{'frac.':>7}{'eff.':>6}{'depth':>7}"


def list_cells(
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT",
            help="List only cells whose name, algorithm, paper or source contains this.",
            show_default=False,
        ),
    ] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """List the cells of the catalogue with widths, depth and source."""
    cells = [cell for group in GROUPS for cell in cells_in(group) if _contains(cell, text.lower())]
    if not cells:
        raise GenotypeError(
            f"expected part of a name, algorithm, paper or source, but no cell has {text!r}; "
            "`nascope cells` lists all cells"
        )
    if as_json:
        print(json.dumps([_catalog_facts(cell) for cell in cells]))
    else:
        print("\n".join(_table(cells)))


def _contains(cell: CatalogCell, text: str) -> bool:
    fields = (cell.genotype.name or "", cell.algorithm, cell.paper, cell.source)
    return any(text in field.lower() for field in fields)


def _catalog_facts(cell: CatalogCell) -> dict[str, Any]:
    origin = {"name": cell.genotype.name, "source": cell.source, "space": cell.space}
    return origin | genotype_facts(cell.genotype)


def _table(cells: Iterable[CatalogCell]) -> Iterator[str]:
    """Yield the lines of the table, up to 100 characters wide, with a heading for each source."""
    yield "width in units of c (strict, fractional, effective) and depth; line in the source"
    yield f"{'':35}{'normal':>27}{'reduction':>31}"
    yield f"{'':35}{_HEADINGS}  {_HEADINGS}{'line':>6}"
    for origin, group in groupby(cells, key=_origin):
        yield ""
        yield from textwrap.wrap(origin, 100, subsequent_indent="  ", break_on_hyphens=False)
        for cell in group:
            facts = topologies(cell.genotype)
            numbers = "  ".join(_numbers(facts[kind]) for kind in CELL_KINDS)
            line = _LINE.search(cell.source)
            yield f"  {cell.genotype.name:33}{numbers}{line[1] if line else '':>6}".rstrip()


def _origin(cell: CatalogCell) -> str:
    """Return the paper and the source, without the line in the source."""
    source = _LINE.sub("", cell.source)
    return source if source.startswith(cell.paper) else f"{cell.paper}: {source}"


def _numbers(facts: dict[str, Any]) -> str:
    strict, fractional, effective, depth = (facts[column] for column in _COLUMNS)
    return f"{strict:>7}c{fractional:>6.3g}c{effective:>5.3g}c{depth:>7}"


# ---------------------------------------------------------------- describe


def describe(
    cell: CellArgument,
    *,
    channels: ChannelsOption = None,
    layers: LayersOption = None,
    classes: ClassesOption = 10,
    auxiliary: AuxiliaryOption = False,
    space: Annotated[
        str | None, typer.Option(metavar="NAME", help="Rank the cells in this space only.")
    ] = None,
    svg: SvgOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show widths, depth, dead nodes, ranks and parameters of a cell."""
    genotype = read_cell(cell)
    facts = genotype_facts(genotype)
    if space is not None:
        _add_ranks(facts, genotype, space)
    facts |= network_size(genotype, channels, layers, classes, auxiliary=auxiliary)
    if svg is not None:
        write_drawing(svg, genotype)
    if as_json:
        print(json.dumps(facts))
    else:
        print(_screen(facts, _rank_rows(genotype, space)))


def _add_ranks(facts: dict[str, Any], genotype: Genotype, space_name: str) -> None:
    """Add the exact ranks of both cells in a space to their facts."""
    from nascope._src.cells.spaces.named import named_space

    space = named_space(space_name)
    for kind in CELL_KINDS:
        try:
            ranks = space.rank(getattr(genotype, kind))
        except GenotypeError as error:
            raise GenotypeError(f"{kind} cell: {error}") from None
        facts[kind]["rank"] = {convention: rank.as_dict() for convention, rank in ranks.items()}


_QUICK = 8  # up to this many nodes, a census takes some hundredths of a second


def _rank_rows(genotype: Genotype, space_name: str | None) -> list[tuple[str, str, str]]:
    """Return rows (label, normal, reduction) with the cells' ranks in each space."""
    from nascope._src.cells.spaces.named import spaces_holding

    table: dict[str, dict[str, str]] = {}
    for kind in CELL_KINDS:
        cell = getattr(genotype, kind)
        if cell.num_nodes > _QUICK and space_name is None:
            continue
        for space in spaces_holding(cell):
            if space_name not in (None, space.name):
                continue
            for criterion, share in space.rank(cell)["fractional"]._asdict().items():
                label = f"{space.name}: {criterion.replace('_', ' ')}"
                table.setdefault(label, {})[kind] = f"{100 * float(share):.3g} %"
    return [(label, row.get("normal", "–"), row.get("reduce", "–")) for label, row in table.items()]


_ROWS = {
    "strict_width": "width, strict",
    "fractional_width": "width, fractional",
    "live_width": "width, live",
    "effective_width": "width, effective",
    "depth": "depth",
    "effective_depth": "depth, effective",
    "intermediate_nodes": "intermediate nodes",
    "dead_nodes": "dead nodes",
}


def _screen(facts: dict[str, Any], ranks: list[tuple[str, str, str]]) -> str:
    """Return the facts as a table."""
    name = "".join(c if c.isprintable() else "\ufffd" for c in facts["name"] or "cell")
    lines = [name, f"{'':26}{'normal':>12}{'reduction':>12}"]
    for key, label in _ROWS.items():
        columns = [_shown(key, facts[kind][key]) for kind in CELL_KINDS]
        lines.append(f"  {label:24}{columns[0]:>12}{columns[1]:>12}")
    if ranks:
        lines.append("  share of a space (by fractional width) that is at least")
        lines += [f"    {label:22}{normal:>12}{reduce:>12}" for label, normal, reduce in ranks]
    if "parameters" in facts:
        lines.append(f"  {'parameters':24}{facts['parameters']:>12,}")
        lines.append(f"  {'multiply-adds, 32×32':24}{facts['multiply_adds']:>12,}")
    return "\n".join(lines)


def _shown(key: str, value: Any) -> str:
    if key == "dead_nodes":
        nodes = ", ".join(map(str, value)) or "none"
        return nodes if len(nodes) <= 10 else f"{len(value)} nodes"
    return f"{value:g}c" if key.endswith("width") else str(value)


# ---------------------------------------------------------------- convert


def convert(
    cell: CellArgument,
    *,
    to: Annotated[
        str, typer.Option(metavar="FORMAT", help=f"One of {', '.join(FORMATS)}.")
    ] = "darts",
) -> None:
    """Print a cell in the format of another tool."""
    print(write(read_cell(cell), to))
