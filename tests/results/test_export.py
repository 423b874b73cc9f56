"""Flat tables for other tools."""

import csv
import dataclasses
import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.formats.reading import parse
from nascope._src.errors import StudyError
from nascope._src.records.read import read_study
from nascope._src.records.tables import write_table
from nascope._src.results.export import flat_table
from nascope._src.results.measures import AREA, BEST_ACCURACY
from nascope._src.results.table import measure_study
from tests.report import synthetic


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return read_study(synthetic.write_study(folder, synthetic.STUDIES["hostile"]()))


def test_a_row_for_each_trial(study):
    columns = flat_table(study)
    assert {len(values) for values in columns.values()} == {9}
    assert columns["label"][0] == synthetic.HOSTILE_NAME
    assert (columns["normal_width"][0], columns["normal_depth"][0]) == (3.5, 3)
    assert columns["normal_dead_nodes"][0] == columns["reduce_dead_nodes"][0] == 0
    assert parse(columns["genotype"][0]) == study.trials[0].genotype
    first = study.trials[0].training
    assert columns["test_accuracy"][0] == first.last.test_accuracy
    assert columns["seconds"][0] == pytest.approx(sum(e.seconds for e in first.epochs))
    diverged = columns["label"].index("DARTS-r2")
    assert columns["diverged_at"][diverged] == 5
    assert math.isnan(columns["train_loss"][diverged])  # a result, and it stays
    assert columns["area_under_loss"][diverged] == math.inf
    waiting = columns["label"].index("DARTS-r5")
    assert columns["finished"][waiting] is None
    assert columns["test_accuracy"][waiting] is None
    assert "out of memory" in columns["error"][columns["label"].index("DARTS-r4")]


def test_multiply_adds_are_empty_if_the_network_is_unknown(study):
    trained = next(trial for trial in study.trials if trial.training is not None)
    known = {"channels": 8, "layers": 5}
    data = {"classes": 10, "image_channels": 3, "image_size": 32}
    one_input = parse("|skip_connect~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|")
    trials = tuple(
        dataclasses.replace(trained, genotype=genotype, recipe=recipe, data=data)
        for genotype in (load_cell("DARTS"), one_input)
        for recipe in (known, {"channels": 8})
    )
    columns = flat_table(dataclasses.replace(study, trials=trials))
    assert columns["multiply_adds"] == [7_392_512, None, None, None]


def test_curves_and_probes(study):
    curves = flat_table(study, "curves")
    assert len(curves["epoch"]) == sum(len(t.training.curve) for t in study.trials if t.training)
    assert set(curves["learning_rate"]) == {0.025}
    assert len(set(curves["rate_of_epoch"])) == 12
    identities = np.array(curves["identity"])
    losses = np.array(curves["epoch_train_loss"], dtype=float)  # NaN at points within an epoch
    trials = flat_table(study)
    for identity, area in zip(trials["identity"], trials["area_under_loss"], strict=True):
        if area is not None and np.isfinite(area):
            assert np.nansum(losses[identities == identity]) == pytest.approx(area)
    assert 0 < np.isnan(losses).sum() < len(losses)
    probes = flat_table(study, "probes")
    assert len(probes["kind"]) == sum(len(trial.probes) for trial in study.trials)
    variance = probes["kind"].index("variance")
    grid = study.trials[0].probe("variance").arrays["variance"]
    kept = np.sqrt(grid[np.isfinite(grid) & (grid >= 0)])
    assert probes["std_median"][variance] == pytest.approx(np.median(kept), rel=0.02)
    assert probes["loss_median"][variance] is None
    assert 0 < probes["area_below"][0] < 1
    with pytest.raises(StudyError, match="trials, curves, probes, but got 'figures'"):
        flat_table(study, "figures")


@pytest.mark.parametrize("table", ["trials", "curves", "probes"])
def test_other_tools_read_them(study, table, tmp_path):
    columns = flat_table(study, table)
    for name in ("t.parquet", "t.csv", "t.json"):
        write_table(tmp_path / name, columns)
    read = pq.read_table(tmp_path / "t.parquet").to_pydict()
    np.testing.assert_equal(read, {name: list(values) for name, values in columns.items()})
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == columns["label"]
    written = json.loads((tmp_path / "t.json").read_text())
    assert [row["label"] for row in written] == columns["label"]


def test_flat_tables_hold_the_measures_numbers(study):
    """One definition for the tables and the report."""
    trials, measured = flat_table(study), measure_study(study)
    for index, trial in enumerate(study.trials):
        if trial.training is None:
            assert trials["area_under_loss"][index] is None
            assert trials["best_test_accuracy"][index] is None
            continue
        for name, measure in (("area_under_loss", AREA), ("best_test_accuracy", BEST_ACCURACY)):
            value = measured.value(measure.key, trial)
            np.testing.assert_equal(trials[name][index], value)
    probes = flat_table(study, "probes")
    for index, kind in enumerate(probes["kind"]):
        trial = next(t for t in study.trials if t.identity == probes["identity"][index])
        if kind == "variance":
            for name, key in (("std_median", "std"), ("std_centre", "std_centre")):
                np.testing.assert_equal(probes[name][index], measured.value(key, trial))
        if kind == "landscape":
            value = measured.value("median_loss", trial)
            np.testing.assert_equal(probes["loss_median"][index], value)
