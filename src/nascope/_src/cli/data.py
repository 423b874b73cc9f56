"""The data commands: download data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nascope._src.cli.app import App


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    data = App(help="Download data sets.")
    data.command(epilog="Example: nascope data download cifar10 --data-dir data")(download)
    app.add_typer(data, name="data")


def download(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Data set: cifar10 or cifar100.")],
    *,
    data_dir: Annotated[
        Path,
        typer.Option(
            "--data-dir",
            envvar="NASCOPE_DATA",
            metavar="FOLDER",
            help="Folder to store the data set in.",
        ),
    ],
) -> None:
    """Download a data set from the Hugging Face hub. Needs pip install "nascope[download]"."""
    from nascope._src.data.download import download_data

    print(download_data(name, data_dir))
