"""Commands over studies: demo, study run."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nascope.cli.options import (
    DataDirOption,
    DeviceOption,
    QuietOption,
    SeedOption,
    VerboseOption,
    WorkersOption,
)
from nascope.cli.progress import Display, display, duration, print_log

if TYPE_CHECKING:
    from nascope.study.run import Snapshot, Summary
    from nascope.study.study import Study


def register(app: typer.Typer) -> None:
    """Add this layer's commands."""
    app.command(epilog="Example: nascope demo --seed 7 --output runs/seven")(demo)
    study = typer.Typer(
        help="Studies: many trainings and probes from one file.", no_args_is_help=True
    )
    study.command(epilog="Example: nascope study run study.toml --output runs/study")(run)
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
    from nascope.study.demo import demo_study  # noqa: PLC0415  (loads torch)

    study = demo_study(seed=seed, variants=variants)
    _run_and_report(study, output, None, device, workers, quiet, verbose)


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The study file.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where all is written; by default runs/NAME."),
    ] = None,
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run what a study still lacks, then write its report. Run it again to go on."""
    from nascope.study.study_file import read_study_file  # noqa: PLC0415

    study = read_study_file(file)
    folder = output or Path("runs") / file.stem
    _run_and_report(study, folder, data_dir, device, workers, quiet, verbose)


def _run_and_report(  # noqa: PLR0917
    study: Study,
    folder: Path,
    data_dir: Path | None,
    device: str,
    workers: int | None,
    quiet: bool,
    verbose: bool,
) -> None:
    from nascope.report import write_report  # noqa: PLC0415
    from nascope.study.run import run_study  # noqa: PLC0415

    if verbose:
        print_log()
    start = time.monotonic()
    with display(quiet=quiet) as shown:
        summary = run_study(
            study,
            folder,
            data_dir=str(data_dir) if data_dir else None,
            device=device,
            workers=workers,
            on_progress=lambda snapshot: _show(shown, snapshot),
        )
        shown.say(_summary_line(summary, time.monotonic() - start))
        page = write_report(folder)
    print(page)
    if summary.failed:
        for name, error in summary.failed.items():
            print(f"failed: {name}: {error.strip().splitlines()[-1]}", file=sys.stderr)
        sys.exit(1)


def _show(shown: Display, snapshot: Snapshot) -> None:
    words = " · ".join(f"{_short(name)} {state}" for name, state in snapshot.running.items())
    shown.show(snapshot.share, snapshot.seconds_left, words)
    if snapshot.ended is not None:
        name, error = snapshot.ended
        state = "done" if error is None else f"FAILED: {error.strip().splitlines()[-1]}"
        shown.say(f"{duration(snapshot.seconds):>12}  {_short(name)} {state}")


def _short(name: str) -> str:
    """A task's name without the identities in it."""
    trial, *probe = name.split("/")  # and of a probe its kind and identity
    label = trial.rsplit("-", 1)[0]
    return f"{label} {probe[0]}" if probe else label


def _summary_line(summary: Summary, seconds: float) -> str:
    parts = [f"{summary.done} done in {duration(seconds)}"]
    if summary.found:
        parts.append(f"{summary.found} were already there")
    if summary.failed:
        parts.append(f"{len(summary.failed)} failed")
    return ", ".join(parts)
