"""Commands that judge: a study's verdicts, and what an early choice loses. They load no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nascope._src.results.selection.early_stopping import Choice

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
    from nascope._src.records.read import read_study  # noqa: PLC0415
    from nascope._src.records.tables import columns_of, write_table  # noqa: PLC0415
    from nascope._src.results.findings.judge import judge_study, too_small  # noqa: PLC0415
    from nascope._src.results.text.findings import (  # noqa: PLC0415
        as_row,
        finding_lines,
        too_small_sentence,
    )

    study = read_study(folder)
    if (why := too_small(study)) is not None:
        print(f"no verdict: {too_small_sentence(why)}")
        return
    findings = judge_study(study)
    for finding in findings:
        print("\n".join(finding_lines(finding)))
    if output is not None:
        write_table(output, columns_of([as_row(finding) for finding in findings]))


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
    the early ones, where there are several. A column schedule (the epochs that a training was
    planned for) keeps re-annealed short trainings apart from the beginnings of long ones.
    """
    from dataclasses import asdict  # noqa: PLC0415

    from nascope._src.errors import StudyError  # noqa: PLC0415
    from nascope._src.records.tables import columns_of, write_table  # noqa: PLC0415
    from nascope._src.results.external.accuracies import read_accuracies  # noqa: PLC0415
    from nascope._src.results.selection.early_stopping import choices  # noqa: PLC0415

    read = read_accuracies(table)
    found = {schedule: made for schedule, own in read.items() if (made := choices(own))}
    if not found:
        raise StudyError(
            f"{table}: nothing to compare: at least two genotypes need accuracies at the same "
            "epoch and seed"
        )
    for schedule, made in found.items():
        _print_choices(schedule, made)
    if output is not None:
        rows = [{"schedule": schedule, **asdict(one)} for schedule, m in found.items() for one in m]
        write_table(output, columns_of(rows))


def _print_choices(schedule: str, found: list[Choice]) -> None:
    last = found[-1]
    seeds = "other seeds'" if last.other_seeds else "the same seeds'"
    print(f"{last.candidates} cells, {schedule} schedule; early accuracy against {seeds} final one")
    print(
        f"{'epoch':>6} {'ρ [95 %]':>20} {'regret':>8} {'blind':>7} {'width':>6} {'depth':>6}  picks"
    )
    for one in found:
        rho = f"{one.rho:+.2f}"
        if one.low is not None and one.high is not None:
            rho += f" [{one.low:+.2f}, {one.high:+.2f}]"
        print(
            f"{one.epoch:>6} {rho:>20} {100 * one.regret:>7.2f}% {100 * one.blind:>6.2f}% "
            f"{one.width:>5.3g}c {one.depth:>6.3g}  {one.picked}"
        )
