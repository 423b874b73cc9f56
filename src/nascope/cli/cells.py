"""Commands over the cells layer: none of them loads torch unless asked for parameters."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nascope.cells.formats import FORMATS, write
from nascope.cells.genotype import Genotype, format_text, to_dict
from nascope.cells.resolve import resolve_reading
from nascope.cells.topology import topology
from nascope.errors import GenotypeError

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
AuxiliaryOption = Annotated[bool, typer.Option("--auxiliary", help="With the auxiliary tower.")]


def register(app: typer.Typer) -> None:
    """Add this layer's commands."""
    app.command(epilog="Example: nascope describe DARTS --channels 36 --layers 20")(describe)
    app.command(epilog="Example: nascope variants DARTS --published --seed 1")(variants)
    app.command(epilog="Example: nascope convert DARTS --to naslib")(convert)


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
    svg: SvgOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a cell is: widths, depth, dead nodes, parameters."""
    genotype = _resolve(cell)
    facts = _facts(genotype)
    if (channels is None) != (layers is None):
        raise GenotypeError("--channels and --layers go together: give both, or neither")
    if channels is not None and layers is not None:
        from nascope.networks import parameter_count  # noqa: PLC0415  (loads torch)

        facts["parameters"] = parameter_count(
            genotype, channels=channels, layers=layers, classes=classes, auxiliary=auxiliary
        )
    if svg is not None:
        _write_svg(svg, genotype)
    print(json.dumps(facts, ensure_ascii=False) if as_json else _screen(facts))


def variants(
    cell: CellArgument,
    *,
    seed: Annotated[int, typer.Option(metavar="S", help="Seed of the first variant.")] = 1,
    count: Annotated[int, typer.Option(metavar="N", help="How many, with seeds S, S+1 …")] = 1,
    published: Annotated[
        bool, typer.Option("--published", help="The authors' own variants, as in Figure 10.")
    ] = False,
    svg: SvgOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a variant, as describe does.")
    ] = False,
) -> None:
    """Rewire a cell at random, its operations kept (Appendix A.2)."""
    from nascope.cells.wiring import published_variant, random_variant  # noqa: PLC0415

    if count < 1:
        raise GenotypeError(f"--count must be at least 1, not {count}")
    if svg is not None and count > 1:
        raise GenotypeError("--svg draws one variant: leave out --count")
    genotype = _resolve(cell)
    draw = published_variant if published else random_variant
    for variant in (draw(genotype, number) for number in range(seed, seed + count)):
        if svg is not None:
            _write_svg(svg, variant)
        print(json.dumps(_facts(variant), ensure_ascii=False) if as_json else _line(variant))


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


def _screen(facts: dict[str, Any]) -> str:
    """The facts as a table for people."""
    lines = [facts["name"] or "cell", f"{'':22}{'normal':>12}{'reduction':>12}"]
    for key, label in _ROWS.items():
        columns = [_shown(key, facts[kind][key]) for kind in ("normal", "reduce")]
        lines.append(f"  {label:20}{columns[0]:>12}{columns[1]:>12}")
    if "parameters" in facts:
        lines.append(f"  {'parameters':20}{facts['parameters']:>12,}")
    return "\n".join(lines)


def _shown(key: str, value: Any) -> str:
    if key == "dead_nodes":
        return ", ".join(map(str, value)) or "none"
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
    from nascope.cells.drawing import genotype_svg  # noqa: PLC0415

    drawing = genotype_svg(genotype)
    try:
        path.write_text(drawing + "\n", encoding="utf-8")
    except OSError as error:
        raise GenotypeError(f"{path}: {error.strerror}, so the drawing is not written") from None
