"""The same work on many items, side by side in threads, each with a Risk of its own.

torch lets go of Python's lock within its operations, so that threads of one torch thread each
keep all cores busy without a second copy of the data, and with any model, also one that can't be
sent to another process. No number depends on how many there are.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

from nascope._src.probes.risk import Risk

Item = TypeVar("Item")
Result = TypeVar("Result")


class Stopped(Exception):
    """Another worker failed, or the user interrupted."""


def side_by_side(
    risk: Risk,
    items: Iterable[Item],
    work: Callable[[Risk, Item], Result],
    *,
    workers: int = 1,
    stop: threading.Event | None = None,
) -> Iterator[Result]:
    """``work(risk, item)`` for each item, in order; a worker gets a copy of the Risk.

    With one worker it runs in this thread, on ``risk`` itself, with as many torch threads as the
    process has; with more, on one torch thread each.

    Args:
        stop: set when an item fails or the iteration is abandoned: long work looks at it.
    """
    if workers <= 1:
        for item in items:
            yield work(risk, item)
        return
    stop = stop or threading.Event()
    own = threading.local()

    def prepare() -> None:
        torch.set_num_threads(1)
        own.risk = copies.pop()

    copies = [risk.copy() for _ in range(workers)]
    waiting: deque[Future[Result]] = deque()
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, "nascope-probe", initializer=prepare)
    try:
        for item in items:
            waiting.append(pool.submit(lambda item=item: work(own.risk, item)))  # type: ignore[misc]
            if len(waiting) >= 2 * workers:  # results in memory stay few
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(threads)
