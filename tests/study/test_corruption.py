"""Damage to any file of a finished study is noticed, and repaired by the next run."""

import json
import re
import shutil
import warnings

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from nascope._src.errors import StudyError
from nascope._src.records.files import write_bytes
from nascope._src.records.paths import StudyPaths
from nascope._src.records.read import read_study
from nascope._src.records.verification import check_study, list_checksums
from nascope._src.report.write import write_report
from nascope._src.study.engines.serial import SerialEngine
from nascope._src.study.run import extend_plan, run_study
from tests.study.little import STUDY, numbers

HOLDS_NO_NUMBERS = re.compile(r"log\.txt|lock|.*\.lock")


def files_of(folder):
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not HOLDS_NO_NUMBERS.fullmatch(path.name)
    )


def damaged(folder):
    return {check.path for check in check_study(folder) if check.state == "damaged"}


def truncate(path):
    path.write_bytes(path.read_bytes()[:-40])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def edit(path):
    """Change a number and leave a valid file, with the checksum that it had."""
    if path.suffix == ".json":
        content = json.loads(path.read_text())
        content["identity" if "identity" in content else "name" if "name" in content else "x"] = "1"
        path.write_text(json.dumps(content))
    elif path.suffix == ".npz":
        with np.load(path) as file:
            arrays = dict(file)
        name = next(iter(arrays))
        arrays[name] = arrays[name] + 1 if arrays[name].dtype.kind == "f" else arrays[name][:1]
        np.savez(path, **arrays)
    elif path.suffix == ".safetensors":
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
        name = next(name for name in tensors if name.startswith("model."))
        save_file(tensors | {name: tensors[name] + 1}, path, metadata)
    else:
        path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))


DAMAGES = (truncate, flip, edit)


@pytest.fixture(scope="module")
def reported(pristine, tmp_path_factory):
    folder = shutil.copytree(pristine, tmp_path_factory.mktemp("reported") / "study")
    write_report(folder, figures=False)
    figure = folder / "figures" / "curves.png"  # drawing real ones takes long
    write_bytes(figure, b"0123" * 100)
    list_checksums(StudyPaths(folder), [figure])
    return folder


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_any_file_is_noticed(reported, damage):
    checks = list(check_study(reported))
    assert {check.state for check in checks} == {"intact"}
    assert {check.path for check in checks} == set(files_of(reported))
    for path in files_of(reported):
        whole = path.read_bytes()
        damage(path)
        if path.name == "study.json":
            with pytest.raises(StudyError, match=r"study.json is damaged: run the study again"):
                damaged(reported)
        else:
            others = {path.with_name("result.npz")} if path.name == "result.json" else set()
            assert damaged(reported) - others == {path}
        path.write_bytes(whole)


def test_the_next_run_repairs_every_file(reported, pristine, tmp_path):
    copy = shutil.copytree(reported, tmp_path / "copy")
    for number, path in enumerate(files_of(copy)):
        DAMAGES[number % 3](path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # checkpoint and spare are damaged: trained again
        summary = run_study(STUDY, copy, engine=SerialEngine(), device="cpu")
    assert (summary.done, summary.failed) == (6, {})
    assert {path.name for path in damaged(copy)} <= {"report.html", "curves.png", "checksums.json"}
    assert numbers(copy) == numbers(pristine)
    assert len(list(copy.glob("trials/*/checkpoint.safetensors.damaged"))) == 2


def test_the_next_run_repairs_probes_exchanged_between_trials(copy, pristine):
    for name in ("result.json", "result.npz"):
        first, second = copy.glob(f"trials/*/landscape-*/{name}")
        content = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(content)
    with pytest.warns(UserWarning, match="2 files are damaged, and left out"):
        write_report(copy, figures=False)
    summary = run_study(STUDY, copy, engine=SerialEngine(), device="cpu")
    assert (summary.done, summary.failed) == (2, {})
    assert numbers(copy) == numbers(pristine)


def test_one_digit_of_an_accuracy_in_a_header_is_noticed(copy):
    path = next(copy.glob("trials/*/checkpoint.safetensors"))
    content = path.read_bytes()
    place = content.index(b"test_accuracy") + len(b'test_accuracy\\": 0.')
    digit = b"1" if content[place : place + 1] != b"1" else b"2"
    path.write_bytes(content[:place] + digit + content[place + 1 :])
    (trial,) = [trial for trial in read_study(copy).trials if trial.error]
    assert "damaged" in trial.error
    assert trial.training is None


def test_files_of_older_versions_are_read_and_reported_as_unverified(copy, pristine):
    for path in copy.rglob("*.json"):
        content = json.loads(path.read_text())
        for key in ("checksum", "digests"):
            content.pop(key, None)
        path.write_text(json.dumps(content))
    assert numbers(copy) == numbers(pristine)
    states = [check.state for check in check_study(copy)]
    assert (states.count("damaged"), states.count("unverified")) == (0, 11)


def test_a_damaged_plan_keeps_the_trials_that_have_begun(copy):
    paths = StudyPaths(copy)
    before = read_study(copy)
    paths.plan.write_text("damaged")
    plan = STUDY.plan(STUDY.load_data())
    nothing = type(plan)(plan.name, ())
    assert {trial.key for trial in extend_plan(paths, nothing).trials} == {
        trial.key for trial in plan.trials
    }
    after = read_study(copy)
    assert sorted(map(repr, after.trials)) == sorted(map(repr, before.trials))
