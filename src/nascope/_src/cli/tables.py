"""The commands on tables of accuracies that others measured: evidence and selection.

Neither loads torch.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nascope._src.cli.options import JsonOption, TableOption
from nascope._src.cli.output import print_json
from nascope._src.cli.table_lines import choice_lines
from nascope._src.errors import StudyError

if TYPE_CHECKING:
    from nascope._src.results.selection.early_stopping import Choice

_HELD = "genotype, accuracy and, if available, epoch, seed, schedule, data, source and name"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: nascope evidence accuracies.csv --figures figures")(evidence)
    app.command(epilog="Example: nascope selection accuracies.csv --picture selection.png")(
        selection
    )


def evidence(
    tables: Annotated[
        list[Path],
        typer.Argument(
            metavar="TABLE",
            help=f"CSV, Parquet, JSON, YAML or NumPy, with {_HELD}.",
            show_default=False,
        ),
    ],
    *,
    epochs: Annotated[
        str | None,
        typer.Option(
            metavar="N,…", help="Epochs to compare, besides the last; by default 1, 2, 5, 10 …"
        ),
    ] = None,
    accuracy: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Column of accuracies; by default the best name."),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Draw figures: PNG, SVG and PDF, with their data."),
    ] = None,
    output: TableOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare width and depth with accuracies that others measured.

    For each number of a cell's topology, print its rank correlation with accuracy early and late,
    raw and adjusted for operations, parameters and multiply-adds; then five statements with
    verdicts. docs/guides/tables.md has the rules.
    """
    _use_one_thread()
    from nascope._src.records.tables import columns_of, write_table
    from nascope._src.results.evidence.design import check_epochs
    from nascope._src.results.evidence.numbers import as_dict, flat_row
    from nascope._src.results.evidence.table_evidence import evidence_of
    from nascope._src.results.external.accuracies import read_tables
    from nascope._src.results.text.evidence import comparison_lines, evidence_lines

    wanted = _epochs(epochs)
    measured = [table for path in tables for table in read_tables(path, accuracy_column=accuracy)]
    notes = check_epochs(measured, wanted)
    found = [evidence_of(table, wanted) for table in measured]
    if output is not None:
        rows = [
            {"table": one.table.name, **flat_row(row)}
            for one in found
            for row in (*one.rows, *one.given, *one.speed)
        ]
        write_table(output, columns_of(rows))
    if figures is not None:
        from nascope._src.report.figures.evidence import write_figures

        write_figures(found, figures)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    if as_json:
        print_json(as_dict(found))
        return
    print("\n\n".join("\n".join(evidence_lines(one)) for one in found))
    if len(found) > 1:
        print("\n" + "\n".join(comparison_lines(found)))


def _use_one_thread() -> None:
    """Let NumPy compute on one thread, unless the user has said otherwise; before it is loaded.

    The matrices of a bootstrap are small. On a busy machine, threads that wait for each other take
    many times as long.
    """
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, os.environ.get("OMP_NUM_THREADS", "1"))


def _epochs(text: str | None) -> list[int] | None:
    if text is None:
        return None
    numbers = [part.strip() for part in text.split(",") if part.strip()]
    if not numbers or not all(re.fullmatch(r"\d{1,9}", number) for number in numbers):
        raise StudyError(f"--epochs: expected whole numbers such as 1,10,600, but got {text!r:.60}")
    return [int(number) for number in numbers]


def selection(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="CSV, Parquet, JSON, YAML or NumPy, with genotype, epoch, accuracy and, if "
            "available, seed, schedule, data and name.",
            show_default=False,
        ),
    ],
    *,
    all_epochs: Annotated[
        bool, typer.Option("--all", help="Print every epoch, not only 1, 2, 5, 10 …")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--picture",
            metavar="FILE",
            help="Plot ρ and regret by epoch: .png, .svg or .pdf.",
            dir_okay=False,
        ),
    ] = None,
    output: TableOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure what early stopping costs a search.

    Compare the cells that a search picks early with the best ones, from any table of accuracies.
    The last epoch of a genotype and seed gives the final accuracy. If there are several seeds,
    early and final accuracies come from different ones; with one seed, the last epoch is not
    compared with itself. The optional column schedule, the number of epochs that a training run was
    planned for, separates short annealed runs from the beginnings of long ones.
    """
    from nascope._src.records.tables import columns_of, write_table
    from nascope._src.results.external.accuracies import by_schedule, read_tables
    from nascope._src.results.selection.early_stopping import choices

    measured = read_tables(table)
    found = {
        schedule: picks
        for schedule, accuracies in by_schedule(measured).items()
        if (picks := choices(accuracies))
    }
    if not found:
        raise StudyError(
            f"{table}: nothing to compare: at least two genotypes need accuracies at the same "
            "epoch and seed, before the last epoch"
        )
    rows = [
        {"schedule": schedule, **_row(choice)}
        for schedule, picks in found.items()
        for choice in picks
    ]
    for note in measured[0].notes:
        print(f"note: {note}", file=sys.stderr)
    if output is not None:
        write_table(output, columns_of(rows))
    if plot is not None:
        from nascope._src.report.figures.selection import write_selection

        write_selection(found, plot, table.name)
    if as_json:
        cells = max(choice.candidates for picks in found.values() for choice in picks)
        print_json({"table": table.name, "cells": cells, "rows": rows})
        return
    for schedule, picks in found.items():
        print("\n".join(choice_lines(schedule, picks, every=all_epochs)))


def _row(choice: Choice) -> dict[str, object]:
    """Return a choice as plain values; None where a number is not defined."""
    return {
        "epoch": choice.epoch,
        "rho": choice.rho if choice.rho == choice.rho else None,
        "low": choice.low,
        "high": choice.high,
        "regret": choice.regret,
        "regret_low": choice.regret_low,
        "regret_high": choice.regret_high,
        "blind": choice.blind,
        "picks": choice.picked,
        "width": choice.width,
        "depth": choice.depth,
        "candidates": choice.candidates,
        "seeds": choice.seeds,
        "other_seeds": choice.other_seeds,
        "held_out": choice.held_out,
    }
