"""Commands on results: a study's report, a landscape's smoothness. They load no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np


def register(app: typer.Typer) -> None:
    """Add this layer's commands."""
    app.command()(report)
    app.command(epilog="Example: nascope smoothness runs/train/DARTS-landscape.npz --classes 10")(
        smoothness
    )


def report(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="A study's folder, or several.")
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The page [FOLDER/report.html]; needed for several.",
        ),
    ] = None,
    figures: Annotated[
        bool, typer.Option("--figures/--no-figures", help="Draw figures for print as well.")
    ] = True,
) -> None:
    """Draw a study's report: one HTML page, and figures for print in FOLDER/figures.

    Works on a study that is still running, too. The page opens from disk and needs no network.
    Several studies share one page, without figures for print.

    Example: nascope report runs/demo --output demo.html
    """
    from nascope._src.report.write import write_report  # noqa: PLC0415  (keeps --help fast)

    print(write_report(*folders, output=output, figures=figures))


def smoothness(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Landscapes, as probe writes them.")
    ],
    *,
    level: Annotated[
        float | None, typer.Option(metavar="LOSS", help="Level of the area below it, in nats.")
    ] = None,
    classes: Annotated[
        int | None, typer.Option(metavar="N", min=2, help="Take ln N, the loss of a guess.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help=".csv, .json or .parquet.")
    ] = None,
) -> None:
    """Print the smoothness of landscapes in numbers (docs/guides/smoothness.md).

    Given several, of other directions or seeds, also their means with 95 % intervals.
    """
    from dataclasses import asdict  # noqa: PLC0415
    from math import isnan, log, nan  # noqa: PLC0415

    from nascope._src.errors import StudyError  # noqa: PLC0415
    from nascope._src.records.files import read_arrays  # noqa: PLC0415
    from nascope._src.records.tables import columns_of, write_table  # noqa: PLC0415
    from nascope._src.results.metrics.smoothness import over_pairs, smoothness_of  # noqa: PLC0415

    if level is None:
        level = log(classes) if classes is not None else nan
    found = {}
    for path in files:
        arrays = read_arrays(path)
        if not _is_landscape(arrays):
            raise StudyError(f"{path} holds no landscape over a plane")
        found[path] = smoothness_of(arrays["loss"], arrays["alphas"], arrays["betas"], level)
    rows = [{"file": str(path), **asdict(numbers)} for path, numbers in found.items()]
    if output is not None:
        write_table(output, columns_of(rows))
    for row in rows:
        print(row["file"])
        for name, value in row.items():
            if name != "file" and not isnan(value):  # no level, no area below it
                print(f"  {name.replace('_', ' '):18} {value:.4g}")
    if len(rows) > 1:
        print(f"mean of {len(rows)}")
        for name, of in over_pairs(list(found.values())).items():
            interval = f"  95 % interval {of.low:.4g} … {of.high:.4g}" if of.low is not None else ""
            if not isnan(of.mean):
                print(f"  {name.replace('_', ' '):18} {of.mean:.4g}{interval}")


def _is_landscape(arrays: Mapping[str, np.ndarray]) -> bool:
    loss, alphas, betas = (arrays.get(name) for name in ("loss", "alphas", "betas"))
    if loss is None or alphas is None or betas is None or "variance" in arrays:
        return False
    real = all(part.dtype.kind in "fiu" for part in (loss, alphas, betas))
    return real and loss.size > 0 and loss.ndim == 2 and loss.shape == alphas.shape + betas.shape
