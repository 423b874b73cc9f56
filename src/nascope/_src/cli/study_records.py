"""Commands on a study's folder: status, results, clean. They load no torch."""

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
    """The tables of results by name."""

    TRIALS = "trials"
    CURVES = "curves"
    PROBES = "probes"


def register(study: typer.Typer) -> None:
    """Add this layer's commands."""
    study.command(epilog="Example: nascope study status runs/study --watch")(status)
    study.command(epilog="Example: nascope study results runs/study --output study.parquet")(
        results
    )
    study.command(epilog="Example: nascope study clean runs/study --dry-run")(clean)


def status(
    folder: FolderArgument,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again and again, until all is done.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", "-a", help="List finished trials too.")] = False,
) -> None:
    """Show how far a study is, also one that runs elsewhere on the same file system.

    A trial is running where a process holds its lock; begun, where work of it is there and
    nobody goes on with it.
    """
    from nascope._src.records.status import read_status  # noqa: PLC0415

    found = read_status(folder)
    if not watch:
        print("\n".join(_lines(found, every=every)))
        return
    if not sys.stdout.isatty():
        while True:
            print("\n".join(_lines(found, every=every)), flush=True)
            if _is_over(found):
                return
            time.sleep(5 * _REFRESH_SECONDS)
            found = read_status(folder)
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    with Live(Text(), auto_refresh=False) as live:
        while True:
            live.update(Text("\n".join(_lines(found, every=every))), refresh=True)
            if _is_over(found):
                return
            time.sleep(_REFRESH_SECONDS)
            found = read_status(folder)


def _is_over(found: StudyStatus) -> bool:
    return found.count("done") + found.count("failed") == len(found.trials)


def _lines(found: StudyStatus, *, every: bool) -> list[str]:
    trials = found.trials
    counts = ", ".join(
        f"{count} {state}"
        for state in ("done", "running", "begun", "failed", "waiting")
        if (count := found.count(state))
    )
    trained = sum(trial.trained for trial in trials)
    probes = sum(trial.probes for trial in trials)
    planned = sum(trial.probes_planned for trial in trials)
    lines = [
        f"{found.name}: {len(trials)} trials: {counts}; "
        f"{trained} of {len(trials)} trained, {probes} of {planned} probes"
    ]
    shown = [trial for trial in trials if every or trial.state in {"running", "failed", "begun"}]
    if not shown:
        return lines
    wide = max(4, *(len(trial.label) for trial in shown))
    lines.append(
        f"  {'':<9}{'cell':<{wide}}  {'data':<9}{'rate':>8}{'seed':>6}{'epoch':>9}"
        f"{'accuracy':>10}{'probes':>8}{'time':>14}"
    )
    lines += [_line(trial, wide) for trial in shown]
    return lines


def _line(trial: TrialStatus, wide: int) -> str:
    accuracy = "" if isnan(trial.accuracy) else f"{trial.accuracy:.1%}"
    if trial.diverged_at is not None:
        accuracy = "diverged"
    line = (
        f"  {trial.state:<9}{trial.label:<{wide}}  {trial.data:<9}{trial.learning_rate:>8g}"
        f"{trial.seed:>6}{f'{trial.epochs}/{trial.planned}':>9}{accuracy:>10}"
        f"{f'{trial.probes}/{trial.probes_planned}':>8}"
        f"{duration(trial.seconds) if trial.seconds else '':>14}"
    )
    if trial.state == "failed":
        line += f"\n           {trial.words[:160]}"
    return line.rstrip()


def results(
    folder: FolderArgument,
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help=".parquet, .csv or .json."),
    ],
    table: Annotated[
        TableName, typer.Option(help="A row a trial, a point of its curves, or a probe.")
    ] = TableName.TRIALS,
) -> None:
    """Write a study's results as one flat table, for pandas, R or a spreadsheet."""
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
        bool, typer.Option("--unplanned", help="Also results that the plan no longer names.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would go.")] = False,
) -> None:
    """Remove what no result needs: half-written files, spare checkpoints of finished trainings.

    What a running process has locked is left alone. No planned result is touched.
    """
    from nascope._src.records.leftovers import find_leftovers, remove  # noqa: PLC0415

    found = find_leftovers(folder, unplanned=unplanned)
    for leftover in found:
        print(f"{leftover.size / 1e6:>10,.2f} MB  {leftover.path} ({leftover.why})")
        if not dry_run:
            remove(leftover)
    size = sum(leftover.size for leftover in found) / 1e6
    print(f"{size:>10,.2f} MB {'to go' if dry_run else 'freed'}")
