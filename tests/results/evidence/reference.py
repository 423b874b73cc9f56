"""The numbers of evidence again, in a few lines of scipy."""

from __future__ import annotations

import numpy as np
from scipy.stats import linregress, rankdata

Array = np.ndarray


def draws(units: int, resamples: int, seed: int = 0) -> Array:
    """The units of each resample, (resamples, units)."""
    return np.random.default_rng(seed).integers(units, size=(resamples, units))


def cells_of(draw: Array, clusters: Array | None) -> Array:
    """The cells of the drawn cells or clusters."""
    if clusters is None:
        return draw
    return np.concatenate([np.flatnonzero(clusters == unit) for unit in draw])


def rank_correlations(x: Array, y: Array, z: Array) -> tuple[Array, Array]:
    """Spearman's ρ of each x with each y, and that of the residuals of the ranks given z."""
    ranks = rankdata(np.vstack([x, y, z]), axis=1)
    named, controls = ranks[: len(x) + len(y)], ranks[len(x) + len(y) :]
    plain = _correlate(named, len(x))
    basis = np.vstack([np.ones(ranks.shape[1]), controls]).T
    fit, *_ = np.linalg.lstsq(basis, named.T, rcond=None)
    return plain, _correlate(named - (basis @ fit).T, len(x), np.var(named, axis=1))


def _correlate(rows: Array, first: int, whole: Array | None = None) -> Array:
    rows = rows - rows.mean(axis=1)[:, None]
    norm = np.sqrt((rows**2).sum(axis=1))
    if whole is not None:
        norm = np.where(norm**2 > 1e-9 * (1 + whole * rows.shape[1]), norm, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = np.where(norm[:, None] > 0, rows / norm[:, None], np.nan)
    return unit[:first] @ unit[first:].T


def slope(x: Array, y: Array) -> float:
    """Points per unit."""
    return 100 * linregress(x, y).slope


def interval(values: Array) -> Array:
    """Percentiles over the resamples, which come first."""
    return np.nanpercentile(values, [2.5, 97.5], axis=0)
