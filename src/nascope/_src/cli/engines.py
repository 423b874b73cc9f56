"""Options that say where a study's tasks are carried out, and the engine that they make."""

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
    """The engines by name."""

    SERIAL = "serial"
    PROCESSES = "processes"
    RAY = "ray"


EngineOption = Annotated[
    EngineName, typer.Option(help="One after the other, side by side here, or on a Ray cluster.")
]
AddressOption = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="A running Ray cluster; auto: this machine's."),
]
TaskThreadsOption = Annotated[
    int, typer.Option("--threads", metavar="N", min=1, max=1024, help="CPU threads of a task.")
]
GpusOption = Annotated[
    float | None,
    typer.Option(metavar="SHARE", min=0, help="Of a GPU, for each task on Ray: 0.25 for four."),
]


@contextlib.contextmanager
def engine_of(
    name: EngineName,
    *,
    device: str,
    workers: int | None,
    address: str | None,
    threads: int,
    gpus: float | None,
) -> Iterator[tuple[Engine, int]]:
    """The engine that the options ask for, and how many tasks it runs side by side.

    Raises:
        StudyError: the options contradict each other, or the cluster is not reached.
    """
    from nascope._src.runtime.devices import cores, device_name  # noqa: PLC0415
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
            from nascope._src.runtime.devices import configure_process  # noqa: PLC0415  (loads torch)

            configure_process(threads)
            engine, side_by_side = SerialEngine(), 1
        case EngineName.PROCESSES:
            on_cpu = device_name(device) == "cpu"
            side_by_side = workers or (max(1, cores() // threads) if on_cpu else 1)
            engine = ProcessEngine(side_by_side, threads)
        case EngineName.RAY:
            from nascope._src.study.engines.ray import RayEngine  # noqa: PLC0415

            if address is None and workers is None:
                workers = max(1, cores() // threads)
            engine = RayEngine(address, workers=workers, threads=threads, gpus=gpus or 0.0)
            side_by_side = engine.side_by_side()
    with contextlib.closing(engine):
        yield engine, side_by_side
