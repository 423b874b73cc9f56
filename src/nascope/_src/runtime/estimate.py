"""Estimate how much of some work is done, and how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

_MIN_SECONDS = 3.0  # of work, before anything is estimated


class TimeEstimator:
    """Follows tasks that run one after another or at the same time.

    Each kind of task has its own speed, measured in this run; work that an earlier run has done
    does not count. Kinds without any measured work are assumed to be as fast as the others. All
    sums are updated incrementally, because a study may have tens of thousands of tasks.

    Args:
        tasks: name, kind and cost of each task. The unit of the costs does not matter.
    """

    def __init__(self, tasks: Iterable[tuple[str, str, float]]) -> None:
        self._tasks = {name: (kind, cost) for name, kind, cost in tasks}
        self._total = sum(cost for _, cost in self._tasks.values()) or 1.0
        self._started: dict[str, _Started] = {}
        self._kinds: dict[str, _Kind] = {}
        for kind, cost in self._tasks.values():
            self._kinds.setdefault(kind, _Kind()).left += cost

    @property
    def share(self) -> float:
        """The share of the work that is done, in [0, 1]."""
        left = sum(kind.left for kind in self._kinds.values())
        return min(max(0.0, 1 - left / self._total), 1.0)  # running sums have rounding errors

    def update(self, name: str, share: float) -> None:
        """Note the share of a task that is done. The first one was done before this run."""
        now = time.monotonic()
        if name not in self._started:
            self._started[name] = _Started(0.0, now)
            self._advance(name, share, 0.0, measured=False)
        else:
            self._advance(name, share, now - self._started[name].since, measured=True)

    def finish(self, name: str) -> None:
        """Note that a task has ended."""
        measured = name in self._started
        started = self._started.setdefault(name, _Started(0.0, time.monotonic()))
        self._advance(name, 1.0, started.seconds, measured=measured)

    def seconds_left(self, running: int = 1) -> float | None:
        """Estimate the remaining seconds if ``running`` tasks run at a time; None if unknown."""
        measured = {name: kind for name, kind in self._kinds.items() if kind.done > 0}
        spent = sum(kind.seconds for kind in self._kinds.values())
        if not measured or spent < _MIN_SECONDS:
            return None
        mean = sum(kind.seconds for kind in measured.values()) / sum(
            kind.done for kind in measured.values()
        )
        seconds = sum(
            kind.left * (kind.seconds / kind.done if name in measured else mean)
            for name, kind in self._kinds.items()
        )
        return max(0.0, seconds) / max(1, running)

    def _advance(self, name: str, share: float, seconds: float, *, measured: bool) -> None:
        """Set a task's share and seconds, and update its kind's sums."""
        before = self._started[name]
        kind_name, cost = self._tasks[name]
        kind, done = self._kinds[kind_name], cost * (share - before.share)
        kind.left -= done
        if measured:
            kind.done += done
            kind.seconds += seconds - before.seconds
        self._started[name] = replace(before, share=share, seconds=seconds)


@dataclass(frozen=True)
class _Started:
    """A task's share, when this run started it, and the seconds since."""

    share: float
    since: float
    seconds: float = 0.0


@dataclass
class _Kind:
    """Sums over the tasks of a kind: cost left, and cost done by this run in so many seconds."""

    left: float = 0.0
    done: float = 0.0
    seconds: float = 0.0
