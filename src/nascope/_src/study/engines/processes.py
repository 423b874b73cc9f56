"""Execute several tasks at a time in processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from nascope._src.errors import StudyError
from nascope._src.runtime.devices import THREAD_VARIABLES, configure_process, device_name
from nascope._src.study.engines.task import (
    Outcome,
    Queue,
    Task,
    TaskProgress,
    execute_here,
    exit_if_cuda_corrupted,
)

PROGRESS_SECONDS = 0.2  # at least, between two messages about one task


class ProcessEngine:
    """Executes several tasks at a time, each in a long-lived process.

    If a worker dies, only its own task is lost, and is tried again in another one. Workers are kept
    for later runs until the engine is closed. They also end if this process is killed.

    Args:
        workers: number of processes.
        threads: threads of each worker's numerical libraries.

    Raises:
        StudyError: a number is below 1.
    """

    def __init__(self, workers: int, threads: int = 1) -> None:
        if workers < 1 or threads < 1:
            raise StudyError(f"workers and threads must be at least 1, not {workers}, {threads}")
        self.workers = workers
        self.threads = threads
        self._idle: list[_Worker] = []

    def device(self, name: str) -> str:
        """Return the device of that name on this machine; "auto" is CUDA if available."""
        return device_name(name)

    def run(self, tasks: Sequence[Task], progress: TaskProgress) -> Iterator[Outcome]:
        """Run all tasks and yield the outcome of each as it ends."""
        queue = Queue(tasks)
        busy: dict[Connection, tuple[_Worker, Task]] = {}
        try:
            while True:
                while len(busy) < self.workers and (task := queue.pop_ready()):
                    worker = self._idle.pop() if self._idle else _Worker(self.threads)
                    busy[worker.connection] = worker, task
                    with contextlib.suppress(OSError):  # it died: noticed when reading from it
                        worker.connection.send(task)
                if not busy:
                    return
                for ready in wait(list(busy)):
                    assert isinstance(ready, Connection)
                    worker, task = busy[ready]
                    try:
                        message = ready.recv()
                    except (EOFError, OSError):  # the worker died
                        del busy[ready]
                        yield from queue.lost(task, f"exit code {worker.join()}")
                        continue
                    if isinstance(message, Outcome):
                        del busy[ready]
                        self._idle.append(worker)
                        yield from queue.finish(message)
                    else:
                        progress(task.name, *message)
        finally:
            for worker, _ in busy.values():
                worker.stop()

    def close(self) -> None:
        """End all workers."""
        while self._idle:
            self._idle.pop().stop()


class _Worker:
    """A process that receives tasks through a pipe and sends back progress and outcomes."""

    def __init__(self, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, worker_end = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_serve, args=(worker_end, threads), name="nascope-worker", daemon=True
        )
        with thread_limits(threads), _hidden_main_module():
            self.process.start()
        worker_end.close()

    def join(self) -> int | None:
        self.connection.close()
        self.process.join(timeout=5)
        return self.process.exitcode

    def stop(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join(timeout=5)


@contextlib.contextmanager
def _hidden_main_module() -> Iterator[None]:
    """Keep new processes from importing the main module, which would run a user's script again.

    Workers need nothing from it: tasks name functions of modules that can be imported.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class thread_limits:
    """Sets the numerical libraries' thread counts, which new processes read when they start."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def __enter__(self) -> None:
        self.before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(self.threads)))

    def __exit__(self, *_: object) -> None:
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _serve(connection: Connection, threads: int) -> None:
    """Execute tasks until the driver closes the connection; the main function of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C the driver stops its workers
    threading.Thread(target=_die_with_parent, daemon=True).start()
    configure_process(threads)
    while True:
        try:
            task: Task = connection.recv()
        except EOFError:
            return
        last = 0.0

        def report(share: float, words: str) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= PROGRESS_SECONDS:
                last = now
                connection.send((share, words))

        outcome = execute_here(task, report)
        exit_if_cuda_corrupted(outcome)
        connection.send(outcome)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
