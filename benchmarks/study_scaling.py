"""A study on two workers against one, and against two bare processes doing the same trials.

Twelve trainings of DARTS' cell on digits, one a seed. Bare processes call `nascope.train`
in a loop, six trainings each, and know nothing of studies. Every side is a fresh process that ends
when its last result is on disk, imports included. Curves are asserted equal bit for bit.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nascope._src.records.read import read_study, read_training
from nascope._src.training.recipe import Recipe

ROUNDS = 3
SEEDS = range(12)
RECIPE = Recipe(channels=8, layers=5, epochs=6, batch_size=64)


def study(folder: Path, workers: int) -> None:
    """The trials as a study."""
    from nascope._src.data.request import DataRequest  # noqa: PLC0415
    from nascope._src.study.definition import Part, StudyDefinition, plan_cells  # noqa: PLC0415
    from nascope._src.study.engines.processes import ProcessEngine  # noqa: PLC0415
    from nascope._src.study.run import run_study  # noqa: PLC0415

    part = Part(
        cells=plan_cells(["DARTS"]),
        recipe=RECIPE,
        data=(DataRequest("digits"),),
        seeds=tuple(SEEDS),
    )
    engine = ProcessEngine(workers)
    summary = run_study(StudyDefinition("scaling", (part,)), folder, engine=engine, device="cpu")
    engine.close()
    assert (summary.done, summary.failed) == (len(SEEDS), {})


def bare(folder: Path, first: int) -> None:
    """Every other trial, in a loop."""
    from nascope._src.cells.catalog import load as load_cell  # noqa: PLC0415
    from nascope._src.data.datasets import load_data  # noqa: PLC0415
    from nascope._src.runtime.devices import configure_process  # noqa: PLC0415
    from nascope._src.training.files import TrainingFiles  # noqa: PLC0415
    from nascope._src.training.train import train_network  # noqa: PLC0415

    configure_process(threads=1)
    data = load_data("digits")
    for seed in SEEDS[first::2]:
        train_network(
            load_cell("DARTS"),
            data,
            RECIPE,
            TrainingFiles(folder / f"{seed}.safetensors"),
            seed=seed,
        )


def losses(folder: Path) -> dict[int, list[float]]:
    """The training losses of each seed."""
    if (folder / "study.json").exists():
        found = {trial.seed: trial.training for trial in read_study(folder).trials}
    else:
        found = {seed: read_training(folder / f"{seed}.safetensors") for seed in SEEDS}
    return {seed: [epoch.train_loss for epoch in record.epochs] for seed, record in found.items()}


SIDES = {
    "nascope": [["study", "2"]],
    "one_worker": [["study", "1"]],
    "bare_processes": [["bare", "0"], ["bare", "1"]],
}


def main() -> None:
    """Alternate the sides; print the ratios of times."""
    from _result import keep  # noqa: PLC0415

    raw: dict[str, list[float]] = {side: [] for side in SIDES}
    for number in range(ROUNDS):
        found = {}
        # In turn, each beginning a round now and then: the machine's pace drifts.
        order = list(SIDES)[number % 3 :] + list(SIDES)[: number % 3]
        for side in order:
            with tempfile.TemporaryDirectory() as name:
                start = time.perf_counter()
                running = [
                    subprocess.Popen([sys.executable, __file__, *words, name])
                    for words in SIDES[side]
                ]
                codes = [process.wait() for process in running]
                raw[side].append(time.perf_counter() - start)
                assert set(codes) == {0}
                found[side] = losses(Path(name))
        assert found["nascope"] == found["one_worker"] == found["bare_processes"]
        print({side: round(seconds[-1], 1) for side, seconds in raw.items()}, flush=True)
    ratios = {
        side: [other / ours for other, ours in zip(raw[side], raw["nascope"], strict=True)]
        for side in ("one_worker", "bare_processes")
    }
    keep(
        "study_scaling",
        threads="1 a process",
        speedup={side: statistics.median(values) for side, values in ratios.items()},
        spread={side: [min(values), max(values)] for side, values in ratios.items()},
        raw={"seconds": raw, "trials": len(SEEDS)},
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        kind, number, place = sys.argv[1:]
        (study if kind == "study" else bare)(Path(place), int(number))
    else:
        main()
