"""The progress of a run of many tasks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nascope._src.runtime.estimate import TimeEstimator
from nascope._src.study.engines.task import Outcome, Task

_INTERVAL = 0.25  # seconds, at least, between two reports; the end of a task is always reported


@dataclass(frozen=True)
class RunProgress:
    """The progress of a run.

    Attributes:
        share: share of the run's work that is done, in [0, 1].
        seconds: seconds since the start.
        seconds_left: estimate; None while unknown.
        running: by the name of each running task its title and a few words.
        ended: the task that has just ended, if any, and how.
    """

    share: float
    seconds: float
    seconds_left: float | None
    running: Mapping[str, str]
    ended: tuple[Task, Outcome] | None = None


class ProgressTracker:
    """Combines the progress of tasks into that of the run, and reports it now and then."""

    def __init__(
        self, tasks: Sequence[Task], on_progress: Callable[[RunProgress], None] | None
    ) -> None:
        self._tasks = {task.name: task for task in tasks}
        self._estimator = TimeEstimator((task.name, task.kind, task.cost) for task in tasks)
        self._running: dict[str, str] = {}
        self._start = time.monotonic()
        self._reported = -math.inf
        self._on_progress = on_progress

    def update(self, name: str, share: float, words: str) -> None:
        """Note the progress of a task; a `TaskProgress`."""
        self._estimator.update(name, share)
        self._running[name] = f"{self._tasks[name].title or name} {words}"
        if time.monotonic() - self._reported >= _INTERVAL:
            self._report(None)

    def end(self, outcome: Outcome, *, report: bool = True) -> None:
        """Note that a task has ended, and report it."""
        self._estimator.finish(outcome.name)
        self._running.pop(outcome.name, None)
        if report:
            self._report((self._tasks[outcome.name], outcome))

    def _report(self, ended: tuple[Task, Outcome] | None) -> None:
        if self._on_progress is None:
            return
        self._reported = time.monotonic()
        self._on_progress(
            RunProgress(
                share=self._estimator.share,
                seconds=self._reported - self._start,
                seconds_left=self._estimator.seconds_left(len(self._running)),
                running=dict(self._running),
                ended=ended,
            )
        )
