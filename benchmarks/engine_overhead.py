"""What the engines cost: seconds a trial beyond its work, and Ray with 5,000 trials.

A trivial trial does what every trial does and nothing more: it takes its lock, reads data that all
share, and writes its result. Overhead is wall time × workers / trials. Needs Ray; the time to start
it is told apart. The driver's memory must stay flat, and every result be there. The last figure
is a plan of 10,000 trials shown by the command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _result import keep
from _trivial import images, trivial

from nascope._src.study.engines.processes import ProcessEngine
from nascope._src.study.engines.ray import RayEngine
from nascope._src.study.engines.serial import SerialEngine
from nascope._src.study.engines.task import Engine, Shared, Task

FEW, MANY = 1000, 5000
WORKERS = 2
PLAN = """
cells = ["DARTS", "AmoebaNet", "NASNet", "ENAS", "SNAS"]
[variants]
seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9]
[data]
name = "digits"
[training]
scale = "tiny"
learning_rates = [0.0025, 0.01, 0.025, 0.1]
seeds = [{seeds}]
[landscape]
points = 21
[variance]
points = 11
"""


def resident_mb() -> float:
    """This process's memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def timed(engine: Engine, count: int) -> tuple[float, list[float]]:
    """Seconds that so many trials take, and the driver's memory after each fifth of them."""
    shared = Shared(images, (115_008,))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tasks = [Task(str(k), trivial, (folder, k, shared)) for k in range(count)]
        memory = []
        start = time.perf_counter()
        for done, outcome in enumerate(engine.run(tasks, lambda *_: None), start=1):
            assert outcome.error is None, outcome.error
            if done % (count // 5) == 0:
                memory.append(round(resident_mb(), 1))
        seconds = time.perf_counter() - start
        assert len(list(folder.glob("*/result.json"))) == count
    return seconds, memory


def plan_seconds() -> list[float]:
    """Of `nascope study plan` for 10,000 trials, three times."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "large.toml"
        path.write_text(PLAN.format(seeds=", ".join(map(str, range(50)))), encoding="utf-8")
        words = [sys.executable, "-m", "nascope", "study", "plan", str(path), "--no-calibrate"]
        found = []
        for _ in range(3):
            start = time.perf_counter()
            shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
            found.append(time.perf_counter() - start)
            assert "10000 trials" in shown
    return found


def main() -> None:
    """Each engine in turn."""
    seconds: dict[str, float] = {}
    raw: dict[str, object] = {}
    start = time.perf_counter()
    ray = RayEngine(workers=WORKERS)
    timed(ray, 10)  # its processes start, and load torch
    seconds["ray_start"] = time.perf_counter() - start
    spent, memory = timed(ray, MANY)
    seconds[f"ray_{MANY}_trials"] = spent
    seconds["ray_per_trial"] = spent * WORKERS / MANY
    raw["driver_mb"] = memory
    assert memory[-1] < 1.05 * memory[0] + 5, "the driver's memory grows"
    ray.close()
    for name, engine, workers in (
        ("processes", ProcessEngine(WORKERS), WORKERS),
        ("serial", SerialEngine(), 1),
    ):
        timed(engine, 10)
        spent, _ = timed(engine, FEW)
        seconds[f"{name}_per_trial"] = spent * workers / FEW
        engine.close()
    raw["plan_10000_trials"] = plan_seconds()
    seconds["plan_10000_trials"] = sorted(raw["plan_10000_trials"])[1]
    print(json.dumps(seconds, indent=1))
    keep("engine_overhead", threads="1 a process", seconds=seconds, raw=raw)


if __name__ == "__main__":
    main()
