"""The probe commands: measure around a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nascope._src.cli.app import App
from nascope._src.cli.derived import naming_options, with_settings
from nascope._src.cli.options import (
    CheckpointArgument,
    DataDirOption,
    DeviceOption,
    JsonOption,
    QuietOption,
    ThreadWorkersOption,
    VerboseOption,
)
from nascope._src.cli.output import print_json
from nascope._src.errors import StudyError
from nascope._src.probes.settings import (
    CurvatureSettings,
    LandscapeSettings,
    ProbeSettings,
    VarianceSettings,
)
from nascope._src.records.identity import non_defaults
from nascope._src.runtime.progress import job, print_log

LineOption = Annotated[
    bool, typer.Option("--line", help="Probe a line along one direction, not a plane.")
]
TrajectoryOption = Annotated[
    bool,
    typer.Option(
        "--trajectory",
        help="Probe the plane of the training path, computed from the weights kept during "
        "training.",
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="File for the arrays; by default CHECKPOINT-KIND.npz in the checkpoint's folder, with "
        "what differs from the defaults in its name.",
    ),
]
_FLAGS = ("dimensions", "along", "through")  # fields that --line and --trajectory set


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = App(help="Measure the loss surface around a trained network.")
    example = "Example: nascope probe {} runs/train/DARTS.safetensors"
    for command in (landscape, variance, curvature):
        group.command(epilog=example.format(command.__name__))(command)
    app.add_typer(group, name="probe")


@with_settings(LandscapeSettings, without=_FLAGS, unset={"batchnorm"})
def landscape(
    checkpoint: CheckpointArgument,
    *,
    given: dict[str, Any],
    line: LineOption = False,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="CHECKPOINT",
            help="Probe the line to another network, from -0.5 to 1.5 (0 is this network, 1 the "
            "other).",
        ),
    ] = None,
    trajectory: TrajectoryOption = False,
    data_dir: DataDirOption = None,
    workers: ThreadWorkersOption = None,
    device: DeviceOption = "auto",
    output: OutputOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure loss and accuracy around a network.

    The grid is a plane or line through the weights. BatchNorm is frozen by default, and
    recalibrated with --to.
    """
    if to is not None and (trajectory or given["at"] != "end"):
        raise StudyError("--to cannot be combined with --trajectory or --at")
    if to is not None and given["points"] < 2:
        raise StudyError("--to needs at least 2 points")
    if to is not None:
        given = {"batchnorm": "recalibrated", **given}
    with naming_options():
        settings = LandscapeSettings(
            **given, **_plane(line=line or to is not None, trajectory=trajectory)
        )
    _probe(
        settings, checkpoint, output, data_dir, workers, device,
        as_json=as_json, quiet=quiet, verbose=verbose, to=to,
    )  # fmt: skip


@with_settings(VarianceSettings, without=_FLAGS)
def variance(
    checkpoint: CheckpointArgument,
    *,
    given: dict[str, Any],
    line: LineOption = False,
    trajectory: TrajectoryOption = False,
    data_dir: DataDirOption = None,
    workers: ThreadWorkersOption = None,
    device: DeviceOption = "auto",
    output: OutputOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure the variance of per-image gradients around a network.

    The grid is a plane or line through the weights.
    """
    with naming_options():
        settings = VarianceSettings(**given, **_plane(line=line, trajectory=trajectory))
    _probe(
        settings, checkpoint, output, data_dir, workers, device,
        as_json=as_json, quiet=quiet, verbose=verbose,
    )  # fmt: skip


@with_settings(CurvatureSettings)
def curvature(
    checkpoint: CheckpointArgument,
    *,
    given: dict[str, Any],
    data_dir: DataDirOption = None,
    workers: ThreadWorkersOption = None,
    device: DeviceOption = "auto",
    output: OutputOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure curvature and Lipschitz constants at a network's weights.

    Compute the Hessian's largest eigenvalues, trace and spectral density, and Lipschitz constants
    of the gradient. With thousands of images this is slow; --instances 500 is often enough.
    """
    with naming_options():
        settings = CurvatureSettings(**given)
    _probe(
        settings, checkpoint, output, data_dir, workers, device,
        as_json=as_json, quiet=quiet, verbose=verbose,
    )  # fmt: skip


def _plane(*, line: bool, trajectory: bool) -> dict[str, Any]:
    """Return the settings that the flags stand for."""
    return {
        "dimensions": 1 if line else 2,
        "along": "trajectory" if trajectory else "random",
    }


def _apart(probe: ProbeSettings, to: Path | None) -> dict[str, Any]:
    """Return what sets a probe apart from one with default settings."""
    apart = non_defaults(probe)
    if apart.pop("dimensions", 2) == 1:
        apart = ({"line": True} if to is None else {"to": to.stem}) | apart
    return apart


def _probe(  # noqa: PLR0917  (the options that all kinds share)
    probe: ProbeSettings,
    checkpoint: Path,
    output: Path | None,
    data_dir: str | None,
    workers: int | None,
    device: str,
    *,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    to: Path | None = None,
) -> None:
    """Probe a checkpoint, draw the result and print it."""
    from nascope._src.cli.probe_lines import probe_lines, probe_numbers, radius_line
    from nascope._src.probes.checkpoint import probe_checkpoint
    from nascope._src.records.files import write_bytes
    from nascope._src.records.paths import name_with
    from nascope._src.report.figures.probes import draw_probe
    from nascope._src.results.text.forecasts import forecast_line
    from nascope._src.runtime.devices import (
        choose_device,
        configure_process,
        cores,
    )

    torch_device = choose_device(device)
    configure_process(threads=1)
    if verbose:
        print_log()
    stem = checkpoint.with_suffix("") if checkpoint.name else checkpoint
    name = name_with(f"{stem.name}-{probe.kind}", _apart(probe, to))
    path = output or stem.with_name(f"{name}.npz")
    if path.suffix != ".npz":
        raise StudyError(f"--output must end in .npz, since arrays are written: {path}")
    if path.is_dir():
        raise StudyError(f"--output is a folder: {path}")
    with job(quiet=quiet) as progress:
        arrays, settings = probe_checkpoint(
            checkpoint,
            probe,
            path,
            data_dir=data_dir,
            device=torch_device,
            to=to,
            workers=workers or (cores() if torch_device.type == "cpu" else 1),
            progress=progress,
            announce=None if quiet else lambda found: progress.say(forecast_line(found)),
        )
    drawing = draw_probe(probe.kind, arrays, settings, title=stem.name)
    write_bytes(path.with_suffix(".png"), drawing.encode())
    numbers = probe_numbers(probe.kind, arrays, settings)
    if as_json:
        print_json({"file": str(path), "settings": settings, "numbers": numbers})
        return
    print(f"{path} and {path.with_suffix('.png').name}:")
    if not settings["reached"]:
        print(f"  the training did not reach {settings['at']}: all values are NaN")
    if "radius_rule" in settings:
        print(f"  {radius_line(settings)}")
    for line in probe_lines(probe.kind, numbers):
        print(f"  {line}")
