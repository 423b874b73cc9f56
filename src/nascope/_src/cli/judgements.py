"""The commands that judge the paper from studies: reproduce, report, verdicts and others.

All but reproduce load no torch.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nascope._src.cli.derived import with_settings
from nascope._src.cli.engines import EngineSettings, measure_forecast, open_engine
from nascope._src.cli.judgement_lines import figure_lines, smoothness_lines
from nascope._src.cli.options import (
    DataDirOption,
    JsonOption,
    QuietOption,
    StudyFolderArgument,
    TableOption,
    VerboseOption,
)
from nascope._src.cli.output import print_json
from nascope._src.cli.study_lines import (
    failure_lines,
    forecast_lines,
    plan_lines,
    show_progress,
    summary_line,
)
from nascope._src.errors import StudyError
from nascope._src.runtime.progress import display, print_log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from nascope._src.reproduce.plan import ReproductionPlan
    from nascope._src.results.findings.mediation import MediationFinding
    from nascope._src.results.reliability import Reliability
    from nascope._src.study.run import RunSummary


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(
        epilog="Example: nascope reproduce fig3 fig5 --scale small --cells ENAS --data-dir data"
    )(reproduce)
    app.command(epilog="Example: nascope report runs/demo --output demo.html")(report)
    app.command(epilog="Example: nascope verdicts runs/cells --output verdicts.json")(verdicts)
    app.command(epilog="Example: nascope reliability runs/mine --picture reliability.svg")(
        reliability
    )
    app.command(epilog="Example: nascope smoothness runs/train/DARTS-landscape.npz --classes 10")(
        smoothness
    )


@with_settings(EngineSettings, into="where")
def reproduce(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT",
            help="Figures and tables: fig1 … fig17, table1, theory; or all.",
            show_default=False,
        ),
    ],
    *,
    scale: Annotated[
        str, typer.Option(metavar="NAME", help="Scale: tiny, small or paper.")
    ] = "tiny",
    cells: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CELL,…", help="Use these cells in place of the figure's. Repeatable."
        ),
    ] = None,
    variants: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Use the authors' variants 1 … N of each cell."),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=1000,
            help="Number of training runs per cell, with seeds 0 … N−1.",
        ),
    ] = 1,
    data_dir: DataDirOption = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Write everything to FOLDER/SCALE."),
    ] = Path("runs/reproduce"),
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Only show the remaining work and how long it will take."),
    ] = False,
    run: Annotated[
        bool,
        typer.Option(
            "--run/--no-run", help="Run the remaining work, or only draw existing results."
        ),
    ] = True,
    where: dict[str, Any],
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Reproduce figures and tables of the paper.

    Run the remaining work, draw, and compare: print what the paper shows, what nascope found, and
    whether they agree. Run again to resume. Work that several figures share is done once
    (docs/guides/reproduce.md).
    """
    from nascope._src.reproduce.plan import Options, plan_reproduction
    from nascope._src.reproduce.scales import reproduction_scale
    from nascope._src.results.paper.targets import targets_of

    targets, size = targets_of(what), reproduction_scale(scale)
    folder = output / size.name
    settings = EngineSettings(**where)
    if verbose:
        print_log()
    reproduction = plan_reproduction(
        targets, Options(size, _split(cells or []), variants, seeds), data_dir
    )
    for note in reproduction.notes:
        print(f"note: {note}", file=sys.stderr)
    if plan:
        _show_plan(reproduction, folder, settings, data_dir)
        return
    summary = _run(reproduction, folder, settings, data_dir, quiet=quiet) if run else None
    holds = _draw(reproduction, folder)
    failures = failure_lines(summary) if summary is not None else []
    if failures:
        print("\n".join(failures), file=sys.stderr)
    if failures or not holds:
        sys.exit(1)


def _split(texts: list[str]) -> tuple[str, ...]:
    """Split names at commas, but not the text of a genotype, which has brackets."""
    names: list[str] = []
    for text in texts:
        names += [text] if any(sign in text for sign in "([{\n") else text.split(",")
    return tuple(name.strip() for name in names if name.strip())


def _show_plan(
    reproduction: ReproductionPlan, folder: Path, settings: EngineSettings, data_dir: str | None
) -> None:
    from nascope._src.records.paths import StudyPaths
    from nascope._src.study.missing import find_missing

    if not reproduction.plan.trials:
        print("nothing needs training")
        return
    missing = find_missing(StudyPaths(folder), reproduction.plan)
    print("\n".join(plan_lines(reproduction.plan, missing, folder)), flush=True)
    if not all(trial.is_complete for trial in missing):
        print("\n".join(forecast_lines(measure_forecast(settings, missing, folder, data_dir))))


def _run(
    reproduction: ReproductionPlan,
    folder: Path,
    settings: EngineSettings,
    data_dir: str | None,
    *,
    quiet: bool,
) -> RunSummary:
    from nascope._src.reproduce.run import run_reproduction

    start = time.monotonic()
    with open_engine(settings) as (engine, _), display(quiet=quiet) as shown:
        summary = run_reproduction(
            reproduction,
            folder,
            engine,
            data_dir=data_dir,
            device=settings.device,
            on_progress=lambda progress: show_progress(shown, progress),
        )
        if summary.done or summary.already_done or summary.failed:
            shown.say(summary_line(summary, time.monotonic() - start))
    return summary


def _draw(reproduction: ReproductionPlan, folder: Path) -> bool:
    """Draw and print every target; return whether all proved statements held."""
    from nascope._src.reproduce.run import draw_reproduction

    holds = True
    for drawn in draw_reproduction(reproduction, folder):
        print("\n".join(figure_lines(drawn)), flush=True)
        holds = holds and drawn.holds
    if reproduction.plan.trials:
        print(f"a page of all trials: nascope report {folder}")
    return holds


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER", help="Folders of studies.", show_default=False),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Page to write; by default FOLDER/report.html. Required for several studies.",
        ),
    ] = None,
    figures: Annotated[
        bool, typer.Option("--figures/--no-figures", help="Also draw figures for print.")
    ] = True,
    evidence: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="TABLE",
            help="Add a section on a table of accuracies (see nascope evidence). Repeatable.",
        ),
    ] = None,
) -> None:
    """Write the report of a study: a page and figures.

    The page is FOLDER/report.html; figures for print are in FOLDER/figures. The study may still be
    running. The page opens from disk and needs no network. Given several studies, write one page
    for all of them, without figures for print.
    """
    from nascope._src.report.write import write_report

    print(write_report(*folders, output=output, figures=figures, evidence=evidence or ()))


def verdicts(
    folder: StudyFolderArgument, *, output: TableOption = None, as_json: JsonOption = False
) -> None:
    """Judge the paper's nine claims from a study.

    Matched pairs of designed variants are judged, too. docs/guides/verdicts.md explains the rules.
    A study too small for a verdict gives one row, whose outcome is "no verdict", and the reason.
    """
    from nascope._src.records.read import read_study, warn_of_damage
    from nascope._src.records.tables import columns_of, write_table
    from nascope._src.results.findings.designs import judge_designs
    from nascope._src.results.findings.judge import judge_study, too_small
    from nascope._src.results.findings.mediation import judge_mediation
    from nascope._src.results.text import designs
    from nascope._src.results.text.findings import (
        as_row,
        finding_lines,
        too_small_sentence,
    )
    from nascope._src.results.text.mediation import mediation_lines, mediation_row

    study = read_study(folder)
    warn_of_damage(study)
    if (reason := too_small(study)) is not None:
        why = too_small_sentence(reason)
        rows = [{"outcome": "no verdict", "sentence": why}]
        mediated: Sequence[MediationFinding] = ()
        lines = [f"no verdict: {why}"]
    else:
        findings, designed = judge_study(study), judge_designs(study)
        rows = [*map(as_row, findings), *map(designs.as_row, designed)]
        lines = [line for finding in findings for line in finding_lines(finding)]
        lines += designs.design_lines(designed)
        mediated = judge_mediation(study)
        lines += mediation_lines(mediated)
    if as_json:
        print_json({"verdicts": rows, "mediation": [mediation_row(found) for found in mediated]})
    else:
        print("\n".join(lines))
    if output is not None:
        write_table(output, columns_of(rows))


def reliability(
    folder: StudyFolderArgument,
    *,
    cells: Annotated[
        list[str] | None,
        typer.Option(metavar="CELL,…", help="Use only these cells of the study. Repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
    output: TableOption = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="Picture to write: .png, .svg or .pdf."),
    ] = None,
) -> None:
    """Measure how reliable each measure is.

    Print which share of a value's variance is wiring rather than seed, pair of directions or
    BatchNorm mode, with a 95 % interval. A study needs two or more wirings of a family, trained
    with two or more equal seeds each. docs/guides/reliability.md explains the numbers.
    """
    from nascope._src.records.read import read_study, warn_of_damage
    from nascope._src.records.tables import columns_of, write_table
    from nascope._src.results.reliability import measure_reliability
    from nascope._src.results.text.reliability import NOTHING, reliability_lines, reliability_row

    only = [name.strip() for text in cells for name in text.split(",")] if cells else None
    study = read_study(folder)
    warn_of_damage(study)
    entries = measure_reliability(study, only)
    rows = [reliability_row(entry) for entry in entries]
    if not rows and (output is not None or picture is not None):
        raise StudyError(f"{folder}: {NOTHING}")
    if as_json:
        print_json(rows)
    else:
        print("\n".join(reliability_lines(entries)) or NOTHING)
    if output is not None:
        write_table(output, columns_of(rows))
    if picture is not None:
        _draw_reliability(picture, entries)


_PICTURES = (".png", ".svg", ".pdf")


def _draw_reliability(path: Path, entries: Sequence[Reliability]) -> None:
    """Write a picture of the first setting's reliabilities."""
    from nascope._src.records.files import write_bytes
    from nascope._src.report.figures.reliability import draw_reliability, first_setting

    if path.suffix not in _PICTURES:
        raise StudyError(f"a picture's name must end in {', '.join(_PICTURES)}, not {path.name!r}")
    known = first_setting(entries)
    if not known:
        raise StudyError("no picture: all values of every measure are equal")
    write_bytes(path, draw_reliability(known).encode(path.suffix[1:]))


def smoothness(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="Landscapes from nascope probe landscape: .npz.",
            show_default=False,
        ),
    ],
    *,
    level: Annotated[
        float | None,
        typer.Option(metavar="LOSS", help="Measure the area below this loss, in nats."),
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=2, help="Measure the area below ln N, the loss of a random guess."
        ),
    ] = None,
    output: TableOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the smoothness of landscapes.

    For several landscapes, with different directions or seeds, also print means with 95 %
    intervals.
    docs/guides/smoothness.md defines the measures.
    """
    from nascope._src.records.files import read_arrays
    from nascope._src.records.tables import columns_of, write_table
    from nascope._src.results.metrics.smoothness import over_pairs, smoothness_of

    if level is None:
        level = math.log(classes) if classes is not None else math.nan
    measured = {}
    for path in files:
        arrays = read_arrays(path)
        if not _is_landscape(arrays):
            raise StudyError(f"{path} holds no landscape over a plane")
        measured[path] = smoothness_of(arrays["loss"], arrays["alphas"], arrays["betas"], level)
    rows = [{"file": str(path), **asdict(numbers)} for path, numbers in measured.items()]
    if output is not None:
        write_table(output, columns_of(rows))
    if as_json:
        means = over_pairs(list(measured.values())) if len(measured) > 1 else {}
        print_json(
            {"landscapes": rows, "means": {name: asdict(mean) for name, mean in means.items()}}
        )
        return
    print("\n".join(smoothness_lines(measured)))


def _is_landscape(arrays: Mapping[str, np.ndarray]) -> bool:
    loss, alphas, betas = (arrays.get(name) for name in ("loss", "alphas", "betas"))
    if loss is None or alphas is None or betas is None or "variance" in arrays:
        return False
    real = all(array.dtype.kind in "fiu" for array in (loss, alphas, betas))
    return real and loss.size > 0 and loss.ndim == 2 and loss.shape == alphas.shape + betas.shape
