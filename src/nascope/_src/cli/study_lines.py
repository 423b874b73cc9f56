"""What the commands around studies print: plan, forecast, progress, failures, status, search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from nascope._src.cells.graph import topology
from nascope._src.runtime.printable import printable
from nascope._src.runtime.progress import Display, duration

if TYPE_CHECKING:
    from nascope._src.cells.designs import DesignKind, Level
    from nascope._src.records.leftovers import Leftover
    from nascope._src.records.plan import Plan, PlannedTrial
    from nascope._src.records.status import StudyStatus, TrialStatus
    from nascope._src.records.verification import FileCheck, Remedy
    from nascope._src.results.table import MeasuredStudy
    from nascope._src.study.calibration import Forecast
    from nascope._src.study.missing import Missing
    from nascope._src.study.progress import RunProgress
    from nascope._src.study.run import RunSummary
    from nascope._src.study.search.candidates import ScoredProposal, Search


def plan_lines(plan: Plan, missing: Sequence[Missing], folder: Path) -> list[str]:
    """Describe a plan's trials by data set and learning rate, and how much of the work is left."""
    lines = [f"{printable(plan.name)}: {len(plan.trials)} trials, in {folder}"]
    groups: dict[tuple[str, float], list[PlannedTrial]] = {}
    for trial in plan.trials:
        groups.setdefault((trial.data["name"], trial.learning_rate), []).append(trial)
    lines.append(f"  {'data':<12}{'learning rate':>14}{'trials':>8}{'cells':>7}  seeds")
    for (data, rate), trials in groups.items():
        cells = len({trial.label for trial in trials})
        seeds = sorted({trial.seed for trial in trials})
        few = ", ".join(map(str, seeds)) if len(seeds) <= 6 else f"{seeds[0]} … {seeds[-1]}"
        lines.append(f"  {printable(data):<12}{rate:>14g}{len(trials):>8}{cells:>7}  {few}")
    lines.append(f"  {'work':<12}{'total':>14}{'to do':>8}")
    lines += [
        f"  {kind:<12}{total:>14}{left:>8}" for kind, (total, left) in _work(plan, missing).items()
    ]
    return lines


def _work(plan: Plan, missing: Sequence[Missing]) -> dict[str, tuple[int, int]]:
    """Return how many training runs and probes there are, and how many are missing, by kind."""
    total = {"training": len(plan.trials)}
    total |= Counter(probe.kind for trial in plan.trials for probe in trial.probes)
    left = Counter(probe.kind for trial in missing for probe in trial.probes)
    left["training"] = sum(not trial.trained for trial in missing)
    return {kind: (count, left[kind]) for kind, count in total.items()}


_SHOWN = {
    "area_under_loss": "loss area",
    "accuracy": "accuracy",
    "area_below": "area below",
    "std": "median √g",
}
"""Measures of the demonstration, those at the top of the page, and what stands above them."""


def number_lines(measured: MeasuredStudy) -> list[str]:
    """Print each trial's widths, depths and main measures, one per row, and what they are."""
    from nascope._src.results.text.entries import write

    trials = measured.study.trials
    names = [printable(trial.label) for trial in trials]
    longest = max(map(len, names))
    heads = "".join(f"{head:>12}" for head in _SHOWN.values())
    lines = [f"{'':<{longest}}{'width':>8}{'depth':>7}{heads}"]
    for name, trial in zip(names, trials, strict=True):
        cell = topology(trial.genotype.normal)
        entries = [write(measured.measures[key], measured.shown(key, [trial])[0]) for key in _SHOWN]
        lines.append(
            f"{name:<{longest}}{float(cell.fractional_width):>7.3g}c{cell.depth:>7}"
            + "".join(f"{entry:>12}" for entry in entries)
        )
    lines.append("width and depth: of the normal cell")
    for key, head in _SHOWN.items():
        title, unit = measured.measures[key].title, measured.measures[key].unit
        lines.append(f"{head}: {title[0].lower()}{title[1:]}" + (f", in {unit}" if unit else ""))
    return lines


def plan_facts(
    plan: Plan, missing: Sequence[Missing], folder: Path, forecast: Forecast | None
) -> dict[str, Any]:
    """Return what ``study plan --json`` prints; ``forecast`` is None if nothing was timed."""
    return {
        "name": plan.name,
        "folder": str(folder),
        "trials": len(plan.trials),
        "work": {
            kind: {"total": total, "to_do": left}
            for kind, (total, left) in _work(plan, missing).items()
        },
        "forecast": None
        if forecast is None
        else {
            "seconds": forecast.wall_seconds,
            "workers": forecast.workers,
            "seconds_of_one_worker": dict(forecast.seconds),
            "bytes": forecast.bytes,
        },
    }


def power_lines(plan: Plan) -> list[str]:
    """Describe what the designs of a plan can detect; there are none without a design."""
    from nascope._src.results.text.designs import power_line

    levels: dict[tuple[DesignKind, float], dict[tuple[str, int], set[Level]]] = {}
    for trial in plan.trials:
        if (design := trial.design) is not None:
            blocks = levels.setdefault((design.kind, trial.learning_rate), {})
            blocks.setdefault((trial.family, design.allocation), set()).add(design.level)
    lines = []
    for (kind, rate), blocks in levels.items():
        factors = [
            sum(len({getattr(level, other) for level in own}) for own in blocks.values())
            for other in (
                "depth",
                "width",
            )  # width is compared at each depth, and depth at each width
        ]
        pairs = len(blocks) if kind == "contrast" else min(factors)
        lines.append(f"  power  {power_line(kind, len(blocks), pairs, rate)}")
    return lines


def forecast_lines(forecast: Forecast) -> list[str]:
    """Describe how long the missing work takes, and its size on disk."""
    parts = ", ".join(f"{kind} {duration(seconds)}" for kind, seconds in forecast.seconds.items())
    total = duration(forecast.wall_seconds)
    return [
        f"  time  about {total} on {forecast.workers} at a time ({parts})",
        f"  disk  about {forecast.bytes / 1e6:,.1f} MB",
    ]


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


def failure_lines(summary: RunSummary) -> list[str]:
    """Describe the failed tasks of a run, one line each."""
    return [
        f"failed: {name}: {error.strip().splitlines()[-1]}"
        for name, error in summary.failed.items()
    ]


def status_lines(study: StudyStatus, *, every: bool) -> list[str]:
    """Describe the status of a study; ``every`` also lists finished and waiting trials."""
    trials = study.trials
    counts = ", ".join(
        f"{count} {state}"
        for state in ("done", "running", "begun", "failed", "waiting")
        if (count := study.count(state))
    )
    trained = sum(trial.trained for trial in trials)
    probes = sum(trial.probes for trial in trials)
    planned = sum(trial.probes_planned for trial in trials)
    lines = [
        f"{printable(study.name)}: {len(trials)} trials: {counts}; "
        f"{trained} of {len(trials)} trained, {probes} of {planned} probes"
    ]
    shown = [trial for trial in trials if every or trial.state in {"running", "failed", "begun"}]
    if not shown:
        return lines
    width = max(4, *(len(printable(trial.label)) for trial in shown))
    lines.append(
        f"  {'':<9}{'cell':<{width}}  {'data':<9}{'rate':>8}{'seed':>6}{'epoch':>9}"
        f"{'accuracy':>10}{'probes':>8}{'time':>14}"
    )
    lines += [_status_line(trial, width) for trial in shown]
    return lines


def _status_line(trial: TrialStatus, width: int) -> str:
    accuracy = "" if isnan(trial.accuracy) else f"{trial.accuracy:.1%}"
    if trial.diverged_at is not None:
        accuracy = "diverged"
    line = (
        f"  {trial.state:<9}{printable(trial.label):<{width}}  {printable(trial.data):<9}"
        f"{trial.learning_rate:>8g}{trial.seed:>6}{f'{trial.epochs}/{trial.epochs_planned}':>9}{accuracy:>10}"
        f"{f'{trial.probes}/{trial.probes_planned}':>8}"
        f"{duration(trial.seconds) if trial.seconds else '':>14}"
    )
    if trial.state == "failed":
        line += f"\n           {printable(trial.message[:160])}"
    return line.rstrip()


_REMEDIES: dict[Remedy, str] = {
    "run": "run the study again to compute these again: nascope study run FILE.toml",
    "report": "write the report again: nascope report FOLDER",
    "reproduce": "compute these again: run the reproduction again, or nascope theory",
    "search": "run the search again: nascope study search FILE.toml",
    "clean": "spares of complete trainings are not needed: nascope study clean FOLDER",
}


def check_lines(checks: Sequence[FileCheck]) -> list[str]:
    """Describe the verification of a study: damaged files with their remedy, and the counts."""
    damaged = [check for check in checks if check.state == "damaged"]
    lines = [f"damaged: {printable(str(check.path))}: {check.problem}" for check in damaged]
    lines += [_REMEDIES[remedy] for remedy in dict.fromkeys(check.remedy for check in damaged)]
    counts = Counter(check.state for check in checks)
    parts = [f"{counts['intact']} intact", f"{counts['damaged']} damaged"]
    if counts["unverified"]:
        parts.append(f"{counts['unverified']} without a checksum (from an older version)")
    return [*lines, f"{len(checks)} files: {', '.join(parts)}"]


def leftover_line(leftover: Leftover) -> str:
    """Describe what can be removed."""
    line = f"{leftover.size / 1e6:>10,.2f} MB  {leftover.path} ({leftover.reason}"
    if leftover.kept:
        line += f"; {leftover.kept} other files in it stay"
    return printable(f"{line})")


def search_lines(search: Search, candidates: Sequence[ScoredProposal]) -> list[str]:
    """Describe the best candidate, and how width and depth changed over a search."""
    from nascope._src.study.search.candidates import best_of

    best = best_of(candidates)
    accuracy = "diverged" if isnan(best.accuracy) else f"{best.accuracy:.2%}"
    wiring = topology(best.genotype.normal)
    lines = [
        f"best of {len(candidates)}: candidate {best.number}, validation accuracy {accuracy}, "
        f"normal cell {float(wiring.fractional_width):g}c wide and {wiring.depth} deep"
    ]
    census = search.space_of("normal").census()
    total = sum(census.counts.values())
    shares = {point: count / total for point, count in census.counts.items()}
    width = sum(share * float(point.fractional_width) for point, share in shares.items())
    depth = sum(share * point.depth for point, share in shares.items())
    lines.append(f"  {'normal cells':<28}{'width':>8}{'depth':>8}")
    lines.append(f"  {f'space {search.within}, mean':<28}{width:>7.2f}c{depth:>8.2f}")
    quarter = max(1, len(candidates) // 4)
    for name, part in (("first", candidates[:quarter]), ("last", candidates[-quarter:])):
        wirings = [topology(candidate.genotype.normal) for candidate in part]
        width = fmean(float(wiring.fractional_width) for wiring in wirings)
        depth = fmean(wiring.depth for wiring in wirings)
        title = f"{name} {len(part)} candidates, mean"
        lines.append(f"  {title:<28}{width:>7.2f}c{depth:>8.2f}")
    return lines
