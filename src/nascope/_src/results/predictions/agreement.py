"""How well predicted accuracies agree with measured ones, and predictions with intervals.

docs/guides/predicting.md states the rules.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nascope._src.results.stats.rank_bootstrap import rank_moments

Array = np.ndarray

LEVEL = 0.95
MIN_CELLS = 80
"""Number of measured cells from which there are intervals: with fewer, their ends would be the
smallest and the largest residual."""
WANTED = (0.90, 0.97)
"""A coverage outside is marked."""

_SPLITS = 200
_FITTED = 0.8  # share of the cells to which a split fits
_SEED = 0
_CHUNK = 2**21  # numbers held at a time


@dataclass(frozen=True)
class Calibration:
    """A line from predicted to measured accuracy, with jackknife+ intervals.

    Attributes:
        intercept, slope: of the least-squares line, measured = intercept + slope · predicted.
        spread: standard deviation of the residuals.
        lines: (n, 2) intercept and slope of the line without each cell.
        residuals: (n,) measured accuracy of each cell, less the line without it.
    """

    intercept: float
    slope: float
    spread: float
    lines: Array
    residuals: Array

    def calibrated(self, predicted: Array) -> Array:
        """Return the calibrated accuracies, in [0, 1]."""
        return np.asarray(np.clip(self.intercept + self.slope * predicted, 0, 1))

    @property
    def has_interval(self) -> bool:
        """Whether there are enough measured cells for intervals."""
        return len(self.residuals) >= MIN_CELLS

    def interval(self, predicted: Array) -> tuple[Array, Array]:
        """Return the ends of the 95 % jackknife+ intervals, in [0, 1].

        They are the ⌊(n+1)α/2⌋-th smallest and the ⌈(n+1)(1−α/2)⌉-th smallest of μ₋ᵢ(x) + rᵢ
        (Barber et al., 2021, with signed residuals).

        Args:
            predicted: (m,) predicted accuracies x.
        """
        count = len(self.residuals)
        tail = (1 - LEVEL) / 2
        places = (
            max(math.floor(tail * (count + 1)), 1) - 1,
            min(math.ceil((1 - tail) * (count + 1)), count) - 1,
        )
        ends = []
        step = max(1, _CHUNK // count)
        offset = self.lines[:, 0] + self.residuals  # (n,)
        for start in range(0, len(predicted), step):
            x = predicted[start : start + step]
            candidates = offset + np.outer(x, self.lines[:, 1])  # (chunk, n)
            ends.append(np.partition(candidates, places, axis=1)[:, list(places)])
        low, high = np.concatenate(ends).T if ends else np.empty((2, 0))
        return np.clip(low, 0, 1), np.clip(high, 0, 1)


def calibrate(predicted: Array, measured: Array) -> Calibration:
    """Fit a line to measured cells, and one without each of them.

    Args:
        predicted, measured: (n,) accuracies in [0, 1], n at least 3.
    """
    count = len(predicted)
    origin = predicted.mean()
    x, y = predicted - origin, measured - measured.mean()
    intercept, slope = _line(x.sum(), y.sum(), (x * x).sum(), (x * y).sum(), count)
    without = _line(
        x.sum() - x, y.sum() - y, (x * x).sum() - x * x, (x * y).sum() - x * y, count - 1
    )
    residuals = y - without[0] - without[1] * x
    left = y - intercept - slope * x
    lines = np.stack([measured.mean() + without[0] - without[1] * origin, without[1]], axis=1)
    return Calibration(
        float(measured.mean() + intercept - slope * origin),
        float(slope),
        float(np.sqrt((left**2).sum() / (count - 2))),
        lines,
        residuals,
    )


def _line(sx: Array, sy: Array, sxx: Array, sxy: Array, count: int) -> tuple[Array, Array]:
    """Return intercept and slope of least-squares lines from sums; slope 0 if x does not vary."""
    variance = np.asarray(sxx - sx * sx / count)
    covariance = np.asarray(sxy - sx * sy / count)
    slope = np.divide(
        covariance, variance, out=np.zeros_like(covariance), where=variance > 1e-12 * np.max(sxx)
    )
    return (sy - slope * sx) / count, slope


def coverage(predicted: Array, measured: Array) -> float:
    """Return the share of held-out cells inside their 95 % interval, over random splits.

    NaN if a split has too few cells for intervals.
    """
    count = len(predicted)
    fitted = round(_FITTED * count)
    if fitted < MIN_CELLS or fitted == count:
        return math.nan
    generator = np.random.default_rng(_SEED)
    inside = 0
    for _ in range(_SPLITS):
        order = generator.permutation(count)
        known, held_out = order[:fitted], order[fitted:]
        low, high = calibrate(predicted[known], measured[known]).interval(predicted[held_out])
        inside += int(((low <= measured[held_out]) & (measured[held_out] <= high)).sum())
    return inside / (_SPLITS * (count - fitted))


@dataclass(frozen=True)
class Agreement:
    """Predicted accuracies at one epoch compared with measured ones.

    Attributes:
        epoch: the epoch of the predictions.
        measured_epoch: the measured epoch they are compared with; None if the table has none.
        cells: number of measured cells.
        rho: Spearman's correlation of predicted with measured accuracy.
        low, high: its 95 % interval; None below ten cells.
        calibration: the line from predicted to measured accuracy.
        coverage: share of held-out measured cells inside their 95 % interval; NaN if unknown.
        length: mean length of those intervals at the measured cells, in [0, 1]; NaN if unknown.
    """

    epoch: int
    measured_epoch: int | None
    cells: int
    rho: float
    low: float | None
    high: float | None
    calibration: Calibration
    coverage: float
    length: float

    @property
    def covers_as_wanted(self) -> bool:
        """Whether the coverage is 90 to 97 %."""
        return WANTED[0] <= self.coverage <= WANTED[1]


def agreement(
    epoch: int, measured_epoch: int | None, predicted: Array, measured: Array
) -> Agreement:
    """Compare the predictions at an epoch with measured accuracies.

    Args:
        epoch: the epoch of the predictions.
        measured_epoch: the epoch of the measured accuracies.
        predicted, measured: (n,) accuracies in [0, 1], n at least 3.
    """
    line = calibrate(predicted, measured)
    rho = rank_moments([predicted, measured]).correlation(0, 1)
    length = math.nan
    if line.has_interval:
        low, high = line.interval(predicted)
        length = float((high - low).mean())
    return Agreement(
        epoch,
        measured_epoch,
        len(predicted),
        rho.value,
        rho.low,
        rho.high,
        line,
        coverage(predicted, measured),
        length,
    )


def matched_epoch(epoch: int, last: int, measured: Sequence[int]) -> int:
    """Return the measured epoch at the same share of its schedule as a predicted one.

    Args:
        epoch: the epoch of a prediction.
        last: number of epochs of the surrogate's schedule.
        measured: the measured epochs.

    >>> [matched_epoch(epoch, 98, range(1, 601)) for epoch in (1, 49, 98)]
    [6, 300, 600]
    """
    target = epoch / last * max(measured)
    return min(measured, key=lambda known: (abs(known - target), known))
