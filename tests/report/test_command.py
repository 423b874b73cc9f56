"""``nascope report`` as users meet it."""

import subprocess
import sys
from pathlib import Path

from tests.report.synthetic import STUDIES, write_study


def nascope(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nascope", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_prints_where_the_page_is(tmp_path: Path) -> None:
    write_study(tmp_path, STUDIES["single"]())
    done = nascope("report", str(tmp_path), "--no-figures")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "report.html")]


def test_help_has_an_example() -> None:
    assert "Example: nascope report" in nascope("report", "--help").stdout


def test_a_folder_without_a_study_is_one_line(tmp_path: Path) -> None:
    done = nascope("report", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
