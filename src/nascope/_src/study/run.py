"""Run a study: do whatever its folder lacks, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nascope._src.errors import StudyError
from nascope._src.records.files import write_bytes
from nascope._src.records.locks import locked
from nascope._src.records.paths import StudyPaths, TrialPaths
from nascope._src.records.plan import (
    Plan,
    PlannedTrial,
    holds_trial,
    merge_plans,
    read_plan,
    recover_trials,
    write_plan,
    write_trial,
)
from nascope._src.runtime.devices import cores, device_name
from nascope._src.study.definition import StudyDefinition
from nascope._src.study.engines.processes import ProcessEngine
from nascope._src.study.engines.task import Engine
from nascope._src.study.job import Job
from nascope._src.study.missing import find_missing
from nascope._src.study.progress import ProgressTracker, RunProgress
from nascope._src.study.tasks import make_work_list


@dataclass(frozen=True)
class RunSummary:
    """What a run did.

    Attributes:
        done: number of new results.
        already_done: number of results that existed before.
        failed: errors, by the name of the failed task.
    """

    done: int
    already_done: int
    failed: dict[str, str]


def run_study(
    study: StudyDefinition,
    folder: str | Path,
    *,
    data_dir: str | None = None,
    device: str = "auto",
    workers: int | None = None,
    engine: Engine | None = None,
    on_progress: Callable[[RunProgress], None] | None = None,
) -> RunSummary:
    """Run what a study still lacks in ``folder``: trainings, then their probes.

    Complete trials and probes are not touched, and unfinished ones resume where they stopped.
    A failure is recorded in the trial's error.txt and does not stop the others.

    Args:
        data_dir: the data folder.
        device: "cpu", "cuda", …, or "auto": CUDA if available, else the CPU.
        workers: number of processes; by default one per core on a CPU, and one on other devices.
        engine: executes the tasks; by default ``workers`` processes of one thread each. The caller
            closes it.
        on_progress: called regularly.

    Raises:
        NascopeError: the data set, device or folder cannot be used.
    """
    with contextlib.ExitStack() as stack:
        if engine is None:
            engine = ProcessEngine(workers or _default_workers(device))
            stack.callback(engine.close)
        engine.device(device)  # raises before the data are read
        plan = study.plan(study.load_data(data_dir))
        return run_plan(
            plan, folder, engine, data_dir=data_dir, device=device, on_progress=on_progress
        )


def run_plan(
    plan: Plan,
    folder: str | Path,
    engine: Engine,
    *,
    data_dir: str | None = None,
    device: str = "auto",
    extend: bool = False,
    on_progress: Callable[[RunProgress], None] | None = None,
) -> RunSummary:
    """Run what a plan still lacks in ``folder``, like `run_study`.

    Args:
        extend: add this plan to the folder's plan, rather than replace it. Only this plan is run.

    Raises:
        NascopeError: the device or folder cannot be used, or the folder's study uses a label of the
            plan for another cell.
    """
    paths = StudyPaths(Path(folder))
    engine.device(device)  # raises before anything is written
    if extend:
        whole = extend_plan(paths, plan)
    else:
        whole = plan
        write_plan(paths.plan, plan)
    return run_part(
        plan, whole, folder, engine, data_dir=data_dir, device=device, on_progress=on_progress
    )


def run_part(
    plan: Plan,
    whole: Plan,
    folder: str | Path,
    engine: Engine,
    *,
    data_dir: str | None,
    device: str,
    on_progress: Callable[[RunProgress], None] | None,
) -> RunSummary:
    """Run what ``plan`` lacks, which is a part of ``whole``, the plan that the folder holds."""
    paths = StudyPaths(Path(folder).absolute())  # workers may run in another folder
    identities = {trial.identity for trial in plan.trials}
    trials = [trial for trial in whole.trials if trial.identity in identities]
    _remove_obsolete_errors(paths, trials)
    missing = find_missing(paths, plan, thorough=True)
    work = make_work_list(missing, paths.folder, data_dir, engine.device(device))
    _restore_trial_files(paths, trials)
    tracker = ProgressTracker(work.tasks, on_progress)
    failed: dict[str, str] = {}
    errors: dict[TrialPaths, list[str]] = {}
    done: list[Job] = []
    for job in work.jobs.values():  # what failed in an earlier run is tried again
        with contextlib.suppress(OSError):
            job.paths.error.unlink()
    for outcome in engine.run(work.tasks, tracker.update):
        job = work.jobs[outcome.name]
        if outcome.status == "done":
            done += [job] if job.yields_result else []
        elif outcome.status == "failed":
            error = failed[outcome.name] = outcome.error or ""
            errors.setdefault(job.paths, []).append(error)
            with contextlib.suppress(StudyError):  # the failure is reported anyway
                write_bytes(job.paths.error, "\n".join(errors[job.paths]).encode())
        tracker.end(outcome, report=job.yields_result or outcome.status != "done")
    _remove_obsolete_errors(paths, trials)  # another run may have done what failed here
    removed = {job.name: job.result for job in done if not job.result.is_file()}
    if not paths.plan.is_file():
        removed["study"] = paths.plan
    failed |= {name: f"{path} was removed during the run" for name, path in removed.items()}
    return RunSummary(len(done) - len(removed.keys() - {"study"}), work.num_complete, failed)


def _remove_obsolete_errors(paths: StudyPaths, trials: Sequence[PlannedTrial]) -> None:
    """Remove the errors of complete trials: those of probes no longer planned, or done since."""
    failed = [trial for trial in trials if trial.paths_in(paths).error.is_file()]
    for trial in find_missing(paths, Plan("", tuple(failed))):
        if trial.is_complete:
            with contextlib.suppress(OSError):
                trial.planned.paths_in(paths).error.unlink()


def _restore_trial_files(paths: StudyPaths, trials: Sequence[PlannedTrial]) -> None:
    """Write the trial.json of each trial that has begun, if it is missing, damaged or outdated."""
    for trial in trials:
        folder = trial.paths_in(paths)
        if folder.checkpoint.exists() and not holds_trial(folder.plan, trial):
            write_trial(folder.plan, trial)


def extend_plan(paths: StudyPaths, plan: Plan) -> Plan:
    """Add a plan to the one that a study's folder holds.

    Two processes may do so at the same time: one waits for the other. A plan of another version of
    nascope is replaced. If the plan is damaged, the trials that have begun are kept.

    Returns:
        The plan that the folder then holds.

    Raises:
        StudyError: the folder cannot be written, or its study uses a label for another cell.
    """
    with locked(paths.plan_lock):
        before = Plan(plan.name, ())
        if paths.plan.is_file():
            try:
                before = read_plan(paths.plan)
            except StudyError:
                before = Plan(plan.name, recover_trials(paths))
        whole = merge_plans(before, plan)
        write_plan(paths.plan, whole)
    return whole


def _default_workers(device: str) -> int:
    return cores() if device_name(device) == "cpu" else 1
