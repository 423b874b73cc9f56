"""Files that can be removed, and files that must stay."""

import os
import time

import numpy as np

from nascope._src.records.files import write_bytes
from nascope._src.records.leftovers import find_leftovers, remove
from nascope._src.records.locks import locked
from nascope._src.records.paths import StudyPaths
from nascope._src.records.read import read_study


def test_leftovers_are_removed_and_results_kept(folder):
    before = read_study(folder)
    paths = StudyPaths(folder)
    finished = paths.trial(before.trials[0].label, before.trials[0].identity)
    running = paths.trial(before.trials[1].label, before.trials[1].identity)
    half = paths.trial(before.trials[3].label, before.trials[3].identity)
    probe = finished.probe("landscape", before.trials[0].probes[0].identity)
    for path in (
        finished.previous_checkpoint,
        half.previous_checkpoint,  # the training may need it
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
        leftovers = find_leftovers(folder)
        assert {str(left.path.relative_to(finished.folder)): left.size for left in leftovers} == {
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


def test_files_written_without_a_lock_are_kept_for_an_hour(folder):
    """Plans, reports and forecasts are written by processes that hold no lock."""
    half, forecast = folder / ".study.json.0123.part", folder / ".forecast-abc"
    trial = next(folder.glob("trials/*")) / ".checkpoint.safetensors.0123.part"
    for path in (
        half,
        trial,
        forecast / "0.json",
    ):  # also a trial's: the file system may have no locks
        write_bytes(path, b"12345")
    assert find_leftovers(folder) == []
    trial.unlink()
    long_ago = time.time() - 3700
    for path in (half, forecast, forecast / "0.json"):
        os.utime(path, (long_ago, long_ago))
    leftovers = find_leftovers(folder)
    assert [(left.path, left.size) for left in leftovers] == [(half, 5), (forecast, 5)]
    write_bytes(forecast / "1.json", b"")  # the forecast is still running
    os.utime(forecast, (long_ago, long_ago))
    assert [left.path for left in find_leftovers(folder)] == [half]
    os.utime(forecast / "1.json", (long_ago, long_ago))
    for left in leftovers:
        remove(left)
    assert not half.exists()
    assert not forecast.exists()
