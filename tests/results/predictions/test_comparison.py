"""A surrogate compared with measured cells."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from nascope._src.cells.catalog import cells_in, load
from nascope._src.cells.genotype import format_text
from nascope._src.cells.wiring import random_variant
from nascope._src.errors import StudyError
from nascope._src.results.predictions.agreement import calibrate
from nascope._src.results.predictions.comparison import (
    EpochComparison,
    compare,
    compare_epochs,
    split_predictable,
)
from nascope._src.results.predictions.measured import FILE, MeasuredCell, read_cells, read_measured
from nascope._src.results.predictions.table import prediction_columns
from nascope._src.surrogate.model import open_surrogate
from tests.surrogate.linear import write_surrogate


@pytest.fixture(scope="module")
def surrogate(tmp_path_factory):
    pytest.importorskip("onnxruntime", reason="needs the extra surrogate")
    return open_surrogate(write_surrogate(tmp_path_factory.mktemp("surrogate")))


def table(path: Path, names: list[str], epochs: tuple[int, ...] = (5, 10)) -> Path:
    lines = ["genotype,epoch,accuracy"]
    for number, name in enumerate(names):
        text = format_text(load(name))
        lines += [f'"{text}",{epoch},{50 + number + epoch}' for epoch in epochs]
    path.write_text("\n".join(lines))
    return path


def test_cells_outside_the_space_are_counted(surrogate, tmp_path):
    names = ["DARTS", "SNAS", "AmoebaNet", "PDARTS", "NASNet"]
    compared = compare(surrogate, table(tmp_path / "t.csv", names), [1, 98])
    assert (compared.table, compared.left_out) == ("t.csv", 2)
    assert [each.agreement.cells for each in compared.epochs] == [3, 3]
    assert [each.agreement.measured_epoch for each in compared.epochs] == [5, 10]
    assert compared.epochs[0].measured == pytest.approx([0.55, 0.56, 0.58])
    cells, reasons = split_predictable(surrogate, [load(name) for name in names])
    assert [cell.name for cell in cells] == ["DARTS", "SNAS", "PDARTS"]
    assert "AmoebaNet" in str(reasons[0])


def test_a_table_without_epochs_is_compared_with_every_prediction(surrogate, tmp_path):
    path = table(tmp_path / "t.csv", ["DARTS", "SNAS", "PDARTS"])
    path.write_text(path.read_text().replace("epoch", "remark"))
    path.write_text("\n".join(path.read_text().splitlines()[::2]))
    compared = compare(surrogate, path, [1, 98])
    assert [each.agreement.measured_epoch for each in compared.epochs] == [None, None]


def test_two_cells_are_too_few(surrogate, tmp_path):
    assert compare(surrogate, table(tmp_path / "t.csv", ["DARTS", "SNAS"]), [1]).epochs == ()


def test_what_width_says_about_measured_and_predicted_accuracies():
    names = [cell.genotype.name for cell in cells_in("published")[:40]]
    cells = [MeasuredCell(load(name), {1: 0.0}) for name in names]
    width = np.array([sum(sum(s < 2 for s in n) / 2 for n in cell.genotype.normal.sources) for cell in cells])  # fmt: skip
    noise = np.random.default_rng(0).normal(0, 0.01, len(cells))
    cells = [
        MeasuredCell(cell.genotype, {1: 0.5 + 0.02 * w + e})
        for cell, w, e in zip(cells, width, noise, strict=True)
    ]
    (each,) = compare_epochs(cells, 0.9 - 0.03 * width[:, None], [98])
    contrast = each.contrasts[0]
    measured = [cell.curve[1] for cell in cells]
    assert contrast.measure == "width"
    assert contrast.rho_measured == pytest.approx(stats.spearmanr(width, measured).statistic)
    assert contrast.slope_measured == pytest.approx(stats.linregress(width, measured).slope)
    assert contrast.rho_predicted == pytest.approx(-1)
    assert contrast.slope_predicted == pytest.approx(-0.03)
    assert each.as_row()["width_slope_predicted"] == pytest.approx(-0.03)


def test_curves_are_means_over_seeds_and_shares(tmp_path):
    text = format_text(load("DARTS"))
    path = tmp_path / "t.csv"
    path.write_text(
        f'genotype,epoch,seed,accuracy,name\n"{text}",1,0,40,mine\n"{text}",1,1,50,mine\n'
        f'"{text}",2,0,90,mine'
    )
    (cell,) = read_measured(path)
    assert cell.curve == pytest.approx({1: 0.45, 2: 0.9})
    assert cell.genotype == load("DARTS")
    assert [genotype.name for genotype in read_cells(path)] == ["mine"]


def test_rows_that_cannot_be_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("genotype,accuracy\nnothing,1")
    with pytest.raises(StudyError, match="row 2: not a genotype"):
        read_cells(path)
    path.write_text(f'genotype,accuracy\n"{format_text(load("DARTS"))}",high')
    with pytest.raises(StudyError, match="row 2: accuracy must be"):
        read_measured(path)
    assert len(read_cells(path)) == 1  # accuracies are not read
    path.write_text("cells\n1")
    with pytest.raises(StudyError, match="lacks the column 'genotype'"):
        read_cells(path)


def test_rows_are_labelled_and_calibrated(surrogate):
    cells = [random_variant(load("DARTS"), seed, cells=["normal"]) for seed in range(400)]
    cells, _ = split_predictable(surrogate, cells)
    assert len(cells) > 80
    epochs = (1, 98)
    accuracies = surrogate.predict(cells, epochs).accuracies
    measured = [MeasuredCell(c, {1: 0.2 + 0.5 * a[0]}) for c, a in zip(cells, accuracies, strict=True)]  # fmt: skip
    agreed = [each.agreement for each in compare_epochs(measured, accuracies, epochs)]
    columns = prediction_columns(cells, accuracies, epochs, "digest", agreed)
    assert set(columns["origin"]) == {"predicted"}
    assert columns["epoch"][:4] == [1, 98, 1, 98]
    assert columns["name"][1] == cells[0].name
    early = np.array(columns["accuracy"])[::2]
    assert np.array(columns["calibrated"])[::2] == pytest.approx(0.2 + 0.5 * early, abs=1e-6)
    assert np.all(np.array(columns["low"]) <= np.array(columns["high"]))
    assert list(prediction_columns(cells, accuracies, epochs, "digest")) == [
        "name", "genotype", "epoch", "accuracy", "origin", "surrogate",
    ]  # fmt: skip


DATA = Path(os.environ.get("NASCOPE_DATA", ""))
REAL = DATA / "tables/nasbench301-surrogate.onnx"


@pytest.mark.skipif(
    not (REAL.is_file() and (DATA / FILE).is_file()),
    reason="needs NAS-Bench-301's surrogate and the measured cells in NASCOPE_DATA",
)
def test_the_surrogate_agrees_with_the_214_cells():
    pytest.importorskip("onnxruntime", reason="needs the extra surrogate")
    asked = open_surrogate(REAL)
    compared = compare(asked, DATA / FILE, [98])
    (each,) = compared.epochs
    assert (each.agreement.cells, compared.left_out, each.agreement.measured_epoch) == (214, 0, 600)
    assert each.agreement.rho == pytest.approx(
        stats.spearmanr(each.predicted, each.measured).statistic
    )
    assert each.agreement.rho == pytest.approx(0.506, abs=0.001)
    assert each.agreement.coverage == pytest.approx(0.949, abs=0.005)
    line = stats.linregress(each.predicted, each.measured)
    assert each.agreement.calibration.slope == pytest.approx(line.slope)
    assert coverage_by_third(each) == pytest.approx([0.89, 0.98, 0.98], abs=0.005)
    contrast = each.contrasts[0]
    assert contrast.rho_measured == pytest.approx(0.33, abs=0.005)
    assert 100 * contrast.slope_measured == pytest.approx(0.17, abs=0.005)


def coverage_by_third(compared: EpochComparison) -> list[float]:
    """Return the coverage of held-out cells with low, middle and high predictions."""
    x, y = compared.predicted, compared.measured
    third = np.digitize(x, np.quantile(x, [1 / 3, 2 / 3]))
    inside: list[list[bool]] = [[], [], []]
    generator = np.random.default_rng(0)
    for _ in range(200):
        order = generator.permutation(len(x))
        known, held_out = order[: round(0.8 * len(x))], order[round(0.8 * len(x)) :]
        low, high = calibrate(x[known], y[known]).interval(x[held_out])
        for cell, covered in zip(
            held_out, (low <= y[held_out]) & (y[held_out] <= high), strict=True
        ):
            inside[third[cell]].append(bool(covered))
    return [float(np.mean(cells)) for cells in inside]
