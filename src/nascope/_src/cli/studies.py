"""The commands around studies: demo, and the group study: new, plan, run, status and others.

A study's folder is read without loading torch.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nascope._src.cli.app import App
from nascope._src.cli.derived import with_settings
from nascope._src.cli.engines import EngineSettings, measure_forecast, open_engine
from nascope._src.cli.options import (
    DataDirOption,
    JsonOption,
    QuietOption,
    SeedOption,
    StudyFolderArgument,
    VerboseOption,
)
from nascope._src.cli.output import print_json
from nascope._src.cli.study_lines import (
    check_lines,
    failure_lines,
    forecast_lines,
    leftover_line,
    plan_facts,
    plan_lines,
    power_lines,
    search_lines,
    show_progress,
    status_lines,
    summary_line,
)
from nascope._src.errors import NascopeError, StudyError
from nascope._src.runtime.printable import unfiltered
from nascope._src.runtime.progress import display, job, print_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from nascope._src.records.status import StudyStatus
    from nascope._src.study.definition import StudyDefinition
    from nascope._src.study.progress import RunProgress

FileArgument = Annotated[Path, typer.Argument(metavar="FILE.toml", help="Study file.")]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FOLDER", help="Folder of the study; by default runs/FILE."
    ),
]
_REFRESH_SECONDS = 2.0


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: nascope demo --seed 7 --output runs/seven")(demo)
    group = App(help="Run studies: many training runs and probes from one file.")
    group.command(epilog="Example: nascope study new study.toml")(new)
    group.command(epilog="Example: nascope study plan study.toml")(plan)
    group.command(epilog="Example: nascope study run study.toml --output runs/study")(run)
    group.command(epilog="Example: nascope study search search.toml")(search)
    group.command(epilog="Example: nascope study status runs/study --watch")(status)
    group.command(epilog="Example: nascope study results runs/study --output study.parquet")(
        results
    )
    group.command(epilog="Example: nascope study check runs/study")(check)
    group.command(epilog="Example: nascope study clean runs/study --dry-run")(clean)
    app.add_typer(group, name="study")


@with_settings(EngineSettings, only={"device", "workers"}, into="where")
def demo(
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Folder of the study and its report."
        ),
    ] = Path("runs/demo"),
    seed: SeedOption = 0,
    variants: Annotated[
        int, typer.Option(metavar="N", min=0, help="Number of random variants.")
    ] = 4,
    where: dict[str, Any],
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Train DARTS and random variants on digits; print the main numbers and write a report."""
    from nascope._src.cli.study_lines import number_lines
    from nascope._src.records.read import read_study
    from nascope._src.results.table import measure_study
    from nascope._src.study.demo import demo_study

    if verbose:
        print_log()
    study = demo_study(seed=seed, variants=variants)
    _run_and_report(
        study,
        output,
        EngineSettings(**where),
        data_dir=None,
        quiet=quiet,
        numbers=lambda: number_lines(measure_study(read_study(output))),
    )


def new(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.toml", help="Study file to write.", show_default=False)
    ],
) -> None:
    """Write a study file to start from, with every section explained."""
    from nascope._src.study.template import write_template

    write_template(file)
    print(f"{file}: see how long it takes with nascope study plan {file}")


@with_settings(EngineSettings, into="where")
def plan(
    file: FileArgument,
    *,
    output: FolderOption = None,
    data_dir: DataDirOption = None,
    where: dict[str, Any],
    calibrate: Annotated[
        bool, typer.Option("--calibrate/--no-calibrate", help="Measure how long the work takes.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Show what remains to be done in a study and how long it will take.

    Of a design, also show the shift that it can detect.
    The forecast of time and disk space comes from a few steps of the study's own work on this
    machine.
    """
    from nascope._src.records.paths import StudyPaths
    from nascope._src.study.missing import find_missing
    from nascope._src.study.study_file import read_study_file

    study = read_study_file(file)
    folder = output or Path("runs") / file.stem
    planned = study.plan(study.load_data(data_dir))
    missing = find_missing(StudyPaths(folder), planned)
    if not as_json:
        lines = [*plan_lines(planned, missing, folder), *power_lines(planned)]
        print("\n".join(lines), flush=True)
    forecast = None
    if calibrate and not all(trial.is_complete for trial in missing):
        forecast = measure_forecast(EngineSettings(**where), missing, folder, data_dir)
    if as_json:
        print_json(plan_facts(planned, missing, folder, forecast))
    elif forecast is not None:
        print("\n".join(forecast_lines(forecast)))


@with_settings(EngineSettings, into="where")
def run(
    file: FileArgument,
    *,
    output: FolderOption = None,
    data_dir: DataDirOption = None,
    where: dict[str, Any],
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write the report at the end.")
    ] = True,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run a study's remaining work, then write its report.

    Run again to resume.
    """
    from nascope._src.study.study_file import read_study_file

    study = read_study_file(file)
    folder = output or Path("runs") / file.stem
    if verbose:
        print_log()
    settings = EngineSettings(**where)
    _run_and_report(study, folder, settings, data_dir=data_dir, quiet=quiet, report=report)


def _run_and_report(
    study: StudyDefinition,
    folder: Path,
    settings: EngineSettings,
    *,
    data_dir: str | None,
    quiet: bool,
    report: bool = True,
    numbers: Callable[[], list[str]] | None = None,
) -> None:
    from nascope._src.study.run import run_study

    start = time.monotonic()
    problem: NascopeError | None = None
    with open_engine(settings) as (engine, _), display(quiet=quiet) as shown:
        summary = run_study(
            study,
            folder,
            data_dir=data_dir,
            device=settings.device,
            engine=engine,
            on_progress=lambda progress: show_progress(shown, progress),
        )
        shown.say(summary_line(summary, time.monotonic() - start))
        try:
            page = _write_report(folder) if report else None
        except NascopeError as error:  # on a full disk, say first what failed for the same reason
            problem = error
    if summary.failed:
        print("\n".join(failure_lines(summary)), file=sys.stderr)
    if problem is not None:
        raise problem
    if numbers is not None and not summary.failed:
        print("\n".join(numbers()))
    if page is not None:
        print(page)
    if summary.failed:
        sys.exit(1)


def _write_report(folder: Path) -> Path:
    from nascope._src.report.write import write_report

    return write_report(folder)


@with_settings(EngineSettings, into="where")
def search(
    file: FileArgument,
    *,
    output: FolderOption = None,
    data_dir: DataDirOption = None,
    where: dict[str, Any],
    quiet: QuietOption = False,
) -> None:
    """Search the wirings of a space, at random or by evolution.

    FILE.toml describes a study of one cell and has a [search] section (docs/guides/studies.md). Run
    again to resume; nascope trace FOLDER/best.jsonl follows the best cell.
    """
    from nascope._src.records.paths import StudyPaths
    from nascope._src.study.search.rounds import run_search
    from nascope._src.study.study_file import read_search_file

    planned = read_search_file(file)
    folder = output or Path("runs") / file.stem
    settings = EngineSettings(**where)
    with open_engine(settings) as (engine, _), job(quiet=quiet) as show:

        def show_round(before: int, progress: RunProgress) -> None:
            in_round = min(planned.batch, planned.candidates - before)
            share = (before + in_round * progress.share) / planned.candidates
            show(share, f"candidates {before + 1} to {before + in_round} of {planned.candidates}")

        candidates = run_search(
            planned,
            folder,
            engine,
            data_dir=data_dir,
            device=settings.device,
            on_progress=show_round,
        )
    print("\n".join(search_lines(planned, candidates)))
    print(StudyPaths(folder).candidates)


def status(
    folder: StudyFolderArgument,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Refresh until all is done.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", "-a", help="Also list finished trials.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, with all trials.")
    ] = False,
) -> None:
    """Show the status of a study.

    The study may be running on another machine that shares the file system. A trial is "running"
    if a process holds its lock, and "begun" if some of its work is done and no process is working
    on it.
    """
    from nascope._src.records.status import read_status

    current = read_status(folder)
    if as_json:
        print_json(asdict(current))
        return
    if not watch:
        print("\n".join(status_lines(current, every=every)))
        return
    if not sys.stdout.isatty():
        while True:
            print("\n".join(status_lines(current, every=every)), flush=True)
            if _is_over(current):
                return
            time.sleep(5 * _REFRESH_SECONDS)
            current = read_status(folder)
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=unfiltered(sys.stdout))
    with Live(Text(), console=console, auto_refresh=False) as live:
        while True:
            live.update(Text("\n".join(status_lines(current, every=every))), refresh=True)
            if _is_over(current):
                return
            time.sleep(_REFRESH_SECONDS)
            current = read_status(folder)


def _is_over(study: StudyStatus) -> bool:
    return study.count("done") + study.count("failed") == len(study.trials)


def results(
    folder: StudyFolderArgument,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Table to write: .parquet, .csv or .json."
        ),
    ],
    table: Annotated[
        Literal["trials", "curves", "probes"],
        typer.Option(help="One row per trial, point of a curve, or probe."),
    ] = "trials",
) -> None:
    """Write the results of a study as a table.

    The table is flat, ready for pandas, R or a spreadsheet.
    """
    from nascope._src.records.read import read_study, warn_of_damage
    from nascope._src.records.tables import write_table
    from nascope._src.results.export import flat_table

    study = read_study(folder, correct=False)
    warn_of_damage(study)
    columns = flat_table(study, table)
    write_table(output, columns)
    rows = len(next(iter(columns.values()), []))
    print(f"{output}: {rows} rows, {len(columns)} columns")


def check(folder: StudyFolderArgument) -> None:
    """Verify the checksum of every file of a study, and list the damaged ones.

    The exit code is 1 if a file is damaged.
    """
    from nascope._src.records.verification import check_study

    checks = list(check_study(folder))
    print("\n".join(check_lines(checks)))
    if any(check.state == "damaged" for check in checks):
        sys.exit(1)


def clean(
    folder: StudyFolderArgument,
    *,
    unplanned: Annotated[
        bool, typer.Option("--unplanned", help="Also remove results that are no longer planned.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list them.")] = False,
) -> None:
    """Remove files that a study no longer needs.

    These are spare checkpoints of finished training runs and half-written files. They are listed,
    then removed. No planned result is removed, nor a file that nascope did not write, and trials
    that a running process has locked are left alone.
    """
    from nascope._src.records.leftovers import find_leftovers, remove

    leftovers = find_leftovers(folder, unplanned=unplanned)
    print("\n".join(map(leftover_line, leftovers)), end="\n" if leftovers else "", flush=True)
    freed, problems = 0, []
    for leftover in leftovers:
        try:
            if not dry_run:
                remove(leftover)
            freed += leftover.size
        except StudyError as error:
            problems.append(error)
    print(f"{freed / 1e6:>10,.2f} MB {'would be freed' if dry_run else 'freed'}")
    if problems:
        more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
        raise StudyError(f"{problems[0]}{more}")
