"""The little study, run once."""

import shutil

import pytest

from nascope._src.study.engines.serial import SerialEngine
from nascope._src.study.run import run_study
from tests.study.little import STUDY


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    summary = run_study(STUDY, folder, engine=SerialEngine(), device="cpu")
    assert (summary.done, summary.already_done, summary.failed) == (6, 0, {})
    return folder


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    """Another run of the same study, which tests copy and never change."""
    folder = tmp_path_factory.mktemp("pristine")
    run_study(STUDY, folder, engine=SerialEngine(), device="cpu")
    return folder


@pytest.fixture
def copy(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "copy")
