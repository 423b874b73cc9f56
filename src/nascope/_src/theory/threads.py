"""Independent pieces of linear algebra on threads; torch lets go of Python's lock meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Progress = Callable[[float, str], None]
"""Called with the share that is done and what was done last."""

Job = TypeVar("Job")
Result = TypeVar("Result")


def on_threads(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    workers: int,
    progress: Progress | None = None,
    name: Callable[[Job], str] = str,
) -> list[Result]:
    """Results in the order of the jobs, each computed by one thread of torch."""
    found = []
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(workers) as pool:
            for job, result in zip(jobs, pool.map(work, jobs), strict=True):
                found.append(result)
                if progress is not None:
                    progress(len(found) / len(jobs), name(job))
    finally:
        torch.set_num_threads(before)
    return found
