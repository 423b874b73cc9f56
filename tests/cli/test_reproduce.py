"""nascope reproduce: everything at scale tiny from end to end, then again; and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from nascope._src.records.files import read_arrays
from nascope._src.records.read import read_study
from nascope._src.report.figures.theory_sweep import draw_sweep
from nascope._src.results.paper.targets import TARGETS
from nascope._src.results.planes import std_of
from nascope._src.theory.comparison_result import read_sweep
from tests.cli.running import assert_refused, nascope
from tests.report.figures.drawings import is_painted

STEMS = [f"fig{number}" for number in range(1, 18)] + ["table1"]
STEMS += [f"fig{number}-recalibrated" for number in (5, 6, 7, 14, 15, 16, 17)]
STEMS += [f"theory-{name}" for name in ("regimes", "blocks", "bounds", "sizes")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of scale tiny with everything in it, and what was printed."""
    folder = tmp_path_factory.mktemp("reproduce")
    begun = time.monotonic()
    result = nascope("reproduce", "all", "--scale", "tiny", "-q", cwd=folder)
    assert result.returncode == 0, result.stderr
    print(f"reproduce all --scale tiny: {time.monotonic() - begun:.0f} s")
    return folder / "runs" / "reproduce" / "tiny", result


def test_every_figure_is_there_in_three_formats(whole):
    folder, _ = whole
    pictures = {path.stem for path in (folder / "paper").glob("*.png")}
    assert pictures == set(STEMS)
    for stem in STEMS:
        assert (folder / "paper" / f"{stem}.pdf").read_bytes().startswith(b"%PDF-")
        assert b"</svg>" in (folder / "paper" / f"{stem}.svg").read_bytes()
        assert is_painted(folder / "paper" / f"{stem}.png"), stem


def test_every_target_says_what_the_paper_shows_and_what_came_out(whole):
    folder, result = whole
    for target in TARGETS.values():
        assert f"{target.name}: {target.titled_of(target.cells)}\n" in result.stdout
        assert f"  paper      {target.paper}\n" in result.stdout
    assert result.stdout.count("\n  here ") == len(TARGETS)
    judged = sum(bool(target.claims) for target in TARGETS.values())
    assert result.stdout.count("  no verdict at this scale\n") == judged
    assert "agreement  width and depth of 5 cells are the paper's" in result.stdout
    assert "agreement  width and depth of 4 cells are the paper's" in result.stdout
    assert "not run yet" not in result.stdout
    assert "not measured yet" not in result.stdout
    assert "DARTS on CIFAR-100" in result.stdout
    assert "note: scale tiny has no CIFAR-100" in result.stderr
    assert str(folder.relative_to(folder.parents[2])) in result.stdout


def test_the_data_beside_a_figure_are_the_records(whole):
    folder, _ = whole
    study = read_study(folder)
    assert {trial.data["name"] for trial in study.trials} == {"digits"}
    with (folder / "paper" / "fig3.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    curves = {
        trial.label: [point.test_loss for point in trial.training.curve]
        for trial in study.trials
        if trial.family == "DARTS" and trial.recipe["learning_rate"] == 0.025
        and trial.recipe["cutout"] == 0
    }  # fmt: skip
    for label, losses in curves.items():
        assert [float(row["test_loss"]) for row in rows if row["cell"] == label] == losses
    for name, mode in (("fig16", "frozen"), ("fig16-recalibrated", "recalibrated")):
        arrays = read_arrays(folder / "paper" / f"{name}.npz")
        assert arrays["labels"].tolist() == ["AmoebaNet", "AmoebaNet-p1", "AmoebaNet-p2"]
        (probe,) = [
            probe
            for trial in study.trials
            if trial.label == "AmoebaNet-p2"
            for probe in trial.probes
            if probe.kind == "variance" and probe.settings["batchnorm"] == mode
        ]
        np.testing.assert_array_equal(arrays["values_2"], std_of(probe))
    with (folder / "paper" / "table1.csv").open(newline="") as file:
        errors = {row["cell"]: row for row in csv.DictReader(file) if row["data"] == "digits"}
    assert len(errors) == 10
    tables = [trial for trial in study.trials if trial.recipe["cutout"] > 0]
    for trial in tables:
        error = 100 - 100 * trial.training.last.test_accuracy
        assert float(errors[trial.label]["error_percent"]) == pytest.approx(error)
    assert float(errors["SNAS-adapted"]["paper_error_percent"]) == 2.69


def test_no_formula_is_left_unread_in_print(whole):
    """Names may hold dollar signs, so none is read as a formula; matplotlib's own are none then."""
    folder, _ = whole
    sweep = read_sweep(json.loads((folder / "theory" / "sweep.json").read_text()))
    figures = [drawing.figure for drawing in draw_sweep(sweep, style="paper").values()]
    for figure in figures:
        figure.draw_without_rendering()
    texts = [text.get_text() for figure in figures for text in figure.findobj(Text)]
    assert texts
    assert not [text for text in texts if "$" in text]


def test_the_folder_is_one_study(whole):
    folder, _ = whole
    status = nascope("study", "status", folder).stdout
    assert re.match(r"Reproduction at scale tiny: 31 trials: 31 done; 31 of 31 trained", status)
    page = nascope("report", folder, "--no-figures")
    assert page.returncode == 0, page.stderr
    assert (folder / "theory" / "theory.html").read_text(encoding="utf-8").count("<svg") == 4


def test_a_second_run_trains_nothing(whole):
    folder, _ = whole
    before = {path: path.stat().st_mtime_ns for path in folder.glob("trials/*/checkpoint.*")}
    theory = {path: path.stat().st_mtime_ns for path in folder.glob("theory/*.json")}
    begun = time.monotonic()
    again = nascope("reproduce", "fig6", "fig8", "table1", cwd=folder.parents[2])
    assert again.returncode == 0, again.stderr
    assert re.search(r"0 done in \d+ s, \d+ already done", again.stderr)
    assert time.monotonic() - begun < 60
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert theory == {path: path.stat().st_mtime_ns for path in theory}
    assert len(read_study(folder).trials) == 31  # and the study has lost nothing


def test_a_figure_of_another_cell(whole):
    folder, _ = whole
    shown = nascope(
        "reproduce", "fig3", "--cells", "ENAS", "--variants", "1", "--plan", "--engine", "serial",
        cwd=folder.parents[2],
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"training +2 +0\n", shown.stdout)  # Figure 9 has trained both
    drawn = nascope("reproduce", "fig3", "--cells", "ENAS", "--variants", "1", "--no-run",
                    cwd=folder.parents[2])  # fmt: skip
    assert "paper/fig3-ENAS.pdf (.svg, .png, .csv)" in drawn.stdout
    assert "ENAS on digits: area under the training loss" in drawn.stdout


def test_nothing_is_drawn_from_nothing(tmp_path):
    drawn = nascope("reproduce", "fig5", "fig8", "table1", "--no-run", cwd=tmp_path)
    assert drawn.returncode == 0, drawn.stderr
    assert drawn.stdout.count("not run yet") == 2
    assert "not measured yet" in drawn.stdout
    assert not (tmp_path / "runs/reproduce/tiny/study.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("figg3",), "nothing to reproduce is called 'figg3': did you mean fig3"),
        (("fig3", "--scale", "huge"), "no scale 'huge'; there are tiny, small, paper"),
        (("fig3", "--cells", "DARZ"), "no cell named 'DARZ'.*did you mean DARTS"),
        (("fig8", "--cells", "DARTS"), "fig8 has no cells"),
        (("fig3", "--scale", "small"), "cifar10 needs a data folder"),
        (("fig3", "--scale", "small", "--data-dir", "none"), "no data folder none"),
        (("fig3", "--engine", "serial", "--workers", "2"), "the serial engine has one worker"),
        (("fig3", "--output", "file"), "expected a folder, but found a file"),
        (("fig1", "--output", "file"), "expected a folder, but found a file"),
    ],
)
def test_bad_input_is_one_line(words, message, tmp_path):
    (tmp_path / "file").write_text("")
    assert_refused(nascope("reproduce", *words, cwd=tmp_path), message)


def test_a_cell_of_a_taken_name_is_refused(whole, tmp_path):
    folder, _ = whole
    edges = "('skip_connect', 0), ('sep_conv_3x3', 1)"
    text = f"DARTS = Genotype(normal=[{edges}], normal_concat=[2], reduce=[{edges}], reduce_concat=[2])"
    (tmp_path / "mine.py").write_text(text)
    plan = (folder / "study.json").read_text()
    result = nascope("reproduce", "fig3", "--cells", tmp_path / "mine.py", "--engine", "serial",
                     "-q", cwd=folder.parents[2])  # fmt: skip
    assert_refused(result, "another cell of the name 'DARTS'")
    assert (folder / "study.json").read_text() == plan


@pytest.mark.slow
def test_an_interrupted_run_goes_on(tmp_path):
    words = [sys.executable, "-m", "nascope", "reproduce", "fig5", "--workers", "1"]
    kept = {k: v for k, v in os.environ.items() if k != "NASCOPE_DATA"}
    process = subprocess.Popen(
        words, cwd=tmp_path, env=kept, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    trials = tmp_path / "runs/reproduce/tiny/trials"
    deadline = time.monotonic() + 120
    while not list(trials.glob("*/checkpoint.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.strip().splitlines()[-1] == "interrupted"
    plan = json.loads((trials.parent / "study.json").read_text())
    assert len(plan["trials"]) == 3
    again = subprocess.run(words, cwd=tmp_path, env=kept, capture_output=True, text=True,
                           timeout=300, check=False)  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert Path(trials.parent / "paper" / "fig5.pdf").is_file()


def test_a_failed_trial_is_exit_code_one(tmp_path):
    trials = tmp_path / "runs/reproduce/tiny/trials"
    first = nascope("reproduce", "fig3", "--variants", "0", "-q", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    (folder,) = trials.iterdir()
    name = folder.name
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    (trials / name).write_text("in the way")
    again = nascope("reproduce", "fig3", "--variants", "0", "-q", cwd=tmp_path)
    assert again.returncode == 1
    assert re.search(rf"failed: {name}: .*expected a folder, but found a file", again.stderr)
    assert "fig3.pdf" in again.stdout  # drawn all the same
