"""One task after the other in this process, where breakpoints work."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from nascope._src.runtime.devices import device_name
from nascope._src.study.engines.task import Outcome, Queue, Task, TaskProgress, execute_here


class SerialEngine:
    """One task after the other in this process, with as many threads as it has."""

    def device(self, name: str) -> str:
        """The device of that name, on this machine."""
        return device_name(name)

    def run(self, tasks: Sequence[Task], progress: TaskProgress) -> Iterator[Outcome]:
        """Run all tasks; yield an outcome for each as it ends."""
        queue = Queue(tasks)
        while task := queue.pop_ready():
            yield from queue.finish(execute_here(task, functools.partial(progress, task.name)))

    def close(self) -> None:
        """Nothing is held."""
