"""The command that reproduces the paper's figures and tables."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    VerboseOption,
    WorkersOption,
)
from nascope._src.cli.study_lines import (
    print_failures,
    print_plan,
    show_forecast,
    show_progress,
    summary_line,
)
from nascope._src.runtime.progress import display, print_log

if TYPE_CHECKING:
    from nascope._src.reproduce.plan import ReproductionPlan
    from nascope._src.reproduce.run import DrawnFigure
    from nascope._src.study.run import RunSummary


def register(app: typer.Typer) -> None:
    """Add this layer's command."""
    app.command(
        epilog="Example: nascope reproduce fig3 fig5 --scale small --cells ENAS --data-dir data"
    )(reproduce)


def reproduce(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT...", help="fig1 … fig17, table1, theory; all.", show_default=False
        ),
    ],
    *,
    scale: Annotated[str, typer.Option(metavar="NAME", help="tiny, small or paper.")] = "tiny",
    cells: Annotated[
        list[str] | None,
        typer.Option(metavar="CELL,…", help="In place of a figure's own cells. Repeatable."),
    ] = None,
    variants: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="The authors' variants 1 … N of each cell."),
    ] = None,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Trainings of each: seeds 0 … N−1.")
    ] = 1,
    data_dir: DataDirOption = None,
    output: Annotated[
        Path,
        typer.Option("--output", metavar="FOLDER", help="All is written to FOLDER/SCALE."),
    ] = Path("runs/reproduce"),
    plan: Annotated[
        bool, typer.Option("--plan", help="Only show what is to be run, and the time it takes.")
    ] = False,
    run: Annotated[
        bool, typer.Option("--run/--no-run", help="Or only draw what is there already.")
    ] = True,
    device: DeviceOption = "auto",
    engine: EngineOption = EngineName.PROCESSES,
    address: AddressOption = None,
    workers: WorkersOption = None,
    threads: TaskThreadsOption = 1,
    gpus: GpusOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Reproduce figures and tables of the paper: run what is missing, draw, compare.

    Prints beside each what the paper shows and whether it agrees. Run it again to go on; what
    several figures need is done once (docs/guides/reproduce.md).
    """
    from nascope._src.reproduce.plan import Options, plan_reproduction  # noqa: PLC0415
    from nascope._src.reproduce.scales import reproduction_scale  # noqa: PLC0415
    from nascope._src.results.paper.targets import targets_of  # noqa: PLC0415

    targets, size = targets_of(what), reproduction_scale(scale)
    folder, where = output / size.name, str(data_dir) if data_dir else None
    if verbose:
        print_log()
    reproduction = plan_reproduction(
        targets, Options(size, _split(cells or []), variants, seeds), where
    )
    for note in reproduction.notes:
        print(f"note: {note}", file=sys.stderr)
    on: dict[str, Any] = {"device": device, "workers": workers, "address": address}
    on |= {"threads": threads, "gpus": gpus}
    if plan:
        _show_plan(reproduction, folder, engine, where, on)
        return
    summary = _run(reproduction, folder, engine, where, on, quiet=quiet) if run else None
    holds = _draw(reproduction, folder)
    if summary is not None:
        print_failures(summary)
    if not holds or (summary is not None and summary.failed):
        sys.exit(1)


def _split(texts: list[str]) -> tuple[str, ...]:
    """Names between commas; a genotype's own text holds commas too, and brackets."""
    parts: list[str] = []
    for text in texts:
        parts += [text] if any(sign in text for sign in "([{\n") else text.split(",")
    return tuple(part.strip() for part in parts if part.strip())


def _show_plan(
    reproduction: ReproductionPlan,
    folder: Path,
    engine: EngineName,
    data_dir: str | None,
    on: dict[str, Any],
) -> None:
    from nascope._src.records.paths import StudyPaths  # noqa: PLC0415
    from nascope._src.study.missing import find_missing  # noqa: PLC0415

    planned = reproduction.plan
    if not planned.trials:
        print("nothing is to be trained")
        return
    lacking = find_missing(StudyPaths(folder), planned)
    print_plan(planned, lacking, folder)
    show_forecast(lacking, folder, engine, data_dir=data_dir, **on)


def _run(
    reproduction: ReproductionPlan,
    folder: Path,
    engine: EngineName,
    data_dir: str | None,
    on: dict[str, Any],
    *,
    quiet: bool,
) -> RunSummary:
    from nascope._src.reproduce.run import run_reproduction  # noqa: PLC0415

    start = time.monotonic()
    with open_engine(engine, **on) as (chosen, _), display(quiet=quiet) as shown:
        summary = run_reproduction(
            reproduction,
            folder,
            chosen,
            data_dir=data_dir,
            device=on["device"],
            on_progress=lambda progress: show_progress(shown, progress),
        )
        if summary.done or summary.already_done or summary.failed:
            shown.say(summary_line(summary, time.monotonic() - start))
    return summary


def _draw(reproduction: ReproductionPlan, folder: Path) -> bool:
    """Draw and print every target; whether everything that is proved held."""
    from nascope._src.reproduce.run import draw_reproduction  # noqa: PLC0415

    holds = True
    for drawn in draw_reproduction(reproduction, folder):
        print("\n".join(_lines(drawn)), flush=True)
        holds = holds and drawn.holds
    if reproduction.plan.trials:
        print(f"a page of all trials: nascope report {folder}")
    return holds


def _lines(drawn: DrawnFigure) -> list[str]:
    """A target's title, its files, and the paper's word beside ours."""
    lines = [f"{drawn.figure.target.name}: {drawn.figure.title}"]
    grouped: dict[Path, list[str]] = {}
    for path in drawn.paths:
        grouped.setdefault(path.with_suffix(""), []).append(path.suffix)
    for stem, (first, *others) in grouped.items():
        lines.append(f"  {stem}{first}" + (f" ({', '.join(others)})" if others else ""))
    if drawn.page is not None:
        lines.append(f"  {drawn.page}")
    for heading, own in (
        ("paper", (drawn.figure.paper,)),
        ("here", drawn.here),
        ("agreement", drawn.agreement),
    ):
        for place, line in enumerate(own):
            lines.append(f"  {heading if place == 0 else '':<11}{line}")
    return lines
