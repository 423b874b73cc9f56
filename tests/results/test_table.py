"""Flat tables for other tools, and every measure of each trial."""

import csv
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from nascope._src.cells.formats.reading import parse
from nascope._src.errors import StudyError
from nascope._src.records.read import StudyRecord, read_study
from nascope._src.records.tables import write_table
from nascope._src.results.export import flat_table
from nascope._src.results.measures import AREA, BEST_ACCURACY
from nascope._src.results.planes import mode_of
from nascope._src.results.table import measure_study
from nascope._src.results.text.entries import of_trial, titled
from tests.report import synthetic
from tests.report.synthetic import Fake, family, write_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return read_study(synthetic.write_study(folder, synthetic.STUDIES["hostile"]()))


def test_a_row_for_each_trial(study):
    columns = flat_table(study)
    assert {len(values) for values in columns.values()} == {9}
    assert columns["label"][0] == synthetic.HOSTILE_NAME
    assert (columns["normal_width"][0], columns["normal_depth"][0]) == (3.5, 3)
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


def test_curves_and_probes(study):
    curves = flat_table(study, "curves")
    assert len(curves["epoch"]) == sum(len(t.training.curve) for t in study.trials if t.training)
    assert set(curves["learning_rate"]) == {0.025}
    assert len(set(curves["rate_of_epoch"])) == 12
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


# ---------------------------------------------------------------- every measure of each trial


def test_levels_of_nothing(tmp_path: Path) -> None:
    fakes = family(variants=1, landscape=None, started=False)
    measured = measure_study(read_study(write_study(tmp_path, fakes)))
    assert measured.levels.only.train_loss is None
    assert measured.levels.only.landscape_loss is None
    for trial in measured.study.trials:
        assert math.isnan(measured.value("area_below", trial))
        assert math.isnan(measured.value("reached", trial))


def test_numbers_of_an_original_and_a_rougher_variant(tmp_path: Path) -> None:
    measured = measure_study(read_study(write_study(tmp_path, family(variants=1))))
    columns = measured.columns()
    for key, better in (("area_below", 1), ("area_under_loss", -1), ("std", -1)):
        original, variant = columns[key]
        assert better * original > better * variant, key
    assert columns["std_centre"][0] < columns["std"][0]
    reached, unreached = columns["reached"]
    assert math.isfinite(reached)  # the better half reaches it
    assert unreached == math.inf


def test_an_unreached_threshold_is_censored(tmp_path: Path) -> None:
    first, second = family(variants=1)
    stopped = Fake(**{**second.__dict__, "epochs": 2})
    measured = measure_study(read_study(write_study(tmp_path, [first, stopped])))
    late = measured.study.trials[1]
    assert measured.value("reached", late) == math.inf
    assert of_trial(measured, "reached", late).text == "> 2"


def moded(folder: Path, *modes: str, of_variants: tuple[str, ...] = ()) -> StudyRecord:
    """A study with probes of these modes; recalibrated losses are a third of the frozen ones.

    Args:
        of_variants: the modes of the variant's probes, if they differ.
    """
    trials = []
    for trial in read_study(write_study(folder, family(variants=1, modes=modes))).trials:
        wanted = modes if trial.variant == "original" else of_variants or modes
        probes = tuple(
            dataclasses.replace(probe, arrays={**probe.arrays, "loss": probe.arrays["loss"] / 3})
            if mode_of(probe) == "recalibrated" and probe.kind == "landscape"
            else probe
            for probe in trial.probes
            if mode_of(probe) in wanted
        )
        trials.append(dataclasses.replace(trial, probes=probes))
    return StudyRecord("moded", folder, tuple(trials))


def test_numbers_that_name_no_mode_are_of_frozen_batchnorm(tmp_path: Path) -> None:
    measured = measure_study(moded(tmp_path / "both", "recalibrated", "frozen"))
    assert measured.levels.modes == {"landscape": "frozen", "variance": "frozen"}
    columns = measured.columns()
    alone = measure_study(moded(tmp_path / "frozen", "frozen")).columns()
    assert columns["area_below"] == alone["area_below"] != columns["area_below_recalibrated"]
    half = moded(tmp_path / "half", "frozen", "recalibrated", of_variants=("recalibrated",))
    below = measure_study(half).value("area_below", half.trials[1])
    assert math.isnan(below)  # not another mode's


def test_a_study_of_another_mode_alone_says_so(tmp_path: Path) -> None:
    measured = measure_study(moded(tmp_path, "recalibrated"))
    assert measured.levels.modes["landscape"] == "recalibrated"
    columns = measured.columns()
    assert all(share > 0 for share in columns["area_below"])
    assert all(math.isnan(share) for share in columns["area_below_recalibrated"])
    titles = [titled(measure, measured.levels).title for measure in measured.measures.values()]
    assert any(title.endswith(", BatchNorm recalibrated") for title in titles)
