"""Commands over single networks: train, evaluate, curves, import."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from nascope._src.cli.cells import CellArgument
from nascope._src.cli.options import (
    CheckpointArgument,
    DataDirOption,
    DeviceOption,
    QuietOption,
    SeedOption,
    ThreadsOption,
    VerboseOption,
)
from nascope._src.cli.progress import job, print_log
from nascope._src.errors import StudyError

PrecisionOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="float32 (the default), tf32 or bf16.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add this layer's commands."""
    app.command(
        epilog="Example: nascope train DARTS --scale small --learning-rate 0.25 --data-dir data"
    )(train)
    app.command(epilog="Example: nascope evaluate runs/train/DARTS.safetensors")(evaluate)
    app.command(epilog="Example: nascope curves runs/train/DARTS.safetensors")(curves)
    app.command("import", epilog="Example: nascope import weights.pt DARTS --data-dir data")(
        import_
    )


def train(
    cell: CellArgument,
    *,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="digits, cifar10, cifar100 …; by default the scale's."),
    ] = None,
    data_dir: DataDirOption = None,
    train_size: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Training images; by default the scale's."),
    ] = None,
    test_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Test images; by default the scale's.")
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
    precision: PrecisionOption = None,
    compile_: Annotated[
        bool, typer.Option("--compile", help="Use torch.compile: minutes first, then faster.")
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other field of the recipe."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="MOMENT", help="Keep the weights at: epoch N, or loss X. Repeatable."),
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

    from nascope._src.cells.resolve import resolve_cell  # noqa: PLC0415
    from nascope._src.data.datasets import load_data  # noqa: PLC0415
    from nascope._src.records.paths import slug  # noqa: PLC0415
    from nascope._src.runtime.devices import choose_device, configure_process  # noqa: PLC0415
    from nascope._src.training.moments import Moment  # noqa: PLC0415
    from nascope._src.training.recipe import RECIPES, overridden, scale_of  # noqa: PLC0415
    from nascope._src.training.train import train as train_network  # noqa: PLC0415

    genotype = resolve_cell(cell)
    if recipe not in RECIPES:
        raise StudyError(f"no recipe {recipe!r}; there are {', '.join(RECIPES)}")
    size = scale_of(scale)
    chosen = replace(RECIPES[recipe], **size.overrides)
    given = {
        "channels": channels,
        "layers": layers,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "precision": precision,
        "compile": compile_ or None,
    }
    chosen = overridden(chosen, _settings(set_ or []), where="--set ")
    chosen = replace(chosen, **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
    data = load_data(
        dataset or size.dataset,
        data_dir=data_dir,
        train_size=train_size,
        test_size=test_size,
        validation_size=validation_size,
        at_most=(size.train_size, size.test_size),
    )
    path = output or Path("runs/train") / f"{slug(genotype.name or 'cell')}.safetensors"
    configure_process(threads)
    if verbose:
        print_log()
    with job(quiet=quiet) as progress:
        checkpoint = train_network(
            genotype,
            data,
            chosen,
            seed=seed,
            path=path,
            previous=path.with_name(f"{path.name}.previous"),
            device=choose_device(device),
            keep=[Moment.parse(text) for text in keep or []],
            progress=progress,
        )
    last = checkpoint.records["epochs"][-1]
    state = "diverged" if checkpoint.records["diverged_at"] else "trained"
    print(
        f"{path}: {state}, {last['epoch']:g} epochs, training loss {last['train_loss']:.4f}, "
        f"test loss {last['test_loss']:.4f}, test accuracy {last['test_accuracy']:.2%} "
        f"(top 5 {last['test_top5']:.2%})"
    )


def _settings(texts: list[str]) -> dict[str, Any]:
    """NAME=VALUE texts as values: TOML's, or plain words."""
    settings: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise StudyError(f"--set expects NAME=VALUE, such as weight_decay=0, not {text!r}")
        try:
            settings[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            settings[name.strip()] = value.strip()
    return settings


def evaluate(
    checkpoint: CheckpointArgument,
    *,
    split: Annotated[
        Literal["test", "validation", "train"],
        typer.Option(metavar="NAME", help="test, validation or train (not augmented)."),
    ] = "test",
    data_dir: DataDirOption = None,
    precision: PrecisionOption = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Images at once; by default what fits.")
    ] = None,
    threads: ThreadsOption = 1,
    device: DeviceOption = "auto",
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Every image's loss and rank: .csv, .json, .parquet"),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Evaluate a trained network on the images that it was trained beside."""

    from nascope._src.data.augmentation import on_device  # noqa: PLC0415
    from nascope._src.records.tables import write_table  # noqa: PLC0415
    from nascope._src.runtime.devices import choose_device, configure_process  # noqa: PLC0415
    from nascope._src.training.checkpoint import load_checkpoint  # noqa: PLC0415
    from nascope._src.training.evaluation import evaluate as evaluate_network  # noqa: PLC0415
    from nascope._src.training.trained import data_of, trained_network  # noqa: PLC0415

    found = load_checkpoint(checkpoint)
    data = data_of(found, str(data_dir) if data_dir else None)
    part = {"test": data.test, "validation": data.validation, "train": data.train}[split]
    if part is None:
        raise StudyError(f"{checkpoint} was trained without a validation split")
    arithmetic = precision or found.records["recipe"]["precision"]
    configure_process(threads)
    where = choose_device(device)
    before = time.perf_counter()
    with job(quiet=quiet) as progress:
        result = evaluate_network(
            trained_network(found).to(where),
            *on_device(part, data, where),
            precision=arithmetic,
            batch_size=batch_size,
            progress=lambda share: progress(share, f"{len(part)} {split} images"),
        )
    pace = len(part) / (time.perf_counter() - before)
    if output is not None:
        columns = {
            "image": list(range(len(part))),
            "label": part.labels.tolist(),
            "loss": result.losses.tolist(),
            "rank": result.ranks.tolist(),
        }
        write_table(output, columns)
    print(
        f"{checkpoint}: {len(part)} {split} images of {data.name}: loss {result.loss:.4f}, "
        f"accuracy {result.accuracy:.2%}, top 5 {result.top5:.2%} ({arithmetic}, "
        f"{pace:.0f} images/s)"
    )


def curves(
    checkpoint: CheckpointArgument,
    *,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also written: .csv, .json or .parquet")
    ] = None,
) -> None:
    """Print a training's curves: several points in the first epochs, then one an epoch."""
    from dataclasses import asdict, fields  # noqa: PLC0415

    from nascope._src.records.read import CurvePoint, read_training  # noqa: PLC0415
    from nascope._src.records.tables import write_table  # noqa: PLC0415

    record = read_training(checkpoint)
    points = [asdict(point) for point in record.curve]
    if output is not None:
        names = [field.name for field in fields(CurvePoint)]
        write_table(output, {name: [point[name] for point in points] for name in names})
    print(
        f"{'':>6} {'learning':>9} {'training':>9} {'':>7} {'':>7} {'test':>9} {'':>7} {'':>7} "
        f"{'gradient':>9} {'':>9}\n"
        f"{'epoch':>6} {'rate':>9} {'loss':>9} {'top 1':>7} {'top 5':>7} {'loss':>9} {'top 1':>7} "
        f"{'top 5':>7} {'norm':>9} {'images/s':>9}"
    )
    for p in points:
        print(
            f"{p['epoch']:6.5g} {p['learning_rate']:9.4g} {p['train_loss']:9.4g} "
            f"{p['train_accuracy']:7.2%} {p['train_top5']:7.2%} {p['test_loss']:9.4g} "
            f"{p['test_accuracy']:7.2%} {p['test_top5']:7.2%} {p['gradient_norm']:9.4g} "
            f"{p['images_per_second']:9.0f}"
        )
    if not points:
        print("no points yet")
    if record.diverged_at is not None:
        print(f"diverged at epoch {record.diverged_at}")


def import_(
    weights: Annotated[
        Path,
        typer.Argument(
            metavar="WEIGHTS", help="A state_dict: .pt, .safetensors.", show_default=False
        ),
    ],
    cell: CellArgument,
    *,
    channels: Annotated[int, typer.Option(metavar="C", min=1, help="As it was trained.")] = 36,
    layers: Annotated[int, typer.Option(metavar="L", min=1, help="As it was trained.")] = 20,
    dataset: Annotated[
        str, typer.Option(metavar="NAME", help="What it was trained on.")
    ] = "cifar10",
    data_dir: DataDirOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The checkpoint; by default runs/import/CELL.safetensors"
        ),
    ] = None,
) -> None:
    """Make a checkpoint of weights trained with DARTS' code, to evaluate and probe them."""
    from nascope._src.cells.resolve import resolve_cell  # noqa: PLC0415
    from nascope._src.data.datasets import load_data  # noqa: PLC0415
    from nascope._src.records.paths import slug  # noqa: PLC0415
    from nascope._src.training.weights import import_weights  # noqa: PLC0415

    genotype = resolve_cell(cell)
    data = load_data(dataset, data_dir=data_dir)
    path = output or Path("runs/import") / f"{slug(genotype.name or 'cell')}.safetensors"
    import_weights(weights, genotype, data, path, channels=channels, layers=layers)
    print(f"{path}: {genotype.name or 'cell'}, C={channels}, L={layers}, weights of {weights.name}")
