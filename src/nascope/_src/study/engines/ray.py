"""Tasks on a Ray cluster: of this machine alone, or of many. Needs the extra ``ray``.

No task starts another. A task whose process or node is lost is submitted again, up to a limit;
what it had written down is taken up. The driver holds no lock: workers do, since a worker may
outlive its driver.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

from nascope._src.errors import NascopeError, StudyError
from nascope._src.records.provenance import set_provenance
from nascope._src.runtime.devices import cores
from nascope._src.study.engines.processes import thread_limits
from nascope._src.study.engines.task import (
    Outcome,
    Queue,
    Shared,
    Task,
    TaskProgress,
    execute,
    exit_if_cuda_corrupted,
)

logger = logging.getLogger(__name__)

_PROGRESS_SECONDS = 1.0  # between two messages of one task
_POLL_SECONDS = 0.5
_AHEAD = 2  # tasks submitted for each that can run, so that no core waits for the driver


class RayEngine:
    """Tasks side by side on a Ray cluster.

    Args:
        address: of a running cluster, "auto" for the one that this machine belongs to; None
            starts one on this machine, and stops it when the engine is closed.
        workers: tasks at a time; on a cluster that is already there, as many as fit by default.
        threads: of each task's numerical libraries; a task takes as many of the cluster's CPUs.
        gpus: share of a GPU that each task takes, 0.25 for four side by side on one.

    Raises:
        StudyError: a number is out of range, Ray is not installed, the cluster not reached, or no
            machine of it has what a task takes.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        workers: int | None = None,
        threads: int = 1,
        gpus: float = 0.0,
    ) -> None:
        if (workers is not None and workers < 1) or threads < 1:
            raise StudyError(f"workers and threads must be at least 1, not {workers}, {threads}")
        if not 0 <= gpus <= 1024 or (gpus > 1 and gpus != int(gpus)):
            raise StudyError(f"gpus must be a share of one, or a whole number, not {gpus}")
        self.workers, self.threads, self.gpus = workers, threads, gpus
        self._own = address is None
        self._ray = ray = _import_ray()
        try:
            if address is None:
                with thread_limits(threads):
                    ray.init(
                        "local",
                        num_cpus=(workers or cores()) * threads,
                        include_dashboard=False,
                        **_QUIET,
                    )
            else:
                ray.init(address, **_QUIET)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            reason = str(error).strip().splitlines()
            what = f"reach the Ray cluster at {address}" if address else "start Ray"
            raise StudyError(f"cannot {what}: {reason[0] if reason else error!r}") from None
        if not any(map(self._fit, self._nodes())):
            message = self._nothing_fits()
            ray.shutdown()
            raise StudyError(message)
        strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        self._board: Any = (
            ray.remote(_Board).options(num_cpus=0, scheduling_strategy=strategy).remote()
        )
        # max_calls=0: a GPU task would otherwise get a new process, and a new torch, each time.
        # max_retries=0: this engine counts the attempts itself, as the others do.
        self._remote: Any = ray.remote(
            num_cpus=threads,
            num_gpus=gpus,
            max_calls=0,
            max_retries=0,
            runtime_env={"env_vars": {_LEAVE_CUDA: "1"}} if gpus else None,
        )(_serve)
        self._stored: dict[Shared, Any] = {}

    def device(self, name: str) -> str:
        """CUDA where tasks take a share of a GPU, else the CPU: nodes may differ from this one."""
        if name == "auto":
            return "cuda" if self.gpus else "cpu"
        if name.startswith("cuda") and not self.gpus:
            raise StudyError("on CUDA, Ray must be told the share of a GPU that a task takes: gpus")
        if name.startswith("cuda:"):
            raise StudyError(f"Ray chooses the GPU of each task: give cuda, not {name}")
        return name

    def run(self, tasks: Sequence[Task], progress: TaskProgress) -> Iterator[Outcome]:
        """Run all tasks; yield an outcome for each as it ends."""
        queue = Queue(tasks)
        running: dict[Any, Task] = {}
        told, slots = -math.inf, 0
        try:
            while True:
                if time.monotonic() - told >= _POLL_SECONDS:
                    self._tell({task.name for task in running.values()}, progress)
                    told, slots = time.monotonic(), self._slots()
                while len(running) < slots and (task := queue.pop_ready()):
                    try:
                        running[self._submit(task)] = task
                    except NascopeError as error:  # what it shares can't be loaded
                        yield from queue.finish(Outcome(task.name, str(error)))
                if not running:
                    return
                for reference in self._ended(list(running)):
                    yield from self._result(reference, running.pop(reference), queue)
        finally:
            for reference in running:
                with contextlib.suppress(Exception):
                    self._ray.cancel(reference, force=True)

    def _ended(self, running: list[Any]) -> list[Any]:
        """The tasks that have ended, after a while at the most."""
        ended, _ = self._ray.wait(running, num_returns=1, timeout=_POLL_SECONDS)
        if ended:  # all of them in one go
            ended, _ = self._ray.wait(running, num_returns=len(running), timeout=0)
        return list(ended)

    def _result(self, reference: Any, task: Task, queue: Queue) -> Iterator[Outcome]:
        errors = self._ray.exceptions
        try:
            outcome: Outcome = self._ray.get(reference)
        except errors.RayTaskError as error:  # it could not even begin
            yield from queue.finish(Outcome(task.name, str(error)))
        except errors.RayError as error:
            why = type(error).__name__
            logger.info("%s: its process or node was lost (%s)", task.name, why)
            yield from queue.lost(task, why)
        else:
            yield from queue.finish(outcome)

    def _tell(self, running: set[str], progress: TaskProgress) -> None:
        with contextlib.suppress(self._ray.exceptions.RayError):
            for name, news in self._ray.get(self._board.take.remote()).items():
                if name in running:
                    progress(name, *news)

    def close(self) -> None:
        """Leave the cluster, and stop it if this engine has started it."""
        if self._ray.is_initialized():
            self._ray.kill(self._board)
            self._ray.shutdown()

    def _submit(self, task: Task) -> Any:
        values = [self._store(a) if isinstance(a, Shared) else a for a in task.arguments]
        # Shared values are arguments of their own, which Ray resolves; those inside of others it
        # does not.
        return self._remote.remote(task, self._board, self.threads, *values)

    def _store(self, shared: Shared) -> Any:
        if shared not in self._stored:
            self._stored[shared] = self._ray.put(shared.load(*shared.arguments))
        return self._stored[shared]

    def side_by_side(self) -> int:
        """How many tasks the cluster, as it is now, carries out at a time; at least 1, since a
        machine that was lost may come back."""
        fit = sum(map(self._fit, self._nodes()))
        return max(1, min(fit, self.workers or fit))

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self._ray.nodes() if node["Alive"]]

    def _fit(self, node: dict[str, Any]) -> int:
        """How many tasks a node has room for at a time."""
        cpus, gpus = _has(node)
        fit = cpus / self.threads
        if self.gpus:
            fit = min(fit, gpus / self.gpus)
        return int(fit + 1e-9)  # 3 × 0.1 is more than 0.3

    def _nothing_fits(self) -> str:
        """Ray would wait for such a machine for ever."""
        needs = [f"{self.threads} CPUs (threads)"]
        remedy = "fewer threads"
        if self.gpus:
            needs.append(f"{self.gpus:g} GPUs (gpus)")
            remedy += " or GPUs, or device cpu without gpus"
        by_need = sorted(self._nodes(), key=lambda node: _has(node)[:: -1 if self.gpus else 1])
        found = "none is there"
        if by_need:
            cpus, gpus = _has(by_need[-1])
            name = by_need[-1]["NodeManagerHostname"]
            found = f"the largest, {name}, has {cpus:g} CPUs and {gpus:g} GPUs"
        return (
            f"no machine of the Ray cluster has the {' and '.join(needs)} that a task is to take: "
            f"{found}; ask for {remedy}, or add a machine that has them"
        )

    def _slots(self) -> int:
        """Tasks to have submitted: some ahead, but not past a limit on a cluster of others."""
        limit = self.workers if self.workers is not None and not self._own else None
        return limit or _AHEAD * self.side_by_side()


def _has(node: dict[str, Any]) -> tuple[float, float]:
    """A node's CPUs and GPUs."""
    return node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0)


_QUIET: dict[str, Any] = {
    "log_to_driver": False,
    "logging_level": logging.ERROR,
    "namespace": "nascope",
}


_LEAVE_CUDA = "RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES"


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read on import: sends no statistics
    try:
        import ray  # noqa: PLC0415  (an extra, and slow to import)
        import ray.exceptions  # noqa: PLC0415
        import ray.util.scheduling_strategies  # noqa: PLC0415
    except ImportError:
        raise StudyError(
            "the Ray engine needs Ray, which is not installed: pip install 'nascope[ray]'"
        ) from None
    return ray


class _Board:
    """An actor on the driver's node that holds the newest word of each running task."""

    def __init__(self) -> None:
        self._news: dict[str, tuple[float, str]] = {}

    def tell(self, name: str, share: float, words: str) -> None:
        self._news[name] = share, words

    def take(self) -> dict[str, tuple[float, str]]:
        news, self._news = self._news, {}
        return news


def _serve(task: Task, board: Any, threads: int, *values: Any) -> Outcome:
    """Carry out a task in a process of the cluster."""
    _set_up(threads)
    _take_gpu()
    last = time.monotonic() - _PROGRESS_SECONDS / 2  # a short task says nothing

    def report(share: float, words: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_SECONDS:
            last = now
            board.tell.remote(task.name, share, words)

    outcome = execute(task, values, report)
    exit_if_cuda_corrupted(outcome)
    return outcome


_ready: set[int] = set()  # of this process


def _set_up(threads: int) -> None:
    if threads in _ready:
        return
    import ray  # noqa: PLC0415

    from nascope._src.runtime.devices import configure_process  # noqa: PLC0415  (loads torch)

    configure_process(threads)
    set_provenance(engine="ray", node=ray.get_runtime_context().get_node_id()[:12])
    _ready.add(threads)


def _take_gpu() -> None:
    """Let "cuda" be the GPU that Ray gives to this task, which may not be that of the one before.

    Ray's own way, to hide the others by CUDA_VISIBLE_DEVICES, does nothing in a process in which
    CUDA runs already.
    """
    import ray  # noqa: PLC0415
    import torch  # noqa: PLC0415

    own = [str(name) for name in ray.get_gpu_ids()]
    if own and torch.cuda.is_available() and torch.version.hip is None:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        torch.cuda.set_device(visible.split(",").index(own[0]) if visible else int(own[0]))
