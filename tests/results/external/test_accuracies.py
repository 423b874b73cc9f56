"""Tables of accuracies that others measured."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.genotype import format_text
from nascope._src.errors import StudyError
from nascope._src.results.external.accuracies import read_accuracies
from nascope._src.results.selection.early_stopping import choices


def table(path: Path, rows: list[dict[str, object]]) -> Path:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
        return path
    lines = [",".join(columns)]
    lines += [",".join(f'"{value}"' for value in row.values()) for row in rows]
    path.write_text("\n".join(lines))
    return path


def rows(unit: float = 1.0) -> list[dict[str, object]]:
    curves = {"DARTS": (0.5, 0.9), "SNAS": (0.6, 0.8), "ENAS": (0.4, 0.7)}
    return [
        {"genotype": format_text(load_cell(name)), "epoch": epoch, "accuracy": unit * value}
        for name, curve in curves.items()
        for epoch, value in zip((10, 600), curve, strict=True)
    ]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("unit", [1.0, 100.0])
def test_tables_that_others_measured(tmp_path: Path, ending: str, unit: float) -> None:
    cells = read_accuracies(table(tmp_path / f"t{ending}", rows(unit)))
    assert set(cells) == {"truncated"}
    early, late = choices(cells["truncated"])
    assert (early.epoch, early.picked, late.picked) == (10, "cell 2", "cell 1")
    assert early.regret == pytest.approx(0.1)
    assert early.rho == pytest.approx(0.5)


def test_one_accuracy_above_1_makes_all_of_them_percentages(tmp_path: Path) -> None:
    percent = [row | {"accuracy": row["accuracy"] + 0.2} for row in rows()]  # up to 1.1
    (darts, *_) = read_accuracies(table(tmp_path / "t.csv", percent))["truncated"]
    assert darts.final[0] == pytest.approx(0.011)


def test_short_schedules_are_kept_apart(tmp_path: Path) -> None:
    """A training planned for 10 epochs is not the beginning of one planned for 600."""
    long = [row | {"schedule": 600} for row in rows()]
    short = [
        row | {"schedule": 10, "accuracy": 0.9 - row["accuracy"]} for row in rows()
        if row["epoch"] == 10
    ]  # fmt: skip
    cells = read_accuracies(table(tmp_path / "t.csv", long + short))
    assert list(cells) == ["truncated", "re-annealed"]
    truncated = choices(cells["truncated"])
    assert [choice.epoch for choice in truncated] == [10, 600]
    (choice,) = choices(cells["re-annealed"])
    assert (choice.epoch, choice.picked) == (10, "cell 3")
    assert choice.rho == -truncated[0].rho


def test_a_schedule_that_some_rows_lack_is_an_error(tmp_path: Path) -> None:
    mixed = [row | {"schedule": 600 if row["epoch"] == 600 else ""} for row in rows()]
    with pytest.raises(StudyError, match="schedule is filled in some rows only"):
        read_accuracies(table(tmp_path / "t.csv", mixed))


def test_trainings_are_told_apart_by_their_seed(tmp_path: Path) -> None:
    seeds = [row | {"seed": seed, "accuracy": row["accuracy"] + 0.01 * seed}
             for row in rows() for seed in (0, 1)]  # fmt: skip
    (darts, *_) = read_accuracies(table(tmp_path / "t.csv", seeds))["truncated"]
    assert (darts.label, darts.width, darts.depth) == ("cell 1", 3.5, 3)
    assert darts.final == {0: pytest.approx(0.9), 1: pytest.approx(0.91)}
    assert darts.early[1] == {10: pytest.approx(0.51), 600: pytest.approx(0.91)}
    assert darts.held_out is None


def test_trainings_that_end_early_are_named(tmp_path: Path) -> None:
    stopped = [row for row in rows() if row["epoch"] == 10 or row["accuracy"] != 0.8]
    with pytest.raises(StudyError, match="cell 2, seed 0, ends at epoch 10, but 600 was expected"):
        read_accuracies(table(tmp_path / "t.csv", stopped))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epoch": "soon"}, "row 2: epoch must be a whole number"),
        ({"accuracy": "high"}, "row 2: accuracy must be"),
        ({"accuracy": math.nan}, "row 2: accuracy must be"),
        ({"genotype": "Genotype(normal=[])"}, "row 2:"),
        ({"epoch": 600}, "row 3: this genotype, seed and epoch appear twice"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    bad = rows()
    bad[0] |= change
    with pytest.raises(StudyError, match=words):
        read_accuracies(table(tmp_path / "t.csv", bad))
