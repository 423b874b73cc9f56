"""Some of the million inputs that ``make fuzz`` tries."""

import json
import subprocess
import sys

import pytest

from nascope._src.errors import GenotypeError
from tests.fuzz import campaign
from tests.fuzz.readers import READERS


def run(*options):
    command = [sys.executable, "-m", "tests.fuzz", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_result_or_a_clean_error(tmp_path):
    """Runs in separate processes, since an audit hook cannot be removed. The second one goes on."""
    state = tmp_path / "state.json"
    for count in (200, 1500):
        done = run("--count", count, "--seed", 1, "--state", state)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    outcome = json.loads(done.stdout)
    assert sum(outcome["results"].values()) + sum(outcome["errors"].values()) == 1500
    assert outcome["errors"].keys() == {reader.name for reader in READERS}
    assert len(outcome["results"]) > 10


def test_an_input_that_ended_the_process_is_a_failure(tmp_path):
    path = tmp_path / "state.json"
    campaign.State(seed=3, next=500).save(path)
    path.with_suffix(".current").write_bytes(b"%020d" % 700)
    state = campaign.resumed(path, 3)
    assert (state.next, state.fatal) == (500, [700])
    assert [first for first, _ in state.failures.values()] == [700]
    with pytest.raises(ValueError, match="of seed 3, not 4"):
        campaign.resumed(path, 4)


def test_the_guard_sees_a_reader_that_opens_a_file(tmp_path):
    """The test of the test: planted readers that open a file, fail, or are slow are caught."""
    script = f"""
import dataclasses, time
from tests.fuzz import campaign, readers
def bad(folder):
    if watching:
        kind = len(campaign_.state.results) + sum(campaign_.state.errors.values())
        time.process_time() if kind else open({str(tmp_path / "x")!r}, "w")
        raise KeyError("raw")
watching = False
reader = dataclasses.replace(readers.READERS[0], read=bad)
readers.READERS = campaign.READERS = (reader,)
campaign_ = campaign.Campaign(campaign.State())
watching = True
campaign_.run(2)
campaign_.close()
print(campaign_.state.failures)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "cell text: caused open" in done.stdout, done.stderr
    assert "KeyError" in done.stdout


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_undamaged_files_are_read(reader, tmp_path, monkeypatch):
    monkeypatch.setenv("NASCOPE_CACHE", str(tmp_path))
    for number, case in enumerate(reader.sound()):
        folder = tmp_path / str(number)
        for name, content in case.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        try:
            reader.read(folder)
        except GenotypeError as error:
            if "expected one genotype, but got 2" not in str(error):
                raise
