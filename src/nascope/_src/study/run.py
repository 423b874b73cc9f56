"""Running a study: what is missing, and nothing else."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nascope._src.errors import StudyError
from nascope._src.records.files import write_bytes
from nascope._src.records.locks import locked
from nascope._src.records.paths import StudyPaths, TrialPaths
from nascope._src.records.plan import Entry, Plan, merged, read_plan, write_plan
from nascope._src.runtime.devices import cores, device_name
from nascope._src.study.definition import Study
from nascope._src.study.engines.processes import ProcessEngine
from nascope._src.study.engines.task import Engine
from nascope._src.study.missing import find_missing
from nascope._src.study.tasks import make_work_list

logger = logging.getLogger(__name__)

_SECONDS_BEFORE_ESTIMATE = 3.0
_SECONDS_BETWEEN = 0.25  # two snapshots; each end of a task has its own


@dataclass(frozen=True)
class Snapshot:
    """How far a study is, for whoever shows it."""

    share: float  # of the work that this run had to do, in [0, 1]
    seconds: float  # since the start
    seconds_left: float | None  # None while nothing is known
    running: dict[str, str]  # task → a few words
    ended: tuple[str, str | None] | None = None  # a task that just ended, and its error


@dataclass(frozen=True)
class Summary:
    """What a run did: numbers of tasks, and the failed ones with their errors."""

    done: int
    found: int  # already there
    failed: dict[str, str]


def run_study(
    study: Study,
    folder: str | Path,
    *,
    data_dir: str | None = None,
    device: str = "auto",
    workers: int | None = None,
    engine: Engine | None = None,
    on_progress: Callable[[Snapshot], None] | None = None,
) -> Summary:
    """Run what a study still lacks in ``folder``: trainings, then their probes.

    A trial or probe that is complete is not touched; an unfinished one goes on where it ended.
    A failure is recorded in the trial's error.txt and doesn't stop the others.

    Args:
        data_dir: the data folder.
        device: "auto", "cpu", "cuda", …; "auto" is what this machine has.
        workers: processes; by default one a core on a CPU, one on another device.
        engine: instead of ``workers`` processes of one thread each; the caller closes it.
        on_progress: called now and then.

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
    on_progress: Callable[[Snapshot], None] | None = None,
) -> Summary:
    """Run what a plan still lacks in ``folder``, as `run_study` does.

    Args:
        extend: keep what the folder's study planned before, and add this plan to it; nothing but
            this plan is run. Otherwise this plan takes its place.

    Raises:
        NascopeError: the device or folder cannot be used, or the folder's study holds another
            cell of the same name.
    """
    paths = StudyPaths(Path(folder))
    engine.device(device)  # raises before anything is written
    whole = extend_plan(paths, plan) if extend else plan
    if not extend:
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
    on_progress: Callable[[Snapshot], None] | None,
) -> Summary:
    """Run what ``plan`` lacks, a part of the ``whole`` that is the folder's plan already."""
    paths = StudyPaths(Path(folder).absolute())  # workers may run elsewhere
    where = engine.device(device)
    names = {entry["identity"] for entry in plan.trials}
    own = [entry for entry in whole.trials if entry["identity"] in names]
    _forget_errors(paths, own)
    lacking = find_missing(paths, plan, thorough=True)
    todo = make_work_list(lacking, paths.folder, data_dir, where)
    tracker = _Tracker(todo.costs, on_progress)
    failed: dict[str, str] = {}
    errors: dict[TrialPaths, list[str]] = {}
    done = 0
    for task in todo.tasks:  # what an earlier run failed at is tried again
        with contextlib.suppress(OSError):
            _trial(paths, task.name).error.unlink()
    for outcome in engine.run(todo.tasks, tracker.update):
        if outcome.error is None:
            done += outcome.name in todo.results
        elif not outcome.error.startswith("not run"):
            failed[outcome.name] = outcome.error
            trial = _trial(paths, outcome.name)
            errors.setdefault(trial, []).append(outcome.error)
            with contextlib.suppress(StudyError):  # the failure is reported all the same
                write_bytes(trial.error, "\n".join(errors[trial]).encode())
        tracker.end(outcome.name, outcome.error, told=outcome.name in todo.results)
    _forget_errors(paths, own)  # another run may have done what failed here
    return Summary(done=done, found=todo.found, failed=failed)


def _forget_errors(paths: StudyPaths, trials: Sequence[Entry]) -> None:
    """Remove the errors of trials that lack nothing: of probes no longer planned, or done since."""
    failed = [e for e in trials if paths.trial(e["label"], e["identity"]).error.is_file()]
    for trial in find_missing(paths, Plan("", tuple(failed))):
        if trial.trained and not trial.probes:
            with contextlib.suppress(OSError):
                _trial(paths, trial.name).error.unlink()


def extend_plan(paths: StudyPaths, plan: Plan) -> Plan:
    """Add a plan to that of a study; two processes that do so at once wait for each other.

    A plan that is damaged, or of another version of nascope, is replaced.

    Returns:
        The study's plan, as it is then.

    Raises:
        StudyError: the folder cannot be written, or its study holds another cell of a name.
    """
    with locked(paths.plan_lock):
        before = Plan(plan.name, ())
        if paths.plan.is_file():
            with contextlib.suppress(StudyError):
                before = read_plan(paths.plan)
        try:
            whole = merged(before, plan)
        except (KeyError, TypeError, AttributeError):  # something in it is not as it was written
            whole = plan
        write_plan(paths.plan, whole)
    return whole


def _default_workers(device: str) -> int:
    return cores() if device_name(device) == "cpu" else 1


def _trial(paths: StudyPaths, task: str) -> TrialPaths:
    """The trial that a task, by its name, belongs to."""
    return TrialPaths(paths.trials / task.split("/", maxsplit=1)[0])


class _Tracker:
    """Adds up the tasks' shares into that of the study, and estimates the time left.

    Each kind of work (training, landscape, variance) has a pace of its own, measured as soon as
    some of it is done; until then the rough costs stand in, at the pace of the others. All sums run
    along, since a study may have tens of thousands of tasks.
    """

    def __init__(
        self, costs: dict[str, float], on_progress: Callable[[Snapshot], None] | None
    ) -> None:
        self._costs = costs
        self._total = sum(costs.values()) or 1.0
        self._progress: dict[str, _Progress] = {}
        self._kinds: dict[str, _Sums] = {}
        for name, cost in costs.items():
            self._kinds.setdefault(_kind(name), _Sums()).left += cost
        self._running: dict[str, str] = {}
        self._start = time.monotonic()
        self._shown = -math.inf
        self._show = on_progress

    def update(self, name: str, share: float, words: str) -> None:
        now = time.monotonic()
        # Work found half done when this run took it up tells nothing of its pace.
        known = name in self._progress
        before = self._progress[name] if known else _Progress(share, now)
        self._move(name, before, share, now - before.since, found=0.0 if known else share)
        self._running[name] = words
        if now - self._shown >= _SECONDS_BETWEEN:
            self._send(None)

    def end(self, name: str, error: str | None, *, told: bool) -> None:
        begun = name in self._progress
        before = self._progress.get(name, _Progress(1.0, time.monotonic()))
        self._move(name, before, 1.0, before.seconds, found=0.0 if begun else 1.0)
        self._running.pop(name, None)
        if told or error is not None:
            self._send((name, error))

    def _move(
        self, name: str, before: _Progress, share: float, seconds: float, *, found: float
    ) -> None:
        """Take a task's new share and seconds into the sums; ``found`` of it was there."""
        sums, cost = self._kinds[_kind(name)], self._costs[name]
        made = share - before.share
        sums.left -= cost * (made + found)
        sums.made += cost * made
        sums.spent += seconds - before.seconds
        self._progress[name] = replace(before, share=share, seconds=seconds)

    def _seconds_left(self) -> float | None:
        paced = {kind: sums for kind, sums in self._kinds.items() if sums.made > 0}
        spent = sum(sums.spent for sums in self._kinds.values())
        if not paced or spent < _SECONDS_BEFORE_ESTIMATE:
            return None
        made = sum(sums.made for sums in paced.values())
        overall = sum(sums.spent for sums in paced.values()) / made
        seconds = sum(
            sums.left * (sums.spent / sums.made if kind in paced else overall)
            for kind, sums in self._kinds.items()
        )
        return max(0.0, seconds) / max(1, len(self._running))

    def _send(self, ended: tuple[str, str | None] | None) -> None:
        if self._show is None:
            return
        self._shown = time.monotonic()
        left = sum(sums.left for sums in self._kinds.values())
        share = min(max(0.0, 1 - left / self._total), 1.0)  # sums that run along are not exact
        spent = self._shown - self._start
        self._show(Snapshot(share, spent, self._seconds_left(), dict(self._running), ended))


@dataclass(frozen=True)
class _Progress:
    """Of a task: its share, when this run took it up, and the seconds spent on it since."""

    share: float
    since: float
    seconds: float = 0.0


@dataclass
class _Sums:
    """Of a kind of work: cost left, and cost made in so many seconds by this run."""

    left: float = 0.0
    made: float = 0.0
    spent: float = 0.0


def _kind(name: str) -> str:
    return "/".join(name.split("/")[1:2])  # of a probe; a training has none
