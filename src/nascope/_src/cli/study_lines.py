"""What commands that run studies print: a plan, its forecast, how far it is, what failed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascope._src.cli.engines import EngineName, engine_of
from nascope._src.runtime.progress import Display, duration

if TYPE_CHECKING:
    from nascope._src.records.plan import Plan
    from nascope._src.study.calibration import Forecast
    from nascope._src.study.missing import Missing
    from nascope._src.study.run import Snapshot, Summary


def print_plan(planned: Plan, lacking: Sequence[Missing], folder: Path) -> None:
    """The trials of a plan by data set and learning rate, and how much of it is there."""
    print(f"{planned.name}: {len(planned.trials)} trials, in {folder}")
    groups: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for entry in planned.trials:
        key = entry["data"]["name"], entry["recipe"]["learning_rate"]
        groups.setdefault(key, []).append(entry)
    print(f"  {'data':<12}{'learning rate':>14}{'trials':>8}{'cells':>7}  seeds")
    for (data, rate), entries in groups.items():
        cells = len({entry["label"] for entry in entries})
        seeds = sorted({entry["seed"] for entry in entries})
        few = ", ".join(map(str, seeds)) if len(seeds) <= 6 else f"{seeds[0]} … {seeds[-1]}"
        print(f"  {data:<12}{rate:>14g}{len(entries):>8}{cells:>7}  {few}")
    total = {"training": len(planned.trials)}
    total |= Counter(probe["kind"] for entry in planned.trials for probe in entry["probes"])
    left = Counter(probe["kind"] for trial in lacking for probe in trial.probes)
    left["training"] = sum(not trial.trained for trial in lacking)
    print(f"  {'work':<12}{'in all':>14}{'to do':>8}")
    for kind, count in total.items():
        print(f"  {kind:<12}{count:>14}{left[kind]:>8}")


def show_forecast(
    lacking: Sequence[Missing],
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
    """Measure what the missing work will take, and print it; nothing where nothing is missing."""
    if all(trial.trained and not trial.probes for trial in lacking):
        return
    from nascope._src.study.calibration import forecast  # noqa: PLC0415
    from nascope._src.study.tasks import make_work_list  # noqa: PLC0415

    sys.stdout.flush()
    with engine_of(
        engine, device=device, workers=workers, address=address, threads=threads, gpus=gpus
    ) as (chosen, side_by_side):
        todo = make_work_list(lacking, folder, data_dir, chosen.device(device))
        busy = min(side_by_side, len(todo.results))
        _print_forecast(forecast(todo, chosen, folder, workers=busy, data_dir=data_dir))


def _print_forecast(found: Forecast) -> None:
    parts = ", ".join(f"{kind} {duration(seconds)}" for kind, seconds in found.seconds.items())
    print(f"  time  about {duration(found.wall_seconds)} on {found.workers} at a time ({parts})")
    print(f"  disk  about {found.bytes / 1e6:,.1f} MB")


def show_snapshot(shown: Display, snapshot: Snapshot) -> None:
    """Show how far a study is, and what just ended."""
    words = " · ".join(f"{_short(name)} {state}" for name, state in snapshot.running.items())
    shown.show(snapshot.share, snapshot.seconds_left, words)
    if snapshot.ended is not None:
        name, error = snapshot.ended
        state = "done" if error is None else f"FAILED: {error.strip().splitlines()[-1]}"
        shown.say(f"{duration(snapshot.seconds):>12}  {_short(name)} {state}")


def _short(name: str) -> str:
    """A task's name without the identities in it."""
    trial, *probe = name.split("/")  # and of a probe its kind and identity
    label = trial.rsplit("-", 1)[0]
    return f"{label} {probe[0]}" if probe else label


def summary_line(summary: Summary, seconds: float) -> str:
    """What a run did, in a line."""
    parts = [f"{summary.done} done in {duration(seconds)}"]
    if summary.found:
        parts.append(f"{summary.found} were already there")
    if summary.failed:
        parts.append(f"{len(summary.failed)} failed")
    return ", ".join(parts)


def print_failures(summary: Summary) -> None:
    """The failed tasks of a run, a line each, on standard error."""
    for name, error in summary.failed.items():
        print(f"failed: {name}: {error.strip().splitlines()[-1]}", file=sys.stderr)
