"""Workers of the process engine."""

import os

import pytest

from nascope._src.errors import StudyError
from nascope._src.study.engines.processes import ProcessEngine
from nascope._src.study.engines.task import Task
from tests.study.engines.test_task import ignore, write


def test_workers_end_with_the_engine(tmp_path):
    paths = [tmp_path / str(k) for k in range(4)]
    tasks = [Task(path.name, write, (path,)) for path in paths]
    engine = ProcessEngine(2)
    assert all(o.error is None for o in engine.run(tasks[:2], ignore))
    assert all(o.error is None for o in engine.run(tasks[2:], ignore))
    engine.close()
    workers = {int(path.read_text()) for path in paths}
    assert os.getpid() not in workers
    assert len(workers) <= 2  # the second run reused those of the first
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_numbers_below_one_are_refused():
    with pytest.raises(StudyError, match="must be at least 1"):
        ProcessEngine(0)
