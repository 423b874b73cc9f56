"""Run independent pieces of work on threads, with one torch thread each.

torch releases the GIL inside its operations, so threads keep all cores busy. They need no second
copy of the data, and work for any model, including one that cannot be sent to another process.
Results do not depend on the number of threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, Self, TypeVar

import torch

from nascope._src.runtime.types import Progress


class Copyable(Protocol):
    """An object of which each thread needs its own copy."""

    def copy(self) -> Self: ...


Item = TypeVar("Item")
Result = TypeVar("Result")
Private = TypeVar("Private", bound=Copyable)


class Stopped(Exception):
    """Another worker failed, or the user interrupted the work."""


def map_copies(
    private: Private,
    items: Iterable[Item],
    work: Callable[[Private, Item], Result],
    *,
    workers: int = 1,
    stop: threading.Event | None = None,
) -> Iterator[Result]:
    """Yield ``work(copy, item)`` for each item, in order; each thread has its own copy.

    With one worker, the work runs in this thread, on ``private`` itself, with all torch threads of
    the process. With more workers, each uses one torch thread.

    Args:
        private: object of which each worker gets a copy.
        items: what to work on.
        work: called with a copy and an item.
        workers: number of threads.
        stop: event that is set when an item fails or the iteration is abandoned, so that long work
            can end early.
    """
    if workers <= 1:
        for item in items:
            yield work(private, item)
        return
    stop = stop or threading.Event()
    local = threading.local()

    def prepare() -> None:
        torch.set_num_threads(1)
        local.copy = copies.pop()

    copies = [private.copy() for _ in range(workers)]
    waiting: deque[Future[Result]] = deque()
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, "nascope", initializer=prepare)
    try:
        for item in items:
            waiting.append(pool.submit(lambda item=item: work(local.copy, item)))  # type: ignore[misc]
            if len(waiting) >= 2 * workers:  # keeps few results in memory
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(threads)


def map_threads(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    progress: Progress | None = None,
    name: Callable[[Item], str] = str,
) -> list[Result]:
    """Return ``[work(item) for item in items]``, each computed with one torch thread.

    Args:
        work: called with an item.
        items: what to work on.
        workers: number of threads.
        progress: called after each item.
        name: returns an item's name, for progress.
    """
    results = []
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(workers) as pool:
            for item, result in zip(items, pool.map(work, items), strict=True):
                results.append(result)
                if progress is not None:
                    progress(len(results) / len(items), name(item))
    finally:
        torch.set_num_threads(before)
    return results
