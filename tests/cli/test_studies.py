"""The commands around a study, as a user runs them, from a new file to a clean folder."""

import contextlib
import csv
import dataclasses
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from unittest.mock import Mock

import pyarrow.parquet as pq
import pytest

from nascope._src.cli import studies
from nascope._src.cli.engines import EngineSettings
from nascope._src.cli.study_lines import number_lines, power_lines
from nascope._src.errors import StudyError
from nascope._src.records.read import read_study
from nascope._src.results.table import measure_study
from nascope._src.study.definition import plan_cells
from nascope._src.study.progress import RunProgress
from nascope._src.study.run import RunSummary
from nascope._src.study.study_file import read_study_file
from tests.cli.running import nascope
from tests.report import synthetic

SMALL = """
cells = ["DARTS"]
[variants]
seeds = [1]
[data]
name = "digits"
train_size = 150
test_size = 40
[training]
scale = "tiny"
overrides = { channels = 2, epochs = 2 }
[landscape]
points = 9
"""


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A folder with a study file and its study, half of which was run."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "small.toml").write_text(SMALL.replace("seeds = [1]", "seeds = []"))
    ran = nascope("study", "run", "small.toml", "--engine", "serial", "-q", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "runs/small/report.html"
    (folder / "small.toml").write_text(SMALL)
    return folder


def test_new_writes_a_file_that_plan_reads(tmp_path):
    assert nascope("study", "new", "mine.toml", cwd=tmp_path).returncode == 0
    again = nascope("study", "new", "mine.toml", cwd=tmp_path)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    shown = nascope("study", "plan", "mine.toml", "--no-calibrate", cwd=tmp_path).stdout
    assert "mine: 12 trials, in runs/mine" in shown
    assert re.search(r"digits +0\.025 +12 +4 +0, 1, 2", shown)


def test_plan_tells_what_is_missing_and_what_it_takes(there):
    shown = nascope("study", "plan", "small.toml", cwd=there)
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"training +2 +1\n", shown.stdout)
    assert re.search(r"landscape +2 +1\n", shown.stdout)
    time = r"time  about \d+ s on 2 at a time \(training \d+ s, landscape \d+ s\)"
    assert re.search(time, shown.stdout), shown.stdout
    assert re.search(r"disk  about \d+\.\d MB", shown.stdout)
    printed = json.loads(
        nascope("study", "plan", "small.toml", "--json", "--no-calibrate", cwd=there).stdout
    )
    assert printed["work"]["training"] == {"total": 2, "to_do": 1}
    assert printed["forecast"] is None
    before = sorted(there.rglob("*"))
    elsewhere = nascope("study", "plan", "small.toml", "--output", "a/b", cwd=there)
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert sorted(there.rglob("*")) == before  # a plan leaves nothing behind


def test_check_lists_damaged_files_with_their_remedy(there, tmp_path):
    copy = shutil.copytree(there / "runs" / "small", tmp_path / "copy")
    shown = nascope("study", "check", copy)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert re.search(r"^\d+ files: \d+ intact, 0 damaged$", shown.stdout, re.MULTILINE)
    page = copy / "report.html"
    page.write_text(page.read_text().replace("0", "1"))
    shown = nascope("study", "check", copy)
    assert (shown.returncode, shown.stderr) == (1, "")
    assert f"damaged: {page}: has changed since nascope wrote it\n" in shown.stdout
    assert "write the report again: nascope report FOLDER\n" in shown.stdout


def test_a_full_disk_is_reported_for_the_trials_too(tmp_path, monkeypatch, capsys):
    full = "cannot write x: No space left on device"
    summary = RunSummary(0, 0, {"DARTS-0123456789abcdef": full})
    monkeypatch.setattr("nascope._src.study.run.run_study", lambda *_, **__: summary)
    monkeypatch.setattr(
        "nascope._src.report.write.write_report", Mock(side_effect=StudyError(full))
    )
    with pytest.raises(StudyError, match="No space left"):
        studies._run_and_report(
            Mock(), tmp_path, EngineSettings(engine="serial"), data_dir=None, quiet=True
        )
    assert capsys.readouterr().err == f"failed: DARTS-0123456789abcdef: {full}\n"


def test_names_cannot_fake_a_status(tmp_path):
    fake = synthetic.family(variants=0, epochs=1)[0]
    name = "x\x1b[2J\n  done     \u202eevil"
    synthetic.write_study(tmp_path, [dataclasses.replace(fake, label=name)], name=f"s{name}")
    shown = nascope("study", "status", tmp_path, "--all").stdout
    assert not any(character in shown for character in "\x1b\u202e")
    assert len(shown.splitlines()) == 3
    assert "x\\x1b[2J\\n  done" in shown


def test_plan_tells_what_a_design_can_detect(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        """
        cells = ["DARTS"]
        training.scale = "tiny"
        [[part]]
        design = { kind = "contrast", allocations = 10 }
        [[part]]
        design = { kind = "factorial", allocations = 3, widths = [2, 3], depths = [3, 4] }
        """
    )
    study = read_study_file(file)
    contrast, factorial = power_lines(study.plan(study.load_data()))
    assert "contrast at 0.025: 10 pairs; a shift of 4.2 % of the area" in contrast
    assert "factorial at 0.025: 3 blocks, 6 pairs per factor; a shift of" in factorial
    plain = replace(study, parts=(replace(study.parts[0], cells=plan_cells(["DARTS"])),))
    assert power_lines(plain.plan(plain.load_data())) == []


def test_status_results_and_clean(there):
    waiting = nascope("study", "status", "runs/small", "--all", cwd=there).stdout
    assert "small: 1 trials: 1 done; 1 of 1 trained, 1 of 1 probes" in waiting
    assert re.search(r"done +DARTS +digits +0\.025 +0 +2/2 +\d+\.\d% +1/1", waiting)
    printed = json.loads(nascope("study", "status", "runs/small", "--json", cwd=there).stdout)
    assert [trial["state"] for trial in printed["trials"]] == ["done"]
    watched = nascope("study", "status", "runs/small", "--watch", cwd=there)
    assert (watched.returncode, watched.stdout.count("1 done")) == (0, 1)
    for name, table in (("t.csv", "trials"), ("c.json", "curves"), ("p.parquet", "probes")):
        wrote = nascope("study", "results", "runs/small", "--table", table, "-o", name, cwd=there)
        assert re.match(rf"{name}: \d+ rows, \d+ columns", wrote.stdout), wrote.stderr
    with (there / "t.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["label"], row["data"], row["epochs_done"]) == ("DARTS", "digits", "2")
    assert len(json.loads((there / "c.json").read_text())) > 2
    assert pq.read_table(there / "p.parquet").num_rows == 1
    listed = nascope("study", "clean", "runs/small", "--dry-run", cwd=there).stdout
    assert "previous.safetensors (training finished)" in listed
    assert "would be freed" in listed
    assert list(there.rglob("previous.safetensors"))
    assert "freed" in nascope("study", "clean", "runs/small", cwd=there).stdout
    assert not list(there.rglob("previous.safetensors"))


@pytest.mark.parametrize("stdout", ["terminal", "pipe"])
def test_the_reports_path_is_printed_whole_beside_a_live_display(there, tmp_path, stdout):
    """On standard output, in one line however narrow the terminal."""
    folder = tmp_path / ("a folder of a long name " * 3).strip()
    shutil.copytree(there / "runs" / "small", folder)
    (tmp_path / "small.toml").write_text(SMALL.replace("seeds = [1]", "seeds = []"))
    words = ["study", "run", "small.toml", "--engine", "serial", "--output", folder]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "nascope", *map(str, words)],
        cwd=tmp_path, env=os.environ | {"COLUMNS": "40", "TERM": "xterm"}, stderr=theirs,
        stdout=theirs if stdout == "terminal" else subprocess.PIPE,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # at its end
        while more := os.read(ours, 4096):
            seen += more
    os.close(ours)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0, seen
    assert b"\x1b[" in seen  # a live display
    lines = (seen if stdout == "terminal" else printed).decode().splitlines()
    shown_cursor = "\x1b[?25h"
    assert lines[-1].removeprefix(shown_cursor) == f"{folder}/report.html"


def test_a_search(tmp_path):
    (tmp_path / "s.toml").write_text(
        SMALL.replace("seeds = [1]", "").split("[landscape]")[0].replace(
            "test_size = 40", "test_size = 40\nvalidation_size = 40"
        ) + "[search]\ncandidates = 2\npopulation = 2\nsample = 1\n"
    )  # fmt: skip
    ran = nascope("study", "search", "s.toml", "--workers", "1", "-q", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"best of 2: candidate \d, validation accuracy \d+\.\d+%", ran.stdout)
    assert "space darts, mean" in ran.stdout
    traced = nascope("trace", "runs/s/best.jsonl", "--space", "darts", cwd=tmp_path)
    assert len(traced.stdout.splitlines()) == 3


def test_the_time_left_of_a_resumed_search_is_by_its_own_pace(tmp_path, monkeypatch):
    """Half of it was there when it began, and two candidates more took it a minute."""
    (tmp_path / "s.toml").write_text(
        'cells = ["DARTS"]\n[search]\ncandidates = 48\nbatch = 4\n'
        '[data]\nname = "digits"\nvalidation_size = 40\n[training]\nscale = "tiny"\n'
    )
    clock, display = [100.0], Mock()

    def resumed(*_, on_progress, **__):
        for share in (0.0, 0.5):
            on_progress(24, RunProgress(share, 0.0, None, {}))
            clock[0] += 60
        raise KeyboardInterrupt

    monkeypatch.setattr("nascope._src.study.search.rounds.run_search", resumed)
    monkeypatch.setattr(
        "nascope._src.cli.studies.open_engine", lambda *_, **__: nullcontext((None, 1))
    )
    monkeypatch.setattr("nascope._src.runtime.progress.display", lambda **_: nullcontext(display))
    monkeypatch.setattr("nascope._src.cli.studies.display", lambda **_: nullcontext(display))
    monkeypatch.setattr("nascope._src.runtime.progress.time.monotonic", lambda: clock[0])
    with pytest.raises(KeyboardInterrupt):
        studies.search(tmp_path / "s.toml")
    (_, unknown, _), (share, left, words) = (call.args for call in display.show.call_args_list)
    assert unknown is None
    assert (share, left) == (pytest.approx(26 / 48), pytest.approx(22 * 30))
    assert words == "candidates 25 to 28 of 48"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--address", "auto"), "--address is for a Ray cluster: give --engine ray"),
        (("--gpus", "0.5"), "--gpus is for a Ray cluster"),
        (("--engine", "serial", "--workers", "2"), "the serial engine has one worker"),
        (("--engine", "ray", "--gpus", "1.5"), "gpus must be a fraction of one, or a whole number"),
        (("--engine", "ray", "--gpus", "999"), "no machine of the Ray cluster has the"),
        (("--device", "tpu0"), "device 'tpu0' is not available"),
    ],
)
def test_what_engines_cannot_do(there, words, message):
    if "ray" in words:
        pytest.importorskip("ray", reason="needs Ray")
    ran = nascope("study", "run", "small.toml", "--output", "x", *words, cwd=there)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not (there / "x").exists()


def test_the_demonstration_prints_its_numbers(tmp_path):
    """One row per network, in aligned columns, then what the columns hold."""
    study = measure_study(read_study(synthetic.write_study(tmp_path / "s", synthetic.family())))
    lines = number_lines(study)
    heading, rows, notes = lines[0], lines[1:6], lines[6:]
    assert [row.split()[0] for row in rows] == ["DARTS", *(f"DARTS-r{k}" for k in range(1, 5))]
    assert rows[0].split()[1:3] == ["3.5c", "3"]
    assert {len(line) for line in [heading, *rows]} == {len(heading)}
    accuracy = study.shown("accuracy", study.study.trials)
    assert [row.split()[4] for row in rows] == [f"{value:.1f}" for value in accuracy]
    assert "accuracy: test accuracy, last epoch, in %" in notes
