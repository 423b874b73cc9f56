"""nascope evidence and selection."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.results.evidence import planted


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    return planted.table(folder, cells=30, late=0.02, epochs=(1, 2, 3, 10, 50)).path


def test_evidence_as_text(nascope, table: Path, tmp_path: Path) -> None:
    code, out, err = nascope("evidence", table, table, "--output", tmp_path / "rows.csv")
    assert (code, err) == (0, "")
    assert "30 cells, 5 epochs, accuracy in shares" in out
    assert "wide cells end better: adjusted ρ of width with final accuracy +0." in out
    assert out.count("statements by table:") == 1
    assert (tmp_path / "rows.csv").read_text().startswith("table,cell,measure,outcome,epoch,given")


def test_evidence_as_json(nascope, table: Path) -> None:
    code, out, _ = nascope("evidence", table, "--json", "--epochs", "1,10")
    (found,) = json.loads(out)["tables"]
    assert code == 0
    assert (found["table"], found["cells"]) == (table.name, 30)
    assert {row["epoch"] for row in found["rows"]} == {1, 10, 50}  # the last one is always there
    assert len(found["statements"]) == 5


def test_evidence_without_epochs(nascope, tmp_path: Path) -> None:
    path = tmp_path / "final.csv"
    lines = [f'"{text}",{0.5 + 0.01 * k}' for k, text in enumerate(planted.genotypes(30))]
    path.write_text("genotype,accuracy\n" + "\n".join(lines))
    _, out, _ = nascope("evidence", path, "--json")
    (found,) = json.loads(out)["tables"]
    assert {row["epoch"] for row in found["rows"]} == {None}


def test_selection(nascope, table: Path, tmp_path: Path) -> None:
    code, out, _ = nascope("selection", table, "--picture", tmp_path / "s.png")
    assert code == 0
    assert "30 cells, truncated schedule" in out
    assert "\n     3 " not in out
    assert "1 more epochs: --all" in out
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    _, every, _ = nascope("selection", table, "--all")
    assert "\n     3 " in every
    _, out, _ = nascope("selection", table, "--json")
    found = json.loads(out)
    assert [row["epoch"] for row in found["rows"]] == [1, 2, 3, 10]  # not 50 against itself
    assert {"epoch", "rho", "low", "high", "regret", "picks"} <= set(found["rows"][0])
    assert all(row["picks"].startswith("cell-") for row in found["rows"])
    assert found["rows"][0]["regret_low"] <= found["rows"][0]["regret_high"]


@pytest.mark.parametrize("command", ["evidence", "selection"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("genotype,epoch\n", "lacks the column 'accuracy'"),
        ("genotype,epoch,accuracy\n", "has no rows"),
        ("a,b\n1,2\n", "lacks the column"),
        (None, "cannot be read"),
    ],
)
def test_bad_tables_are_one_line(nascope, tmp_path: Path, command, text, words) -> None:
    path = tmp_path / "table.csv"
    if text is not None:
        path.write_text(text)
    code, out, err = nascope(command, path)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("epochs", ["x", "1.5", ""])
def test_epochs_that_are_no_numbers(nascope, table: Path, epochs: str) -> None:
    code, _, err = nascope("evidence", table, "--epochs", epochs)
    assert code == 2
    assert "--epochs: expected whole numbers such as 1,10,600" in err


def test_a_table_without_anything_to_compare(nascope, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("genotype,epoch,accuracy\nDARTS,1,0.5\nSNAS,1,0.6\n")
    code, _, err = nascope("selection", tmp_path / "t.csv")
    assert code == 2
    assert "nothing to compare" in err
