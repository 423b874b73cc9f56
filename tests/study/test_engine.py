import os
import signal
import time

import pytest

from nascope.errors import NascopeError, StudyError
from nascope.study.engine import ProcessEngine, SerialEngine, Task

ENGINES = [SerialEngine(), ProcessEngine(2)]


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


def sleep(seconds, progress):
    time.sleep(seconds)


@pytest.mark.parametrize("engine", ENGINES, ids=["serial", "processes"])
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
    outcomes = {
        outcome.name: outcome.error
        for outcome in engine.run(tasks, lambda *event: seen.append(event))
    }
    assert outcomes.keys() == {task.name for task in tasks}
    assert outcomes["first"] is outcomes["second"] is None
    assert (tmp_path / "b").read_text() == (tmp_path / "a").read_text()
    assert "Traceback" in outcomes["bad"]
    assert "division of an apple" in outcomes["bad"]
    assert outcomes["impolite"] == "the apple is missing"
    assert outcomes["after bad"] == "not run, since bad failed"
    assert outcomes["after that"] == "not run, since after bad failed"
    assert ("first", 0.5, "half") in seen


def test_a_killed_worker_loses_only_its_own_task(tmp_path):
    tasks = [
        Task("twice", die_until, (tmp_path / "twice", 2)),
        Task("always", die_until, (tmp_path / "always", 99)),
        Task("steady", sleep, (1.0,)),
    ]
    outcomes = {o.name: o.error for o in ProcessEngine(2).run(tasks, ignore)}
    assert outcomes["twice"] is None
    assert outcomes["steady"] is None
    assert outcomes["always"] == "its process died 3 times (exit code -9)"


def test_workers_end_with_the_run(tmp_path):
    paths = [tmp_path / str(k) for k in range(4)]
    tasks = [Task(path.name, write, (path,)) for path in paths]
    assert all(o.error is None for o in ProcessEngine(2).run(tasks, ignore))
    workers = {int(path.read_text()) for path in paths}
    assert os.getpid() not in workers
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_numbers_below_one_are_refused():
    with pytest.raises(StudyError, match="must be at least 1"):
        ProcessEngine(0)
