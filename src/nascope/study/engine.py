"""Engines: the only file that knows how tasks are carried out.

A task is a picklable function with its arguments, and the names of the tasks that it waits for.
An engine runs them all and yields an event for each that ends; a failed task doesn't stop the
others, but for those that wait for it.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from nascope.errors import NascopeError, StudyError

_ATTEMPTS = 3  # a task whose worker was killed is tried so often
_PROGRESS_SECONDS = 0.2  # between two messages of one task

Progress = Callable[[str, float, str], None]
"""Called with a task's name, its share done in [0, 1], and a few words."""


@dataclass(frozen=True)
class Task:
    """A unit of work: ``function(*arguments, progress)``, after the tasks named in ``after``."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How a task ended: ``error`` is None, a line, or a traceback."""

    name: str
    error: str | None = None


class Engine(Protocol):
    """What every engine does."""

    def run(self, tasks: Sequence[Task], progress: Progress) -> Iterator[Outcome]:
        """Run all tasks; yield an outcome for each as it ends."""
        ...


@dataclass
class _Queue:
    """Tasks in their given order, each ready when those it waits for are done."""

    waiting: list[Task]
    done: set[str] = field(default_factory=set)

    def pop_ready(self) -> Task | None:
        for index, task in enumerate(self.waiting):
            if all(name in self.done for name in task.after):
                return self.waiting.pop(index)
        return None

    def finish(self, outcome: Outcome) -> Iterator[Outcome]:
        """Note an outcome; yield it, and those of the tasks that can no longer run."""
        yield outcome
        if outcome.error is None:
            self.done.add(outcome.name)
            return
        dependent = [task for task in self.waiting if outcome.name in task.after]
        for task in dependent:
            self.waiting.remove(task)
        for task in dependent:
            yield from self.finish(Outcome(task.name, f"not run, since {outcome.name} failed"))


class SerialEngine:
    """One task after the other in this process, where breakpoints work."""

    def run(self, tasks: Sequence[Task], progress: Progress) -> Iterator[Outcome]:
        """Run all tasks; yield an outcome for each as it ends."""
        queue = _Queue(list(tasks))
        while task := queue.pop_ready():
            error = _attempt(task, functools.partial(progress, task.name))
            yield from queue.finish(Outcome(task.name, error))


def _attempt(task: Task, progress: Callable[[float, str], None]) -> str | None:
    try:
        task.function(*task.arguments, progress)
    except NascopeError as error:
        return str(error)
    except Exception:
        return traceback.format_exc()
    return None


class ProcessEngine:
    """Tasks side by side, in long-lived processes of one thread each.

    A worker that dies takes only its own task with it, which is tried again elsewhere. Workers
    end with this process, however it ends.

    Args:
        workers: how many.
        threads: of each worker's numerical libraries.

    Raises:
        StudyError: a number is below 1.
    """

    def __init__(self, workers: int, threads: int = 1) -> None:
        if workers < 1 or threads < 1:
            raise StudyError(f"workers and threads must be at least 1, not {workers}, {threads}")
        self.workers = workers
        self.threads = threads

    def run(self, tasks: Sequence[Task], progress: Progress) -> Iterator[Outcome]:
        """Run all tasks; yield an outcome for each as it ends."""
        queue = _Queue(list(tasks))
        attempts: dict[str, int] = {}
        idle: list[_Worker] = []
        busy: dict[Connection, tuple[_Worker, Task]] = {}
        try:
            while queue.waiting or busy:
                while len(busy) < self.workers and (task := queue.pop_ready()):
                    worker = idle.pop() if idle else _Worker(self.threads)
                    worker.connection.send(task)
                    busy[worker.connection] = worker, task
                for ready in wait(list(busy)):
                    assert isinstance(ready, Connection)
                    worker, task = busy[ready]
                    try:
                        message = ready.recv()
                    except (EOFError, OSError):  # the worker died
                        del busy[ready]
                        code = worker.join()
                        attempts[task.name] = attempts.get(task.name, 0) + 1
                        if attempts[task.name] < _ATTEMPTS:
                            queue.waiting.insert(0, task)
                            continue
                        error = f"its process died {_ATTEMPTS} times (exit code {code})"
                        yield from queue.finish(Outcome(task.name, error))
                        continue
                    if isinstance(message, Outcome):
                        del busy[ready]
                        idle.append(worker)
                        yield from queue.finish(message)
                    else:
                        progress(task.name, *message)
        finally:
            for worker in [*idle, *(worker for worker, _ in busy.values())]:
                worker.stop()


class _Worker:
    """A process that takes tasks over a pipe and answers with progress and an outcome."""

    def __init__(self, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_serve, args=(theirs, threads), name="nascope-worker", daemon=True
        )
        with _environment(threads):
            self.process.start()
        theirs.close()

    def join(self) -> int | None:
        self.connection.close()
        self.process.join(timeout=5)
        return self.process.exitcode

    def stop(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join(timeout=5)


class _environment:
    """Sets the libraries' thread counts while a worker starts: they read them on import."""

    NAMES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def __enter__(self) -> None:
        self.before = {name: os.environ.get(name) for name in self.NAMES}
        os.environ.update(dict.fromkeys(self.NAMES, str(self.threads)))

    def __exit__(self, *_: object) -> None:
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _serve(connection: Connection, threads: int) -> None:
    """A worker's life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's; it stops the workers
    threading.Thread(target=_die_with_parent, daemon=True).start()
    from nascope.data.device import take_process  # noqa: PLC0415  (loads torch)

    take_process(threads)
    while True:
        try:
            task: Task = connection.recv()
        except EOFError:
            return
        last = 0.0

        def report(share: float, words: str) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _PROGRESS_SECONDS:
                last = now
                connection.send((share, words))

        connection.send(Outcome(task.name, _attempt(task, report)))


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
