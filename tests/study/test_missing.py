"""Results that are missing, damaged, or of another training."""

import json
import shutil

import numpy as np
import pytest

from nascope._src.probes.settings import LandscapeSettings
from nascope._src.records.files import read_json
from nascope._src.records.paths import StudyPaths
from nascope._src.records.plan import read_study_plan
from nascope._src.records.read import read_study
from nascope._src.study.engines.serial import SerialEngine
from nascope._src.study.missing import find_missing
from nascope._src.study.run import run_study
from tests.study.little import PART, STUDY, changed, damage, numbers


def test_damaged_weights_are_trained_again_before_they_are_probed(copy, pristine):
    (trial,) = copy.glob("trials/DARTS-r1-*")
    shutil.rmtree(next(trial.glob("landscape-*")))
    damage(trial / "checkpoint.safetensors")
    missing = find_missing(StudyPaths(copy), read_study_plan(StudyPaths(copy)))
    assert [trial.trained for trial in missing] == [True, True]  # without reading the weights
    with pytest.warns(UserWarning, match="using previous"):
        summary = run_study(STUDY, copy, engine=SerialEngine(), device="cpu")
    assert (summary.done, summary.failed) == (2, {})
    assert numbers(copy) == numbers(pristine)


def test_a_damaged_snapshot_is_computed_again(tmp_path):
    study = changed(cells=PART.cells[:1], probes=(LandscapeSettings(points=2, at="epoch 1"),))
    assert run_study(study, tmp_path, engine=SerialEngine(), device="cpu").failed == {}
    before = numbers(tmp_path)
    shutil.rmtree(next(tmp_path.glob("trials/*/landscape-*")))
    damage(next(tmp_path.glob("trials/*/snapshots/epoch_1.safetensors")))
    assert run_study(study, tmp_path, engine=SerialEngine(), device="cpu").done == 2
    assert numbers(tmp_path) == before


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
def test_a_damaged_probe_is_computed_again(copy, pristine, name, content):
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


def test_arrays_of_the_wrong_shape_or_kind_count_as_damaged(copy):
    path = next(copy.glob("trials/*/landscape-*/result.npz"))
    with np.load(path) as file:
        arrays = dict(file)
    summary = read_json(path.with_suffix(".json"))
    del summary["digests"]  # as in an older file
    path.with_suffix(".json").write_text(json.dumps(summary))
    for wrong in (np.zeros((2, 9)), np.full((3, 3), "text")):
        np.savez(path, **(arrays | {"loss": wrong}))
        assert any("damaged probe" in (t.error or "") for t in read_study(copy).trials)


def test_the_checkpoint_of_another_trial_is_refused(copy):
    first, second = sorted(copy.glob("trials/*"))
    shutil.copy(first / "checkpoint.safetensors", second / "checkpoint.safetensors")
    for probe in second.glob("landscape-*"):
        shutil.rmtree(probe)
    summary = run_study(STUDY, copy, engine=SerialEngine(), device="cpu")
    assert "belongs to another training" in summary.failed[second.name]
    assert not list(second.glob("landscape-*/result.json"))
    trials = {trial.label: trial for trial in read_study(copy).trials}
    assert trials["DARTS-r1"].training is None
    assert "move this file away" in trials["DARTS-r1"].error
    (second / "checkpoint.safetensors").unlink()
    (second / "previous.safetensors").unlink()
    assert run_study(STUDY, copy, engine=SerialEngine(), device="cpu").failed == {}
