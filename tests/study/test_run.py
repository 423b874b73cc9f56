"""Running studies: what is missing is done, and nothing else."""

import dataclasses
import shutil

import numpy as np
import pytest

from nascope._src.data.request import DataRequest
from nascope._src.errors import DataError, StudyError
from nascope._src.probes.settings import CurvatureSettings, LandscapeSettings, VarianceSettings
from nascope._src.records.read import read_study
from nascope._src.records.status import read_status
from nascope._src.study.definition import StudyDefinition
from nascope._src.study.engines.processes import ProcessEngine
from nascope._src.study.engines.serial import SerialEngine
from nascope._src.study.engines.task import Outcome
from nascope._src.study.run import run_plan, run_study
from nascope._src.training.checkpoint import Checkpoint, save_checkpoint
from tests.study.little import PART, STUDY, changed, numbers


def test_every_number_counts_in_a_comparison(tmp_path):
    """No seed or probe overwrites another one in `numbers`, which would hide faults."""
    study = changed(
        seeds=(0, 1), cells=PART.cells[:1], probes=(*PART.probes, LandscapeSettings(points=2))
    )
    assert run_study(study, tmp_path, engine=SerialEngine(), device="cpu").failed == {}
    values = numbers(tmp_path)
    probes = [probe for trial in read_study(tmp_path).trials for probe in trial.probes]
    assert len(probes) == 6
    assert len(values) == 2 * 3 + sum(len(probe.arrays) for probe in probes)


def test_a_study_stores_its_records(undisturbed):
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


def test_a_second_run_does_nothing(undisturbed):
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


def test_a_failed_trial_is_recorded_and_the_others_run(tmp_path):
    study = changed(probes=PART.probes[:1])
    plan = study.plan(study.load_data())
    bad = plan.trials[1]
    folder = tmp_path / "trials" / f"{bad.label}-{bad.identity}"
    folder.mkdir(parents=True)
    save_checkpoint(folder / "checkpoint.safetensors", Checkpoint({}, {"identity": "another"}))
    summary = run_study(study, tmp_path, engine=SerialEngine(), device="cpu")
    assert list(summary.failed) == [folder.name]
    assert summary.done == 2
    first, second = read_study(tmp_path).trials
    assert first.error is None
    assert first.probe("landscape") is not None
    assert "belongs to another training" in second.error
    (folder / "checkpoint.safetensors").unlink()
    assert run_study(study, tmp_path, engine=SerialEngine(), device="cpu").failed == {}
    assert not (folder / "error.txt").exists()


def test_changed_data_are_noticed(tmp_path, monkeypatch):
    request = PART.data[0]
    other = dataclasses.replace(request, train_size=151)
    planned = STUDY.load_data()  # before the images change
    monkeypatch.setattr(StudyDefinition, "load_data", lambda self, data_dir: planned)
    monkeypatch.setattr(DataRequest, "exactly", lambda self, data: {
        "name": "digits", "train_size": other.train_size, "test_size": 40, "validation_size": 0,
    })  # fmt: skip
    summary = run_study(STUDY, tmp_path, engine=SerialEngine(), device="cpu")
    assert all("another data set" in error for error in summary.failed.values())
    assert len(summary.failed) == 2


def test_impossible_runs_are_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.delenv("NASCOPE_DATA", raising=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="cannot write"):
        run_study(STUDY, tmp_path / "file" / "study", engine=SerialEngine())
    with pytest.raises(StudyError, match="device 'tpu0' is not available"):
        run_study(STUDY, tmp_path, device="tpu0")
    with pytest.raises(DataError, match="needs a data folder"):
        run_study(changed(data=(DataRequest("cifar10"),)), tmp_path)


def test_an_error_is_kept_if_another_probe_of_the_trial_succeeds(tmp_path):
    """Also for two probes of one kind, which are separate tasks."""
    impossible = LandscapeSettings(points=2, along="trajectory")  # no weights were kept
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
    """Everything that a study file can ask for. Weights that were not kept are computed again."""
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
    by_place = {(p.kind, p.settings["at"], p.settings["data"]): p for p in trial.probes[:5]}
    losses = {key: probe.arrays["loss"] for key, probe in by_place.items()}
    assert trial.probe("landscape") is by_place["landscape", "end", "test"]
    assert trial.probe("variance") is None  # none of the trained network
    start, early, end = (
        losses["landscape", at, "test"][1, 1] for at in ("initialisation", "epoch 0.5", "end")
    )
    assert len({start, early, end}) == 3
    assert np.isnan(losses["landscape", "loss 1e-09", "test"]).all()
    assert not by_place["landscape", "loss 1e-09", "test"].settings["reached"]
    assert by_place["variance", "epoch 1", "train"].settings["instances"] == 150
    assert trial.probes[5].arrays["loss"].shape == (5,)
    assert trial.probes[6].arrays["trajectory"].shape == (3, 2)  # the beginning, two moments
    curvature = trial.probe("curvature")
    assert curvature.arrays["eigenvalues"].shape == (2,)
    assert curvature.arrays["along_first"].shape == (2, 2)
    again = run_study(study, tmp_path, engine=SerialEngine(), device="cpu")
    assert (again.already_done, again.done) == (1 + len(probes), 0)


def test_probes_at_equal_training_loss(tmp_path):
    """The result does not depend on whether the weights were kept, or computed again later."""
    late = changed(probes=())
    assert run_study(late, tmp_path / "two", engine=SerialEngine(), device="cpu").failed == {}
    curves = [trial.training.curve for trial in read_study(tmp_path / "two").trials]
    level = max(min(point.train_loss for point in curve[:-1]) for curve in curves)
    level = float(f"{level + 5e-5:.4f}")  # both trainings reach it before their end
    study = changed(probes=(LandscapeSettings(points=3, at=f"loss {level}"),))
    assert run_study(study, tmp_path / "one", engine=SerialEngine(), device="cpu").failed == {}
    assert run_study(study, tmp_path / "two", engine=SerialEngine(), device="cpu").failed == {}
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")
    for trial in read_study(tmp_path / "one").trials:
        assert trial.probes[0].settings["reached"]
        assert np.isfinite(trial.probes[0].arrays["loss"]).all()
        assert len(list((tmp_path / "one").glob(f"trials/*/snapshots/loss_{level}.*"))) == 2


def test_an_error_is_removed_once_its_trial_is_complete(tmp_path):
    """The failed probe is no longer planned, or another run has computed it."""
    impossible = LandscapeSettings(points=2, along="trajectory")  # no weights were kept
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
        """Fails at tasks that another run completes at the same time."""

        def run(self, tasks, progress):
            list(super().run(tasks, progress))
            yield from (Outcome(task.name, "failed", "the disk was full") for task in tasks)

    error.unlink()
    more = changed(good, probes=PART.probes[:1])
    assert len(run_study(more, tmp_path, engine=OutRun(), device="cpu").failed) == 1
    assert not error.exists()


def test_an_error_of_another_plans_probe_is_kept(tmp_path):
    """A folder's plan may have been extended by several plans."""
    impossible = LandscapeSettings(points=2, along="trajectory")  # no weights were kept
    study = changed(cells=PART.cells[:1], probes=())
    data = study.load_data()
    both = {"extend": True, "device": "cpu"}
    run_plan(changed(study, probes=(impossible,)).plan(data), tmp_path, SerialEngine(), **both)
    assert run_plan(study.plan(data), tmp_path, SerialEngine(), **both).already_done == 1
    assert "a trajectory needs weights" in read_study(tmp_path).trials[0].error


def test_a_folder_that_is_removed_during_the_run_is_a_failure(tmp_path):
    def remove(progress):
        if progress.ended is not None and not removed:
            removed.append(progress.ended[1].name)
            shutil.rmtree(tmp_path)

    removed = []
    study = changed(probes=())
    summary = run_study(study, tmp_path, engine=SerialEngine(), device="cpu", on_progress=remove)
    assert list(summary.failed) == [*removed, "study"]
    assert all("was removed during the run" in error for error in summary.failed.values())
    assert summary.done == 1
