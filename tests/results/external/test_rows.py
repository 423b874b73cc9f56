"""Rows of tables that others published."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from nascope._src.results.external.rows import accuracy, read_rows, whole_number

from nascope._src.errors import StudyError

COLUMNS = ("genotype", "epoch", "accuracy")


def test_bad_tables(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("genotype,epoch,accuracy\n")
    (tmp_path / "lacking.csv").write_text("genotype,epoch\nDARTS,1\n")
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 no")
    for name, words in {
        "empty.csv": "has no rows",
        "lacking.csv": "lacks the column 'accuracy'",
        "damaged.parquet": "cannot be read",
        "missing.csv": "cannot be read",
        "other.txt": "ends in .csv or .parquet",
    }.items():
        with pytest.raises(StudyError, match=words):
            read_rows(tmp_path / name, COLUMNS)


def test_rows_of_a_csv_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("genotype,epoch,accuracy\nDARTS,1,0.5\nSNAS,2,0.6\n")
    rows = read_rows(tmp_path / "t.csv", COLUMNS)
    assert [row["genotype"] for row in rows] == ["DARTS", "SNAS"]
    assert rows[1] == {"genotype": "SNAS", "epoch": "2", "accuracy": "0.6"}


def test_numbers_and_what_is_none() -> None:
    assert whole_number("600", "epoch", "row 2") == whole_number(600.0, "epoch", "row 2") == 600
    for value in ("soon", "1.5", -1, math.nan, math.inf, None, ""):
        with pytest.raises(StudyError, match="row 2: epoch must be a whole number, not"):
            whole_number(value, "epoch", "row 2")
    assert accuracy("0.5", "row 3") == 0.5
    assert accuracy(95, "row 3") == 95
    for value in ("high", -0.1, 100.5, math.nan, math.inf, None):
        with pytest.raises(StudyError, match="row 3: accuracy must be in"):
            accuracy(value, "row 3")
