"""Tasks side by side in processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from nascope._src.errors import StudyError
from nascope._src.runtime.devices import THREAD_VARIABLES, device_name
from nascope._src.study.engines.task import (
    Outcome,
    Queue,
    Task,
    TaskProgress,
    execute_here,
    exit_if_cuda_corrupted,
)

PROGRESS_SECONDS = 0.2  # between two messages of one task


class ProcessEngine:
    """Tasks side by side, in long-lived processes of one thread each.

    A worker that dies takes only its own task with it, which is tried again elsewhere. Workers
    stay for the next run until the engine is closed, and end with this process, however it ends.

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
        self._idle: list[_Worker] = []

    def device(self, name: str) -> str:
        """The device of that name, on this machine."""
        return device_name(name)

    def run(self, tasks: Sequence[Task], progress: TaskProgress) -> Iterator[Outcome]:
        """Run all tasks; yield an outcome for each as it ends."""
        queue = Queue(tasks)
        busy: dict[Connection, tuple[_Worker, Task]] = {}
        try:
            while True:
                while len(busy) < self.workers and (task := queue.pop_ready()):
                    worker = self._idle.pop() if self._idle else _Worker(self.threads)
                    busy[worker.connection] = worker, task
                    with contextlib.suppress(OSError):  # dead: noticed when it is read from
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
        """End the workers."""
        while self._idle:
            self._idle.pop().stop()


class _Worker:
    """A process that takes tasks over a pipe and answers with progress and an outcome."""

    def __init__(self, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_serve, args=(theirs, threads), name="nascope-worker", daemon=True
        )
        with thread_limits(threads):
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


class thread_limits:
    """Sets the libraries' thread counts while processes start: they read them on import."""

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
    """A worker's life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's; it stops the workers
    threading.Thread(target=_die_with_parent, daemon=True).start()
    from nascope._src.runtime.devices import configure_process  # noqa: PLC0415  (loads torch)

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
