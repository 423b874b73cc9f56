"""Commands over the cells layer: none of them loads torch unless asked for parameters."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from nascope._src.cells.drawing import cells_svg
from nascope._src.cells.formats.reading import FORMATS, write
from nascope._src.cells.genotype import CELL_KINDS, Genotype, format_text, to_dict
from nascope._src.cells.graph import topology
from nascope._src.cells.resolve import resolve_reading
from nascope._src.cli import spaces
from nascope._src.cli.output import write_svg
from nascope._src.errors import GenotypeError

CellArgument = Annotated[
    str,
    typer.Argument(
        metavar="CELL",
        help="A catalogue name (DARTS, nasnet …), a file, - for standard input, or a genotype.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
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
OnlyOption = Annotated[
    str | None, typer.Option(metavar="CELL", help="Change the normal or the reduce cell only.")
]
AuxiliaryOption = Annotated[bool, typer.Option("--auxiliary", help="With the auxiliary tower.")]


def register(app: typer.Typer) -> None:
    """Add this layer's commands."""
    app.command(epilog="Example: nascope describe DARTS --channels 36 --layers 20")(describe)
    app.command(epilog="Example: nascope variants DARTS --published --seed 1")(variants)
    app.command(epilog="Example: nascope adapt DARTS --only reduce")(adapt)
    app.command(epilog="Example: nascope convert DARTS --to naslib")(convert)
    spaces.register(app)


def _resolve(cell: str) -> Genotype:
    """The genotype; what its reader left out goes to standard error."""
    reading = resolve_reading(cell)
    for note in reading.notes:
        print(f"note: {note}", file=sys.stderr)
    return reading.genotype


def describe(
    cell: CellArgument,
    *,
    channels: ChannelsOption = None,
    layers: LayersOption = None,
    classes: ClassesOption = 10,
    auxiliary: AuxiliaryOption = False,
    space: Annotated[
        str | None, typer.Option(metavar="NAME", help="Rank the cells within this space.")
    ] = None,
    svg: SvgOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a cell is: widths, depth, dead nodes, ranks, parameters."""
    genotype = _resolve(cell)
    facts = _facts(genotype)
    if space is not None:
        _rank(genotype, facts, space)
    facts |= _size(genotype, channels, layers, classes, auxiliary=auxiliary)
    if svg is not None:
        _write_svg(svg, genotype)
    if as_json:
        print(json.dumps(facts))
    else:
        print(_screen(facts, _rank_rows(genotype, space)))


def variants(
    cell: CellArgument,
    *,
    seed: Annotated[int, typer.Option(metavar="S", help="Seed of the first variant.")] = 1,
    count: Annotated[
        int, typer.Option(metavar="N", help="How many, with seeds S, S+1 …; a point with --cover.")
    ] = 1,
    published: Annotated[
        bool, typer.Option("--published", help="The authors' own variants, as in Figure 10.")
    ] = False,
    operations: Annotated[
        bool, typer.Option("--operations", help="Redraw the operations and keep the wiring.")
    ] = False,
    distinct: Annotated[
        bool, typer.Option("--distinct", help="Leave out isomorphic ones, and the original.")
    ] = False,
    cover: Annotated[
        bool, typer.Option("--cover", help="Every width and depth that can be reached, evenly.")
    ] = False,
    neighbours: Annotated[
        bool, typer.Option("--neighbours", help="All that differ in one edge's source.")
    ] = False,
    only: OnlyOption = None,
    svg: SvgOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a variant, as describe does.")
    ] = False,
) -> None:
    """Rewire a cell at random, its operations kept (Appendix A.2)."""
    if count < 1:
        raise GenotypeError(f"--count must be at least 1, not {count}")
    chosen = [name for name, on in (("--cover", cover), ("--neighbours", neighbours)) if on]
    if len(chosen) > 1 or (chosen and (published or operations or distinct)):
        raise GenotypeError(f"{' and '.join(chosen)} cannot be combined with another kind")
    if published and (only or distinct):
        raise GenotypeError("--published variants are the authors' own: no --only, no --distinct")
    if svg is not None and (count > 1 or chosen):
        raise GenotypeError("--svg draws one variant: leave out --count, --cover, --neighbours")
    drawn = _variants(
        _resolve(cell),
        seed,
        count,
        cells=_kinds(only),
        kind=chosen[0] if chosen else "operations" if operations else "wiring",
        published=published,
        distinct=distinct,
    )
    for variant in drawn:
        if svg is not None:
            _write_svg(svg, variant)
        print(json.dumps(_facts(variant)) if as_json else _line(variant))


def _variants(
    genotype: Genotype,
    seed: int,
    count: int,
    *,
    cells: tuple[str, ...],
    kind: str,
    published: bool,
    distinct: bool,
) -> Iterator[Genotype]:
    """The variants that the options ask for."""
    from functools import partial  # noqa: PLC0415

    from nascope._src.cells import wiring  # noqa: PLC0415

    if kind == "--cover":
        return wiring.covering_variants(genotype, seed, count)
    if kind == "--neighbours":
        return wiring.neighbouring_variants(genotype, cells=cells)
    if distinct and kind == "wiring":
        return wiring.distinct_variants(genotype, seed, count, cells=cells)
    draw: Callable[[Genotype, int], Genotype]
    if published:
        by_authors = {"operations": wiring.published_operations, "wiring": wiring.published_variant}
        draw = by_authors[kind]
    else:
        ours = {"operations": wiring.random_operations, "wiring": wiring.random_variant}
        draw = partial(ours[kind], cells=cells)
    return (draw(genotype, number) for number in range(seed, seed + count))


def adapt(
    cell: CellArgument,
    *,
    only: OnlyOption = None,
    narrowest: Annotated[
        bool, typer.Option("--narrowest", help="To the narrowest and deepest form: a chain.")
    ] = False,
    channels: ChannelsOption = None,
    layers: LayersOption = None,
    classes: ClassesOption = 10,
    auxiliary: AuxiliaryOption = False,
    svg: SvgOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rewire a cell to its widest, shallowest form (Table 1), its operations kept."""
    from nascope._src.cells import adaptation  # noqa: PLC0415

    form = adaptation.narrowest if narrowest else adaptation.widest
    adapted = adaptation.adapt(_resolve(cell), cells=_kinds(only), to=form)
    facts = _facts(adapted)
    facts |= _size(adapted, channels, layers, classes, auxiliary=auxiliary)
    if svg is not None:
        _write_svg(svg, adapted)
    if as_json:
        print(json.dumps(facts))
    else:
        size = f"; {facts['parameters']:,} parameters" if "parameters" in facts else ""
        print(_line(adapted) + size)


def _kinds(only: str | None) -> tuple[str, ...]:
    """Both cells of a genotype, or the one that ``--only`` names."""
    if only is None:
        return ("normal", "reduce")
    if only not in ("normal", "reduce"):
        raise GenotypeError(f"--only takes normal or reduce, not {only!r}")
    return (only,)


def _size(
    genotype: Genotype,
    channels: int | None,
    layers: int | None,
    classes: int,
    *,
    auxiliary: bool,
) -> dict[str, int]:
    """Size of a network of this cell, where its channels and layers are given."""
    if (channels is None) != (layers is None):
        raise GenotypeError("--channels and --layers go together: give both, or neither")
    if channels is None or layers is None:
        return {}
    import torch  # noqa: PLC0415

    from nascope._src.networks.network import Network  # noqa: PLC0415  (loads torch)

    with torch.device("meta"):  # allocates nothing
        network = Network(
            genotype, channels=channels, layers=layers, classes=classes, auxiliary=auxiliary
        )
        return {"parameters": network.num_parameters, "multiply_adds": network.multiply_adds()}


def convert(
    cell: CellArgument,
    *,
    to: Annotated[
        str, typer.Option(metavar="FORMAT", help=f"One of {', '.join(FORMATS)}.")
    ] = "darts",
) -> None:
    """Print a cell in the format of another tool."""
    print(write(_resolve(cell), to))


def _facts(genotype: Genotype) -> dict[str, Any]:
    return {
        "name": genotype.name,
        "normal": topology(genotype.normal).as_dict(),
        "reduce": topology(genotype.reduce, reduction=True).as_dict(),
        "genotype": to_dict(genotype),
    }


def _rank(genotype: Genotype, facts: dict[str, Any], name: str) -> None:
    """Add to both cells' facts their exact rank in a space."""
    from nascope._src.cells.spaces.named import named_space  # noqa: PLC0415

    space = named_space(name)
    for kind in CELL_KINDS:
        try:
            ranks = space.rank(getattr(genotype, kind))
        except GenotypeError as error:
            raise GenotypeError(f"{kind} cell: {error}") from None
        facts[kind]["rank"] = {convention: rank.as_dict() for convention, rank in ranks.items()}


_QUICK = 8  # nodes up to which a census takes some hundredths of a second


def _rank_rows(genotype: Genotype, name: str | None) -> list[tuple[str, str, str]]:
    """Rows of the screen: the share at least as wide *and* as shallow, space by space."""
    from nascope._src.cells.spaces.named import spaces_holding  # noqa: PLC0415

    table: dict[str, dict[str, str]] = {}
    for kind in CELL_KINDS:
        cell = getattr(genotype, kind)
        if cell.num_nodes > _QUICK and name is None:
            continue
        for space in spaces_holding(cell):
            if name not in (None, space.name):
                continue
            for criterion, share in space.rank(cell)["fractional"]._asdict().items():
                label = f"{space.name}: {criterion.replace('_', ' ')}"
                table.setdefault(label, {})[kind] = _share(float(share))
    return [(label, row.get("normal", "–"), row.get("reduce", "–")) for label, row in table.items()]


def _share(share: float) -> str:
    return f"{100 * share:.3g} %"


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
    """The facts as a table for people."""
    name = "".join(c if c.isprintable() else "\ufffd" for c in facts["name"] or "cell")
    lines = [name, f"{'':26}{'normal':>12}{'reduction':>12}"]
    for key, label in _ROWS.items():
        columns = [_shown(key, facts[kind][key]) for kind in ("normal", "reduce")]
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
        few = ", ".join(map(str, value)) or "none"
        return few if len(few) <= 10 else f"{len(value)} nodes"
    return f"{value:g}c" if key.endswith("width") else str(value)


def _line(genotype: Genotype) -> str:
    """A variant as an assignment that `parse` reads, its numbers in a comment."""
    numbers = "; ".join(
        f"{kind} {float(t.fractional_width):g}c deep {t.depth}"
        for kind, t in (
            ("normal", topology(genotype.normal)),
            ("reduction", topology(genotype.reduce)),
        )
    )
    name = "".join(c if c.isalnum() else "_" for c in genotype.name or "cell")
    name = name if name.isidentifier() else f"cell_{name}"
    return f"{name} = {format_text(genotype)}  # {numbers}"


def _write_svg(path: Path, genotype: Genotype) -> None:
    write_svg(path, cells_svg(genotype.captioned(), title=genotype.name or "genotype"))
