import dataclasses

import numpy as np
import pytest

from nascope.errors import DataError, StudyError
from nascope.records import read_study
from nascope.study import ProbePlan, Study, run_study
from nascope.study.engine import ProcessEngine, SerialEngine
from nascope.study.study import plan_cells
from nascope.training import Recipe

STUDY = Study(
    name="little",
    cells=plan_cells(["DARTS"], method="random", seeds=[1]),
    recipe=Recipe(channels=2, layers=3, epochs=2, batch_size=64),
    train_size=150,
    test_size=40,
    probes=(ProbePlan("landscape", points=3), ProbePlan("variance", points=3, instances=20)),
)


def numbers(folder):
    """Every number that a study yields, by its place."""
    found = {}
    for trial in read_study(folder).trials:
        assert trial.training.finished
        for epoch in trial.training.epochs:
            record = dataclasses.asdict(epoch)
            record.pop("seconds")
            found[trial.label, epoch.epoch] = record
        found[trial.label, "correct"] = trial.training.correct.tolist()
        for probe in trial.probes:
            for name, values in probe.arrays.items():
                found[trial.label, probe.kind, name] = values.tolist()
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    summary = run_study(STUDY, folder, engine=SerialEngine(), device="cpu")
    assert (summary.done, summary.found, summary.failed) == (6, 0, {})
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
    assert (summary.done, summary.found) == (0, 6)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_new_probe_retrains_nothing(undisturbed):
    more = dataclasses.replace(STUDY, probes=(*STUDY.probes, ProbePlan("landscape", points=2)))
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*.safetensors")}
    summary = run_study(more, undisturbed, engine=SerialEngine(), device="cpu")
    assert (summary.done, summary.found) == (2, 6)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_failed_trial_is_recorded_and_stops_no_other(tmp_path):
    study = dataclasses.replace(STUDY, probes=STUDY.probes[:1])
    plan = study.plan(study.load_data())
    bad = plan["trials"][1]
    folder = tmp_path / "trials" / f"{bad['label']}-{bad['identity']}"
    folder.mkdir(parents=True)
    (folder / "checkpoint.safetensors").write_bytes(b"not a checkpoint")
    summary = run_study(study, tmp_path, engine=SerialEngine(), device="cpu")
    assert list(summary.failed) == [folder.name]
    assert summary.done == 2
    first, second = read_study_quietly(tmp_path)
    assert first.error is None
    assert first.probe("landscape") is not None
    assert "damaged, or not a checkpoint" in second
    (folder / "checkpoint.safetensors").unlink()
    assert run_study(study, tmp_path, engine=SerialEngine(), device="cpu").failed == {}
    assert not (folder / "error.txt").exists()


def read_study_quietly(folder):
    """The first trial's record, and the second's error: its checkpoint cannot be read."""
    error = next(folder.glob("trials/*/error.txt"))
    text = error.read_text()
    error.with_name("checkpoint.safetensors").rename(folder / "aside")
    first = read_study(folder).trials[0]
    (folder / "aside").rename(error.with_name("checkpoint.safetensors"))
    return first, text


def test_changed_data_are_noticed(tmp_path, monkeypatch):
    other = dataclasses.replace(STUDY, train_size=151)
    plan = STUDY.plan(STUDY.load_data())
    monkeypatch.setattr(Study, "plan", lambda self, data: plan | {"data": {
        "name": "digits", "train_size": 151, "test_size": 40, "validation_size": 0}})  # fmt: skip
    summary = run_study(other, tmp_path, engine=SerialEngine(), device="cpu")
    assert all("another data set" in error for error in summary.failed.values())
    assert len(summary.failed) == 2


def test_what_cannot_work_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.delenv("NASCOPE_DATA", raising=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="cannot write"):
        run_study(STUDY, tmp_path / "file" / "study", engine=SerialEngine())
    with pytest.raises(StudyError, match="device 'tpu0' is not there"):
        run_study(STUDY, tmp_path, device="tpu0")
    with pytest.raises(DataError, match="needs a data folder"):
        run_study(dataclasses.replace(STUDY, dataset="cifar10"), tmp_path)
