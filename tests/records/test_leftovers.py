"""Files that can be removed, and files that must stay."""

import os
import time

import numpy as np
import pytest

from nascope._src.errors import StudyError
from nascope._src.records.files import write_arrays, write_bytes, write_json
from nascope._src.records.leftovers import find_leftovers, remove
from nascope._src.records.locks import locked
from nascope._src.records.paths import FORECAST_MARK, StudyPaths
from nascope._src.records.plan import Plan, read_plan, write_plan
from nascope._src.records.read import read_study

HALF = f".result.json.{32 * 'a'}.part"
LONG_AGO = time.time() - 3700


def age(*paths):
    for path in paths:
        os.utime(path, (LONG_AGO, LONG_AGO))


@pytest.fixture
def trial(folder):
    """The folder of a finished trial with a landscape."""
    (first, *_) = read_study(folder).trials
    return StudyPaths(folder).trial(first.label, first.identity)


@pytest.fixture
def landscape(folder, trial):
    return trial.probe("landscape", read_study(folder).trials[0].probes[0].identity)


def test_leftovers_are_removed_and_results_kept(folder, trial, landscape):
    before = read_study(folder)
    paths = StudyPaths(folder)
    running = paths.trial(before.trials[1].label, before.trials[1].identity)
    half = paths.trial(before.trials[3].label, before.trials[3].identity)
    for path in (
        trial.previous_checkpoint,
        half.previous_checkpoint,  # the training may need it
        landscape.folder / HALF,
        running.probe("landscape", before.trials[1].probes[0].identity).folder / HALF,
    ):
        write_bytes(path, b"12345")
        age(path)
    write_arrays(landscape.chunk(3), {"loss": np.zeros(1)})
    write_bytes(landscape.chunk(4), b"a user's file")
    with locked(running.lock):
        leftovers = find_leftovers(folder)
    assert {str(left.path.relative_to(trial.folder)): left.kept for left in leftovers} == {
        "previous.safetensors": 0,
        f"{landscape.folder.name}/chunks": 1,
        f"{landscape.folder.name}/{HALF}": 0,
    }
    for left in leftovers:
        remove(left)
    assert not landscape.chunk(3).exists()
    assert landscape.chunk(4).exists()
    assert half.previous_checkpoint.exists()
    np.testing.assert_equal(repr(read_study(folder).trials), repr(before.trials))


def test_what_is_no_longer_planned_is_removed_but_not_the_files_of_others(folder, trial, landscape):
    paths = StudyPaths(folder)
    plan = read_plan(paths.plan)
    write_bytes(trial.folder / "notes.txt", b"mine")
    write_plan(paths.plan, Plan(plan.name, plan.trials[1:]))
    assert find_leftovers(folder) == []
    (left,) = find_leftovers(folder, unplanned=True)
    assert (left.path, left.reason, left.kept) == (trial.folder, "trial no longer planned", 1)
    remove(left)
    assert [path.name for path in trial.folder.iterdir()] == ["notes.txt"]
    assert find_leftovers(folder, unplanned=True) == []


@pytest.mark.parametrize(
    "name",
    [
        "trials/patient-A/scan.npz",
        "trials/old-0123456789abcdef/checkpoint.safetensors",
        "trials/old-0123456789abcdef/trial.json",
        "TRIAL/archive-0123456789abcdef/result.json",
        "TRIAL/landscape-0123456789abcdef/result.json",
        "TRIAL/landscape-0123456789abcdef/chunks/0000.npz",
        "TRIAL/.notes.txt.0123.part",
        f"TRIAL/.notes.txt.{32 * 'a'}.part",
        ".forecast-mine/1.json",
        ".movie.mkv.part",
        f".movie.mkv.{32 * 'a'}.part",
        "notes/mine.txt",
    ],
)
def test_what_nascope_did_not_write_is_left_alone(folder, trial, name):
    path = folder / name.replace("TRIAL", f"trials/{trial.folder.name}")
    write_bytes(path, b'{"identity": "another"}')
    age(path, path.parent)
    assert find_leftovers(folder, unplanned=True) == []


def test_symbolic_links_are_neither_removed_nor_followed(folder, trial, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    moved = elsewhere / "old-0123456789abcdef"
    write_json(moved / "trial.json", {"identity": "0123456789abcdef"})
    write_bytes(elsewhere / "spare", b"12345")
    (folder / "trials" / moved.name).symlink_to(moved)
    trial.previous_checkpoint.symlink_to(elsewhere / "spare")
    (folder / ".forecast-abcdefgh").symlink_to(elsewhere)
    (trial.folder / "landscape-0123456789abcdef").symlink_to(elsewhere)
    assert find_leftovers(folder, unplanned=True) == []


def test_a_file_that_cannot_be_removed_does_not_stop_the_others(folder, trial, monkeypatch):
    write_bytes(trial.previous_checkpoint, b"12345")
    damaged = trial.folder / "checkpoint.safetensors.damaged"
    write_bytes(damaged, b"12345")
    leftovers = find_leftovers(folder)
    trial.previous_checkpoint.unlink()
    trial.previous_checkpoint.mkdir()  # unlink fails
    problems = []
    for left in leftovers:
        try:
            remove(left)
        except StudyError as error:
            problems.append(str(error))
    assert len(problems) == 1
    assert problems[0].startswith(f"cannot remove {trial.previous_checkpoint}: ")
    assert not damaged.exists()


def test_files_written_without_a_lock_are_kept_for_an_hour(folder):
    """Plans, reports and forecasts are written by processes that hold no lock."""
    half, forecast = folder / f".study.json.{32 * 'a'}.part", folder / ".forecast-abcdefgh"
    write_bytes(half, b"12345")
    for name in ("0.json", FORECAST_MARK):
        write_json(forecast / name, {})
    assert find_leftovers(folder) == []
    age(half, forecast, *forecast.iterdir())
    assert [left.path for left in find_leftovers(folder)] == [half, forecast]
    write_bytes(forecast / "1.json", b"")  # the forecast is still running
    assert [left.path for left in find_leftovers(folder)] == [half]
    age(forecast, forecast / "1.json")
    for left in find_leftovers(folder):
        remove(left)
    assert not half.exists()
    assert not forecast.exists()
