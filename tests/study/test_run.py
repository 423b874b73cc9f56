import dataclasses
import fcntl
import json
import os
import platform
import shutil
import threading
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from nascope._src.data.datasets import load_data
from nascope._src.data.request import DataRequest
from nascope._src.errors import CheckpointError, DataError, StudyError
from nascope._src.probes.chunks import Share
from nascope._src.probes.settings import CurvatureSettings, LandscapeSettings, VarianceSettings
from nascope._src.records.files import read_json
from nascope._src.records.paths import StudyPaths
from nascope._src.records.plan import read_study_plan
from nascope._src.records.read import read_study
from nascope._src.records.status import read_status
from nascope._src.study.calibration import forecast
from nascope._src.study.definition import Part, Study, plan_cells
from nascope._src.study.engines.processes import ProcessEngine
from nascope._src.study.engines.serial import SerialEngine
from nascope._src.study.engines.task import Outcome, Task
from nascope._src.study.job import Job
from nascope._src.study.missing import find_missing
from nascope._src.study.run import run_plan, run_study
from nascope._src.study.tasks import make_work_list
from nascope._src.study.trial import probe_part, probe_trial
from nascope._src.training.recipe import Recipe

PART = Part(
    cells=plan_cells(["DARTS"], seeds=[1]),
    recipe=Recipe(channels=2, layers=3, epochs=2, batch_size=64),
    data=(DataRequest("digits", train_size=150, test_size=40),),
    probes=(LandscapeSettings(points=3), VarianceSettings(points=3, instances=20)),
)
STUDY = Study("little", (PART,))


def changed(study=STUDY, **changes):
    """The study with its one part changed."""
    return Study(study.name, (dataclasses.replace(study.parts[0], **changes),))


TIMES = {"seconds", "images_per_second"}


def numbers(folder):
    """Every number that a study yields, by its place."""
    found = {}
    for trial in read_study(folder).trials:
        assert trial.training.finished
        for epochs in (trial.training.epochs, trial.training.early):
            found[trial.identity, len(found)] = [
                {k: v for k, v in dataclasses.asdict(point).items() if k not in TIMES}
                for point in epochs
            ]
        found[trial.identity, "correct"] = trial.training.correct.tolist()
        for probe in trial.probes:
            for name, values in probe.arrays.items():
                found[probe.identity, name] = values.tolist()
    return found


def test_every_number_counts_in_a_comparison(tmp_path):
    """Seeds, probes of one kind: none stands in another's place, or faults could hide there."""
    study = changed(
        seeds=(0, 1), cells=PART.cells[:1], probes=(*PART.probes, LandscapeSettings(points=2))
    )
    assert run_study(study, tmp_path, engine=SerialEngine(), device="cpu").failed == {}
    found = numbers(tmp_path)
    probes = [probe for trial in read_study(tmp_path).trials for probe in trial.probes]
    assert len(probes) == 6
    assert len(found) == 2 * 3 + sum(len(probe.arrays) for probe in probes)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    summary = run_study(STUDY, folder, engine=SerialEngine(), device="cpu")
    assert (summary.done, summary.already_done, summary.failed) == (6, 0, {})
    return folder


def test_a_study_leaves_its_records(undisturbed):
    study = read_study(undisturbed)
    assert [trial.label for trial in study.trials] == ["DARTS", "DARTS-r1"]
    first, second = study.trials
    assert (first.variant, second.variant, second.family) == ("original", "random 1", "DARTS")
    assert first.probe("landscape").arrays["loss"].shape == (3, 3)
    assert np.all(first.probe("variance").arrays["variance"] > 0)
    settings = first.probe("variance").settings
    assert (settings["batchnorm"], settings["instances"], settings["method"]) == (
        "frozen", 20, "layerwise",
    )  # fmt: skip
    logs = list(undisturbed.glob("trials/*/log.txt"))
    assert len(logs) == 2
    assert "epoch 2 of 2: done" in logs[0].read_text()
    assert not list(undisturbed.glob("trials/*/*/chunks"))
    assert not list(undisturbed.rglob("*.part"))


def test_the_number_of_workers_changes_no_number(undisturbed, tmp_path):
    summary = run_study(STUDY, tmp_path, engine=ProcessEngine(2), device="cpu")
    assert summary.failed == {}
    assert numbers(tmp_path) == numbers(undisturbed)


def test_a_second_run_finds_everything(undisturbed):
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*.safetensors")}
    summary = run_study(STUDY, undisturbed, engine=SerialEngine(), device="cpu")
    assert (summary.done, summary.already_done) == (0, 6)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_new_probe_retrains_nothing(undisturbed):
    more = changed(probes=(*PART.probes, LandscapeSettings(points=2)))
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*.safetensors")}
    summary = run_study(more, undisturbed, engine=SerialEngine(), device="cpu")
    assert (summary.done, summary.already_done) == (2, 6)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_failed_trial_is_recorded_and_stops_no_other(tmp_path):
    study = changed(probes=PART.probes[:1])
    plan = study.plan(study.load_data())
    bad = plan.trials[1]
    folder = tmp_path / "trials" / f"{bad.label}-{bad.identity}"
    folder.mkdir(parents=True)
    (folder / "checkpoint.safetensors").write_bytes(b"not a checkpoint")
    summary = run_study(study, tmp_path, engine=SerialEngine(), device="cpu")
    assert list(summary.failed) == [folder.name]
    assert summary.done == 2
    first, second = read_study(tmp_path).trials
    assert first.error is None
    assert first.probe("landscape") is not None
    assert "damaged, or not a checkpoint" in second.error
    (folder / "checkpoint.safetensors").unlink()
    assert run_study(study, tmp_path, engine=SerialEngine(), device="cpu").failed == {}
    assert not (folder / "error.txt").exists()


def test_changed_data_are_noticed(tmp_path, monkeypatch):
    request = PART.data[0]
    other = dataclasses.replace(request, train_size=151)
    planned = STUDY.load_data()  # and then other images lie there
    monkeypatch.setattr(Study, "load_data", lambda self, data_dir: planned)
    monkeypatch.setattr(DataRequest, "exactly", lambda self, data: {
        "name": "digits", "train_size": other.train_size, "test_size": 40, "validation_size": 0,
    })  # fmt: skip
    summary = run_study(STUDY, tmp_path, engine=SerialEngine(), device="cpu")
    assert all("another data set" in error for error in summary.failed.values())
    assert len(summary.failed) == 2


def test_what_cannot_work_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.delenv("NASCOPE_DATA", raising=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="cannot write"):
        run_study(STUDY, tmp_path / "file" / "study", engine=SerialEngine())
    with pytest.raises(StudyError, match="device 'tpu0' is not available"):
        run_study(STUDY, tmp_path, device="tpu0")
    with pytest.raises(DataError, match="needs a data folder"):
        run_study(changed(data=(DataRequest("cifar10"),)), tmp_path)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """The same study once more, of which tests take copies and which none adds to."""
    folder = tmp_path_factory.mktemp("pristine")
    run_study(STUDY, folder, engine=SerialEngine(), device="cpu")
    return folder


@pytest.fixture
def copy(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "copy")


def test_another_trials_checkpoint_is_not_believed(copy):
    one, two = sorted(copy.glob("trials/*"))
    shutil.copy(one / "checkpoint.safetensors", two / "checkpoint.safetensors")
    for probe in two.glob("landscape-*"):
        shutil.rmtree(probe)
    summary = run_study(STUDY, copy, engine=SerialEngine(), device="cpu")
    assert "belongs to another training" in summary.failed[two.name]
    assert not list(two.glob("landscape-*/result.json"))
    trials = {trial.label: trial for trial in read_study(copy).trials}
    assert trials["DARTS-r1"].training is None
    assert "move this file away" in trials["DARTS-r1"].error
    (two / "checkpoint.safetensors").unlink()
    (two / "previous.safetensors").unlink()
    assert run_study(STUDY, copy, engine=SerialEngine(), device="cpu").failed == {}


def damage(path):
    """Change a byte of the weights; the header stays whole."""
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def test_damaged_weights_are_trained_again_before_they_are_probed(copy, pristine):
    (trial,) = copy.glob("trials/DARTS-r1-*")
    shutil.rmtree(next(trial.glob("landscape-*")))
    damage(trial / "checkpoint.safetensors")
    lacking = find_missing(StudyPaths(copy), read_study_plan(StudyPaths(copy)))
    assert [trial.trained for trial in lacking] == [True, True]  # by a glance
    with pytest.warns(UserWarning, match="going on from previous"):
        summary = run_study(STUDY, copy, engine=SerialEngine(), device="cpu")
    assert (summary.done, summary.failed) == (2, {})
    assert numbers(copy) == numbers(pristine)


def test_a_damaged_snapshot_is_trained_for_again(tmp_path):
    study = changed(cells=PART.cells[:1], probes=(LandscapeSettings(points=2, at="epoch 1"),))
    assert run_study(study, tmp_path, engine=SerialEngine(), device="cpu").failed == {}
    before = numbers(tmp_path)
    shutil.rmtree(next(tmp_path.glob("trials/*/landscape-*")))
    damage(next(tmp_path.glob("trials/*/snapshots/epoch_1.safetensors")))
    assert run_study(study, tmp_path, engine=SerialEngine(), device="cpu").done == 2
    assert numbers(tmp_path) == before


def test_only_the_finished_weights_are_probed(copy):
    """Not those before, where the newest can't be read or are damaged."""
    trial = read_study_plan(StudyPaths(copy)).trials[0]
    job = Job(copy, "cpu", trial)
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


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("result.npz", b"PK half"),
        ("result.npz", None),
        ("result.json", b'{"kind": '),
        ("result.json", b"[1]"),
        ("result.json", b'{"kind": 3}'),
    ],
)
def test_a_damaged_probe_stops_no_other_and_is_done_again(copy, pristine, name, content):
    path = next(copy.glob(f"trials/*/variance-*/{name}"))
    whole = path.read_bytes()
    if content is None:  # within an array
        content = whole[: len(whole) // 2] + b"damage" + whole[len(whole) // 2 + 6 :]
    path.write_bytes(content)
    damaged = [trial for trial in read_study(copy).trials if trial.error]
    assert len(damaged) == 1
    assert damaged[0].probe("landscape") is not None
    assert damaged[0].probe("variance") is None
    summary = run_study(STUDY, copy, engine=SerialEngine(), device="cpu")
    assert (summary.done, summary.failed) == (1, {})
    assert numbers(copy) == numbers(pristine)


def seconds_in(path):
    return sum(one["seconds"] for one in read_json(path))


def test_a_probes_seconds_are_those_of_every_process_that_took_part(copy):
    """Its parts', a broken off try's and those of putting it together; a damaged time is none."""
    trial = read_study_plan(StudyPaths(copy)).trials[0]
    job = Job(copy, "cpu", trial)
    probe = next(probe for probe in trial.probes if probe.kind == "variance")
    paths = probe.paths_in(job.paths)
    shutil.rmtree(paths.folder)
    data = load_data("digits", train_size=150, test_size=40)

    def broken_off(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        probe_part(job, probe, Share(0, 2), data, broken_off)
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


def test_arrays_of_the_wrong_shape_or_kind_are_damage(copy):
    path = next(copy.glob("trials/*/landscape-*/result.npz"))
    with np.load(path) as file:
        arrays = dict(file)
    for wrong in (np.zeros((2, 9)), np.full((3, 3), "text")):
        np.savez(path, **(arrays | {"loss": wrong}))
        assert any("damaged probe" in (t.error or "") for t in read_study(copy).trials)


@pytest.mark.parametrize("locks", [True, False])
def test_what_a_killed_process_left_half_written_goes_with_the_next(copy, monkeypatch, locks):
    """Unless there are no locks: another process may be at it."""
    if not locks:
        monkeypatch.setattr(fcntl, "flock", Mock(side_effect=OSError(37, "No locks available")))
    (trial,) = copy.glob("trials/DARTS-r1-*")
    (trial / "snapshots").mkdir()
    shutil.rmtree(next(trial.glob("variance-*")))
    for name in ("checkpoint.safetensors", "previous.safetensors"):
        (trial / name).unlink()
    half = [
        trial / ".checkpoint.safetensors.0123.part",
        trial / "snapshots" / ".initial.safetensors.0123.part",
        next(trial.glob("landscape-*")) / ".result.npz.0123.part",
    ]
    for path in half:
        path.write_bytes(b"half")
    half[2].with_name("result.json").unlink()
    assert run_study(STUDY, copy, engine=SerialEngine(), device="cpu").failed == {}
    assert [path for path in half if path.exists()] == ([] if locks else half)
    assert not list(copy.glob("trials/*/*/chunks"))


@pytest.mark.parametrize("content", ["[]", "{}", '{"trials": 3}', "[" * 100_000, "half"])
def test_a_damaged_plan_is_named(copy, content):
    (copy / "study.json").write_text(content)
    with pytest.raises(StudyError, match=r"study.json is damaged: .*run the study again"):
        read_study(copy)


def test_values_that_overflow_are_refused_when_the_study_is_made():
    for changes, message in (
        (
            {"learning_rates": (1e300,)},
            r"learning_rate: expected a number above 0 and at most 1e\+30",
        ),
        ({"seeds": (-1,)}, "seeds must be at least 0, not -1"),
    ):
        with pytest.raises(StudyError, match=message):
            changed(**changes)
    with pytest.raises(StudyError, match=r"landscape.points: expected an integer from 1 to 1001"):
        LandscapeSettings(points=10**9)
    with pytest.raises(
        StudyError, match=r"variance.radius: expected a number above 0 and at most 1e\+06"
    ):
        VarianceSettings(points=3, radius=1e300)


def test_a_failed_probe_stays_on_record_when_another_of_its_trial_succeeds(tmp_path):
    """Two probes of one kind, too: each is a task of its own."""
    impossible = LandscapeSettings(points=2, along="trajectory")  # none was kept
    study = changed(probes=(impossible, *PART.probes))
    summary = run_study(study, tmp_path, engine=SerialEngine(), device="cpu")
    assert (summary.done, len(summary.failed)) == (6, 2)
    for trial in read_study(tmp_path).trials:
        assert "a trajectory needs weights kept on the way" in trial.error
        assert trial.probe("landscape") is not None
        assert trial.probe("variance") is not None
    assert run_study(STUDY, tmp_path, engine=SerialEngine(), device="cpu").failed == {}
    again = run_study(study, tmp_path, engine=SerialEngine(), device="cpu")
    assert len(again.failed) == 2
    possible = changed(study, probes=(LandscapeSettings(points=2), *PART.probes))
    assert run_study(possible, tmp_path, engine=SerialEngine(), device="cpu").failed == {}
    assert all(trial.error is None for trial in read_study(tmp_path).trials)


def test_probes_at_moments_on_either_set_and_over_several_directions(tmp_path):
    """What a study file may ask of probes; weights that were not kept are trained for again."""
    first = changed(cells=PART.cells[:1], probes=(LandscapeSettings(points=3),))
    assert run_study(first, tmp_path, engine=SerialEngine(), device="cpu").failed == {}
    (before,) = tmp_path.glob("trials/*/checkpoint.safetensors")
    content = before.read_bytes()
    probes = (
        *(LandscapeSettings(points=3, at=at) for at in ("initialisation", "epoch 0.5", "end")),
        LandscapeSettings(points=3, at="loss 1e-9"),
        VarianceSettings(points=3, at="epoch 1", data="train", batchnorm="recalibrated"),
        LandscapeSettings(points=5, dimensions=1, seed=1, normalise="layer"),
        LandscapeSettings(points=4, along="trajectory"),
        CurvatureSettings(top=2, vectors=2, steps=3, block_steps=2, points=2, instances=20),
    )
    study = changed(first, probes=probes)
    summary = run_study(study, tmp_path, engine=SerialEngine(), device="cpu")
    assert summary.failed == {}
    assert (summary.already_done, summary.done) == (
        1,
        1 + 7,
    )  # the landscape; trained again for weights
    assert before.read_bytes() == content
    (trial,) = read_study(tmp_path).trials
    assert trial.error is None
    assert len(trial.probes) == len(probes)
    found = {(p.kind, p.settings["at"], p.settings["data"]): p for p in trial.probes[:5]}
    losses = {key: probe.arrays["loss"] for key, probe in found.items()}
    assert trial.probe("landscape") is found["landscape", "end", "test"]
    assert trial.probe("variance") is None  # of the trained network there is none
    start, early, end = (
        losses["landscape", at, "test"][1, 1] for at in ("initialisation", "epoch 0.5", "end")
    )
    assert len({start, early, end}) == 3
    assert np.isnan(losses["landscape", "loss 1e-09", "test"]).all()
    assert not found["landscape", "loss 1e-09", "test"].settings["reached"]
    assert found["variance", "epoch 1", "train"].settings["instances"] == 150
    assert trial.probes[5].arrays["loss"].shape == (5,)
    assert trial.probes[6].arrays["trajectory"].shape == (3, 2)  # the beginning, two moments
    curvature = trial.probe("curvature")
    assert curvature.arrays["eigenvalues"].shape == (2,)
    assert curvature.arrays["along_first"].shape == (2, 2)
    again = run_study(study, tmp_path, engine=SerialEngine(), device="cpu")
    assert (again.already_done, again.done) == (1 + len(probes), 0)


def test_a_trajectory_takes_no_weights_but_those_that_its_plan_names(tmp_path):
    """Others may lie in the folder, kept for another plan."""
    at = [LandscapeSettings(points=1, at=moment) for moment in ("epoch 0.5", "epoch 1")]
    plane = LandscapeSettings(points=3, along="trajectory")
    first = changed(cells=PART.cells[:1], probes=(plane, at[1]))
    more = changed(first, probes=(plane, *at))
    found = []
    for folder, studies in (("one", (first,)), ("two", (changed(first, probes=at), first, more))):
        for study in studies:
            run_study(study, tmp_path / folder, engine=SerialEngine(), device="cpu")
            found.append(read_study(tmp_path / folder).trials[0].probes[0])
    one, _, two, three = found
    assert one.settings["moments"] == ["initialisation", "epoch 1"]
    assert one.identity == two.identity
    np.testing.assert_equal(dict(one.arrays), dict(two.arrays))
    assert three.settings["moments"] == ["initialisation", "epoch 0.5", "epoch 1"]
    assert three.identity != one.identity


def test_probes_at_equal_training_loss(tmp_path):
    """The same plan, whenever the weights were kept: during the training, or by training again."""
    late = changed(probes=())
    assert run_study(late, tmp_path / "two", engine=SerialEngine(), device="cpu").failed == {}
    curves = [trial.training.curve for trial in read_study(tmp_path / "two").trials]
    level = max(min(point.train_loss for point in curve[:-1]) for curve in curves)
    level = float(f"{level + 5e-5:.4f}")  # both trainings come to it before their end
    study = changed(probes=(LandscapeSettings(points=3, at=f"loss {level}"),))
    assert run_study(study, tmp_path / "one", engine=SerialEngine(), device="cpu").failed == {}
    assert run_study(study, tmp_path / "two", engine=SerialEngine(), device="cpu").failed == {}
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")
    for trial in read_study(tmp_path / "one").trials:
        assert trial.probes[0].settings["reached"]
        assert np.isfinite(trial.probes[0].arrays["loss"]).all()
        assert len(list((tmp_path / "one").glob(f"trials/*/snapshots/loss_{level}.*"))) == 2


def stay(progress):
    """Begin a worker, which then stays in the folder that it began in."""


def test_workers_of_another_folder_write_into_the_study(tmp_path, monkeypatch):
    """As a cluster's, which run where their node was started; paths are relative to the driver's."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    engine = ProcessEngine(1)
    assert [outcome.error for outcome in engine.run([Task("first", stay, ())], print)] == [None]
    monkeypatch.chdir(here)
    study = changed(cells=PART.cells[:1], probes=PART.probes[:1])
    folder = Path("runs/study")
    plan = study.plan(study.load_data())
    todo = make_work_list(find_missing(StudyPaths(folder), plan), folder, "data", "cpu")
    assert {job.folder for job in todo.jobs.values()} == {here / folder}
    assert todo.tasks[0].arguments[1].arguments[0] == str(here / "data")
    todo = make_work_list(find_missing(StudyPaths(folder), plan), folder, None, "cpu")
    assert forecast(todo, engine, folder, workers=1, data_dir=None).seconds["training"] > 0
    assert run_study(study, folder, engine=engine, device="cpu").failed == {}
    engine.close()
    assert read_study(here / folder).trials[0].probe("landscape") is not None
    assert not list(elsewhere.iterdir())


def test_a_grid_is_put_together_as_soon_as_its_parts_are_there(tmp_path):
    plan = changed(probes=(LandscapeSettings(points=11), *PART.probes)).plan(STUDY.load_data())
    tasks = make_work_list(find_missing(StudyPaths(tmp_path), plan), tmp_path, None, "cpu").tasks
    place = {task.name: k for k, task in enumerate(tasks)}
    split = [task for task in tasks if any("/part " in name for name in task.after)]
    assert len(split) == 2  # of each cell the large grid
    for task in split:
        assert [place[name] - place[task.name] for name in task.after] == list(
            range(-len(task.after), 0)
        )


def test_a_calibration_that_fails_says_why_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "nascope._src.study.calibration.time_steps", Mock(side_effect=ValueError("odd"))
    )
    plan = STUDY.plan(STUDY.load_data())
    todo = make_work_list(find_missing(StudyPaths(tmp_path), plan), tmp_path, None, "cpu")
    with pytest.raises(StudyError, match=r"^the calibration failed: ValueError: odd$"):
        forecast(todo, SerialEngine(), tmp_path, workers=1, data_dir=None)


def test_an_error_goes_when_its_trial_lacks_nothing(tmp_path):
    """A probe that failed leaves the file; or another run does it meanwhile."""
    impossible = LandscapeSettings(points=2, along="trajectory")  # none was kept
    bad = changed(cells=PART.cells[:1], probes=(impossible,))
    good = changed(bad, probes=())
    assert len(run_study(bad, tmp_path, engine=SerialEngine(), device="cpu").failed) == 1
    (error,) = tmp_path.glob("trials/*/error.txt")
    content = error.read_text()
    summary = run_study(good, tmp_path, engine=SerialEngine(), device="cpu")
    assert (summary.done, summary.already_done) == (0, 1)
    assert not error.exists()
    error.write_text(content)  # written by a run that ended after this one
    (trial,) = read_status(tmp_path).trials
    assert trial.state == "done"
    assert read_study(tmp_path).trials[0].error is None

    class OutRun(SerialEngine):
        """Another run does, while it fails here, what this run was to do."""

        def run(self, tasks, progress):
            list(super().run(tasks, progress))
            yield from (Outcome(task.name, "failed", "the disk was full") for task in tasks)

    error.unlink()
    more = changed(good, probes=PART.probes[:1])
    assert len(run_study(more, tmp_path, engine=OutRun(), device="cpu").failed) == 1
    assert not error.exists()


def test_an_error_of_what_another_figure_needs_stays(tmp_path):
    """Where a folder's plan grows by what is asked for, its trials have probes of several."""
    impossible = LandscapeSettings(points=2, along="trajectory")  # none was kept
    study = changed(cells=PART.cells[:1], probes=())
    data = study.load_data()
    both = {"extend": True, "device": "cpu"}
    run_plan(changed(study, probes=(impossible,)).plan(data), tmp_path, SerialEngine(), **both)
    assert run_plan(study.plan(data), tmp_path, SerialEngine(), **both).already_done == 1
    assert "a trajectory needs weights" in read_study(tmp_path).trials[0].error


def test_a_split_grid_names_every_process_that_took_part(copy):
    """On its own only the one that put it together would stand in the result."""
    trial = read_study_plan(StudyPaths(copy)).trials[0]
    job = Job(copy, "cpu", trial)
    probe = next(probe for probe in trial.probes if probe.kind == "landscape")
    paths = probe.paths_in(job.paths)
    shutil.rmtree(paths.folder)
    data = load_data("digits", train_size=150, test_size=40)
    probe_part(job, probe, Share(0, 2), data, lambda *_: None)
    here = read_json(paths.part_times(0, 2))
    assert (here[0]["host"], here[0]["process"]) == (platform.node(), os.getpid())
    other = [{"host": "elsewhere", "node": "b", "process": 7, "seconds": 5.0}] * 2
    paths.part_times(0, 2).write_text(json.dumps([*here, *other]))
    paths.part_times(1, 2).write_text("2.5")  # of a version that wrote seconds alone
    probe_trial(job, probe, data, lambda *_: None)
    provenance = read_json(paths.summary)["provenance"]
    found = {part.get("host"): part["seconds"] for part in provenance["parts"]}
    assert found.keys() == {platform.node(), "elsewhere", None}
    assert (found["elsewhere"], found[None]) == (10.0, 2.5)
    assert sum(found.values()) == pytest.approx(provenance["seconds"])


def test_chunks_are_not_removed_from_under_another_runs_part(copy, monkeypatch):
    """Who has the whole waits until nobody computes a part of it any more."""
    trial = read_study_plan(StudyPaths(copy)).trials[0]
    job = Job(copy, "cpu", trial)
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
            paths.summary.write_bytes(content)  # it has put the whole together
            waiting.start()
            began.wait()
            time.sleep(0.3)
            assert not removed
            assert paths.chunks.is_dir()

    probe_part(job, probe, Share(0, 2), data, meanwhile)
    waiting.join()
    assert len(removed) == 1
    probe_part(job, probe, Share(1, 2), data, meanwhile)  # it is complete: nothing is begun
    assert not paths.chunks.exists()
    assert np.array_equal(read_study(copy).trials[0].probe("landscape").arrays["loss"], before)
