"""The theory commands: check the theorems, sweep random cells, measure trained networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nascope._src.cli.app import App
from nascope._src.cli.options import DataDirOption, QuietOption, SeedOption, ThreadWorkersOption
from nascope._src.runtime.progress import job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FolderOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the results.")
]
_FOLDER = Path("runs/theory")


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = App(help="Check the paper's theorems, and measure their premises.")
    group.command(epilog="Example: nascope theory check")(check)
    group.command(epilog="Example: nascope theory sweep --cells 500")(sweep)
    group.command(epilog="Example: nascope theory report runs/demo")(report)
    app.add_typer(group, name="theory")


def check(
    *,
    cases: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Number of random cells per objective and wiring."),
    ] = 10_000,
    seed: SeedOption = 0,
    output: FolderOption = _FOLDER,
    workers: ThreadWorkersOption = None,
    quiet: QuietOption = False,
) -> None:
    """Check Theorems 4.1 to 4.3, as published and corrected.

    Write check.json (docs/theory.md). The exit code is 1 if a proved bound is violated, or if a
    known case differs from the values worked out by hand.
    """
    from nascope._src.cli.theory_lines import check_lines
    from nascope._src.records.files import make_folder, write_json
    from nascope._src.theory.check_all import check_theorems

    make_folder(output)
    with job(quiet=quiet) as progress:
        result = check_theorems(
            cases=cases, seed=seed, workers=_workers(workers), progress=progress
        )
    path = output / "check.json"
    write_json(path, {**result.as_dict(), "provenance": _provenance()})
    _print(path, check_lines(result))
    if not result.holds:
        raise typer.Exit(1)


def sweep(
    *,
    cells: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of random cells per setting.")
    ] = 200,
    seed: SeedOption = 0,
    output: FolderOption = _FOLDER,
    workers: ThreadWorkersOption = None,
    quiet: QuietOption = False,
) -> None:
    """Compare narrow with wide linear cells.

    Vary λ, depth, number of nodes and size. Write sweep.json and figures.
    """
    from nascope._src.cli.theory_lines import sweep_lines
    from nascope._src.records.files import make_folder, write_json
    from nascope._src.report.figures.theory_sweep import draw_sweep
    from nascope._src.theory.sweeping import sweep_settings

    make_folder(output)
    with job(quiet=quiet) as progress:
        result = sweep_settings(
            cells=cells, seed=seed, workers=_workers(workers), progress=progress
        )
    path = output / "sweep.json"
    write_json(path, {**result.as_dict(), "provenance": _provenance()})
    figures = [
        figure
        for name, drawing in draw_sweep(result).items()
        for figure in drawing.write(output, f"theory-{name}", with_data=False)
    ]
    _print(path, sweep_lines(result), figures)


def report(
    networks: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH",
            help="Trained networks to measure: checkpoints, or folders of studies.",
        ),
    ] = None,
    *,
    output: FolderOption = _FOLDER,
    images: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of images at which edges are measured.")
    ] = 4,
    instances: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of training images for the curvature.")
    ] = 100,
    data_dir: DataDirOption = None,
    workers: ThreadWorkersOption = None,
    quiet: QuietOption = False,
) -> None:
    """Measure the theorems' premises on trained networks.

    Measure λ of every weight matrix and edge, and whether the learning rate was below 1/L. Write
    networks.json, figures, and theory.html, which also shows the results of check and sweep in the
    same folder. Networks in networks.json are not measured again.
    """
    from nascope._src.cli.theory_lines import network_lines
    from nascope._src.records.files import make_folder, write_json
    from nascope._src.report.html.theory_page import write_theory_page
    from nascope._src.runtime.devices import configure_process
    from nascope._src.theory.premises import find_networks, measure_networks

    configure_process(threads=1)
    trained = find_networks(networks or [])
    if trained:
        make_folder(output)
        path = output / "networks.json"
        with job(quiet=quiet) as progress:
            measured = measure_networks(
                trained,
                path,
                data_dir=data_dir,
                images=images,
                instances=instances,
                workers=_workers(workers),
                progress=progress,
            )
        write_json(path, {"networks": measured, "provenance": _provenance()})
        _print(path, network_lines(measured))
    print(write_theory_page(output))


def _workers(given: int | None) -> int:
    from nascope._src.runtime.devices import cores

    return given or cores()


def _provenance() -> Mapping[str, Any]:
    from nascope._src.records.provenance import make_provenance

    return make_provenance(device="CPU")


def _print(path: Path, lines: Sequence[str], figures: Sequence[Path] = ()) -> None:
    print(", ".join(str(file) for file in (path, *figures)) + ":")
    for line in lines:
        print(f"  {line}")
