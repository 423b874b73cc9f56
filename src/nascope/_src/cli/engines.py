"""Where the tasks of a study run: the settings of an engine, and the engine itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Le

from nascope._src.errors import StudyError

if TYPE_CHECKING:
    from nascope._src.study.calibration import Forecast
    from nascope._src.study.engines.task import Engine
    from nascope._src.study.missing import Missing


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """Where the tasks of a study run. The fields are options of the commands that run studies."""

    device: Annotated[str, "Device: auto (CUDA if available), cpu, cuda or mps."] = "auto"
    engine: Annotated[
        Literal["serial", "processes", "ray"],
        "Run one task at a time, several processes on this machine, or tasks on a Ray cluster.",
    ] = "processes"
    address: Annotated[
        str | None, "HOST:PORT of a running Ray cluster; auto for this machine's."
    ] = None
    workers: Annotated[
        int | None, Ge(1), "Number of worker processes; by default one per core."
    ] = None
    threads: Annotated[int, Ge(1), Le(1024), "Number of CPU threads per task."] = 1
    gpus: Annotated[
        float | None, Ge(0), "GPUs per task (Ray only); 0.25 runs four tasks on each GPU."
    ] = None


@contextlib.contextmanager
def open_engine(settings: EngineSettings) -> Iterator[tuple[Engine, int]]:
    """Open the engine of the settings, and close it at the end.

    Yields:
        The engine, and the number of tasks that it runs at a time.

    Raises:
        StudyError: the settings contradict each other, or the cluster cannot be reached.
    """
    from nascope._src.runtime.devices import configure_process, cores, device_name
    from nascope._src.study.engines.processes import ProcessEngine
    from nascope._src.study.engines.serial import SerialEngine

    workers, threads, gpus = settings.workers, settings.threads, settings.gpus
    if settings.engine != "ray" and (settings.address is not None or gpus is not None):
        given = "--address" if settings.address is not None else "--gpus"
        raise StudyError(f"{given} is for a Ray cluster: give --engine ray")
    engine: Engine
    match settings.engine:
        case "serial":
            if workers not in {None, 1}:
                raise StudyError("the serial engine has one worker: leave out --workers")
            configure_process(threads)
            engine, max_concurrent = SerialEngine(), 1
        case "processes":
            on_cpu = device_name(settings.device) == "cpu"
            max_concurrent = workers or (max(1, cores() // threads) if on_cpu else 1)
            engine = ProcessEngine(max_concurrent, threads)
        case "ray":
            from nascope._src.study.engines.ray import RayEngine

            if settings.address is None and workers is None:
                workers = max(1, cores() // threads)
            engine = RayEngine(settings.address, workers=workers, threads=threads, gpus=gpus or 0.0)
            max_concurrent = engine.max_concurrent()
    with contextlib.closing(engine):
        yield engine, max_concurrent


def measure_forecast(
    settings: EngineSettings, missing: Sequence[Missing], folder: Path, data_dir: str | None
) -> Forecast:
    """Measure how long the missing work of a study takes on an engine."""
    from nascope._src.study.calibration import forecast
    from nascope._src.study.tasks import make_work_list

    with open_engine(settings) as (engine, max_concurrent):
        work = make_work_list(missing, folder, data_dir, engine.device(settings.device))
        busy = min(max_concurrent, work.num_results)
        return forecast(work, engine, folder, workers=busy, data_dir=data_dir)
