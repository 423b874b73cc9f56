"""Commands over single networks: train, probe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from nascope.cli.cells import CellArgument
from nascope.cli.options import (
    DataDirOption,
    DeviceOption,
    QuietOption,
    SeedOption,
    ThreadsOption,
    VerboseOption,
)
from nascope.cli.progress import display, print_log
from nascope.errors import StudyError


def register(app: typer.Typer) -> None:
    """Add this layer's commands."""
    app.command(
        epilog="Example: nascope train DARTS --dataset cifar10 --data-dir data --scale small"
    )(train)
    app.command(epilog="Example: nascope probe landscape runs/train/DARTS.safetensors")(probe)


def train(
    cell: CellArgument,
    *,
    dataset: Annotated[str, typer.Option(metavar="NAME", help="digits, cifar10 …")] = "digits",
    data_dir: DataDirOption = None,
    train_size: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Training images used."),
    ] = None,
    test_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Test images used.")
    ] = None,
    validation_size: Annotated[
        int, typer.Option(metavar="N", min=0, help="Images held out of the training set.")
    ] = 0,
    recipe: Annotated[str, typer.Option(metavar="NAME", help="section4 or table1.")] = "section4",
    scale: Annotated[str, typer.Option(metavar="NAME", help="tiny, small or paper.")] = "tiny",
    channels: Annotated[
        int | None, typer.Option(metavar="C", min=1, help="Width of one node in the first cells.")
    ] = None,
    layers: Annotated[int | None, typer.Option(metavar="L", min=1, help="Number of cells.")] = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Passes over the training set.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Images a step.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(metavar="RATE", help="In the first epoch.")
    ] = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
    device: DeviceOption = "auto",
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The checkpoint; by default runs/train/CELL.safetensors"),
    ] = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Train one network of a cell; run it again to go on from its checkpoint."""
    from dataclasses import replace  # noqa: PLC0415

    import torch  # noqa: PLC0415

    from nascope.cells.resolve import resolve_cell  # noqa: PLC0415
    from nascope.data.datasets import load_data  # noqa: PLC0415
    from nascope.data.device import choose_device  # noqa: PLC0415
    from nascope.records.paths import slug  # noqa: PLC0415
    from nascope.training.recipe import RECIPES, scaled  # noqa: PLC0415
    from nascope.training.train import train as train_network  # noqa: PLC0415

    genotype = resolve_cell(cell)
    if recipe not in RECIPES:
        raise StudyError(f"no recipe {recipe!r}; there are {', '.join(RECIPES)}")
    given = {
        "channels": channels,
        "layers": layers,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    chosen = replace(scaled(RECIPES[recipe], scale), **changed)  # type: ignore[arg-type]
    data = load_data(
        dataset,
        data_dir=data_dir,
        train_size=train_size,
        test_size=test_size,
        validation_size=validation_size,
    )
    path = output or Path("runs/train") / f"{slug(genotype.name or 'cell')}.safetensors"
    torch.set_num_threads(threads)
    if verbose:
        print_log()
    with _progress(quiet) as progress:
        checkpoint = train_network(
            genotype,
            data,
            chosen,
            seed=seed,
            path=path,
            previous=path.with_name(f"{path.name}.previous"),
            device=choose_device(device),
            progress=progress,
        )
    last = checkpoint.records["epochs"][-1]
    state = "diverged" if checkpoint.records["diverged_at"] else "trained"
    print(
        f"{path}: {state}, {last['epoch']} epochs, training loss {last['train_loss']:.4f}, "
        f"test loss {last['test_loss']:.4f}, test accuracy {last['test_accuracy']:.2%}"
    )


def probe(
    kind: Annotated[
        Literal["landscape", "variance"],
        typer.Argument(metavar="landscape|variance", help="What is measured.", show_default=False),
    ],
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="As train writes it.", show_default=False)
    ],
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
    import torch  # noqa: PLC0415

    from nascope.data.device import choose_device  # noqa: PLC0415
    from nascope.study.probing import probe_checkpoint  # noqa: PLC0415
    from nascope.study.study import ProbePlan  # noqa: PLC0415

    plan = ProbePlan(
        kind=kind,
        points=points or {"landscape": 21, "variance": 11}[kind],
        radius=radius,
        instances=instances,
        seed=seed,
    )
    torch.set_num_threads(threads)
    if verbose:
        print_log()
    path = output or Path(
        f"{checkpoint.with_suffix('') if checkpoint.name else checkpoint}-{kind}.npz"
    )
    if path.suffix != ".npz":
        raise StudyError(f"--output must end in .npz, since arrays are written: {path}")
    with _progress(quiet) as progress:
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


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[float, str], None]]:
    """A display of one job, with the time left by its own pace."""
    start = time.monotonic()
    first: list[float] = []
    with display(quiet=quiet) as shown:

        def progress(share: float, words: str) -> None:
            if not first:
                first.append(share)  # what an earlier run had done tells nothing of the pace
            made = share - first[0]
            left = (time.monotonic() - start) * (1 - share) / made if made > 0.005 else None
            shown.show(share, left, words)

        yield progress
