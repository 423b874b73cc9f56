"""The commands that rewire cells: variants and adapt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated

import typer

from nascope._src.cells.genotype import CELL_KINDS, Genotype, format_text
from nascope._src.cells.graph import topology
from nascope._src.cli.cells import (
    AuxiliaryOption,
    CellArgument,
    ChannelsOption,
    ClassesOption,
    LayersOption,
    SvgOption,
    genotype_facts,
    network_size,
    read_cell,
    write_drawing,
)
from nascope._src.cli.options import JsonOption
from nascope._src.errors import GenotypeError

OnlyOption = Annotated[
    str | None, typer.Option(metavar="CELL", help="Change the normal or the reduce cell only.")
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: nascope variants DARTS --published --seed 1")(variants)
    app.command(epilog="Example: nascope adapt DARTS --only reduce")(adapt)


def variants(
    cell: CellArgument,
    *,
    seed: Annotated[int, typer.Option(metavar="S", help="Seed of the first variant.")] = 1,
    count: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Number of variants, with seeds S, S+1 …; with --cover, the number per width and "
            "depth.",
        ),
    ] = 1,
    published: Annotated[
        bool, typer.Option("--published", help="Print the authors' variants, as in Figure 10.")
    ] = False,
    operations: Annotated[
        bool, typer.Option("--operations", help="Redraw the operations and keep the wiring.")
    ] = False,
    distinct: Annotated[
        bool, typer.Option("--distinct", help="Leave out isomorphic variants, and the original.")
    ] = False,
    cover: Annotated[
        bool,
        typer.Option(
            "--cover",
            help="Draw variants for every combination of fractional width and depth that can be "
            "reached.",
        ),
    ] = False,
    neighbours: Annotated[
        bool,
        typer.Option(
            "--neighbours",
            help="Print all variants that differ from the cell in the source of one edge.",
        ),
    ] = False,
    contrast: Annotated[
        bool,
        typer.Option(
            "--contrast",
            help="Print matched pairs, one per seed: the widest, shallowest wiring and the "
            "narrowest, deepest, with the same operations on the same edges and all nodes "
            "concatenated.",
        ),
    ] = False,
    level: Annotated[
        tuple[float, int] | None,
        typer.Option(
            "--level",
            metavar="WIDTH DEPTH",
            help="As --contrast, but print one variant per seed, of this fractional width and "
            "depth.",
        ),
    ] = None,
    only: OnlyOption = None,
    svg: SvgOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per variant, as describe does.")
    ] = False,
) -> None:
    """Rewire a cell at random and keep its operations (Appendix A.2)."""
    if count < 1:
        raise GenotypeError(f"--count must be at least 1, not {count}")
    kinds = {
        "--cover": cover,
        "--neighbours": neighbours,
        "--contrast": contrast,
        "--level": level is not None,
    }
    chosen = [name for name, on in kinds.items() if on]
    if len(chosen) > 1 or (chosen and (published or operations or distinct)):
        raise GenotypeError(f"{' and '.join(chosen)} cannot be combined with another kind")
    if published and (only or distinct):
        raise GenotypeError(
            "--published prints the authors' variants as they are: no --only, no --distinct"
        )
    if only and (contrast or level):
        raise GenotypeError(f"{chosen[0]} rewires the normal cell only: leave out --only")
    if svg is not None and (count > 1 or chosen not in ([], ["--level"])):
        raise GenotypeError(
            "--svg draws one variant: leave out --count, --cover, --neighbours, --contrast"
        )
    genotype = read_cell(cell)
    drawn = (
        _draw_designed(genotype, range(seed, seed + count), level)
        if contrast or level
        else _draw_variants(
            genotype,
            seed,
            count,
            cells=_kinds(only),
            kind=chosen[0] if chosen else "operations" if operations else "wiring",
            published=published,
            distinct=distinct,
        )
    )
    for variant in drawn:
        if svg is not None:
            write_drawing(svg, variant)
        print(json.dumps(genotype_facts(variant)) if as_json else _line(variant))


def _draw_designed(
    genotype: Genotype, seeds: Iterable[int], level: tuple[float, int] | None
) -> Iterator[Genotype]:
    """Return a designed variant of a level for each seed, or a contrast without a level."""
    from nascope._src.cells import designs

    levels = (designs.read_level(level),) if level else designs.contrast_levels(genotype)
    return (
        variant for seed in seeds for _, variant in designs.designed_block(genotype, seed, levels)
    )


def _draw_variants(
    genotype: Genotype,
    seed: int,
    count: int,
    *,
    cells: tuple[str, ...],
    kind: str,
    published: bool,
    distinct: bool,
) -> Iterator[Genotype]:
    """Return the variants that the options ask for."""
    from functools import partial

    from nascope._src.cells import wiring

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
        bool, typer.Option("--narrowest", help="Rewire to the narrowest, deepest form: a chain.")
    ] = False,
    channels: ChannelsOption = None,
    layers: LayersOption = None,
    classes: ClassesOption = 10,
    auxiliary: AuxiliaryOption = False,
    svg: SvgOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rewire a cell to its widest, shallowest form and keep its operations (Table 1)."""
    from nascope._src.cells import adaptation

    form = adaptation.narrowest if narrowest else adaptation.widest
    adapted = adaptation.adapt(read_cell(cell), cells=_kinds(only), to=form)
    facts = genotype_facts(adapted)
    facts |= network_size(adapted, channels, layers, classes, auxiliary=auxiliary)
    if svg is not None:
        write_drawing(svg, adapted)
    if as_json:
        print(json.dumps(facts))
    else:
        size = f"; {facts['parameters']:,} parameters" if "parameters" in facts else ""
        print(_line(adapted) + size)


def _kinds(only: str | None) -> tuple[str, ...]:
    """Return both cells of a genotype, or the one that ``--only`` names."""
    if only is None:
        return CELL_KINDS
    if only not in CELL_KINDS:
        raise GenotypeError(f"--only takes normal or reduce, not {only!r}")
    return (only,)


def _line(genotype: Genotype) -> str:
    """Return a variant as an assignment that `parse` reads, with its numbers in a comment."""
    numbers = "; ".join(
        f"{kind} {float(measured.fractional_width):g}c deep {measured.depth}"
        for kind, measured in (
            ("normal", topology(genotype.normal)),
            ("reduction", topology(genotype.reduce)),
        )
    )
    name = "".join(c if c.isalnum() else "_" for c in genotype.name or "cell")
    name = name if name.isidentifier() else f"cell_{name}"
    return f"{name} = {format_text(genotype)}  # {numbers}"
