"""The commands that ask a surrogate: predict and population. They load no torch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nascope._src.cells.genotype import CELL_KINDS, Genotype
from nascope._src.cli.cells import read_cell
from nascope._src.cli.options import (
    DataDirOption,
    JsonOption,
    QuietOption,
    TableOption,
    ThreadWorkersOption,
)
from nascope._src.cli.output import print_json
from nascope._src.cli.prediction_lines import (
    cell_lines,
    comparison_lines,
    family_lines,
    population_lines,
    surrogate_line,
    time_line,
)
from nascope._src.errors import GenotypeError, StudyError
from nascope._src.runtime.devices import cores
from nascope._src.runtime.progress import job

if TYPE_CHECKING:
    from nascope._src.results.predictions.comparison import Comparison
    from nascope._src.results.predictions.table import PredictedFamily
    from nascope._src.surrogate.model import Predictions, Surrogate

_LONGEST_PATH = 4096  # characters; a longer argument is a genotype
_PICTURES = (".png", ".svg", ".pdf")

SurrogateOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Surrogate in ONNX; by default tables/nasbench301-surrogate.onnx in the data folder.",
    ),
]
CodesOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Codes of the surrogate's inputs; by default the JSON file next to it.",
    ),
]
MeasuredOption = Annotated[
    Path | None,
    typer.Option(
        metavar="TABLE",
        help="Measured cells to compare with; by default tables/darts-214-random-cells.parquet in "
        "the data folder, if it is there.",
    ),
]
EpochsOption = Annotated[str, typer.Option(metavar="E,…", help="Epochs to predict, from 1 to 98.")]
PlotOption = Annotated[
    Path | None,
    typer.Option("--picture", metavar="FILE", help="Picture to write: .png, .svg or .pdf."),
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(
        epilog="Example: nascope predict DARTS --rewirings --epochs 1,10,98 -o darts.parquet"
    )(predict)
    app.command(epilog="Example: nascope population --output predicted")(population)


def predict(
    cells: Annotated[
        list[str],
        typer.Argument(
            metavar="CELL",
            help="Catalogue names, files, genotypes, or tables with a column genotype.",
            show_default=False,
        ),
    ],
    *,
    rewirings: Annotated[
        bool,
        typer.Option(
            "--rewirings",
            help="Predict every rewiring of each cell: operations kept, two distinct sources per "
            "node.",
        ),
    ] = False,
    only: Annotated[
        str, typer.Option(metavar="CELL", help="Rewire the normal or the reduce cell.")
    ] = "normal",
    epochs: EpochsOption = "1,10,25,50,98",
    surrogate: SurrogateOption = None,
    codes: CodesOption = None,
    measured: MeasuredOption = None,
    data_dir: DataDirOption = None,
    leave_out: Annotated[
        bool,
        typer.Option("--leave-out", help="Leave out cells that the surrogate cannot predict."),
    ] = False,
    workers: ThreadWorkersOption = None,
    output: TableOption = None,
    plot: PlotOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Predict accuracies with a surrogate. Needs pip install "nascope[surrogate]".

    The surrogate predicts cells of DARTS' space at epochs 1 to 98, without training. Predictions
    are compared with measured cells, and calibrated by them. docs/guides/predicting.md explains the
    numbers.
    """
    from nascope._src.cells.wiring import every_rewiring
    from nascope._src.records.tables import write_table
    from nascope._src.results.predictions.table import PredictedFamily, prediction_columns
    from nascope._src.surrogate.model import check_epochs, open_surrogate

    if plot is not None and plot.suffix not in _PICTURES:
        raise StudyError(
            f"--picture: expected a name that ends in {', '.join(_PICTURES)}, not {plot}"
        )
    if only not in CELL_KINDS:
        raise GenotypeError(f"--only takes normal or reduce, not {only!r}")
    if only != "normal" and not rewirings:
        raise GenotypeError("--only chooses the cell to rewire: give --rewirings too")
    chosen = check_epochs(_numbers(epochs))
    asked = open_surrogate(surrogate, codes, data_dir=data_dir)
    originals, left_out = _predictable(asked, _read_cells(cells), leave_out=leave_out)
    families = [list(every_rewiring(cell, only)) if rewirings else [cell] for cell in originals]
    genotypes = [genotype for family in families for genotype in family]
    threads = workers or cores()
    with job(quiet=quiet) as progress:
        predictions = asked.predict(genotypes, chosen, workers=threads, progress=progress)
    compared = _compare(asked, measured, data_dir, chosen, threads)
    agreed = compared.agreements if compared else ()
    columns = prediction_columns(genotypes, predictions.accuracies, chosen, asked.digest, agreed)
    if output is not None:
        write_table(output, columns)
    starts = accumulate((len(family) for family in families), initial=0)
    shown = [
        PredictedFamily(
            str(original.name),
            predictions.accuracies[start : start + len(family)],
            family.index(original) if rewirings else None,
        )
        for original, family, start in zip(originals, families, starts, strict=False)
    ]
    if plot is not None:
        _write_plot(plot, shown, chosen, compared)
    if as_json:
        names = list(columns)
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        print_json(_facts(asked, predictions, compared) | {"rows": rows})
        return
    lines = [surrogate_line(asked)]
    if left_out:
        lines.append(
            f"left out, because the surrogate cannot predict them: {left_out} of the cells"
        )
    lines.append(time_line(predictions, "rewiring" if rewirings else "cell"))
    lines += family_lines(shown, chosen) if rewirings else cell_lines(shown, chosen)
    print("\n".join([*lines, *comparison_lines(compared)]))


def population(
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Folder for the tables and the picture."
        ),
    ],
    epochs: EpochsOption = "1,10,50,98",
    surrogate: SurrogateOption = None,
    codes: CodesOption = None,
    measured: MeasuredOption = None,
    data_dir: DataDirOption = None,
    workers: ThreadWorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare each published cell with all of its rewirings, by predicted accuracy.

    The cells are those of the catalogue that the surrogate can predict. Each is compared with every
    rewiring of its normal cell that keeps the operations. docs/guides/predicting.md states the
    rules. Needs pip install "nascope[surrogate]".
    """
    from nascope._src.records.files import write_bytes
    from nascope._src.records.tables import columns_of, write_table
    from nascope._src.report.figures.predictions import draw_population
    from nascope._src.results.external.columns import PREDICTED
    from nascope._src.results.predictions.population import population_means, stand_in_population
    from nascope._src.surrogate.model import check_epochs, open_surrogate

    chosen = check_epochs(_numbers(epochs))
    asked = open_surrogate(surrogate, codes, data_dir=data_dir)
    threads = workers or cores()
    start = time.monotonic()
    with job(quiet=quiet) as progress:
        standings = stand_in_population(asked, chosen, workers=threads, progress=progress)
    seconds = time.monotonic() - start
    compared = _compare(asked, measured, data_dir, chosen, threads)
    found = [standing for standing in standings if not standing.control]
    means = population_means(found)
    rows = {
        "standings": [{"origin": PREDICTED, **asdict(standing)} for standing in standings],
        "means": [{"origin": PREDICTED, **mean.as_row()} for mean in means],
    }
    for name, table in rows.items():
        write_table(output / f"{name}.csv", columns_of(table))
    picture = draw_population(standings, means, compared)
    write_bytes(output / "population.png", picture.encode("png"))
    if as_json:
        print_json(_surrogate_facts(asked, compared) | rows)
        return
    lines = [surrogate_line(asked), *population_lines(standings, means, seconds)]
    print("\n".join([*lines, *comparison_lines(compared), f"written to {output}"]))


def _numbers(text: str) -> list[int]:
    """Return the whole numbers of an option."""
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise StudyError(
            f"--epochs: expected whole numbers separated by commas, such as 1,10,98, not {text!r}"
        ) from None


def _read_cells(arguments: Sequence[str]) -> list[Genotype]:
    """Return the cells that arguments name, each once."""
    from nascope._src.results.predictions.measured import TABLES, read_cells

    cells: dict[Genotype, Genotype] = {}
    for argument in arguments:
        table = Path(argument).suffix.lower() in TABLES and len(argument) < _LONGEST_PATH
        for cell in read_cells(Path(argument)) if table else [read_cell(argument)]:
            cells.setdefault(cell, cell if cell.name else cell.named("cell"))
    return list(cells.values())


def _predictable(
    surrogate: Surrogate, cells: Sequence[Genotype], *, leave_out: bool
) -> tuple[list[Genotype], int]:
    """Return the cells that can be predicted, and the number of those left out.

    Raises:
        GenotypeError: a cell cannot be predicted, and cells may not be left out; or none can.
    """
    from nascope._src.results.predictions.comparison import split_predictable

    inside, reasons = split_predictable(surrogate, cells)
    if reasons and not (leave_out and inside):
        more = "" if len(reasons) == 1 else f" (and {len(reasons) - 1} more of {len(cells)} cells)"
        advice = "; --leave-out predicts the others" if inside else ""
        raise GenotypeError(f"{reasons[0]}{more}{advice}")
    return inside, len(reasons)


def _compare(
    surrogate: Surrogate,
    measured: Path | None,
    data_dir: str | None,
    epochs: Sequence[int],
    workers: int,
) -> Comparison | None:
    """Compare a surrogate with measured cells; None if there are none."""
    from nascope._src.results.predictions.comparison import compare
    from nascope._src.results.predictions.measured import FILE

    if measured is None and data_dir is not None and (Path(data_dir) / FILE).exists():
        measured = Path(data_dir) / FILE
    if measured is None:
        return None
    return compare(surrogate, measured, epochs, workers=workers)


def _facts(
    surrogate: Surrogate, predictions: Predictions, compared: Comparison | None
) -> dict[str, Any]:
    """Return what ``predict --json`` prints, except the rows."""
    return _surrogate_facts(surrogate, compared) | {
        "cells": len(predictions.accuracies),
        "distinct": predictions.distinct,
        "seconds": predictions.seconds,
        "seconds_per_prediction": predictions.seconds_per_prediction,
    }


def _surrogate_facts(surrogate: Surrogate, compared: Comparison | None) -> dict[str, Any]:
    """Return what predicts, and its agreement with measured cells if it is known."""
    from nascope._src.results.external.columns import PREDICTED

    facts: dict[str, Any] = {
        "origin": PREDICTED,
        "surrogate": {"file": surrogate.path.name, "sha256": surrogate.digest},
    }
    if compared is not None:
        facts["measured"] = compared.table
        facts["agreement"] = [each.as_row() for each in compared.epochs]
    return facts


def _write_plot(
    path: Path, shown: Sequence[PredictedFamily], epochs: Sequence[int], compared: Comparison | None
) -> None:
    from nascope._src.records.files import write_bytes
    from nascope._src.report.figures.predictions import draw_predictions

    write_bytes(path, draw_predictions(shown, epochs, compared).encode(path.suffix[1:]))
