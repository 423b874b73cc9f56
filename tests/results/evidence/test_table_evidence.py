"""Every number against scipy on planted tables; effects, clusters, seeds and statements."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from nascope._src.errors import StudyError
from nascope._src.results.evidence.design import (
    area_under,
    check_epochs,
    epochs_to,
    make_design,
    shown_epochs,
)
from nascope._src.results.evidence.numbers import TableEvidence, as_dict
from nascope._src.results.evidence.table_evidence import evidence_of
from nascope._src.results.external.accuracies import MeasuredTable
from tests.results.evidence import planted, reference

RESAMPLES = 2000


def curves(table: MeasuredTable) -> np.ndarray:
    return table.accuracies.mean(axis=1)  # (cells, epochs)


def check_rows(evidence: TableEvidence, clusters: np.ndarray | None = None) -> None:
    """Compare every row, change and slope with scipy."""
    table = evidence.table
    design = make_design(table)
    y = curves(table)[:, [table.epochs.index(row_epoch) for row_epoch in table.epochs]].T
    x, z = design.values, design.control_values
    raw, adjusted = reference.rank_correlations(x, y, z)
    units = len(table.members) if clusters is None else int(clusters.max()) + 1
    again = [
        reference.rank_correlations(x[:, cells], y[:, cells], z[:, cells])
        for cells in (
            reference.cells_of(draw, clusters) for draw in reference.draws(units, RESAMPLES)
        )
    ]
    raws, adjusteds = (np.array(values) for values in zip(*again, strict=True))
    names = list(design.measures)
    checked = 0
    for row in evidence.rows:
        place = names.index((row.cell, row.measure)), table.epochs.index(row.epoch)
        for estimate, value, values in (
            (row.rho, raw, raws),
            (row.adjusted, adjusted, adjusteds),
        ):
            assert estimate.value == pytest.approx(value[place], abs=1e-9, nan_ok=True)
            if not math.isnan(estimate.value):
                low, high = reference.interval(values[(slice(None), *place)])
                assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-7)
                checked += 1
        if np.ptp(x[place[0]]) > 0:
            assert row.slope.value == pytest.approx(reference.slope(x[place[0]], y[place[1]]))
    assert checked > 40
    first, last = table.epochs.index(evidence.early), -1
    for change in evidence.changes:
        place = names.index((change.cell, change.measure))
        values = raws[:, place, first] - raws[:, place, last]
        if not math.isnan(change.difference.value):
            low, high = reference.interval(values)
            assert change.difference.low == pytest.approx(low)
            assert change.difference.high == pytest.approx(high)


def test_every_number_of_a_planted_table(tmp_path: Path) -> None:
    table = planted.table(tmp_path, cells=40, early=0.02, late=0.005, epochs=(1, 2, 20))
    check_rows(evidence_of(table))


def test_every_number_if_sources_are_resampled(tmp_path: Path) -> None:
    table = planted.table(tmp_path, cells=48, late=0.01, epochs=(1, 20), sources=12)
    evidence = evidence_of(table)
    assert (evidence.clustered, evidence.units) == (True, 12)
    sources = [table.cells.sources[k] for k in table.members]
    check_rows(evidence, np.unique(sources, return_inverse=True)[1])


def test_slopes_and_their_intervals(tmp_path: Path) -> None:
    evidence = evidence_of(planted.table(tmp_path, late=0.02, noise=0.002))
    row = evidence.row("normal", "fractional_width", 50)
    assert row is not None
    assert row.slope.value == pytest.approx(2, abs=0.3)
    width = make_design(evidence.table).values[1]
    late = curves(evidence.table)[:, -1]
    slopes = [reference.slope(width[d], late[d]) for d in reference.draws(60, RESAMPLES)]
    assert (row.slope.low, row.slope.high) == pytest.approx(reference.interval(slopes))


def test_one_measure_given_another_is_the_partial_correlation(tmp_path: Path) -> None:
    evidence = evidence_of(planted.table(tmp_path, late=0.02))
    design = make_design(evidence.table)
    width, depth = design.values[[1]], design.values[[4]]
    late = curves(evidence.table)[:, -1:].T
    row = next(r for r in evidence.given if (r.cell, r.measure, r.epoch) == ("normal", "depth", 50))
    _, partial = reference.rank_correlations(depth, late, width)
    controls = np.vstack([width, design.control_values])
    _, adjusted = reference.rank_correlations(depth, late, controls)
    assert row.given == "fractional_width"
    assert row.rho.value == pytest.approx(partial.item())
    assert row.adjusted.value == pytest.approx(adjusted.item())


def test_planted_effects_are_found(tmp_path: Path) -> None:
    verdicts = {
        one.statement: one.verdict
        for one in evidence_of(
            planted.table(tmp_path, cells=80, early=0.03, late=-0.02, noise=0.005)
        ).statements
    }
    assert list(verdicts.values()) == [
        "supported", "contradicted", "undecided", "contradicted", "supported",
    ]  # fmt: skip


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    evidence = evidence_of(planted.table(tmp_path, cells=80))
    verdicts = [one.verdict for one in evidence.statements]
    assert verdicts[0] == verdicts[1] == verdicts[4] == "undecided"
    assert verdicts[3] == "supported"  # a cell's own level lasts
    assert evidence.selects.value == pytest.approx(
        spearmanr(curves(evidence.table)[:, 2], curves(evidence.table)[:, -1]).statistic
    )


def test_seeds_give_a_ceiling_and_early_and_late_differ_in_seed(tmp_path: Path) -> None:
    table = planted.table(tmp_path, cells=60, seeds=3)
    evidence = evidence_of(table)
    noise = next(one for one in evidence.noise if one.epoch == 50)
    last = table.accuracies[:, :, -1]
    pairs = [spearmanr(last[:, a], last[:, b]).statistic for a, b in ((0, 1), (0, 2), (1, 2))]
    rho = np.mean(pairs)
    assert noise.rho == pytest.approx(rho)
    assert noise.ceiling == pytest.approx(math.sqrt(3 * rho / (1 + 2 * rho)))
    assert noise.deviation == pytest.approx(100 * np.sqrt(last.var(axis=1, ddof=1).mean()))
    assert evidence.other_seeds
    early = table.accuracies[:, :, table.epochs.index(evidence.early)]
    others = (last.sum(axis=1)[:, None] - last) / 2
    selects = np.mean([spearmanr(early[:, s], others[:, s]).statistic for s in range(3)])
    assert evidence.selects.value == pytest.approx(selects)


def test_speed(tmp_path: Path) -> None:
    evidence = evidence_of(planted.table(tmp_path, early=0.02))
    table = evidence.table
    values = curves(table)
    assert evidence.threshold == pytest.approx(np.median(values[:, 2]))  # epoch 5 of 50
    width = make_design(table).values[1]
    area = np.trapezoid(values, table.epochs, axis=1) / 49
    np.testing.assert_allclose(area_under(values, table.epochs), area)
    rows = {row.outcome: row for row in evidence.speed if row.measure == "fractional_width"
            and row.cell == "normal"}  # fmt: skip
    assert rows["area"].rho.value == pytest.approx(spearmanr(width, area).statistic)
    times = [
        next((e for e, v in zip(table.epochs, row, strict=True) if v >= evidence.threshold), 10**9)
        for row in values
    ]
    reached = epochs_to(evidence.threshold, values, table.epochs)
    assert [min(t, 10**9) for t in reached] == times
    found = rows["epochs to threshold"].rho.value
    assert found == pytest.approx(spearmanr(width, times).statistic)


def test_cells_without_some_epochs_count_where_they_can(tmp_path: Path) -> None:
    table = planted.table(tmp_path, cells=50, late=0.02)
    accuracies = table.accuracies.copy()
    accuracies[:10, :, -1] = np.nan
    evidence = evidence_of(dataclasses.replace(table, accuracies=accuracies))
    counts = {row.epoch: row.cells for row in evidence.rows}
    assert counts == {1: 50, 2: 50, 5: 50, 10: 50, 50: 40}
    assert {change.cells for change in evidence.changes} == {40}
    assert "10 cells have no accuracy at the last epoch" in evidence.notes
    row = evidence.row("normal", "fractional_width", 50)
    width = make_design(table).values[1]
    expected = spearmanr(width[10:], curves(table)[10:, -1]).statistic
    assert row is not None
    assert row.rho.value == pytest.approx(expected)


def test_few_cells_have_numbers_but_no_intervals(tmp_path: Path) -> None:
    evidence = evidence_of(planted.table(tmp_path, cells=5))
    row = evidence.row("normal", "fractional_width", 50)
    assert row is not None
    assert row.rho.low is None
    assert math.isnan(row.adjusted.value)
    assert {one.verdict for one in evidence.statements} == {"undecided"}
    assert evidence.resamples == 0


def test_epochs(tmp_path: Path) -> None:
    assert shown_epochs(range(1, 601)) == [1, 2, 5, 10, 20, 50, 60, 100, 200, 500, 600]
    assert shown_epochs(range(1, 601), [1, 10, 600]) == [1, 10, 600]
    assert shown_epochs([7]) == [7]
    table = planted.table(tmp_path, cells=12)
    with pytest.raises(StudyError, match=r"has no epoch 3; it has 5 epochs.*nearest is 2"):
        check_epochs([table], [3])
    other = dataclasses.replace(table, name="other", epochs=(1, 2, 3, 10, 50))
    assert check_epochs([table, other], [3]) == [f"{table.name} has no epoch 3"]


def test_the_object_that_other_tools_read(tmp_path: Path) -> None:
    table = planted.table(tmp_path, cells=40)
    found = json.loads(json.dumps(as_dict([evidence_of(table, [1])]), allow_nan=False))
    (one,) = found["tables"]
    assert {"table", "cells", "rows", "statements"} <= set(one)
    assert [row["epoch"] for row in one["rows"]] == [1] * 14 + [50] * 14
    keys = {"cell", "measure", "epoch", "rho", "low", "high", "adjusted_rho", "adjusted_low",
            "adjusted_high", "n"}  # fmt: skip
    assert all(keys <= set(row) for row in one["rows"])
    assert {row["cell"] for row in one["rows"]} == {"normal", "reduce"}
    assert all(
        {"statement", "verdict", "value", "low", "high"} <= set(s) for s in one["statements"]
    )
