"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CheckpointArgument = Annotated[
    Path, typer.Argument(metavar="CHECKPOINT", help="As train writes it.", show_default=False)
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="NASCOPE_DATA",
        metavar="FOLDER",
        help="The data folder: holds cifar10, cifar100 …",
    ),
]
DeviceOption = Annotated[
    str, typer.Option(metavar="NAME", help="auto, cpu, cuda, mps; auto takes CUDA if it's there.")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Processes, of one thread each; by default one a core."),
]
ThreadWorkersOption = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Threads side by side; by default one a core."),
]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="Print results only.")]
VerboseOption = Annotated[bool, typer.Option("-v", "--verbose", help="Print each step.")]
SeedOption = Annotated[int, typer.Option(metavar="S", min=0, help="Seed of all randomness.")]
ThreadsOption = Annotated[int, typer.Option(metavar="N", min=1, max=1024, help="CPU threads.")]
