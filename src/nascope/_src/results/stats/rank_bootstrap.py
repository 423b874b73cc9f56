r"""Rank correlations, raw and partial, with percentile bootstraps: all pairs of columns at once.

The ranks of n cells in q columns have the covariance matrix S. Spearman's correlation of columns i
and j is S_ij / √(S_ii S_jj). Given controls z it is the same of the residual covariance

    S − S_z S_zz⁺ S_zᵀ

which is that of the residuals of a least-squares regression of the ranks on the controls' ranks.

A resample draws n cells (or whole clusters of cells) with replacement. It is represented by how
often each cell is drawn, so the ranks within a resample, ties included, are cumulative sums along
the order of the original values, and S is a product of matrices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

RESAMPLES = 2000
LEAST_RESAMPLES = 100
SEED = 0
MIN_UNITS = 10
"""Number of cells (or clusters) from which there are intervals."""

_MOST_DRAWS = 20_000_000  # cells drawn in total, for time
_CHUNK = 2**21  # ranks held at a time, for memory
_FEW_LEVELS = 64  # of a column, up to which a product of matrices counts its values
_DETERMINED = 1e-9  # share of a variance that is left, below which nothing is left


def resamples_for(cells: int) -> int:
    """Return the number of resamples: 2,000, fewer above 10,000 cells, at least 100.

    >>> resamples_for(9_445), resamples_for(50_000), resamples_for(500_000)
    (2000, 400, 100)
    """
    return max(LEAST_RESAMPLES, min(RESAMPLES, _MOST_DRAWS // max(cells, 1)))


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes:
        value: NaN if it is not defined.
        low, high: None if there is no interval.
    """

    value: float
    low: float | None = None
    high: float | None = None


def estimate(value: float, resampled: Array) -> Estimate:
    """Return a number with the percentile interval of its resamples.

    Resamples in which the number is not defined are left out; if they are more than half, there is
    no interval.

    Args:
        value: the number on all cells.
        resampled: (resamples,); empty if there are none.
    """
    sound = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or not len(sound) or 2 * len(sound) < len(resampled):
        return Estimate(float(value))
    low, high = np.percentile(sound, [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))


@dataclass(frozen=True)
class RankMoments:
    """Covariances of ranks, and least-squares slopes, on all cells and in each resample.

    Attributes:
        covariance: (1 + resamples, q, q); the first is that of all cells.
        slopes: (1 + resamples, x, y): slopes of the last y columns' values on those of the first x;
            None if not asked for.
    """

    covariance: Array
    slopes: Array | None = None

    def correlation(self, i: int, j: int) -> Estimate:
        """Return Spearman's correlation of two columns."""
        return _estimated(correlations(self.covariance, i, j))

    def given(self, controls: Sequence[int]) -> RankMoments:
        """Return the covariances of residuals, given controls; columns keep their numbers."""
        return RankMoments(_residual(self.covariance, list(controls)), self.slopes)

    def partial(self, i: int, j: int, given: int) -> Estimate:
        """Return the correlation of columns i and j given one more, and given what already is.

        This is (ρ_ij − ρ_ik ρ_jk) / √((1 − ρ_ik²)(1 − ρ_jk²)).
        """
        ij, ik, jk = (
            correlations(self.covariance, *pair) for pair in ((i, j), (i, given), (j, given))
        )
        left = (1 - ik**2) * (1 - jk**2)
        with np.errstate(invalid="ignore", divide="ignore"):
            rho = np.where(left > _DETERMINED, (ij - ik * jk) / np.sqrt(left), np.nan)
        return _estimated(np.clip(rho, -1, 1))

    def slope(self, i: int, j: int) -> Estimate:
        """Return the slope of the j-th of the y columns on the i-th of the x columns."""
        assert self.slopes is not None
        return _estimated(self.slopes[:, i, j])


def _estimated(numbers: Array) -> Estimate:
    return estimate(float(numbers[0]), numbers[1:])


def difference(first: Array, second: Array) -> Estimate:
    """Return first − second, each a number on all cells followed by its resamples."""
    return _estimated(first - second)


def correlations(covariance: Array, i: int, j: int) -> Array:
    """Return the correlation of columns i and j for each covariance matrix; NaN if undefined."""
    norm = np.sqrt(np.maximum(covariance[:, i, i], 0) * np.maximum(covariance[:, j, j], 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = np.where(norm > 0, covariance[:, i, j] / norm, np.nan)
    return np.asarray(np.clip(rho, -1, 1))


def _residual(covariance: Array, controls: list[int]) -> Array:
    """Return S − S_z S_zz⁺ S_zᵀ; 0 for the controls, and where no variance is left."""
    others = [column for column in range(covariance.shape[1]) if column not in controls]
    variance = np.diagonal(covariance, axis1=1, axis2=2)  # (matrices, q)
    scale = 1 / np.sqrt(np.where(variance > 0, variance, 1)[:, controls])
    square = covariance[:, controls][:, :, controls] * scale[:, :, None] * scale[:, None, :]
    across = covariance[:, others][:, :, controls] * scale[:, None, :]
    inverse = np.linalg.pinv(square, rcond=1e-10, hermitian=True)
    left = covariance[:, others][:, :, others] - across @ inverse @ across.swapaxes(1, 2)
    gone = np.diagonal(left, axis1=1, axis2=2) <= _DETERMINED * variance[:, others]
    left[gone[:, :, None] | gone[:, None, :]] = 0
    residual = np.zeros_like(covariance)
    residual[:, np.array(others)[:, None], others] = left
    return residual


# ---------------------------------------------------------------- resampling


def rank_moments(
    columns: Sequence[Array],
    *,
    clusters: Array | None = None,
    slopes: tuple[int, int] | None = None,
    resamples: int | None = None,
    seed: int = SEED,
) -> RankMoments:
    """Return the moments of ranks on all cells and in bootstrap resamples.

    Resample b draws the units ``default_rng(seed).integers(units, size=(resamples, units))[b]``:
    the cells, or the clusters in increasing order of their numbers, with all cells of a cluster.

    Args:
        columns: q columns of n numbers without NaN; infinite ones are allowed.
        clusters: (n,) the cluster of each cell, from 0; None if each cell is its own.
        slopes: the numbers of x columns, which come first, and of y columns, which come last, if
            slopes are wanted. Their values must be finite.
        resamples: by default `resamples_for`; none below `MIN_UNITS` units.
        seed: random seed.

    >>> moments = rank_moments([np.arange(12.0), np.arange(12.0) ** 3])
    >>> moments.correlation(0, 1)
    Estimate(value=1.0, low=1.0, high=1.0)
    """
    cells = len(columns[0])
    units = cells if clusters is None else int(clusters.max(initial=-1)) + 1
    count = resamples_for(cells) if resamples is None else resamples
    count = count if units >= MIN_UNITS else 0
    ranked = _Columns(columns)
    moments, slope_parts = [], []
    size = max(1, _CHUNK // max(cells * len(columns), 1))
    values = None
    if slopes is not None:
        x, y = slopes
        first, last = np.array(columns[:x]), np.array(columns[len(columns) - y :])
        values = first - first.mean(axis=1)[:, None], last - last.mean(axis=1)[:, None]
    for drawn in _weights(units, count, size, seed):
        weights = drawn if clusters is None else drawn[:, clusters]
        moments.append(_moments(ranked, weights))
        if values is not None:
            slope_parts.append(_slopes(*values, weights))
    return RankMoments(
        np.concatenate(moments), np.concatenate(slope_parts) if slope_parts else None
    )


def _weights(units: int, resamples: int, size: int, seed: int) -> Iterator[Array]:
    """Yield how often each unit is drawn, (rows, units): once each, then the resamples."""
    yield np.ones((1, units))
    generator = np.random.default_rng(seed)
    for start in range(0, resamples, size):
        rows = min(size, resamples - start)
        places = generator.integers(units, size=(rows, units))
        places += units * np.arange(rows)[:, None]
        counts = np.bincount(places.ravel(), minlength=rows * units)
        yield counts.reshape(rows, units).astype(np.float64)


class _Columns:
    """Values in order, so that the ranks of a resample are cumulative sums of its weights."""

    def __init__(self, columns: Sequence[Array]) -> None:
        self.number = len(columns)
        self.levels: list[Array] = []  # the place of each cell's value among the distinct ones
        self.few: dict[int, slice] = {}  # columns with few distinct values: their indicators
        self.orders: dict[int, tuple[Array, Array]] = {}
        indicators, start = [], 0
        for place, column in enumerate(columns):
            distinct, level = np.unique(column, return_inverse=True)
            self.levels.append(level)
            if len(distinct) <= _FEW_LEVELS:
                self.few[place] = slice(start, start + len(distinct))
                start += len(distinct)
                indicators.append(level[:, None] == np.arange(len(distinct)))
            else:
                order = np.argsort(level, kind="stable")
                ends = np.searchsorted(level[order], np.arange(len(distinct)), "right") - 1
                self.orders[place] = order, ends
        self.indicators = None  # (n, levels of all of these columns)
        if indicators:
            self.indicators = np.concatenate(indicators, axis=1, dtype=np.float32)

    def ranks(self, weights: Array) -> Array:
        """Return the mid-ranks of the cells in each resample, less their mean; (rows, q, n)."""
        ranks = np.empty((len(weights), self.number, weights.shape[1]))
        counted = None
        if self.indicators is not None:  # whole numbers, so single precision is exact
            counted = (weights.astype(np.float32) @ self.indicators).astype(np.float64)
        for place, level in enumerate(self.levels):
            if place in self.few:
                assert counted is not None
                counts = counted[:, self.few[place]]  # (rows, levels)
                above = np.cumsum(counts, axis=1)
            else:
                order, ends = self.orders[place]
                above = np.cumsum(np.take(weights, order, axis=1), axis=1)
                above = np.take(above, ends, axis=1) if len(ends) < len(order) else above
                counts = np.diff(above, axis=1, prepend=0)
            middle = above - counts / 2 - above[:, -1:] / 2
            ranks[:, place] = np.take(middle, level, axis=1)
        return ranks


def _moments(columns: _Columns, weights: Array) -> Array:
    """Return Σ_i w_i r_i r_iᵀ for each row of weights, (rows, q, q)."""
    ranks = columns.ranks(weights)
    return np.asarray((ranks * weights[:, None, :]) @ ranks.swapaxes(1, 2))


def _slopes(x: Array, y: Array, weights: Array) -> Array:
    """Return the slope of each y on each x for each row of weights, (rows, x, y)."""
    total = weights.sum(axis=1)
    mean_x, mean_y = weights @ x.T / total[:, None], weights @ y.T / total[:, None]
    products = np.stack([(weights * row) @ y.T for row in x], axis=1)  # (rows, x, y)
    covariance = products - total[:, None, None] * mean_x[:, :, None] * mean_y[:, None, :]
    variance = weights @ (x**2).T - total[:, None] * mean_x**2
    floor = _DETERMINED * (x**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            np.where((variance > floor)[:, :, None], covariance / variance[:, :, None], np.nan)
        )
