"""The probe commands: measurements around a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nascope._src.cli.options import (
    CheckpointArgument,
    DataDirOption,
    DeviceOption,
    QuietOption,
    SeedOption,
    ThreadsSideBySideOption,
    VerboseOption,
)
from nascope._src.cli.progress import job, print_log
from nascope._src.errors import StudyError

if TYPE_CHECKING:
    from nascope._src.probes.settings import CurvaturePlan, ProbePlan

InstancesOption = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Images used; all by default.")
]
BatchNormOption = Annotated[
    str, typer.Option("--batchnorm", metavar="MODE", help="frozen, recalibrated or batch.")
]
DataOption = Annotated[str, typer.Option("--data", metavar="PART", help="test or train.")]
AtOption = Annotated[
    str,
    typer.Option(
        metavar="MOMENT", help="initialisation, epoch N, loss X or end; see train --keep."
    ),
]
PointsOption = Annotated[int, typer.Option(metavar="N", min=1, help="Points along a direction.")]
RadiusOption = Annotated[float, typer.Option(metavar="R", help="The grid covers [-R, R]².")]
NormaliseOption = Annotated[
    str, typer.Option(metavar="HOW", help="Scale directions per filter, layer, or none.")
]
OneDimensionalOption = Annotated[
    str | None,
    typer.Option(metavar="HOW", help="zero or scale biases and norms; zero with filter."),
]
LineOption = Annotated[bool, typer.Option("--line", help="One direction instead of two.")]
TrajectoryOption = Annotated[
    bool, typer.Option("--trajectory", help="The plane of the training's path, by kept weights.")
]
OutputOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Arrays; by default CHECKPOINT-KIND.npz beside it."),
]


def register(app: typer.Typer) -> None:
    """Add this layer's commands."""
    group = typer.Typer(help="Measure around a network.", no_args_is_help=True)
    example = "Example: nascope probe {} runs/train/DARTS.safetensors"
    for command in (landscape, variance, curvature):
        group.command(epilog=example.format(command.__name__))(command)
    app.add_typer(group, name="probe")


def landscape(
    checkpoint: CheckpointArgument,
    *,
    points: PointsOption = 21,
    radius: RadiusOption = 1.0,
    line: LineOption = False,
    to: Annotated[
        Path | None,
        typer.Option(metavar="CHECKPOINT", help="The line to another network, from -0.5 to 1.5."),
    ] = None,
    trajectory: TrajectoryOption = False,
    normalise: NormaliseOption = "filter",
    one_dimensional: OneDimensionalOption = None,
    batchnorm: Annotated[
        str | None,
        typer.Option(
            "--batchnorm", metavar="MODE", help="frozen, recalibrated (default with --to) or batch."
        ),
    ] = None,
    data: DataOption = "test",
    at: AtOption = "end",
    instances: InstancesOption = None,
    seed: SeedOption = 0,
    data_dir: DataDirOption = None,
    workers: ThreadsSideBySideOption = None,
    device: DeviceOption = "auto",
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Loss and accuracy on a plane or line through the weights."""
    from nascope._src.probes.settings import ProbePlan  # noqa: PLC0415

    if to is not None and (trajectory or at != "end"):
        raise StudyError("--to goes neither with --trajectory nor with --at")
    if to is not None and points < 2:
        raise StudyError("--to needs at least 2 points")
    plan = ProbePlan(
        "landscape",
        points=points,
        radius=radius,
        dimensions=1 if line or to is not None else 2,
        normalise=normalise,  # type: ignore[arg-type]
        one_dimensional=one_dimensional,  # type: ignore[arg-type]
        along="trajectory" if trajectory else "random",
        batchnorm=batchnorm or ("recalibrated" if to is not None else "frozen"),  # type: ignore[arg-type]
        data=data,  # type: ignore[arg-type]
        at=at,
        instances=instances,
        seed=seed,
    )
    path, arrays, settings = _run(
        plan, checkpoint, output, data_dir, workers, device, quiet=quiet, verbose=verbose, to=to
    )
    from nascope._src.cli.probe_lines import landscape_lines  # noqa: PLC0415

    _say(path, settings, landscape_lines(arrays))


def variance(
    checkpoint: CheckpointArgument,
    *,
    points: PointsOption = 11,
    radius: RadiusOption = 1.0,
    line: LineOption = False,
    trajectory: TrajectoryOption = False,
    normalise: NormaliseOption = "filter",
    one_dimensional: OneDimensionalOption = None,
    batchnorm: BatchNormOption = "frozen",
    data: DataOption = "test",
    at: AtOption = "end",
    instances: InstancesOption = None,
    seed: SeedOption = 0,
    data_dir: DataDirOption = None,
    workers: ThreadsSideBySideOption = None,
    device: DeviceOption = "auto",
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Variance of per-instance gradients on a plane or line through the weights."""
    from nascope._src.probes.settings import ProbePlan  # noqa: PLC0415

    plan = ProbePlan(
        "variance",
        points=points,
        radius=radius,
        dimensions=1 if line else 2,
        normalise=normalise,  # type: ignore[arg-type]
        one_dimensional=one_dimensional,  # type: ignore[arg-type]
        along="trajectory" if trajectory else "random",
        batchnorm=batchnorm,  # type: ignore[arg-type]
        data=data,  # type: ignore[arg-type]
        at=at,
        instances=instances,
        seed=seed,
    )
    path, arrays, settings = _run(
        plan, checkpoint, output, data_dir, workers, device, quiet=quiet, verbose=verbose
    )
    from nascope._src.cli.probe_lines import variance_lines  # noqa: PLC0415

    _say(path, settings, variance_lines(arrays))


def curvature(
    checkpoint: CheckpointArgument,
    *,
    top: Annotated[int, typer.Option(metavar="N", min=1, help="Largest eigenvalues.")] = 5,
    vectors: Annotated[
        int, typer.Option(metavar="N", min=0, help="Random vectors, of trace and density; 0: none.")
    ] = 5,
    steps: Annotated[int, typer.Option(metavar="N", min=2, help="Of Lanczos, each vector.")] = 20,
    blocks: Annotated[
        str, typer.Option(metavar="KIND", help="Lipschitz constants of cells, matrices, or none.")
    ] = "cells",
    block_steps: Annotated[
        int, typer.Option(metavar="N", min=2, help="Of Lanczos, each block.")
    ] = 10,
    points: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="A side of the grid of Lipschitz constants; 0: none"),
    ] = 5,
    radius: RadiusOption = 1.0,
    batchnorm: BatchNormOption = "frozen",
    data: DataOption = "test",
    at: AtOption = "end",
    instances: Annotated[int, typer.Option(metavar="N", min=1, help="Images used.")] = 500,
    seed: SeedOption = 0,
    data_dir: DataDirOption = None,
    workers: ThreadsSideBySideOption = None,
    device: DeviceOption = "auto",
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Eigenvalues, trace and density of the Hessian; Lipschitz constants of the gradient."""
    from nascope._src.probes.settings import CurvaturePlan  # noqa: PLC0415

    plan = CurvaturePlan(
        top=top,
        vectors=vectors,
        steps=steps,
        blocks=blocks,  # type: ignore[arg-type]
        block_steps=block_steps,
        points=points,
        radius=radius,
        batchnorm=batchnorm,  # type: ignore[arg-type]
        data=data,  # type: ignore[arg-type]
        at=at,
        instances=instances,
        seed=seed,
    )
    path, arrays, settings = _run(
        plan, checkpoint, output, data_dir, workers, device, quiet=quiet, verbose=verbose
    )
    from nascope._src.cli.probe_lines import curvature_lines  # noqa: PLC0415

    _say(path, settings, curvature_lines(arrays))


def _run(  # noqa: PLR0917  (the options that all kinds share)
    plan: ProbePlan | CurvaturePlan,
    checkpoint: Path,
    output: Path | None,
    data_dir: Path | None,
    workers: int | None,
    device: str,
    *,
    quiet: bool,
    verbose: bool,
    to: Path | None = None,
) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """Probe, and draw what was found."""
    from nascope._src.probes.checkpoint import probe_checkpoint  # noqa: PLC0415
    from nascope._src.records.files import write_bytes  # noqa: PLC0415
    from nascope._src.report.figures.probes import draw_probe  # noqa: PLC0415
    from nascope._src.runtime.devices import (  # noqa: PLC0415
        choose_device,
        configure_process,
        cores,
    )

    where = choose_device(device)
    configure_process(threads=1)
    if verbose:
        print_log()
    stem = checkpoint.with_suffix("") if checkpoint.name else checkpoint
    path = output or Path(f"{stem}-{plan.kind}.npz")
    if path.suffix != ".npz":
        raise StudyError(f"--output must end in .npz, since arrays are written: {path}")
    if path.is_dir():
        raise StudyError(f"--output is a folder: {path}")
    with job(quiet=quiet) as progress:
        arrays, settings = probe_checkpoint(
            checkpoint,
            plan,
            path,
            data_dir=str(data_dir) if data_dir else None,
            device=where,
            to=to,
            workers=workers or (cores() if where.type == "cpu" else 1),
            progress=progress,
        )
    png = draw_probe(plan.kind, arrays, settings, title=stem.name)
    write_bytes(path.with_suffix(".png"), png)
    return path, arrays, settings


def _say(path: Path, settings: dict[str, Any], lines: list[str]) -> None:
    print(f"{path} and {path.with_suffix('.png').name}:")
    if not settings["reached"]:
        print(f"  the training never came to {settings['at']}: all values are NaN")
    for line in lines:
        print(f"  {line}")
