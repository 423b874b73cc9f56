"""What a worker does: training and probing a trial."""

import fcntl
import json
import os
import platform
import shutil
import threading
import time
from unittest.mock import Mock

import numpy as np
import pytest

from nascope._src.data.datasets import load_data
from nascope._src.errors import CheckpointError
from nascope._src.probes.chunks import Share
from nascope._src.probes.settings import LandscapeSettings
from nascope._src.records.files import read_json
from nascope._src.records.paths import StudyPaths
from nascope._src.records.plan import read_study_plan
from nascope._src.records.read import read_study
from nascope._src.study.engines.serial import SerialEngine
from nascope._src.study.job import Job
from nascope._src.study.run import run_study
from nascope._src.study.trial import probe_part, probe_trial
from tests.study.little import PART, STUDY, changed, damage


def test_only_the_finished_weights_are_probed(copy):
    """Not those of an earlier checkpoint if the latest is damaged."""
    trial = read_study_plan(StudyPaths(copy)).trials[0]
    job = Job(trial.paths_in(StudyPaths(copy)).folder, "cpu", trial)
    probe, data = trial.probes[0], load_data("digits", train_size=150, test_size=40)
    files = probe.paths_in(job.paths)
    shutil.rmtree(files.folder)
    damage(job.paths.checkpoint)
    with pytest.raises(CheckpointError, match="checksum does not match"):
        probe_trial(job, probe, data, lambda *_: None)
    job.paths.previous_checkpoint.replace(job.paths.checkpoint)
    with pytest.raises(CheckpointError, match="not finished: run the study again"):
        probe_trial(job, probe, data, lambda *_: None)
    assert not files.summary.exists()


def seconds_in(path):
    return sum(entry["seconds"] for entry in read_json(path))


def test_a_probes_seconds_are_the_sum_over_its_processes(copy):
    """Including interrupted attempts and the assembly; damaged records are ignored."""
    trial = read_study_plan(StudyPaths(copy)).trials[0]
    job = Job(trial.paths_in(StudyPaths(copy)).folder, "cpu", trial)
    probe = next(probe for probe in trial.probes if probe.kind == "variance")
    paths = probe.paths_in(job.paths)
    shutil.rmtree(paths.folder)
    data = load_data("digits", train_size=150, test_size=40)

    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        probe_part(job, probe, Share(0, 2), data, interrupted)
    first = seconds_in(paths.part_times(0, 2))
    for place in range(2):
        probe_part(job, probe, Share(place, 2), data, lambda *_: None)
    parts = [seconds_in(paths.part_times(place, 2)) for place in range(2)]
    assert 0 < first < parts[0]
    paths.part_times(1, 2).write_text("no time")
    probe_trial(job, probe, data, lambda *_: None)
    provenance = read_json(paths.summary)["provenance"]
    assert parts[0] < provenance["seconds"] < parts[0] + parts[1] + 60
    assert "parts" not in provenance  # this process alone
    assert not paths.chunks.exists()


@pytest.mark.parametrize("locks", [True, False])
def test_partial_files_of_a_killed_process_are_removed(copy, monkeypatch, locks):
    """Unless there are no locks, since another process may be writing them."""
    if not locks:
        monkeypatch.setattr(fcntl, "flock", Mock(side_effect=OSError(37, "No locks available")))
    (trial,) = copy.glob("trials/DARTS-r1-*")
    (trial / "snapshots").mkdir()
    shutil.rmtree(next(trial.glob("variance-*")))
    for name in ("checkpoint.safetensors", "previous.safetensors"):
        (trial / name).unlink()
    half = [
        trial / f".checkpoint.safetensors.{32 * 'a'}.part",
        trial / "snapshots" / f".initial.safetensors.{32 * 'a'}.part",
        next(trial.glob("landscape-*")) / f".result.npz.{32 * 'a'}.part",
    ]
    for path in half:
        path.write_bytes(b"half")
    half[2].with_name("result.json").unlink()
    assert run_study(STUDY, copy, engine=SerialEngine(), device="cpu").failed == {}
    assert [path for path in half if path.exists()] == ([] if locks else half)
    assert not list(copy.glob("trials/*/*/chunks"))


def test_a_grid_names_every_process_that_computed_a_part(copy):
    """Not only the process that assembles the result."""
    trial = read_study_plan(StudyPaths(copy)).trials[0]
    job = Job(trial.paths_in(StudyPaths(copy)).folder, "cpu", trial)
    probe = next(probe for probe in trial.probes if probe.kind == "landscape")
    paths = probe.paths_in(job.paths)
    shutil.rmtree(paths.folder)
    data = load_data("digits", train_size=150, test_size=40)
    probe_part(job, probe, Share(0, 2), data, lambda *_: None)
    here = read_json(paths.part_times(0, 2))
    assert (here[0]["host"], here[0]["process"]) == (platform.node(), os.getpid())
    other = [{"host": "elsewhere", "node": "b", "process": 7, "seconds": 5.0}] * 2
    paths.part_times(0, 2).write_text(json.dumps([*here, *other]))
    paths.part_times(1, 2).write_text("2.5")  # written by an older version
    probe_trial(job, probe, data, lambda *_: None)
    provenance = read_json(paths.summary)["provenance"]
    seconds = {part.get("host"): part["seconds"] for part in provenance["parts"]}
    assert seconds.keys() == {platform.node(), "elsewhere", None}
    assert (seconds["elsewhere"], seconds[None]) == (10.0, 2.5)
    assert sum(seconds.values()) == pytest.approx(provenance["seconds"])


def test_chunks_are_kept_while_another_run_computes_a_part(copy, monkeypatch):
    """Assembling the result waits until no process computes a part of it."""
    trial = read_study_plan(StudyPaths(copy)).trials[0]
    job = Job(trial.paths_in(StudyPaths(copy)).folder, "cpu", trial)
    probe = next(probe for probe in trial.probes if probe.kind == "landscape")
    paths = probe.paths_in(job.paths)
    data = load_data("digits", train_size=150, test_size=40)
    before = read_study(copy).trials[0].probe("landscape").arrays["loss"]
    removed, began = [], threading.Event()
    remove = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda *a, **k: (removed.append(a), remove(*a, **k)))

    def another_run():
        began.set()
        probe_trial(job, probe, data, lambda *_: None)

    waiting = threading.Thread(target=another_run)
    content = paths.summary.read_bytes()
    paths.summary.unlink()

    def meanwhile(share, words):
        if not began.is_set():
            paths.summary.write_bytes(content)  # the other run has assembled the result
            waiting.start()
            began.wait()
            time.sleep(0.3)
            assert not removed
            assert paths.chunks.is_dir()

    probe_part(job, probe, Share(0, 2), data, meanwhile)
    waiting.join()
    assert len(removed) == 1
    probe_part(job, probe, Share(1, 2), data, meanwhile)  # it is complete: nothing is computed
    assert not paths.chunks.exists()
    assert np.array_equal(read_study(copy).trials[0].probe("landscape").arrays["loss"], before)


def test_a_trajectory_uses_only_the_weights_that_its_plan_names(tmp_path):
    """The folder may hold others, kept for another plan."""
    at = [LandscapeSettings(points=1, at=moment) for moment in ("epoch 0.5", "epoch 1")]
    plane = LandscapeSettings(points=3, along="trajectory")
    first = changed(cells=PART.cells[:1], probes=(plane, at[1]))
    more = changed(first, probes=(plane, *at))
    planes = []
    for folder, studies in (("one", (first,)), ("two", (changed(first, probes=at), first, more))):
        for study in studies:
            run_study(study, tmp_path / folder, engine=SerialEngine(), device="cpu")
            planes.append(read_study(tmp_path / folder).trials[0].probes[0])
    one, _, two, three = planes
    assert one.settings["moments"] == ["initialisation", "epoch 1"]
    assert one.identity == two.identity
    np.testing.assert_equal(dict(one.arrays), dict(two.arrays))
    assert three.settings["moments"] == ["initialisation", "epoch 0.5", "epoch 1"]
    assert three.identity != one.identity
