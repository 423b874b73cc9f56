"""The plan on disk, how far a study is, and what of its folder can go: on invented studies."""

import fcntl
import json
import math
import os
import time

import numpy as np
import pytest

from nascope._src.errors import StudyError
from nascope._src.records.files import write_arrays, write_bytes
from nascope._src.records.leftovers import find_leftovers, remove
from nascope._src.records.locks import is_held, locked
from nascope._src.records.paths import StudyPaths
from nascope._src.records.plan import Plan, read_plan, write_plan
from nascope._src.records.read import is_complete, read_study
from nascope._src.records.status import read_status
from tests.report import synthetic


@pytest.fixture
def folder(tmp_path):
    return synthetic.write_study(tmp_path, synthetic.STUDIES["hostile"](), name="hostile")


def test_a_plan_says_once_what_trials_share(tmp_path):
    fakes = synthetic.STUDIES["rates"]()
    synthetic.write_study(tmp_path, fakes)
    whole = json.loads((tmp_path / "study.json").read_text())
    assert (len(whole["trials"]), len(whole["cells"])) == (45, 5)
    assert (len(whole["recipes"]), len(whole["data"]), len(whole["probes"])) == (3, 1, 2)
    plan = read_plan(tmp_path / "study.json")
    assert [trial.seed for trial in plan.trials] == [fake.seed for fake in fakes]
    write_plan(tmp_path / "again.json", plan)
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "study.json").read_bytes()
    many = Plan("many", plan.trials * 30)
    write_plan(tmp_path / "many.json", many)  # in one line, since nobody reads it
    assert read_plan(tmp_path / "many.json") == many


def test_another_versions_plan_is_told(tmp_path):
    (tmp_path / "study.json").write_text('{"format": 1, "name": "old", "trials": []}')
    with pytest.raises(StudyError, match="was written by another version of nascope: run"):
        read_study(tmp_path)


def test_the_state_of_every_trial(folder):
    found = read_status(folder)
    assert found.name == "hostile"
    states = {trial.label: trial for trial in found.trials}
    assert {label: trial.state for label, trial in states.items()} == {
        synthetic.HOSTILE_NAME: "done",
        synthetic.LONG_NAME: "done",
        "DARTS-r2": "begun",  # diverged, and its probes are not there
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


def test_a_file_system_without_locks_is_put_up_with(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path / "lock") as alone:
        assert not alone
        assert not is_held(tmp_path / "lock")


def test_leftovers_go_and_results_stay(folder):
    before = read_study(folder)
    paths = StudyPaths(folder)
    finished = paths.trial(before.trials[0].label, before.trials[0].identity)
    running = paths.trial(before.trials[1].label, before.trials[1].identity)
    half = paths.trial(before.trials[3].label, before.trials[3].identity)
    probe = finished.probe("landscape", before.trials[0].probes[0].identity)
    for path in (
        finished.previous_checkpoint,
        half.previous_checkpoint,  # its training may need it
        probe.chunk(3),
        finished.folder / ".result.json.0123.part",
        running.folder / ".result.json.0123.part",
        finished.folder / "landscape-0123456789abcdef" / "result.json",
        folder / "trials" / "old-0123456789abcdef" / "checkpoint.safetensors",
        folder / "notes" / "mine.txt",
    ):
        write_bytes(path, b"12345")
    long_ago = time.time() - 3700
    for place in (finished, running):
        os.utime(place.folder / ".result.json.0123.part", (long_ago, long_ago))
    with locked(running.lock):
        found = find_leftovers(folder)
        assert {str(left.path.relative_to(finished.folder)): left.size for left in found} == {
            "previous.safetensors": 5,
            f"{probe.folder.name}/chunks": 5,
            ".result.json.0123.part": 5,
        }
        more = {left.path.name: left.reason for left in find_leftovers(folder, unplanned=True)}
    assert more["old-0123456789abcdef"] == "trial no longer planned"
    assert more["landscape-0123456789abcdef"] == "probe no longer planned"
    for left in find_leftovers(folder, unplanned=True):
        remove(left)
    assert find_leftovers(folder, unplanned=True) == []
    assert half.previous_checkpoint.exists()
    assert (folder / "notes" / "mine.txt").exists()
    np.testing.assert_equal(repr(read_study(folder).trials), repr(before.trials))


def test_what_may_be_at_work_without_a_lock_stays_for_an_hour(folder):
    """The plan and the report are written, and a forecast is made, by processes that hold none."""
    half, forecast = folder / ".study.json.0123.part", folder / ".forecast-abc"
    trial = next(folder.glob("trials/*")) / ".checkpoint.safetensors.0123.part"
    for path in (half, trial, forecast / "0.json"):  # a trial's, on a file system without locks
        write_bytes(path, b"12345")
    assert find_leftovers(folder) == []
    trial.unlink()
    long_ago = time.time() - 3700
    for path in (half, forecast, forecast / "0.json"):
        os.utime(path, (long_ago, long_ago))
    found = find_leftovers(folder)
    assert [(left.path, left.size) for left in found] == [(half, 5), (forecast, 5)]
    write_bytes(forecast / "1.json", b"")  # it is at work
    os.utime(forecast, (long_ago, long_ago))
    assert [left.path for left in find_leftovers(folder)] == [half]
    os.utime(forecast / "1.json", (long_ago, long_ago))
    for left in found:
        remove(left)
    assert not half.exists()
    assert not forecast.exists()


def test_a_folder_without_a_study(tmp_path):
    for read in (read_status, find_leftovers, read_study):
        with pytest.raises(StudyError, match="holds no study"):
            read(tmp_path)


def test_how_far_a_study_is_takes_no_array(folder, monkeypatch):
    """Of ten thousand trials they took a minute."""
    before = read_status(folder)

    def refuse(*_, **__):
        raise AssertionError("an array was read")

    monkeypatch.setattr(np, "load", refuse)
    assert read_status(folder) == before
    assert before.count("done") > 0


def test_a_probe_that_is_not_whole_is_incomplete_at_a_glance(folder):
    trial = read_study(folder).trials[0]
    paths = StudyPaths(folder).trial(trial.label, trial.identity)
    probe = paths.probe("landscape", trial.probe("landscape").identity)
    arrays, summary = probe.arrays.read_bytes(), probe.summary.read_bytes()
    with np.load(probe.arrays) as file:
        lacking = {name: file[name] for name in file.files if name != "loss"}
        uneven = dict(file) | {"loss": file["loss"][:2]}

    def looks(thorough=False):
        return is_complete(probe, thorough=thorough)

    assert looks()
    for content in (arrays[:-30], arrays[:1000], b"", lacking, uneven):
        write = write_bytes if isinstance(content, bytes) else write_arrays
        write(probe.arrays, content)
        assert not looks()
        assert not looks(thorough=True)
    write_bytes(probe.arrays, arrays)
    for content in (b"[1]", b'{"kind": 3}', summary[:-9]):
        write_bytes(probe.summary, content)
        assert not looks()
        assert not looks(thorough=True)
    write_bytes(probe.summary, summary)
    middle = len(arrays) // 2
    write_bytes(probe.arrays, arrays[:middle] + b"damage" + arrays[middle + 6 :])
    assert looks()  # only who reads it sees that
    assert not looks(thorough=True)
    probe.arrays.unlink()
    assert not looks()
