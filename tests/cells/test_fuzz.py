"""A few thousand of the million inputs that ``python -m tests.cells.fuzz`` reads."""

import json
import subprocess
import sys

import pytest

from tests.cells import fuzz


def test_a_cell_or_a_clean_error():
    """Runs in a separate process, since an audit hook cannot be removed."""
    command = [sys.executable, "-m", "tests.cells.fuzz", "--count", "3000", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["cell"] + outcome["error"] == 3000
    assert outcome["cell"] > 100


def test_the_guard_sees_a_reader_that_opens_a_file(tmp_path):
    """The test of the test: a planted reader that evaluates its input is caught."""
    script = (
        "from tests.cells import fuzz\n"
        f"fuzz.parse = lambda text: open({str(tmp_path / 'x')!r}, 'w')\n"
        "fuzz.resolve_cell = fuzz.parse\n"
        "fuzz.seeds = lambda: ['x']\n"
        "try:\n    fuzz.parse('x')\nfinally:\n    fuzz.run(5)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "a reader caused open" in done.stderr


@pytest.mark.parametrize("text", fuzz.seeds())
def test_the_undamaged_texts_are_cells_or_files_of_several(text):
    try:
        fuzz.parse(text)
    except fuzz.GenotypeError as error:
        raise AssertionError(text) from error
