"""Execute one task at a time in this process, where breakpoints work."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from nascope._src.runtime.devices import device_name
from nascope._src.study.engines.task import Outcome, Queue, Task, TaskProgress, execute_here


class SerialEngine:
    """Executes one task at a time in this process, with the threads that it has."""

    def device(self, name: str) -> str:
        """Return the device of that name on this machine; "auto" is CUDA if available."""
        return device_name(name)

    def run(self, tasks: Sequence[Task], progress: TaskProgress) -> Iterator[Outcome]:
        """Run all tasks and yield the outcome of each as it ends."""
        queue = Queue(tasks)
        while task := queue.pop_ready():
            yield from queue.finish(execute_here(task, functools.partial(progress, task.name)))

    def close(self) -> None:
        """Do nothing: there is nothing to release."""
