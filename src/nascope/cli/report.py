"""The command that draws a report. It loads no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this layer's commands."""
    app.command()(report)


def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A study's folder.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The page [FOLDER/report.html]."),
    ] = None,
    figures: Annotated[
        bool, typer.Option("--figures/--no-figures", help="Draw figures for print as well.")
    ] = True,
) -> None:
    """Draw a study's report: one HTML page, and figures for print in FOLDER/figures.

    Works on a study that is still running, too. The page opens from disk and needs no network.

    Example: nascope report runs/demo --output demo.html
    """
    from nascope.report import write_report  # noqa: PLC0415  (keeps --help fast)

    print(write_report(folder, output=output, figures=figures))
