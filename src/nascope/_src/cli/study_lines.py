"""What commands that run studies print: the plan, its forecast, the progress, and failures."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nascope._src.cli.engines import EngineName, open_engine
from nascope._src.runtime.progress import Display, duration

if TYPE_CHECKING:
    from nascope._src.records.plan import Plan, PlannedTrial
    from nascope._src.study.calibration import Forecast
    from nascope._src.study.missing import Missing
    from nascope._src.study.progress import RunProgress
    from nascope._src.study.run import RunSummary


def print_plan(plan: Plan, missing: Sequence[Missing], folder: Path) -> None:
    """Print a plan's trials by data set and learning rate, and how much of the work is left."""
    print(f"{plan.name}: {len(plan.trials)} trials, in {folder}")
    groups: dict[tuple[str, float], list[PlannedTrial]] = {}
    for trial in plan.trials:
        groups.setdefault((trial.data["name"], trial.learning_rate), []).append(trial)
    print(f"  {'data':<12}{'learning rate':>14}{'trials':>8}{'cells':>7}  seeds")
    for (data, rate), trials in groups.items():
        cells = len({trial.label for trial in trials})
        seeds = sorted({trial.seed for trial in trials})
        few = ", ".join(map(str, seeds)) if len(seeds) <= 6 else f"{seeds[0]} … {seeds[-1]}"
        print(f"  {data:<12}{rate:>14g}{len(trials):>8}{cells:>7}  {few}")
    total = {"training": len(plan.trials)}
    total |= Counter(probe.kind for trial in plan.trials for probe in trial.probes)
    left = Counter(probe.kind for trial in missing for probe in trial.probes)
    left["training"] = sum(not trial.trained for trial in missing)
    print(f"  {'work':<12}{'total':>14}{'to do':>8}")
    for kind, count in total.items():
        print(f"  {kind:<12}{count:>14}{left[kind]:>8}")


def show_forecast(
    missing: Sequence[Missing],
    folder: Path,
    engine: EngineName,
    *,
    data_dir: str | None,
    device: str,
    workers: int | None,
    address: str | None,
    threads: int,
    gpus: float | None,
) -> None:
    """Measure and print what the missing work will take, if any."""
    if all(trial.is_complete for trial in missing):
        return
    from nascope._src.study.calibration import forecast  # noqa: PLC0415
    from nascope._src.study.tasks import make_work_list  # noqa: PLC0415

    sys.stdout.flush()
    with open_engine(
        engine, device=device, workers=workers, address=address, threads=threads, gpus=gpus
    ) as (opened, max_concurrent):
        work = make_work_list(missing, folder, data_dir, opened.device(device))
        busy = min(max_concurrent, work.num_results)
        _print_forecast(forecast(work, opened, folder, workers=busy, data_dir=data_dir))


def _print_forecast(forecast: Forecast) -> None:
    parts = ", ".join(f"{kind} {duration(seconds)}" for kind, seconds in forecast.seconds.items())
    total = duration(forecast.wall_seconds)
    print(f"  time  about {total} on {forecast.workers} at a time ({parts})")
    print(f"  disk  about {forecast.bytes / 1e6:,.1f} MB")


def show_progress(display: Display, progress: RunProgress) -> None:
    """Show the progress of a run, and a line about the task that has just ended."""
    display.show(progress.share, progress.seconds_left, " · ".join(progress.running.values()))
    if progress.ended is not None:
        task, outcome = progress.ended
        line = f"{duration(progress.seconds):>12}  {task.title or task.name} "
        line += "FAILED" if outcome.status == "failed" else outcome.status
        if outcome.error is not None:
            line += f": {outcome.error.strip().splitlines()[-1]}"
        display.say(line)


def summary_line(summary: RunSummary, seconds: float) -> str:
    """Return what a run did, in one line."""
    parts = [f"{summary.done} done in {duration(seconds)}"]
    if summary.already_done:
        parts.append(f"{summary.already_done} already done")
    if summary.failed:
        parts.append(f"{len(summary.failed)} failed")
    return ", ".join(parts)


def print_failures(summary: RunSummary) -> None:
    """Print the failed tasks of a run on standard error, one line each."""
    for name, error in summary.failed.items():
        print(f"failed: {name}: {error.strip().splitlines()[-1]}", file=sys.stderr)
