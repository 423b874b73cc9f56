"""Commands that carry out studies: demo, study new, plan and run."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nascope._src.cli import study_records
from nascope._src.cli.engines import (
    AddressOption,
    EngineName,
    EngineOption,
    GpusOption,
    TaskThreadsOption,
    open_engine,
)
from nascope._src.cli.options import (
    DataDirOption,
    DeviceOption,
    QuietOption,
    SeedOption,
    VerboseOption,
    WorkersOption,
)
from nascope._src.cli.search_lines import search_lines
from nascope._src.cli.study_lines import (
    print_failures,
    print_plan,
    show_forecast,
    show_progress,
    summary_line,
)
from nascope._src.runtime.progress import display, job, print_log

if TYPE_CHECKING:
    from nascope._src.study.definition import Study
    from nascope._src.study.engines.task import Engine
    from nascope._src.study.progress import RunProgress

FileArgument = Annotated[Path, typer.Argument(metavar="FILE.toml", help="The study file.")]
FolderOption = Annotated[
    Path | None,
    typer.Option("--output", metavar="FOLDER", help="The study's folder; by default runs/FILE."),
]


def register(app: typer.Typer) -> None:
    """Add this layer's commands."""
    app.command(epilog="Example: nascope demo --seed 7 --output runs/seven")(demo)
    study = typer.Typer(
        help="Studies: many trainings and probes from one file.", no_args_is_help=True
    )
    study.command(epilog="Example: nascope study new study.toml")(new)
    study.command(epilog="Example: nascope study plan study.toml")(plan)
    study.command(epilog="Example: nascope study run study.toml --output runs/study")(run)
    study.command(epilog="Example: nascope study search search.toml")(search)
    study_records.register(study)
    app.add_typer(study, name="study")


def demo(
    *,
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Where all is written.")] = Path(
        "runs/demo"
    ),
    seed: SeedOption = 0,
    variants: Annotated[int, typer.Option(metavar="N", min=0, help="Random variants.")] = 4,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Train DARTS' cell and random variants of it on handwritten digits; write the report."""
    from nascope._src.study.demo import demo_study  # noqa: PLC0415

    study = demo_study(seed=seed, variants=variants)
    if verbose:
        print_log()
    where: Any = {"address": None, "threads": 1, "gpus": None}
    with open_engine(EngineName.PROCESSES, device=device, workers=workers, **where) as (engine, _):
        _run_and_report(study, output, engine, device=device, data_dir=None, quiet=quiet)


def new(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="What to write.")],
) -> None:
    """Write a study file with every section explained, to be changed."""
    from nascope._src.study.template import write_template  # noqa: PLC0415

    write_template(file)
    print(f"{file}: see what it takes with nascope study plan {file}")


def plan(
    file: FileArgument,
    *,
    output: FolderOption = None,
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    engine: EngineOption = EngineName.PROCESSES,
    address: AddressOption = None,
    workers: WorkersOption = None,
    threads: TaskThreadsOption = 1,
    gpus: GpusOption = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate/--no-calibrate", help="Measure what it will take.")
    ] = True,
) -> None:
    """Show a study's trials and what of them is missing, and the time and disk it will take.

    The forecast comes from a few steps of the study's own work on this machine.
    """
    from nascope._src.records.paths import StudyPaths  # noqa: PLC0415
    from nascope._src.study.missing import find_missing  # noqa: PLC0415
    from nascope._src.study.study_file import read_study_file  # noqa: PLC0415

    study = read_study_file(file)
    folder = output or Path("runs") / file.stem
    where = str(data_dir) if data_dir else None
    planned = study.plan(study.load_data(where))
    lacking = find_missing(StudyPaths(folder), planned)
    print_plan(planned, lacking, folder)
    sys.stdout.flush()
    if calibrate:
        show_forecast(
            lacking, folder, engine, data_dir=where,
            device=device, workers=workers, address=address, threads=threads, gpus=gpus,
        )  # fmt: skip


def run(
    file: FileArgument,
    *,
    output: FolderOption = None,
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    engine: EngineOption = EngineName.PROCESSES,
    address: AddressOption = None,
    workers: WorkersOption = None,
    threads: TaskThreadsOption = 1,
    gpus: GpusOption = None,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write the report at the end.")
    ] = True,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run what a study still lacks, then write its report. Run it again to go on."""
    from nascope._src.study.study_file import read_study_file  # noqa: PLC0415

    study = read_study_file(file)
    folder = output or Path("runs") / file.stem
    if verbose:
        print_log()
    with open_engine(
        engine, device=device, workers=workers, address=address, threads=threads, gpus=gpus
    ) as (chosen, _):
        _run_and_report(
            study,
            folder,
            chosen,
            device=device,
            data_dir=str(data_dir) if data_dir else None,
            quiet=quiet,
            report=report,
        )


def _run_and_report(
    study: Study,
    folder: Path,
    engine: Engine,
    *,
    device: str,
    data_dir: str | None,
    quiet: bool,
    report: bool = True,
) -> None:
    from nascope._src.study.run import run_study  # noqa: PLC0415

    start = time.monotonic()
    with display(quiet=quiet) as shown:
        summary = run_study(
            study,
            folder,
            data_dir=data_dir,
            device=device,
            engine=engine,
            on_progress=lambda progress: show_progress(shown, progress),
        )
        shown.say(summary_line(summary, time.monotonic() - start))
        if report:
            from nascope._src.report.write import write_report  # noqa: PLC0415

            page = write_report(folder)
    if report:
        print(page)
    if summary.failed:
        print_failures(summary)
        sys.exit(1)


def search(
    file: FileArgument,
    *,
    output: FolderOption = None,
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    engine: EngineOption = EngineName.PROCESSES,
    address: AddressOption = None,
    workers: WorkersOption = None,
    threads: TaskThreadsOption = 1,
    gpus: GpusOption = None,
    quiet: QuietOption = False,
) -> None:
    """Search a space's wirings at random or by evolution, and watch the width as it happens.

    FILE.toml is a study file of one cell with a section [search] (docs/guides/studies.md). Run it
    again to go on; nascope trace FOLDER/best.jsonl follows the best cell found.
    """
    from nascope._src.records.paths import StudyPaths  # noqa: PLC0415
    from nascope._src.study.search.rounds import run_search  # noqa: PLC0415
    from nascope._src.study.study_file import read_search_file  # noqa: PLC0415

    wanted = read_search_file(file)
    folder = output or Path("runs") / file.stem
    with (
        open_engine(
            engine, device=device, workers=workers, address=address, threads=threads, gpus=gpus
        ) as (chosen, _),
        job(quiet=quiet) as show,
    ):

        def progress(before: int, progress_of_round: RunProgress) -> None:
            in_round = min(wanted.batch, wanted.candidates - before)
            share = (before + in_round * progress_of_round.share) / wanted.candidates
            show(share, f"candidates {before + 1} to {before + in_round} of {wanted.candidates}")

        found = run_search(
            wanted,
            folder,
            chosen,
            data_dir=str(data_dir) if data_dir else None,
            device=device,
            on_progress=progress,
        )
    print("\n".join(search_lines(wanted, found)))
    print(StudyPaths(folder).candidates)
