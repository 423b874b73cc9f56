"""nascope predict and population."""

from __future__ import annotations

import csv
import json
import re

import pytest

from nascope._src.cells.catalog import find, load
from nascope._src.cells.genotype import format_text
from nascope._src.records.tables import write_table
from nascope._src.results.external.accuracies import read_tables
from nascope._src.results.predictions import population as population_module
from nascope._src.results.predictions.table import prediction_columns
from nascope._src.surrogate.model import open_surrogate
from tests.surrogate.linear import write_surrogate


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    pytest.importorskip("onnxruntime", reason="needs the extra surrogate")
    return write_surrogate(tmp_path_factory.mktemp("surrogate"))


def rows(path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_cells_by_name(nascope, linear):
    code, out, err = nascope("predict", "DARTS", "snas", "--surrogate", linear, "--epochs", "98,1")
    assert (code, err) == (0, "")
    assert out.startswith("predicted, not measured")
    assert "predicted at epoch       1      98" in out
    assert "\nSNAS " in out
    assert "agreement with measured cells: unknown" in out


def test_every_rewiring_is_a_row(nascope, linear, tmp_path):
    table = tmp_path / "darts.csv"
    code, out, _ = nascope(
        "predict", "DARTS", "--rewirings", "--surrogate", linear, "--epochs", "1,2,3,4,98",
        "-o", table,
    )  # fmt: skip
    assert code == 0
    assert "2,880 rewirings (720 different) at 5 epochs: 3,600 predictions in" in out
    written = rows(table)
    assert len(written) == 5 * 2880
    assert {row["origin"] for row in written} == {"predicted"}
    assert len({row["name"] for row in written}) == 2880
    (read,) = read_tables(table)
    assert read.predicted
    assert read.accuracies.shape == (2880, 1, 5)
    assert read.label(0) == "DARTS-01-01-01-01"


@pytest.fixture(scope="module")
def predicted(linear, tmp_path_factory):
    table = tmp_path_factory.mktemp("table") / "predicted.parquet"
    cells = [load(name) for name in ("DARTS", "SNAS", "PDARTS")]
    accuracies = open_surrogate(linear).predict(cells, (1, 10, 98)).accuracies
    write_table(table, prediction_columns(cells, accuracies, (1, 10, 98), "digest"))
    return table


def test_selection_says_predicted(nascope, predicted):
    code, out, _ = nascope("selection", predicted)
    assert code == 0
    assert out.startswith("3 cells, predicted, truncated schedule")
    assert "DARTS" in out  # the cells keep their names


def test_evidence_says_predicted(nascope, predicted):
    code, out, _ = nascope("evidence", predicted)
    assert code == 0
    assert out.startswith("predicted.parquet (predicted): 3 cells, 3 epochs")


def test_predictions_are_no_measurements(nascope, linear, predicted):
    code, _, err = nascope("predict", "DARTS", "--surrogate", linear, "--measured", predicted)
    assert code == 2
    assert "expected measured accuracies" in err
    assert "predicted.parquet (predicted)" in err


def test_cells_of_a_table_with_measured_ones(nascope, linear, tmp_path):
    table, plot = tmp_path / "cells.csv", tmp_path / "plot.svg"
    texts = [format_text(load(name)) for name in ("DARTS", "SNAS", "PDARTS")]
    lines = [f'"{text}",{epoch},{90 + k}' for k, text in enumerate(texts) for epoch in (1, 10)]
    table.write_text("\n".join(["genotype,epoch,accuracy", *lines]))
    code, out, _ = nascope(
        "predict", table, "--surrogate", linear, "--measured", table, "--json", "--picture", plot,
        "--epochs", "98",
    )  # fmt: skip
    assert code == 0
    facts = json.loads(out)
    assert facts["origin"] == "predicted"
    assert facts["measured"] == "cells.csv"
    assert facts["agreement"][0]["cells"] == 3
    assert facts["agreement"][0]["coverage"] is None
    assert [row["name"] for row in facts["rows"]] == ["cells-1", "cells-2", "cells-3"]
    assert all("calibrated" in row and "low" not in row for row in facts["rows"])
    assert "not measured" in plot.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["DARTS", "--epochs", "99"], "expected epochs from 1 to 98"),
        (["DARTS", "--epochs", "1.5"], "--epochs: expected whole numbers"),
        (["DARTS", "--epochs", ","], "but got none"),
        (["DARTS", "--only", "reduce"], "give --rewirings too"),
        (["DARTS", "--rewirings", "--only", "both"], "--only takes normal or reduce"),
        (["DARTS", "--picture", "picture.gif"], "--picture: expected a name that ends in .png"),
        (["DARTS", "AmoebaNet", "NASNet"], r"AmoebaNet: .* reads node 1 twice \(and 1 more of 3 cells\)"),
        (["AmoebaNet", "--leave-out"], "AmoebaNet: its normal cell cannot be predicted"),
        (["DARTS", "--codes", "missing.json"], "missing.json: No such file"),
        (["none.csv"], "none.csv cannot be read"),
    ],
)  # fmt: skip
def test_refusals(nascope, linear, words, said):
    code, out, err = nascope("predict", *words, "--surrogate", linear)
    assert (code, out) == (2, "")
    assert re.search(said, err)
    assert err.count("\n") == 1


def test_cells_can_be_left_out(nascope, linear):
    code, out, _ = nascope(
        "predict", "DARTS", "AmoebaNet", "--leave-out", "--surrogate", linear, "--epochs", "98"
    )
    assert code == 0
    assert "1 cell at 1 epoch:" in out
    assert "left out, because the surrogate cannot predict them: 1 of the cells" in out


def test_the_population(nascope, linear, tmp_path, monkeypatch):
    chosen = [find(name) for name in ("DARTS", "SNAS")]
    monkeypatch.setattr(population_module, "population", lambda surrogate: chosen)
    code, out, _ = nascope(
        "population", "--surrogate", linear, "--epochs", "1,98", "--output", tmp_path / "out", "-q"
    )
    assert code == 0
    assert "2 published cells and 0 controls" in out
    code, out, _ = nascope(
        "population", "--surrogate", linear, "--epochs", "1", "--output", tmp_path / "b", "--json"
    )
    assert [row["name"] for row in json.loads(out)["standings"]] == ["DARTS", "SNAS"]
    standings = rows(tmp_path / "out/standings.csv")
    assert [row["name"] for row in standings] == ["DARTS", "DARTS", "SNAS", "SNAS"]
    assert {row["origin"] for row in standings} == {"predicted"}
    assert {row["origin"] for row in rows(tmp_path / "out/means.csv")} == {"predicted"}
    assert (tmp_path / "out/population.png").read_bytes().startswith(b"\x89PNG")
