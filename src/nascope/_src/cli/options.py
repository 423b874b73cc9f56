"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CheckpointArgument = Annotated[
    Path,
    typer.Argument(
        metavar="CHECKPOINT", help="Checkpoint of a trained network.", show_default=False
    ),
]
StudyFolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Folder of a study.", show_default=False)
]
DataDirOption = Annotated[
    str | None,
    typer.Option(
        "--data-dir",
        envvar="NASCOPE_DATA",
        metavar="FOLDER",
        help="Folder that holds the data sets: cifar10, cifar100 …",
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(metavar="NAME", help="Device: auto (CUDA if available), cpu, cuda or mps."),
]
ThreadWorkersOption = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Number of worker threads; by default one per core."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="Print results only.")]
VerboseOption = Annotated[bool, typer.Option("-v", "--verbose", help="Print each step.")]
SeedOption = Annotated[int, typer.Option(metavar="S", min=0, help="Random seed.")]
ThreadsOption = Annotated[
    int, typer.Option(metavar="N", min=1, max=1024, help="Number of CPU threads.")
]
TableOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Table to write: .csv, .json or .parquet."),
]
