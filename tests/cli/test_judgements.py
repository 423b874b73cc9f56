"""nascope verdicts and smoothness."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nascope._src.records.read import read_study
from nascope._src.results.findings.judge import judge_study
from nascope._src.results.text.findings import sentence
from tests.cli.running import assert_refused
from tests.cli.running import nascope as run_nascope
from tests.report.synthetic import STUDIES, family, write_study


def test_verdicts_are_printed_and_written(nascope, tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", STUDIES["judged"](), name="judged")
    code, out, _ = nascope("verdicts", folder, "--output", tmp_path / "v.json")
    assert code == 0
    rows = json.loads((tmp_path / "v.json").read_text())
    assert {row["claim"] for row in rows} == set(range(1, 10))
    for row in rows:
        assert row["outcome"].upper() in out
        assert row["sentence"] in out
    assert "AmoebaNet: " in out  # the paper excepts it from claim 6
    code, out, _ = nascope("verdicts", folder, "--json")
    assert (code, json.loads(out)["verdicts"]) == (0, rows)


def test_a_study_too_small_gets_none(nascope, tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", family())
    code, out, _ = nascope("verdicts", folder, "-o", tmp_path / "v.json")
    assert code == 0
    assert out.startswith("no verdict: its images are below 32 pixels")
    (row,) = json.loads((tmp_path / "v.json").read_text())
    assert row["outcome"] == "no verdict"
    assert row["sentence"].startswith("its images are below 32 pixels")


def test_reliability_is_printed_written_and_drawn(nascope, tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", STUDIES["rates"]())
    table, picture = tmp_path / "r.csv", tmp_path / "r.svg"
    code, out, _ = nascope("reliability", folder, "--output", table, "--picture", picture)
    assert code == 0
    assert "digits, learning rate 0.0025: share of a value's variance" in out
    assert "5 wirings × 3 seeds" in out
    assert table.read_text().startswith("data,learning_rate,group,key,title,at,images,mode,")
    assert "Roughness, frozen" in picture.read_text()
    code, out, _ = nascope("reliability", folder, "--json")
    rows = json.loads(out)
    assert len(rows) == len(table.read_text().splitlines()) - 1
    by_key = {(row["key"], row["learning_rate"]): row for row in rows}
    assert 0 <= by_key["roughness", 0.0025]["share"] <= 1
    lost = by_key["area_under_loss", 0.25]  # of one wiring, a training diverged
    assert (lost["wirings"], lost["seeds"], lost["left_out"]) == (4, 3, 3)
    _, out, _ = nascope("reliability", folder, "--cells", "DARTS,DARTS-r1", "--cells", "DARTS-r2")
    assert "3 wirings × 3 seeds" in out
    code, _, err = nascope("reliability", folder, "--cells", "DARTS,ENAS")
    assert code == 2
    assert "but got 'ENAS'" in err


def test_reliability_without_seeds(nascope, tmp_path: Path) -> None:
    folder = write_study(tmp_path, family())
    code, out, _ = nascope("reliability", folder)
    assert (code, out.split(":")[0]) == (0, "no reliability")
    assert nascope("reliability", folder, "--json")[1] == "[]\n"
    code, out, err = nascope("reliability", folder, "--output", tmp_path / "r.csv")
    assert (code, out) == (2, "")
    assert "two or more equal seeds" in err
    rates = write_study(tmp_path / "rates", STUDIES["rates"]())
    code, _, err = nascope("reliability", rates, "--picture", tmp_path / "r.gif")
    assert code == 2
    assert "must end in .png, .svg, .pdf" in err


def test_the_example_tells_the_same(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", STUDIES["judged"](), name="judged")
    example = Path(__file__).parents[2] / "examples" / "verdicts.py"
    run = subprocess.run(
        [sys.executable, example, folder], capture_output=True, text=True, check=True
    )
    for one in judge_study(read_study(folder)):
        assert sentence(one) in run.stdout


def test_smoothness_of_landscapes(tmp_path):
    axis = np.linspace(-1, 1, 11)
    for number, factor in enumerate((1.0, 2.0, 3.0)):
        loss = factor * np.add.outer(axis**2, axis**2)
        np.savez(tmp_path / f"{number}.npz", loss=loss, alphas=axis, betas=axis)
    files = [tmp_path / f"{number}.npz" for number in range(3)]
    result = run_nascope("smoothness", *files, "--level", 1, "--output", tmp_path / "s.csv")
    assert result.returncode == 0, result.stderr
    assert re.search(r"largest curvature +2\n", result.stdout)
    assert re.search(
        r"mean of 3\n(.*\n)*  largest curvature +4  95 % interval -0.96", result.stdout
    )
    assert (tmp_path / "s.csv").read_text().startswith("file,convex_radius,")
    printed = json.loads(run_nascope("smoothness", *files, "--json").stdout)
    assert printed["landscapes"][0]["largest_curvature"] == pytest.approx(2)
    assert printed["landscapes"][0]["area_below"] is None  # no level, so not a number
    assert printed["means"]["largest_curvature"]["mean"] == pytest.approx(4)
    np.savez(tmp_path / "line.npz", loss=axis, alphas=axis)
    assert_refused(
        run_nascope("smoothness", tmp_path / "line.npz"), "holds no landscape over a plane"
    )
    assert_refused(run_nascope("smoothness", tmp_path / "none.npz"), "is missing")
    assert "area below" not in run_nascope("smoothness", files[0]).stdout
    np.savez(tmp_path / "odd.npz", loss=np.array([["a"]]), alphas=axis[:1], betas=axis[:1])
    assert_refused(
        run_nascope("smoothness", tmp_path / "odd.npz"), "holds no landscape over a plane"
    )
    (tmp_path / "bad.npz").write_bytes(b"bad")
    assert_refused(run_nascope("smoothness", tmp_path / "bad.npz"), "damaged")
