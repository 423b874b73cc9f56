"""Execute tasks on a Ray cluster of one or many machines. Needs the extra ``ray``.

Whoever reaches Ray's ports can run code. A cluster that is started here can be reached from this
machine only; one at an address is open to whom its administrator lets in.

A task whose process or node is lost is submitted again, up to a limit, and resumes from what it has
written. Workers hold the locks, not the driver, because a worker may outlive its driver.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import math
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from nascope._src.errors import NascopeError, StudyError
from nascope._src.records.provenance import set_provenance
from nascope._src.runtime.devices import configure_process, cores
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

_PROGRESS_SECONDS = 1.0  # at least, between two messages about one task
_POLL_SECONDS = 0.5
_CONNECT_SECONDS = 10.0
_AHEAD = 2  # submitted tasks per task that can run, so that no core waits for the driver


class RayEngine:
    """Executes several tasks at a time on a Ray cluster.

    Args:
        address: address of a running cluster, or "auto" for the cluster of this machine. By default
            a cluster is started on this machine, and stopped when the engine is closed.
        workers: number of tasks at a time; on a running cluster by default as many as fit.
        threads: threads of each task's numerical libraries, and CPUs that each task occupies.
        gpus: fraction of a GPU that each task occupies; 0.25 runs four tasks per GPU.

    Raises:
        StudyError: a number is out of range, Ray is not installed, the cluster cannot be reached,
            or none of its machines can run a task.
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
            raise StudyError(f"gpus must be a fraction of one, or a whole number, not {gpus}")
        self.workers, self.threads, self.gpus = workers, threads, gpus
        self._started_here = address is None
        self._ray = ray = _import_ray()
        try:
            if address is None:
                with thread_limits(threads), _this_machine_only():
                    ray.init(
                        "local",
                        num_cpus=(workers or cores()) * threads,
                        include_dashboard=False,
                        **_QUIET,
                    )
            else:
                _require_listener(address)
                with _kept_signal_handler():
                    ray.init(address, **_QUIET)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            if "AF_UNIX" in reason:
                reason = f"the temporary folder's path is too long for sockets; {_SHORT_FOLDER}"
            what = f"reach the Ray cluster at {address}" if address else "start Ray"
            raise StudyError(f"cannot {what}: {reason}") from None
        if address is None and not all(map(_is_private, self._nodes())):
            ray.shutdown()
            raise StudyError(
                "this version of Ray opens its ports to the network: install another one, or start "
                "a cluster with ray start and give its address"
            )
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
        # max_calls=0: otherwise each GPU task would get a new process, which imports torch again.
        # max_retries=0: this engine counts the attempts, as the others do.
        self._remote: Any = ray.remote(
            num_cpus=threads,
            num_gpus=gpus,
            max_calls=0,
            max_retries=0,
            runtime_env={"env_vars": {_LEAVE_CUDA: "1"}} if gpus else None,
        )(_serve)
        self._stored: dict[Shared, Any] = {}

    def device(self, name: str) -> str:
        """Return the device of that name; "auto" is CUDA if tasks occupy a fraction of a GPU.

        This machine's devices do not count, since the nodes may have others.
        """
        if name == "auto":
            return "cuda" if self.gpus else "cpu"
        if name.startswith("cuda") and not self.gpus:
            raise StudyError("CUDA on Ray needs the fraction of a GPU per task: give gpus")
        if name.startswith("cuda:"):
            raise StudyError(f"Ray chooses the GPU of each task: give cuda, not {name}")
        return name

    def run(self, tasks: Sequence[Task], progress: TaskProgress) -> Iterator[Outcome]:
        """Run all tasks and yield the outcome of each as it ends."""
        queue = Queue(tasks)
        running: dict[Any, Task] = {}
        last_poll, slots = -math.inf, 0
        try:
            while True:
                if time.monotonic() - last_poll >= _POLL_SECONDS:
                    self._report({task.name for task in running.values()}, progress)
                    last_poll, slots = time.monotonic(), self._slots()
                while len(running) < slots and (task := queue.pop_ready()):
                    try:
                        running[self._submit(task)] = task
                    except NascopeError as error:  # a shared value cannot be loaded
                        yield from queue.finish(Outcome(task.name, "failed", str(error)))
                if not running:
                    return
                for reference in self._ended(list(running)):
                    yield from self._result(reference, running.pop(reference), queue)
        finally:
            for reference in running:
                with contextlib.suppress(Exception):
                    self._ray.cancel(reference, force=True)

    def _ended(self, running: list[Any]) -> list[Any]:
        """Return the tasks that have ended; wait for the first one, but not for long."""
        ended, _ = self._ray.wait(running, num_returns=1, timeout=_POLL_SECONDS)
        if ended:  # and all others that have ended by now
            ended, _ = self._ray.wait(running, num_returns=len(running), timeout=0)
        return list(ended)

    def _result(self, reference: Any, task: Task, queue: Queue) -> Iterator[Outcome]:
        errors = self._ray.exceptions
        try:
            outcome: Outcome = self._ray.get(reference)
        except errors.RayTaskError as error:  # the task could not start
            yield from queue.finish(Outcome(task.name, "failed", str(error)))
        except errors.RayError as error:
            reason = type(error).__name__
            logger.info("%s: its process or node was lost (%s)", task.name, reason)
            yield from queue.lost(task, reason)
        else:
            yield from queue.finish(outcome)

    def _report(self, running: set[str], progress: TaskProgress) -> None:
        with contextlib.suppress(self._ray.exceptions.RayError):
            for name, message in self._ray.get(self._board.take.remote()).items():
                if name in running:
                    progress(name, *message)

    def close(self) -> None:
        """Disconnect from the cluster, and stop it if this engine started it."""
        if self._ray.is_initialized():
            self._ray.kill(self._board)
            self._ray.shutdown()

    def _submit(self, task: Task) -> Any:
        values = [self._store(a) if isinstance(a, Shared) else a for a in task.arguments]
        # Ray replaces references only if they are arguments themselves, not within other values.
        return self._remote.remote(task, self._board, self.threads, *values)

    def _store(self, shared: Shared) -> Any:
        if shared not in self._stored:
            self._stored[shared] = self._ray.put(shared.load(*shared.arguments))
        return self._stored[shared]

    def max_concurrent(self) -> int:
        """Return how many tasks the cluster can run at a time at the moment.

        At least 1, because a lost machine may come back.
        """
        fit = sum(map(self._fit, self._nodes()))
        return max(1, min(fit, self.workers or fit))

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self._ray.nodes() if node["Alive"]]

    def _fit(self, node: dict[str, Any]) -> int:
        """Return how many tasks a node can run at a time."""
        cpus, gpus = _resources_of(node)
        fit = cpus / self.threads
        if self.gpus:
            fit = min(fit, gpus / self.gpus)
        return int(fit + 1e-9)  # 3 × 0.1 exceeds 0.3

    def _nothing_fits(self) -> str:
        """Return the error for a cluster on which Ray would wait forever for a suitable machine."""
        needs = [f"{self.threads} CPUs (threads)"]
        remedy = "fewer threads"
        if self.gpus:
            needs.append(f"{self.gpus:g} GPUs (gpus)")
            remedy += " or GPUs, or device cpu without gpus"
        nodes = sorted(self._nodes(), key=lambda n: _resources_of(n)[:: -1 if self.gpus else 1])
        largest = "there is none"
        if nodes:
            cpus, gpus = _resources_of(nodes[-1])
            name = nodes[-1]["NodeManagerHostname"]
            largest = f"the largest, {name}, has {cpus:g} CPUs and {gpus:g} GPUs"
        return (
            f"no machine of the Ray cluster has the {' and '.join(needs)} that a task needs: "
            f"{largest}; ask for {remedy}, or add a machine that has them"
        )

    def _slots(self) -> int:
        """Return how many tasks to have submitted: some ahead, unless the user limits a cluster."""
        limit = self.workers if self.workers is not None and not self._started_here else None
        return limit or _AHEAD * self.max_concurrent()


def _resources_of(node: dict[str, Any]) -> tuple[float, float]:
    """Return the numbers of a node's CPUs and GPUs."""
    return node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0)


_QUIET: dict[str, Any] = {
    "log_to_driver": False,
    "logging_level": logging.ERROR,
    "namespace": "nascope",
}


_SHORT_FOLDER = "set TMPDIR to a folder with a shorter path, such as /tmp"

_CLUSTERS = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""If this variable is 0, Ray listens at 127.0.0.1 only, as by default on Windows and macOS."""

_LEAVE_CUDA = "RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES"


@contextlib.contextmanager
def _this_machine_only() -> Iterator[None]:
    """Let Ray start a cluster that only this machine can reach, and that leaves signals alone."""
    from ray._private import ray_constants  # noqa: PLC0415  (read the variable when imported)

    before, constant = os.environ.get(_CLUSTERS), getattr(ray_constants, "ENABLE_RAY_CLUSTER", None)
    os.environ[_CLUSTERS] = "0"
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        with _kept_signal_handler():
            yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = constant
        if before is None:
            del os.environ[_CLUSTERS]
        else:
            os.environ[_CLUSTERS] = before


@contextlib.contextmanager
def _kept_signal_handler() -> Iterator[None]:
    """Keep the process's handler of SIGTERM, which Ray replaces when it starts."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and handler is not None:
            signal.signal(signal.SIGTERM, handler)


def _is_private(node: dict[str, Any]) -> bool:
    """Return whether only this machine can reach a node."""
    return ipaddress.ip_address(node["NodeManagerAddress"]).is_loopback


def _require_listener(address: str) -> None:
    """Raise an `OSError` if nothing listens at HOST:PORT, where Ray would retry for 20 minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read on import
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
    """An actor on the driver's node that holds the latest message of each running task."""

    def __init__(self) -> None:
        self._messages: dict[str, tuple[float, str]] = {}

    def put(self, name: str, share: float, words: str) -> None:
        self._messages[name] = share, words

    def take(self) -> dict[str, tuple[float, str]]:
        messages, self._messages = self._messages, {}
        return messages


def _serve(task: Task, board: Any, threads: int, *values: Any) -> Outcome:
    """Execute a task in a process of the cluster."""
    _set_up(threads)
    _take_gpu()
    last = time.monotonic() - _PROGRESS_SECONDS / 2  # short tasks report nothing

    def report(share: float, words: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_SECONDS:
            last = now
            board.put.remote(task.name, share, words)

    outcome = execute(task, values, report)
    exit_if_cuda_corrupted(outcome)
    return outcome


_configured: set[int] = set()  # numbers of threads, of this process


def _set_up(threads: int) -> None:
    if threads in _configured:
        return
    import ray  # noqa: PLC0415

    configure_process(threads)
    set_provenance(engine="ray", node=ray.get_runtime_context().get_node_id()[:12])
    _configured.add(threads)


def _take_gpu() -> None:
    """Make "cuda" the GPU that Ray assigns to this task; the task before may have had another.

    Ray itself hides the other GPUs by CUDA_VISIBLE_DEVICES, which has no effect in a process that
    already uses CUDA.
    """
    import ray  # noqa: PLC0415
    import torch  # noqa: PLC0415

    assigned = [str(name) for name in ray.get_gpu_ids()]
    if assigned and torch.cuda.is_available() and torch.version.hip is None:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        index = visible.split(",").index(assigned[0]) if visible else int(assigned[0])
        torch.cuda.set_device(index)
