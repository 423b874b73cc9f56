"""What engines have in common: tasks, their order, and how one is carried out."""

from __future__ import annotations

import functools
import heapq
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nascope._src.errors import NascopeError
from nascope._src.records.locks import is_held
from nascope._src.runtime.types import Progress

logger = logging.getLogger(__name__)

POISONED = 75  # exit code of a process that CUDA is lost in: EX_TEMPFAIL
ATTEMPTS = 3  # a task whose process or node was lost is tried so often

TaskProgress = Callable[[str, float, str], None]
"""Called with a task's name, its share done in [0, 1], and a few words."""


@dataclass(frozen=True)
class Shared:
    """A value that many tasks read and none changes, made by ``load(*arguments)``.

    Once a process, or once for a whole cluster, by the driver, whose nodes then read it from the
    object store.
    """

    load: Callable[..., Any]
    arguments: tuple[Any, ...]  # hashable

    def value(self) -> Any:
        """The value, of this process."""
        return _made(self)


@functools.lru_cache(maxsize=4)
def _made(shared: Shared) -> Any:
    return shared.load(*shared.arguments)


@dataclass(frozen=True)
class Task:
    """A unit of work: ``function(*arguments, progress)``, after the tasks named in ``after``.

    Args:
        function: found by its name in a module, so that it can be sent to another process.
        arguments: plain data; one that is `Shared` is replaced by its value.
        lock: what a process that is at the task holds: where another run does, others go first.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    after: tuple[str, ...] = ()
    lock: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """How a task ended: ``error`` is None, a line, or where ``unexpected`` a traceback."""

    name: str
    error: str | None = None
    unexpected: bool = False


class Engine(Protocol):
    """What every engine does. It holds what it needs, processes say, until it is closed."""

    def device(self, name: str) -> str:
        """The device that tasks are to use where ``name`` is asked for; "auto" is none.

        Raises:
            StudyError: it is not there.
        """
        ...

    def run(self, tasks: Sequence[Task], progress: TaskProgress) -> Iterator[Outcome]:
        """Run all tasks; yield an outcome for each as it ends. A failed task doesn't stop the
        others, but for those that wait for it."""
        ...

    def close(self) -> None:
        """Let go of processes and connections; it may be called twice."""
        ...


class Queue:
    """Tasks in their given order, each ready when those it waits for are done.

    One that another run is at, by its lock, comes after all others: it would only wait for it.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = {task.name: task for task in tasks}
        self._place = {task.name: place for place, task in enumerate(tasks)}
        self._missing = {task.name: set(task.after) for task in tasks}
        self._dependent: dict[str, list[str]] = {}
        for task in tasks:
            for name in task.after:
                self._dependent.setdefault(name, []).append(task.name)
        self._ready = [self._place[task.name] for task in tasks if not task.after]
        self._names = [task.name for task in tasks]
        self._attempts: dict[str, int] = {}
        heapq.heapify(self._ready)

    def pop_ready(self) -> Task | None:
        """The first task that can be done now, of those that nobody else does if there are."""
        held: list[int] = []
        while self._ready:
            place = heapq.heappop(self._ready)
            lock = self._tasks[self._names[place]].lock
            if lock is None or not is_held(lock):
                break
            held.append(place)
        else:
            if not held:
                return None
            place = held.pop(0)
        for other in held:
            heapq.heappush(self._ready, other)
        return self._tasks[self._names[place]]

    def lost(self, task: Task, why: str) -> Iterator[Outcome]:
        """Note that a task's process died: it is tried again, or has failed."""
        self._attempts[task.name] = self._attempts.get(task.name, 0) + 1
        if self._attempts[task.name] < ATTEMPTS:
            heapq.heappush(self._ready, self._place[task.name])
            return
        yield from self.finish(Outcome(task.name, f"its process died {ATTEMPTS} times ({why})"))

    def finish(self, outcome: Outcome) -> Iterator[Outcome]:
        """Note an outcome; yield it, and those of the tasks that can no longer run."""
        yield outcome
        for name in self._dependent.pop(outcome.name, ()):
            waits = self._missing.get(name)
            if waits is None:
                continue  # it can't run any more
            if outcome.error is not None:
                del self._missing[name]
                yield from self.finish(Outcome(name, f"not run, since {outcome.name} failed"))
                continue
            waits.discard(outcome.name)
            if not waits:
                heapq.heappush(self._ready, self._place[name])


def execute(task: Task, values: Sequence[Any], progress: Progress) -> Outcome:
    """Carry out a task, here and now.

    Args:
        values: the task's arguments, shared ones replaced.
    """
    try:
        task.function(*values, progress)
    except NascopeError as error:
        return Outcome(task.name, str(error))
    except Exception:
        return Outcome(task.name, traceback.format_exc(), unexpected=True)
    return Outcome(task.name)


def execute_here(task: Task, progress: Progress) -> Outcome:
    """As `execute`, with this process's own copy of what is shared."""
    try:
        values = [a.value() if isinstance(a, Shared) else a for a in task.arguments]
    except NascopeError as error:
        return Outcome(task.name, str(error))
    except Exception:
        return Outcome(task.name, traceback.format_exc(), unexpected=True)
    return execute(task, values, progress)


def exit_if_cuda_corrupted(outcome: Outcome) -> None:
    """End this process, an engine's own, where CUDA no longer works in it.

    After an illegal access, say, every later call fails in this process and in no other: its task
    is then tried again elsewhere, as one that was lost, and no further one fails here.
    """
    torch = sys.modules.get("torch")
    if not outcome.unexpected or torch is None or not torch.cuda.is_initialized():
        return
    try:
        torch.cuda.synchronize()
    except Exception as error:
        logger.error("%s: CUDA is lost in this process: %s", outcome.name, error)
        os._exit(POISONED)
