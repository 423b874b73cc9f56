"""tools/setup.sh: an environment that works survives an update that fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OFFLINE = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "PIP_FIND_LINKS": "/nowhere /tmp", "TORCH": ""}

pytestmark = pytest.mark.skipif(
    not (ROOT / "tools/setup.sh").is_file(), reason="needs the repository"
)


def setup(folder, **variables):
    environment = {**os.environ, "SYSTEM_TORCH": "", "PYTHON": sys.executable, **OFFLINE}
    return subprocess.run(
        [ROOT / "tools/setup.sh"],
        env={**environment, "VENV": str(folder), **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("setup") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder


def test_an_environment_survives_an_update_that_fails(environment):
    (environment / "mine.txt").write_text("mine")
    result = setup(environment)
    assert result.returncode == 2
    assert f"error: the installation into {environment} failed" in result.stderr
    assert "nowhere" not in result.stderr  # folders of packages that do not exist
    assert (environment / "mine.txt").read_text() == "mine"
    assert subprocess.run([environment / "bin/python", "-c", ""], check=False).returncode == 0


def test_a_folder_that_is_no_environment_is_not_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    result = setup(tmp_path)
    assert result.returncode == 2
    assert f"error: {tmp_path} is not a virtual environment" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_environment_keeps_its_python(environment, tmp_path):
    other = tmp_path / "python"
    other.write_text('#!/bin/sh\ncase "$2" in *print*) echo 3.99;; esac\n')
    other.chmod(0o755)
    result = setup(environment, PYTHON=str(other))
    assert result.returncode == 2
    assert f"but {other} is 3.99; use another folder: make VENV=.venv-3.99" in result.stderr


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    result = setup(tmp_path / "file" / "venv")
    assert result.returncode == 2
    assert f"error: cannot write to {tmp_path / 'file'}" in result.stderr


def test_a_python_that_does_not_exist_is_named(tmp_path):
    result = setup(tmp_path / "venv", PYTHON="python9")
    assert (result.returncode, result.stderr) == (2, "error: PYTHON=python9: no such program\n")
