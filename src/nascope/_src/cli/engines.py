"""Options that choose an engine, which executes a study's tasks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from nascope._src.errors import StudyError

if TYPE_CHECKING:
    from nascope._src.study.engines.task import Engine


class EngineName(StrEnum):
    """Names of the engines."""

    SERIAL = "serial"
    PROCESSES = "processes"
    RAY = "ray"


EngineOption = Annotated[
    EngineName, typer.Option(help="One task at a time, several processes here, or a Ray cluster.")
]
AddressOption = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Running Ray cluster; auto: this machine's."),
]
TaskThreadsOption = Annotated[
    int, typer.Option("--threads", metavar="N", min=1, max=1024, help="CPU threads per task.")
]
GpusOption = Annotated[
    float | None,
    typer.Option(
        metavar="FRACTION",
        min=0,
        help="GPUs per task (Ray only); 0.25: four on one.",
    ),
]


@contextlib.contextmanager
def open_engine(
    name: EngineName,
    *,
    device: str,
    workers: int | None,
    address: str | None,
    threads: int,
    gpus: float | None,
) -> Iterator[tuple[Engine, int]]:
    """Open the engine that the options ask for, and close it at the end.

    Yields:
        The engine, and the number of tasks that it runs at a time.

    Raises:
        StudyError: the options contradict each other, or the cluster cannot be reached.
    """
    from nascope._src.runtime.devices import configure_process, cores, device_name  # noqa: PLC0415
    from nascope._src.study.engines.processes import ProcessEngine  # noqa: PLC0415
    from nascope._src.study.engines.serial import SerialEngine  # noqa: PLC0415

    if name != EngineName.RAY and (address is not None or gpus is not None):
        given = "--address" if address is not None else "--gpus"
        raise StudyError(f"{given} is for a Ray cluster: give --engine ray")
    engine: Engine
    match name:
        case EngineName.SERIAL:
            if workers not in {None, 1}:
                raise StudyError("the serial engine has one worker: leave out --workers")
            configure_process(threads)
            engine, max_concurrent = SerialEngine(), 1
        case EngineName.PROCESSES:
            on_cpu = device_name(device) == "cpu"
            max_concurrent = workers or (max(1, cores() // threads) if on_cpu else 1)
            engine = ProcessEngine(max_concurrent, threads)
        case EngineName.RAY:
            from nascope._src.study.engines.ray import RayEngine  # noqa: PLC0415

            if address is None and workers is None:
                workers = max(1, cores() // threads)
            engine = RayEngine(address, workers=workers, threads=threads, gpus=gpus or 0.0)
            max_concurrent = engine.max_concurrent()
    with contextlib.closing(engine):
        yield engine, max_concurrent
