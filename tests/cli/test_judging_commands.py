"""nascope verdicts and selection."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.genotype import format_text
from nascope._src.cli.entry import app, main
from nascope._src.records.read import read_study
from nascope._src.results.findings.judge import judge_study
from nascope._src.results.text.findings import sentence
from tests.report.synthetic import STUDIES, family, write_study


@pytest.fixture
def nascope(monkeypatch, capsys):
    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["nascope", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    assert app is not None
    return run


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


def test_a_study_too_small_gets_none(nascope, tmp_path: Path) -> None:
    code, out, _ = nascope("verdicts", write_study(tmp_path, family()))
    assert code == 0
    assert out.startswith("no verdict: its images are below 32 pixels")


def test_selection_of_a_table(nascope, tmp_path: Path) -> None:
    lines = ["genotype,epoch,seed,accuracy"]
    for name, curve in {"DARTS": (50, 90), "SNAS": (60, 80)}.items():
        text = format_text(load_cell(name)).replace('"', "'")
        lines += [
            f'"{text}",{epoch},0,{value}' for epoch, value in zip((5, 50), curve, strict=True)
        ]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(lines))
    code, out, _ = nascope("selection", table, "-o", tmp_path / "s.csv")
    assert code == 0
    assert "10.00%" in out
    assert (tmp_path / "s.csv").read_text().count("\n") == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("genotype,epoch\n", "has no rows"),
        ("a,b\n1,2\n", "lacks the column"),
        (None, "cannot be read"),
    ],
)
def test_bad_tables_are_one_line(nascope, tmp_path: Path, text: str | None, words: str) -> None:
    table = tmp_path / "table.csv"
    if text is not None:
        table.write_text(text)
    code, out, err = nascope("selection", table)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_the_example_tells_the_same(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", STUDIES["judged"](), name="judged")
    example = Path(__file__).parents[2] / "examples" / "verdicts.py"
    run = subprocess.run(
        [sys.executable, example, folder], capture_output=True, text=True, check=True
    )
    for one in judge_study(read_study(folder)):
        assert sentence(one) in run.stdout
