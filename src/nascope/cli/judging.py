"""Commands that judge: a study's verdicts, and what an early choice loses. They load no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nascope.analysis import Choice

TableOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="A table: .csv, .json or .parquet."),
]


def register(app: typer.Typer) -> None:
    """Add this layer's commands."""
    app.command(epilog="Example: nascope verdicts runs/cells --output verdicts.json")(verdicts)
    app.command(epilog="Example: nascope selection accuracies.csv")(selection)


def verdicts(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A study's folder.")],
    *,
    output: TableOption = None,
) -> None:
    """Judge the paper's nine claims by a study's results (docs/guides/verdicts.md)."""
    from nascope.analysis import too_small  # noqa: PLC0415
    from nascope.analysis import verdicts as judge  # noqa: PLC0415
    from nascope.analysis.verdict import as_row  # noqa: PLC0415
    from nascope.records import read_study  # noqa: PLC0415
    from nascope.records.tables import columns_of, write_table  # noqa: PLC0415

    study = read_study(folder)
    if (why := too_small(study)) is not None:
        print(f"no verdict: {why}")
        return
    found = judge(study)
    for one in found:
        where = ", ".join(part for part in (one.data, one.batchnorm) if part)
        print(f"{one.claim}  {one.title}{f' ({where})' if where else ''}: {one.outcome.upper()}")
        print(f"   {one.sentence}")
        for family in one.families:
            if family.paper:
                place = family.standing
                stands = f"{place.rank:g} of {place.of}" if place is not None else "not compared"
                print(f"   {family.family}: {stands} ({family.paper})")
        if one.needs:
            print(f"   A stronger answer needs {one.needs}.")
    if output is not None:
        rows = [as_row(one) for one in found]
        write_table(output, columns_of(rows))


def selection(
    table: Annotated[
        Path,
        typer.Argument(metavar="TABLE", help="CSV or Parquet: genotype, epoch, accuracy, seed."),
    ],
    *,
    output: TableOption = None,
) -> None:
    """What would a search pick that stops early, from accuracies that anyone measured?

    The last epoch of each genotype and seed is its end. Final accuracies are of other seeds than
    the early ones, where there are several.
    """
    from dataclasses import asdict  # noqa: PLC0415

    from nascope.analysis import choices, read_candidates  # noqa: PLC0415
    from nascope.errors import StudyError  # noqa: PLC0415
    from nascope.records.tables import columns_of, write_table  # noqa: PLC0415

    candidates = read_candidates(table)
    found = choices(candidates)
    if not found:
        raise StudyError(
            f"{table}: nothing to compare: at least two genotypes need accuracies at the same "
            "epoch and seed"
        )
    _print_choices(found)
    if output is not None:
        rows = [asdict(one) for one in found]
        write_table(output, columns_of(rows))


def _print_choices(found: list[Choice]) -> None:
    last = found[-1]
    seeds = "other seeds'" if last.other_seeds else "the same seeds'"
    print(f"{last.candidates} cells; early accuracy against {seeds} final accuracy")
    print(f"{'epoch':>6} {'ρ':>6} {'regret':>8} {'width':>6} {'depth':>6}  picks")
    for one in found:
        print(
            f"{one.epoch:>6} {one.rho:>+6.2f} {100 * one.regret:>7.2f}% {one.width:>5.3g}c "
            f"{one.depth:>6.3g}  {one.picked}"
        )
