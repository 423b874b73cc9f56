"""The probe command: measurements around a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from nascope.cli.options import (
    CheckpointArgument,
    DataDirOption,
    DeviceOption,
    QuietOption,
    SeedOption,
    ThreadsOption,
    VerboseOption,
)
from nascope.cli.progress import job, print_log
from nascope.errors import StudyError


def register(app: typer.Typer) -> None:
    """Add this layer's commands."""
    app.command(epilog="Example: nascope probe landscape runs/train/DARTS.safetensors")(probe)


def probe(
    kind: Annotated[
        Literal["landscape", "variance"],
        typer.Argument(metavar="landscape|variance", help="What is measured.", show_default=False),
    ],
    checkpoint: CheckpointArgument,
    *,
    points: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="A side of the grid; 21 or 11.")
    ] = None,
    radius: Annotated[float, typer.Option(metavar="R", help="The grid covers [-R, R]².")] = 1.0,
    instances: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Test images used; all by default.")
    ] = None,
    seed: SeedOption = 0,
    data_dir: DataDirOption = None,
    threads: ThreadsOption = 1,
    device: DeviceOption = "auto",
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Arrays; by default CHECKPOINT-KIND.npz beside it."),
    ] = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure the loss landscape or the gradient variance around a trained network."""
    from nascope.data.device import choose_device, take_process  # noqa: PLC0415
    from nascope.study.probing import probe_checkpoint  # noqa: PLC0415
    from nascope.study.study import ProbePlan  # noqa: PLC0415

    plan = ProbePlan(
        kind=kind,
        points=points or {"landscape": 21, "variance": 11}[kind],
        radius=radius,
        instances=instances,
        seed=seed,
    )
    take_process(threads)
    if verbose:
        print_log()
    path = output or Path(
        f"{checkpoint.with_suffix('') if checkpoint.name else checkpoint}-{kind}.npz"
    )
    if path.suffix != ".npz":
        raise StudyError(f"--output must end in .npz, since arrays are written: {path}")
    with job(quiet=quiet) as progress:
        arrays = probe_checkpoint(
            checkpoint,
            plan,
            path,
            data_dir=str(data_dir) if data_dir else None,
            device=choose_device(device),
            progress=progress,
        )
    if kind == "landscape":
        print(f"{path}: loss {arrays['loss'].min():.4f} to {arrays['loss'].max():.4f}")
    else:
        deviation = arrays["variance"] ** 0.5
        print(
            f"{path}: standard deviation of the gradient {deviation.min():.4f} to "
            f"{deviation.max():.4f}, mean {deviation.mean():.4f}"
        )
