"""The contract of all engines, and the queue of tasks."""

import os
import signal
import time

import numpy as np
import pytest
import torch

from nascope._src.errors import NascopeError
from nascope._src.records.locks import locked
from nascope._src.study.engines.processes import ProcessEngine
from nascope._src.study.engines.ray import RayEngine
from nascope._src.study.engines.serial import SerialEngine
from nascope._src.study.engines.task import Outcome, Queue, Shared, Task


def make_ray():
    pytest.importorskip("ray", reason="needs Ray: pip install 'nascope[ray]'")
    return RayEngine(workers=2)


@pytest.fixture(scope="module", params=[SerialEngine, lambda: ProcessEngine(2), make_ray],
                ids=["serial", "processes", "ray"])  # fmt: skip
def engine(request):
    made = request.param()
    yield made
    made.close()


@pytest.fixture(scope="module")
def parallel(engine):
    """Engines whose tasks run in other processes."""
    if isinstance(engine, SerialEngine):
        pytest.skip("one process has none to lose")
    return engine


def ignore(name, share, words):
    pass


def write(path, progress):
    progress(0.5, "half")
    path.write_text(str(os.getpid()))


def read_then_write(source, path, progress):
    path.write_text(source.read_text())


def fail(progress):
    raise ZeroDivisionError("division of an apple")


def fail_politely(progress):
    raise NascopeError("the apple is missing")


def die_until(path, count, progress):
    deaths = int(path.read_text()) if path.exists() else 0
    if deaths < count:
        path.write_text(str(deaths + 1))
        os.kill(os.getpid(), signal.SIGKILL)


def slow(progress):
    for _ in range(30):
        progress(0.5, "half")
        time.sleep(0.1)


def sleep(seconds, progress):
    time.sleep(seconds)


def test_order_failures_and_progress(engine, tmp_path):
    tasks = [
        Task("second", read_then_write, (tmp_path / "a", tmp_path / "b"), after=("first",)),
        Task("first", write, (tmp_path / "a",)),
        Task("bad", fail, ()),
        Task("impolite", fail_politely, ()),
        Task("after bad", sleep, (0,), after=("bad",)),
        Task("after that", sleep, (0,), after=("after bad",)),
    ]
    seen = []
    ended = list(engine.run(tasks, lambda *event: seen.append(event)))
    outcomes = {outcome.name: outcome.error for outcome in ended}
    assert outcomes.keys() == {task.name for task in tasks}
    assert {outcome.name: outcome.status for outcome in ended} == {
        "second": "done", "first": "done", "bad": "failed", "impolite": "failed",
        "after bad": "skipped", "after that": "skipped",
    }  # fmt: skip
    assert outcomes["first"] is outcomes["second"] is None
    assert (tmp_path / "b").read_text() == (tmp_path / "a").read_text()
    assert "Traceback" in outcomes["bad"]
    assert "division of an apple" in outcomes["bad"]
    assert outcomes["impolite"] == "the apple is missing"
    assert outcomes["after bad"] == "not run, since bad failed"
    assert outcomes["after that"] == "not run, since after bad failed"
    if not isinstance(engine, RayEngine):  # whose tasks report once a second
        assert ("first", 0.5, "half") in seen


def numbers(size):
    return np.arange(size)


def add_up(path, values, factor, progress):
    path.write_text(f"{factor * int(values.sum())} {values.flags.writeable}")


def refuse():
    raise NascopeError("no such data")


def test_shared_values_reach_every_task(engine, tmp_path):
    shared = Shared(numbers, (1000,))
    tasks = [Task(str(k), add_up, (tmp_path / str(k), shared, k)) for k in range(5)]
    tasks.append(Task("bad", add_up, (tmp_path / "bad", Shared(refuse, ()), 1)))
    outcomes = {o.name: o.error for o in engine.run(tasks, ignore)}
    assert outcomes.pop("bad") == "no such data"
    assert set(outcomes.values()) == {None}
    writeable = not isinstance(engine, RayEngine)  # Ray's tasks read shared memory
    assert [(tmp_path / str(k)).read_text() for k in range(5)] == [
        f"{k * 499500} {writeable}" for k in range(5)
    ]


def test_a_long_task_reports_its_progress(parallel):
    seen = []
    list(parallel.run([Task("slow", slow, ())], lambda *event: seen.append(event)))
    assert ("slow", 0.5, "half") in seen


def test_ten_thousand_tasks_are_queued_fast():
    first = [Task(f"a{k}", ignore, ()) for k in range(5000)]
    second = [Task(f"b{k}", ignore, (), after=(f"a{k}",)) for k in range(5000)]
    queue = Queue([*first, *second])
    begun, started = [], time.monotonic()
    while len(begun) < 10_000:
        flight = [task for _ in range(64) if (task := queue.pop_ready())]
        begun += [task.name for task in flight]
        for task in flight:
            list(queue.finish(Outcome(task.name)))
    assert begun[:100] == [f"a{k}" for k in range(100)]
    assert time.monotonic() - started < 5


def test_tasks_of_another_run_come_last(tmp_path):
    """Two runs of one study share the work, rather than wait for each other."""
    tasks = [Task(f"{k}", ignore, (), lock=tmp_path / f"{k}.lock") for k in range(4)]
    queue = Queue(tasks)
    with locked(tasks[0].lock), locked(tasks[2].lock), locked(tasks[3].lock, shared=True):
        assert [queue.pop_ready().name for _ in range(3)] == [
            "1",
            "3",
            "0",
        ]  # a shared lock does not count
    assert queue.pop_ready().name == "2"
    assert queue.pop_ready() is None


def test_a_killed_worker_loses_only_its_own_task(parallel, tmp_path):
    tasks = [
        Task("twice", die_until, (tmp_path / "twice", 2)),
        Task("always", die_until, (tmp_path / "always", 99)),
        Task("steady", sleep, (1.0,)),
    ]
    outcomes = {o.name: o.error for o in parallel.run(tasks, ignore)}
    assert outcomes["twice"] is None
    assert outcomes["steady"] is None
    assert outcomes["always"].startswith("its process died 3 times (")


def corrupt_until(path, count, progress):
    """Simulate an illegal access by a kernel, after which CUDA always raises in this process."""
    torch.cuda.is_initialized = lambda: True
    torch.cuda.synchronize = lambda: None  # works after an ordinary error
    if not path.exists():
        path.write_text("0")
        raise ZeroDivisionError("an ordinary error")
    times = int(path.read_text())
    if times < count:
        path.write_text(str(times + 1))
        torch.cuda.synchronize = fail_on_cuda
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


def fail_on_cuda():
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def test_a_process_with_corrupted_cuda_gets_no_further_task(parallel, tmp_path):
    task = Task("once", corrupt_until, (tmp_path / "once", 1))
    first, second = ([o.error for o in parallel.run([task], ignore)] for _ in range(2))
    assert "ZeroDivisionError: an ordinary error" in first[0]
    assert second == [None]  # in another process
    assert (tmp_path / "once").read_text() == "1"
