"""Commands on a study's folder: status, results and clean. They import no torch."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nascope._src.runtime.progress import duration

if TYPE_CHECKING:
    from nascope._src.records.status import StudyStatus, TrialStatus

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="A study's folder.")]
_REFRESH_SECONDS = 2.0


class TableName(StrEnum):
    """Names of the tables of results."""

    TRIALS = "trials"
    CURVES = "curves"
    PROBES = "probes"


def register(study: typer.Typer) -> None:
    """Add the commands to the group ``study``."""
    study.command(epilog="Example: nascope study status runs/study --watch")(status)
    study.command(epilog="Example: nascope study results runs/study --output study.parquet")(
        results
    )
    study.command(epilog="Example: nascope study clean runs/study --dry-run")(clean)


def status(
    folder: FolderArgument,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Refresh until all is done.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", "-a", help="Also list finished trials.")] = False,
) -> None:
    """Show the status of a study, which may run on another machine of the same file system.

    A trial is "running" if a process holds its lock, and "begun" if some of its work is done and
    nobody continues it.
    """
    from nascope._src.records.status import read_status  # noqa: PLC0415

    current = read_status(folder)
    if not watch:
        print("\n".join(_lines(current, every=every)))
        return
    if not sys.stdout.isatty():
        while True:
            print("\n".join(_lines(current, every=every)), flush=True)
            if _is_over(current):
                return
            time.sleep(5 * _REFRESH_SECONDS)
            current = read_status(folder)
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    with Live(Text(), auto_refresh=False) as live:
        while True:
            live.update(Text("\n".join(_lines(current, every=every))), refresh=True)
            if _is_over(current):
                return
            time.sleep(_REFRESH_SECONDS)
            current = read_status(folder)


def _is_over(study: StudyStatus) -> bool:
    return study.count("done") + study.count("failed") == len(study.trials)


def _lines(study: StudyStatus, *, every: bool) -> list[str]:
    trials = study.trials
    counts = ", ".join(
        f"{count} {state}"
        for state in ("done", "running", "begun", "failed", "waiting")
        if (count := study.count(state))
    )
    trained = sum(trial.trained for trial in trials)
    probes = sum(trial.probes for trial in trials)
    planned = sum(trial.probes_planned for trial in trials)
    lines = [
        f"{study.name}: {len(trials)} trials: {counts}; "
        f"{trained} of {len(trials)} trained, {probes} of {planned} probes"
    ]
    shown = [trial for trial in trials if every or trial.state in {"running", "failed", "begun"}]
    if not shown:
        return lines
    width = max(4, *(len(trial.label) for trial in shown))
    lines.append(
        f"  {'':<9}{'cell':<{width}}  {'data':<9}{'rate':>8}{'seed':>6}{'epoch':>9}"
        f"{'accuracy':>10}{'probes':>8}{'time':>14}"
    )
    lines += [_line(trial, width) for trial in shown]
    return lines


def _line(trial: TrialStatus, width: int) -> str:
    accuracy = "" if isnan(trial.accuracy) else f"{trial.accuracy:.1%}"
    if trial.diverged_at is not None:
        accuracy = "diverged"
    line = (
        f"  {trial.state:<9}{trial.label:<{width}}  {trial.data:<9}{trial.learning_rate:>8g}"
        f"{trial.seed:>6}{f'{trial.epochs}/{trial.epochs_planned}':>9}{accuracy:>10}"
        f"{f'{trial.probes}/{trial.probes_planned}':>8}"
        f"{duration(trial.seconds) if trial.seconds else '':>14}"
    )
    if trial.state == "failed":
        line += f"\n           {trial.message[:160]}"
    return line.rstrip()


def results(
    folder: FolderArgument,
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help=".parquet, .csv or .json."),
    ],
    table: Annotated[
        TableName, typer.Option(help="One row per trial, point of a curve, or probe.")
    ] = TableName.TRIALS,
) -> None:
    """Write a study's results as a flat table for pandas, R or a spreadsheet."""
    from nascope._src.records.read import read_study  # noqa: PLC0415
    from nascope._src.records.tables import write_table  # noqa: PLC0415
    from nascope._src.results.table import flat_table  # noqa: PLC0415

    columns = flat_table(read_study(folder), table.value)
    write_table(output, columns)
    rows = len(next(iter(columns.values()), []))
    print(f"{output}: {rows} rows, {len(columns)} columns")


def clean(
    folder: FolderArgument,
    *,
    unplanned: Annotated[
        bool, typer.Option("--unplanned", help="Also remove results that are no longer planned.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list them.")] = False,
) -> None:
    """Remove files that are no longer needed, such as spare checkpoints of finished trainings.

    No planned result is removed, and trials that a running process has locked are left alone.
    """
    from nascope._src.records.leftovers import find_leftovers, remove  # noqa: PLC0415

    leftovers = find_leftovers(folder, unplanned=unplanned)
    for leftover in leftovers:
        print(f"{leftover.size / 1e6:>10,.2f} MB  {leftover.path} ({leftover.reason})")
        if not dry_run:
            remove(leftover)
    size = sum(leftover.size for leftover in leftovers) / 1e6
    print(f"{size:>10,.2f} MB {'would be freed' if dry_run else 'freed'}")
