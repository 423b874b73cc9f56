"""The theory's commands: the theorems checked, swept, and met with trained networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nascope._src.cli.options import DataDirOption, QuietOption, SeedOption, ThreadWorkersOption
from nascope._src.runtime.progress import job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FolderOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where results are written.")
]
_FOLDER = Path("runs/theory")


def register(app: typer.Typer) -> None:
    """Add this layer's commands."""
    group = typer.Typer(help="The paper's theorems, checked and corrected.", no_args_is_help=True)
    group.command(epilog="Example: nascope theory check")(check)
    group.command(epilog="Example: nascope theory sweep --cells 500")(sweep)
    group.command(epilog="Example: nascope theory report runs/demo")(report)
    app.add_typer(group, name="theory")


def check(
    *,
    cases: Annotated[
        int, typer.Option(metavar="N", min=1, help="Random cells of each objective and wiring.")
    ] = 10_000,
    seed: SeedOption = 0,
    output: FolderOption = _FOLDER,
    workers: ThreadWorkersOption = None,
    quiet: QuietOption = False,
) -> None:
    """Check Theorems 4.1 to 4.3, as published and corrected (docs/theory.md).

    Writes check.json. The exit code is 1 if a proved bound is violated, or if a known case differs
    from the values worked out by hand.
    """
    from nascope._src.cli.theory_lines import check_lines  # noqa: PLC0415
    from nascope._src.records.files import make_folder, write_json  # noqa: PLC0415
    from nascope._src.theory.check_all import check_theorems  # noqa: PLC0415

    make_folder(output)
    with job(quiet=quiet) as progress:
        result = check_theorems(
            cases=cases, seed=seed, workers=_workers(workers), progress=progress
        )
    path = output / "check.json"
    write_json(path, {**result.as_dict(), "provenance": _provenance()})
    _say(path, check_lines(result))
    if not result.holds:
        raise typer.Exit(1)


def sweep(
    *,
    cells: Annotated[
        int, typer.Option(metavar="N", min=1, help="Random cells of each setting.")
    ] = 200,
    seed: SeedOption = 0,
    output: FolderOption = _FOLDER,
    workers: ThreadWorkersOption = None,
    quiet: QuietOption = False,
) -> None:
    """Compare narrow with wide linear cells over λ, depth, nodes and size.

    Writes sweep.json and figures.
    """
    from nascope._src.cli.theory_lines import sweep_lines  # noqa: PLC0415
    from nascope._src.records.files import make_folder, write_json  # noqa: PLC0415
    from nascope._src.report.figures.theory_sweep import draw_sweep  # noqa: PLC0415
    from nascope._src.theory.sweeping import sweep_settings  # noqa: PLC0415

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
    _say(path, sweep_lines(result), figures)


def report(
    networks: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[CHECKPOINT|STUDY]...", help="Trained networks to measure."),
    ] = None,
    *,
    output: FolderOption = _FOLDER,
    images: Annotated[
        int, typer.Option(metavar="N", min=1, help="Images at which edges are measured.")
    ] = 4,
    instances: Annotated[
        int, typer.Option(metavar="N", min=1, help="Training images of the curvature.")
    ] = 100,
    data_dir: DataDirOption = None,
    workers: ThreadWorkersOption = None,
    quiet: QuietOption = False,
) -> None:
    """Measure the theorems' premises on trained networks, and write the theory's page.

    λ of every weight matrix and edge, and whether the learning rate was below 1/L. Writes
    networks.json, figures, and theory.html, with what check and sweep have left in the folder.
    Networks that networks.json holds already are not measured again.
    """
    from nascope._src.cli.theory_lines import network_lines  # noqa: PLC0415
    from nascope._src.records.files import make_folder, write_json  # noqa: PLC0415
    from nascope._src.report.html.theory_page import write_theory_page  # noqa: PLC0415
    from nascope._src.runtime.devices import configure_process  # noqa: PLC0415
    from nascope._src.theory.premises import find_networks, measure_networks  # noqa: PLC0415

    configure_process(threads=1)
    trained = find_networks(networks or [])
    if trained:
        make_folder(output)
        path = output / "networks.json"
        with job(quiet=quiet) as progress:
            measured = measure_networks(
                trained,
                path,
                data_dir=str(data_dir) if data_dir else None,
                images=images,
                instances=instances,
                workers=_workers(workers),
                progress=progress,
            )
        write_json(path, {"networks": measured, "provenance": _provenance()})
        _say(path, network_lines(measured))
    print(write_theory_page(output))


def _workers(wanted: int | None) -> int:
    from nascope._src.runtime.devices import cores  # noqa: PLC0415

    return wanted or cores()


def _provenance() -> Mapping[str, Any]:
    from nascope._src.records.provenance import make_provenance  # noqa: PLC0415

    return make_provenance(device="CPU")


def _say(path: Path, lines: Sequence[str], others: Sequence[Path] = ()) -> None:
    print(", ".join(str(own) for own in (path, *others)) + ":")
    for line in lines:
        print(f"  {line}")
