"""Calibration and intervals, compared with slow definitions and on planted data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from nascope._src.results.predictions.agreement import (
    MIN_CELLS,
    agreement,
    calibrate,
    coverage,
    matched_epoch,
)


def planted(count: int, seed: int = 0, *, skewed: bool = False) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    predicted = generator.normal(0.9, 0.01, count)
    noise = generator.exponential(1, count) - 1 if skewed else generator.normal(0, 1, count)
    return predicted, 0.7 + 0.25 * predicted - 0.004 * noise


def test_the_line_is_that_of_least_squares():
    x, y = planted(40)
    fitted, line = calibrate(x, y), stats.linregress(x, y)
    assert (fitted.slope, fitted.intercept) == pytest.approx((line.slope, line.intercept))
    left = y - line.intercept - line.slope * x
    assert fitted.spread == pytest.approx(math.sqrt((left**2).sum() / 38))


def test_each_residual_is_from_the_line_without_its_cell():
    x, y = planted(30)
    fitted = calibrate(x, y)
    for cell in range(30):
        others = np.arange(30) != cell
        line = stats.linregress(x[others], y[others])
        assert fitted.lines[cell] == pytest.approx([line.intercept, line.slope])
        assert fitted.residuals[cell] == pytest.approx(
            y[cell] - line.intercept - line.slope * x[cell]
        )


def test_the_interval_is_the_signed_jackknife():
    x, y = planted(99, skewed=True)
    at = np.array([0.88, 0.9, 0.93])
    low, high = calibrate(x, y).interval(at)
    for place, value in enumerate(at):
        candidates = []
        for cell in range(99):
            others = np.arange(99) != cell
            line = stats.linregress(x[others], y[others])
            residual = y[cell] - line.intercept - line.slope * x[cell]
            candidates.append(line.intercept + line.slope * value + residual)
        candidates.sort()
        assert low[place] == pytest.approx(candidates[2 - 1])  # ⌊0.025 · 100⌋ = 2
        assert high[place] == pytest.approx(candidates[98 - 1])  # ⌈0.975 · 100⌉ = 98


@pytest.mark.parametrize("skewed", [False, True])
def test_intervals_cover_new_cells(skewed):
    inside = []
    for seed in range(40):
        x, y = planted(300, seed, skewed=skewed)
        low, high = calibrate(x[:100], y[:100]).interval(x[100:])
        inside.append(((low <= y[100:]) & (y[100:] <= high)).mean())
    assert np.mean(inside) == pytest.approx(0.955, abs=0.015)


def test_the_stated_coverage_is_that_of_held_out_cells():
    x, y = planted(200)
    assert coverage(x, y) == pytest.approx(0.95, abs=0.02)
    assert coverage(x, y) == coverage(x, y)
    y = y + np.where(np.arange(200) % 7 == 0, 0.05, 0)  # a seventh of the cells are far off
    assert 0.9 < coverage(x, y) < 0.97


def test_few_cells_have_no_coverage():
    assert math.isnan(coverage(*planted(MIN_CELLS)))  # four fifths of them are too few


def test_equal_predictions_give_the_mean():
    y = planted(90)[1]
    fitted = calibrate(np.full(90, 0.5), y)
    assert (fitted.slope, fitted.intercept) == pytest.approx((0, y.mean()))
    assert fitted.calibrated(np.array([0.1, 0.9])) == pytest.approx([y.mean()] * 2)


def test_calibrated_accuracies_are_shares():
    fitted = calibrate(np.linspace(0, 1, 90), np.linspace(0, 1, 90))
    assert fitted.calibrated(np.array([-2.0, 2.0])).tolist() == [0, 1]


def test_the_rank_correlation_and_its_interval():
    x, y = planted(60)
    each = agreement(98, 600, x, y)
    assert each.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    generator = np.random.default_rng(0)
    rhos = []
    for places in generator.integers(60, size=(2000, 60)):
        rhos.append(stats.spearmanr(x[places], y[places]).statistic)
    assert (each.low, each.high) == pytest.approx(tuple(np.percentile(rhos, [2.5, 97.5])))


def test_epochs_are_matched_by_their_share():
    assert matched_epoch(98, 98, [1, 5, 10]) == 10
    assert matched_epoch(1, 98, range(1, 99)) == 1
    assert matched_epoch(50, 98, [0]) == 0  # a table without epochs
