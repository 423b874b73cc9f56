"""What all engines share: tasks, the order in which they run, and how one is executed."""

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
from typing import Any, Literal, Protocol

from nascope._src.errors import NascopeError
from nascope._src.records.locks import is_held
from nascope._src.runtime.types import Progress

logger = logging.getLogger(__name__)

EXIT_CUDA_CORRUPTED = 75  # exit code of a process in which CUDA failed for good: EX_TEMPFAIL
ATTEMPTS = 3  # attempts at a task whose process or node is lost

TaskProgress = Callable[[str, float, str], None]
"""Called with a task's name, the share of it that is done, in [0, 1], and a few words."""


@dataclass(frozen=True)
class Shared:
    """A value that many tasks read and none changes: the result of ``load(*arguments)``.

    Each process loads it once. On a cluster the driver loads it, and the nodes read it from the
    object store.
    """

    load: Callable[..., Any]
    arguments: tuple[Any, ...]  # hashable

    def value(self) -> Any:
        """Return this process's copy of the value."""
        return _loaded(self)


@functools.lru_cache(maxsize=4)
def _loaded(shared: Shared) -> Any:
    return shared.load(*shared.arguments)


@dataclass(frozen=True)
class Task:
    """A unit of work: ``function(*arguments, progress)``.

    Args:
        name: unique name.
        function: a function of a module, so that it can be sent to another process.
        arguments: plain data. A `Shared` argument is replaced by its value.
        after: names of the tasks that must be done before.
        lock: the lock that a process holds during the task. If another run holds it, other tasks
            are started first.
        kind: kind of work. Tasks of one kind take time in proportion to their cost.
        cost: estimated work, in any unit.
        title: what people see in place of the name.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    after: tuple[str, ...] = ()
    lock: Path | None = None
    kind: str = ""
    cost: float = 1.0
    title: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        name: name of the task.
        status: "skipped" if the task could not start because one before it failed.
        error: the reason, unless the task is done: one line, or a traceback if ``unexpected``.
        unexpected: whether the error was not raised by nascope itself.
    """

    name: str
    status: Literal["done", "failed", "skipped"] = "done"
    error: str | None = None
    unexpected: bool = False


class Engine(Protocol):
    """Executes tasks. It may hold processes or connections until it is closed."""

    def device(self, name: str) -> str:
        """Return the device that tasks use if the user asks for ``name``; never "auto".

        Raises:
            StudyError: there is no such device.
        """
        ...

    def run(self, tasks: Sequence[Task], progress: TaskProgress) -> Iterator[Outcome]:
        """Run all tasks and yield the outcome of each as it ends.

        If a task fails, those that wait for it are skipped, and all others still run.
        """
        ...

    def close(self) -> None:
        """Release processes and connections. May be called more than once."""
        ...


class Queue:
    """Tasks in the given order; each is ready once the tasks it waits for are done.

    Tasks that another run works on, according to their locks, come last: they would only wait.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = list(tasks)
        self._index = {task.name: index for index, task in enumerate(tasks)}
        self._waits_for = {task.name: set(task.after) for task in tasks}
        self._dependents: dict[str, list[str]] = {}
        for task in tasks:
            for name in task.after:
                self._dependents.setdefault(name, []).append(task.name)
        self._ready = [index for index, task in enumerate(tasks) if not task.after]
        self._attempts: dict[str, int] = {}
        heapq.heapify(self._ready)

    def pop_ready(self) -> Task | None:
        """Return the first ready task, if possible one that no other run works on."""
        held: list[int] = []
        while self._ready:
            index = heapq.heappop(self._ready)
            lock = self._tasks[index].lock
            if lock is None or not is_held(lock):
                break
            held.append(index)
        else:
            if not held:
                return None
            index = held.pop(0)
        for other in held:
            heapq.heappush(self._ready, other)
        return self._tasks[index]

    def lost(self, task: Task, reason: str) -> Iterator[Outcome]:
        """Put a task back whose process was lost; after several attempts it has failed."""
        self._attempts[task.name] = self._attempts.get(task.name, 0) + 1
        if self._attempts[task.name] < ATTEMPTS:
            heapq.heappush(self._ready, self._index[task.name])
            return
        error = f"its process died {ATTEMPTS} times ({reason})"
        yield from self.finish(Outcome(task.name, "failed", error))

    def finish(self, outcome: Outcome) -> Iterator[Outcome]:
        """Yield an outcome, and then those of the tasks that have to be skipped because of it."""
        yield outcome
        for name in self._dependents.pop(outcome.name, ()):
            waits_for = self._waits_for.get(name)
            if waits_for is None:
                continue  # skipped before
            if outcome.status != "done":
                del self._waits_for[name]
                error = f"not run, since {outcome.name} failed"
                yield from self.finish(Outcome(name, "skipped", error))
                continue
            waits_for.discard(outcome.name)
            if not waits_for:
                heapq.heappush(self._ready, self._index[name])


def execute(task: Task, values: Sequence[Any], progress: Progress) -> Outcome:
    """Execute a task in this process.

    Args:
        values: the task's arguments, with shared ones replaced by their values.
    """
    return _outcome_of(task.name, lambda: task.function(*values, progress))


def execute_here(task: Task, progress: Progress) -> Outcome:
    """Execute a task in this process, with the process's own copy of shared values."""

    def call() -> None:
        values = [a.value() if isinstance(a, Shared) else a for a in task.arguments]
        task.function(*values, progress)

    return _outcome_of(task.name, call)


def _outcome_of(name: str, call: Callable[[], Any]) -> Outcome:
    try:
        call()
    except NascopeError as error:
        return Outcome(name, "failed", str(error))
    except Exception:
        return Outcome(name, "failed", traceback.format_exc(), unexpected=True)
    return Outcome(name)


def exit_if_cuda_corrupted(outcome: Outcome) -> None:
    """End this process, which must be an engine's worker, if CUDA no longer works in it.

    After an illegal memory access, for example, every later call fails in this process but in no
    other. The engine then treats the task as lost and runs it again in another process.
    """
    torch = sys.modules.get("torch")
    if not outcome.unexpected or torch is None or not torch.cuda.is_initialized():
        return
    try:
        torch.cuda.synchronize()
    except Exception as error:
        logger.error("%s: CUDA no longer works in this process: %s", outcome.name, error)
        os._exit(EXIT_CUDA_CORRUPTED)
