"""The status of a study, read from its folder."""

import math

import numpy as np

from nascope._src.records.locks import is_held, locked
from nascope._src.records.paths import StudyPaths
from nascope._src.records.plan import read_plan
from nascope._src.records.status import read_status
from tests.report import synthetic


def test_the_state_of_every_trial(folder):
    status = read_status(folder)
    assert status.name == "hostile"
    states = {trial.label: trial for trial in status.trials}
    assert {label: trial.state for label, trial in states.items()} == {
        synthetic.HOSTILE_NAME: "done",
        synthetic.LONG_NAME: "done",
        "DARTS-r2": "begun",  # diverged, and has no probes
        "DARTS-r3": "begun",
        "DARTS-r4": "failed",
        "DARTS-r5": "waiting",
        "DARTS-r6": "done",
        "all lost": "done",
        "\"quotes' & \u2028 signs": "done",
    }
    assert states["DARTS-r2"].diverged_at == 5
    assert (states["DARTS-r3"].epochs, states["DARTS-r3"].epochs_planned) == (6, 12)
    assert states["DARTS-r3"].accuracy > 0.1
    assert math.isnan(states["DARTS-r5"].accuracy)
    assert "out of memory" in states["DARTS-r4"].message
    trial = read_plan(StudyPaths(folder).plan).trials[5].paths_in(StudyPaths(folder))
    for lock in (trial.lock, trial.folder / "landscape-x" / "chunks" / "part-1-of-2.lock"):
        with locked(lock):
            assert is_held(lock)
            assert read_status(folder).trials[5].state == "running"
        assert not is_held(lock)
    assert read_status(folder).trials[5].state == "waiting"


def test_the_status_reads_no_array(folder, monkeypatch):
    """Reading those of ten thousand trials took a minute."""
    before = read_status(folder)

    def refuse(*_, **__):
        raise AssertionError("an array was read")

    monkeypatch.setattr(np, "load", refuse)
    assert read_status(folder) == before
    assert before.count("done") > 0
