"""The commands over single networks: train, evaluate, curves and import."""

from __future__ import annotations

import time
import tomllib
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from nascope._src import schema
from nascope._src.cli.cells import CellArgument
from nascope._src.cli.derived import naming_options, with_settings
from nascope._src.cli.options import (
    CheckpointArgument,
    DataDirOption,
    DeviceOption,
    JsonOption,
    QuietOption,
    SeedOption,
    ThreadsOption,
    VerboseOption,
)
from nascope._src.cli.output import print_json
from nascope._src.data.request import DataRequest
from nascope._src.errors import StudyError
from nascope._src.runtime.progress import job, print_log
from nascope._src.study.scales import SCALES, find_scale
from nascope._src.training.recipe import RECIPES, Recipe

_RECIPE_FIELDS = tuple(field.name for field in fields(Recipe))
_SIZES = ("train_size", "test_size", "validation_size")


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(
        epilog="Example: nascope train DARTS --scale small --learning-rate 0.25 --data-dir data"
    )(train)
    app.command(epilog="Example: nascope evaluate runs/train/DARTS.safetensors")(evaluate)
    app.command(epilog="Example: nascope curves runs/train/DARTS.safetensors")(curves)
    app.command("import", epilog="Example: nascope import weights.pt DARTS --data-dir data")(
        import_
    )


@with_settings(Recipe, unset=_RECIPE_FIELDS)
@with_settings(DataRequest, only=_SIZES, into="sizes")
def train(
    cell: CellArgument,
    *,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Data set: digits, cifar10, cifar100 …; by default the scale's."
        ),
    ] = None,
    data_dir: DataDirOption = None,
    sizes: dict[str, Any],
    recipe: Annotated[
        str, typer.Option(metavar="NAME", help=f"Recipe of the paper: {', '.join(RECIPES)}.")
    ] = "section4",
    scale: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help=f"Scale: {', '.join(SCALES)}. Sets the network size, number of epochs, data set "
            "and number of images.",
        ),
    ] = "tiny",
    given: dict[str, Any],
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Set a field of the recipe by name. Repeatable."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MOMENT", help="Keep the weights at this moment: epoch N or loss X. Repeatable."
        ),
    ] = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
    device: DeviceOption = "auto",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Checkpoint to write; by default runs/train/CELL.safetensors, with what differs "
            "from the defaults in its name.",
        ),
    ] = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Train a network built from a cell, or resume its training.

    Options for single fields of the recipe override --recipe and --scale. Run again to resume from
    the checkpoint.
    """
    from nascope._src.cells.resolve import resolve_cell
    from nascope._src.runtime.devices import choose_device, configure_process
    from nascope._src.training.files import TrainingFiles
    from nascope._src.training.moments import Moment
    from nascope._src.training.train import train_network

    genotype = resolve_cell(cell)
    chosen_scale = find_scale(scale)
    chosen = schema.replaced(chosen_scale.recipe(recipe), _named_values(set_ or []), where="--set ")
    with naming_options():
        chosen = schema.replaced(chosen, given, where="")
    at_most = (chosen_scale.train_size, chosen_scale.test_size)
    request = DataRequest(dataset or chosen_scale.dataset, **sizes, at_most=at_most)
    data = request.load(data_dir)
    usual = asdict(chosen_scale.recipe(recipe))
    apart = {
        "scale": scale if scale != "tiny" else None,
        "recipe": recipe if recipe != "section4" else None,
        "dataset": dataset if dataset != chosen_scale.dataset else None,
        **{name: size or None for name, size in sizes.items()},
        **{name: value for name, value in asdict(chosen).items() if value != usual[name]},
        "seed": seed or None,
    }
    path = output or _usual_path(genotype.name, apart)
    configure_process(threads)
    if verbose:
        print_log()
    with job(quiet=quiet) as progress:
        checkpoint = train_network(
            genotype,
            data,
            chosen,
            TrainingFiles(path, path.with_name(f"{path.name}.previous")),
            seed=seed,
            keep=[Moment.parse(text) for text in keep or []],
            device=choose_device(device),
            progress=progress,
        )
    last = checkpoint.records["epochs"][-1]
    state = "diverged" if checkpoint.records["diverged_at"] else "trained"
    print(
        f"{path}: {state}, {last['epoch']:g} epochs, training loss {last['train_loss']:.4f}, "
        f"test loss {last['test_loss']:.4f}, test accuracy {last['test_accuracy']:.2%} "
        f"(top 5 {last['test_top5']:.2%})"
    )


def _usual_path(cell: str | None, apart: dict[str, Any]) -> Path:
    """Return the checkpoint's default path, which carries the settings that are not None.

    >>> _usual_path("DARTS", {"scale": None, "learning_rate": 0.25}).name
    'DARTS-learning-rate-0.25.safetensors'
    """
    from nascope._src.records.paths import name_with, slug

    known = {name: value for name, value in apart.items() if value is not None}
    return Path("runs/train") / f"{name_with(slug(cell or 'cell'), known)}.safetensors"


def _named_values(texts: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE texts; a value is TOML or a plain word."""
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise StudyError(f"--set expects NAME=VALUE, such as weight_decay=0, not {text!r}")
        try:
            values[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            values[name.strip()] = value.strip()
    return values


@with_settings(Recipe, only={"precision"}, unset={"precision"})
def evaluate(
    checkpoint: CheckpointArgument,
    *,
    split: Annotated[
        Literal["test", "validation", "train"],
        typer.Option("--data", help="Images to evaluate on; training images are not augmented."),
    ] = "test",
    data_dir: DataDirOption = None,
    given: dict[str, Any],
    batch_size: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Number of images at a time; by default what fits in memory."
        ),
    ] = None,
    threads: ThreadsOption = 1,
    device: DeviceOption = "auto",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Table of each image's loss and rank: .csv, .json or .parquet.",
        ),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Evaluate a trained network on its data set.

    By default, use the precision that the network was trained with.
    """
    from nascope._src.data.augmentation import on_device
    from nascope._src.records.tables import write_table
    from nascope._src.runtime.devices import choose_device, configure_process
    from nascope._src.training.build import load_trained, restore_network
    from nascope._src.training.evaluation import evaluate as evaluate_network
    from nascope._src.training.trained import load_training_data

    trained = load_trained(checkpoint)
    data = load_training_data(trained, data_dir)
    part = {"test": data.test, "validation": data.validation, "train": data.train}[split]
    if part is None:
        raise StudyError(f"{checkpoint} was trained without a validation split")
    arithmetic = given.get("precision", trained.records["recipe"]["precision"])
    configure_process(threads)
    torch_device = choose_device(device)
    start = time.perf_counter()
    with job(quiet=quiet) as progress:
        result = evaluate_network(
            restore_network(trained).to(torch_device),
            *on_device(part, data, torch_device),
            precision=arithmetic,
            batch_size=batch_size,
            progress=lambda share: progress(share, f"{len(part)} {split} images"),
        )
    pace = len(part) / (time.perf_counter() - start)
    if output is not None:
        columns = {
            "image": list(range(len(part))),
            "label": part.labels.tolist(),
            "loss": result.losses.tolist(),
            "rank": result.ranks.tolist(),
        }
        write_table(output, columns)
    if as_json:
        print_json(
            {
                "checkpoint": str(checkpoint),
                "data": data.name,
                "split": split,
                "images": len(part),
                "loss": result.loss,
                "accuracy": result.accuracy,
                "top5": result.top5,
                "precision": arithmetic,
                "images_per_second": pace,
            }
        )
        return
    print(
        f"{checkpoint}: {len(part)} {split} images of {data.name}: loss {result.loss:.4f}, "
        f"accuracy {result.accuracy:.2%}, top 5 {result.top5:.2%} ({arithmetic}, "
        f"{pace:.0f} images/s)"
    )


def curves(
    checkpoint: CheckpointArgument,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Table of the curves: .csv, .json or .parquet."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the curves of a training run.

    They have several points in the first epochs, then one per epoch.
    """
    from nascope._src.records.read import CURVE_COLUMNS, read_training
    from nascope._src.records.tables import write_table

    record = read_training(checkpoint)
    points = record.curve_rows
    if output is not None:
        write_table(output, {name: [point[name] for point in points] for name in CURVE_COLUMNS})
    if as_json:
        print_json(
            {"checkpoint": str(checkpoint), "diverged_at": record.diverged_at, "curve": points}
        )
        return
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


@with_settings(Recipe, only={"channels", "layers"})
def import_(
    weights: Annotated[
        Path,
        typer.Argument(
            metavar="WEIGHTS",
            help="File containing a state_dict: .pt or .safetensors.",
            show_default=False,
        ),
    ],
    cell: CellArgument,
    *,
    given: dict[str, Any],
    dataset: Annotated[
        str, typer.Option(metavar="NAME", help="Data set the network was trained on.")
    ] = "cifar10",
    data_dir: DataDirOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Checkpoint to write; by default runs/import/CELL.safetensors.",
        ),
    ] = None,
) -> None:
    """Make a checkpoint from weights trained with the DARTS code.

    Then evaluate and probe it like any other.
    """
    from nascope._src.cells.resolve import resolve_cell
    from nascope._src.data.datasets import load_data
    from nascope._src.records.paths import slug
    from nascope._src.training.weights import import_weights

    genotype = resolve_cell(cell)
    data = load_data(dataset, data_dir=data_dir)
    path = output or Path("runs/import") / f"{slug(genotype.name or 'cell')}.safetensors"
    import_weights(weights, genotype, data, path, **given)
    print(
        f"{path}: {genotype.name or 'cell'}, C={given['channels']}, L={given['layers']}, "
        f"weights of {weights.name}"
    )
