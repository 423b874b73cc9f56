"""The commands over search spaces and many cells: census, pattern, trace. None loads torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nascope._src.cli.options import JsonOption
from nascope._src.cli.output import write_svg
from nascope._src.errors import GenotypeError

if TYPE_CHECKING:
    from nascope._src.cells.spaces.space import Space
    from nascope._src.results.pattern import Effect, FollowCount, GroupPattern

_SPACES = "darts, independent, one-source, nasnet or nas-bench-201"
SvgOption = Annotated[
    Path | None, typer.Option("--svg", metavar="FILE", help="Write a figure.", dir_okay=False)
]
ConventionOption = Annotated[
    str, typer.Option(metavar="NAME", help="Width convention: fractional or strict.")
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: nascope census --space darts --svg census.svg")(census)
    app.command(epilog="Example: nascope pattern --only reduce")(pattern)
    app.command(epilog="Example: nascope trace search/log.txt --space darts")(trace)


# ---------------------------------------------------------------- census


def census(
    *,
    space: Annotated[
        str, typer.Option(metavar="NAME", help=f"{_SPACES}; or custom, with the options below.")
    ] = "darts",
    nodes: Annotated[
        int | None, typer.Option(metavar="N", help="Number of intermediate nodes.")
    ] = None,
    inputs: Annotated[int, typer.Option(metavar="M", help="custom: number of input nodes.")] = 2,
    in_degree: Annotated[
        int, typer.Option(metavar="D", help="custom: number of edges into a node.")
    ] = 2,
    distinct: Annotated[
        bool,
        typer.Option("--distinct", help="custom: require the sources of a node to be distinct."),
    ] = False,
    unordered: Annotated[
        bool,
        typer.Option("--unordered", help="custom: the order of a node's sources does not count."),
    ] = False,
    loose: Annotated[
        bool,
        typer.Option("--loose", help="custom: concatenate the nodes that no other node reads."),
    ] = False,
    convention: ConventionOption = "fractional",
    svg: SvgOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count the cells of a search space by width and depth, exactly."""
    from nascope._src.cells.spaces.named import named_space
    from nascope._src.cells.spaces.wiring_space import WiringSpace

    within: Space
    custom = (inputs, in_degree, distinct, unordered, loose)
    if space == "custom":
        within = WiringSpace(
            "custom",
            nodes=4 if nodes is None else nodes,
            inputs=inputs,
            in_degree=in_degree,
            distinct=distinct,
            ordered=not unordered,
            concat="loose" if loose else "all",
        )
    elif custom != (2, 2, False, False, False):
        raise GenotypeError(
            "--inputs, --in-degree, --distinct … describe --space custom only: leave them out, or "
            "give --space custom"
        )
    else:
        within = named_space(space, nodes)
    counted = within.census()
    table = counted.marginal(convention)
    if svg is not None:
        write_svg(svg, _heat_map(within, convention))
    if as_json:
        print(json.dumps(counted.as_dict()))
        return
    depths = sorted({depth for _, depth in table})
    print(f"{counted.space}: {counted.total:,} cells of {counted.nodes} intermediate nodes")
    columns = max(10, 2 + max(len(f"{count:,}") for count in table.values()))
    print(f"{'width':>8}" + "".join(f"{f'depth {depth}':>{columns}}" for depth in depths))
    for width in sorted({width for width, _ in table}, reverse=True):
        counts = "".join(f"{table.get((width, depth), 0):>{columns},}" for depth in depths)
        print(f"{float(width):>7.3g}c{counts}")


def _heat_map(within: Space, convention: str) -> str:
    """Plot the census with the catalogue's normal cells from that space on it."""
    from nascope._src.cells.catalog import cells_in
    from nascope._src.cells.plots import census_svg
    from nascope._src.cells.spaces.census import Point, point

    def points_of(group: str) -> dict[str, Point]:
        points = {}
        for catalogued in cells_in(group):
            cell = catalogued.genotype.normal
            if catalogued.space != within.name:
                continue
            try:
                if within.for_cell(cell).nodes == within.nodes:
                    points[str(catalogued.genotype.name)] = point(cell)
            except GenotypeError:
                continue
        return points

    return census_svg(
        within.census(),
        convention=convention,
        named=points_of("paper"),
        crowd=points_of("published"),
    )


# ---------------------------------------------------------------- pattern


def pattern(
    *,
    only: Annotated[
        str, typer.Option(metavar="CELL", help="Test the normal or the reduce cells.")
    ] = ("normal"),
    convention: ConventionOption = "fractional",
    as_json: JsonOption = False,
) -> None:
    """Test whether the catalogue's cells are wider and shallower than expected by chance.

    This is Observation 3.1 of the paper.
    """
    from nascope._src.results.pattern import survey_catalog

    tested = survey_catalog(kind=only, convention=convention)
    if as_json:
        print(json.dumps(tested.as_dict()))
        return
    print(f"{only} cells, {convention} width. wider: P(a random wiring is less wide) + ½ P(equal);")
    print(
        "shallower: likewise. 0.5 by chance, 1 at most. p is one-sided and exact: it compares with"
    )
    print("one random wiring per paper.")
    print(f"\n{'':34}{'n':>4}{'width':>12}{'depth':>12}{'wider':>16}{'shallower':>16}{'both p':>9}")
    for group in tested.groups:
        print(_row(group))
    print(
        "\nby label (an algorithm, or one paper's runs of it), with its cells as independent runs;"
    )
    print("p of both is adjusted (Holm):")
    for group, p in zip(tested.algorithms, tested.adjusted, strict=True):
        mark = "" if group.follows else "  does not follow"
        print(_row(group, p) + mark)
    print("\nlabels that follow the pattern, with both scores above 0.5 on average:")
    print(f"{'all':34}{_count(tested.following)}")
    print(f"{'not examined by the paper':34}{_count(tested.others_following)}")
    if tested.outside:
        print(f"\nnot in their space, left out: {', '.join(tested.outside)}")


def _count(count: FollowCount) -> str:
    return (
        f"{count.following} of {count.labels}; by chance {count.expected:.1f}, at least as many "
        f"with p = {count.p_more:.2g}"
    )


def _row(group: GroupPattern, p: float | None = None) -> str:
    def cell(effect: Effect) -> str:
        return f"{effect.mean:.2f} (p {effect.p_greater:.1g})"

    p = group.pattern.p_greater if p is None else p
    return (
        f"{group.label:34}{group.cells:>4}"
        f"{f'{group.width:.2f}/{group.expected_width:.2f}':>12}"
        f"{f'{group.depth:.2f}/{group.expected_depth:.2f}':>12}"
        f"{cell(group.wider):>16}{cell(group.shallower):>16}{p:>9.1g}"
    )


# ---------------------------------------------------------------- trace


def trace(
    log: Annotated[
        Path, typer.Argument(metavar="LOG", help="JSON lines, or a text log as DARTS writes it.")
    ],
    *,
    space: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"Also rank the cells in {_SPACES}.")
    ] = None,
    svg: SvgOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per genotype.")
    ] = False,
) -> None:
    """Show how width, depth and rank change during a search."""
    from nascope._src.cells import search_log

    rows = search_log.trace(search_log.read_log(log), space)
    if svg is not None:
        from nascope._src.cells.plots import trace_svg

        write_svg(svg, trace_svg(rows, title=log.name))
    if as_json:
        for row in rows:
            print(json.dumps(row))
        return
    rank = "   at least as wide" if space else ""
    print(f"{'epoch':>6}   normal: width  depth{rank}   reduction: width  depth{rank}")
    for row in rows:
        line = f"{row['epoch']:>6}"
        for kind, pad in (("normal", 16), ("reduce", 20)):
            facts = row[kind]
            line += f"{facts['fractional_width']:>{pad - 1}g}c{facts['depth']:>7}"
            if space:
                line += f"{100 * facts['rank']['fractional']['as_wide']:>17.3g} %"
        print(line)
