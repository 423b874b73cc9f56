r"""How much of a number's variance is wiring, seed, direction and BatchNorm mode.

A value is measured for each of a wirings, b seeds of each (trainings), c directions of each
training, and m BatchNorm modes of each direction. Seeds are nested in wirings and directions in
trainings, because equal numbers of a seed mean nothing alike in two wirings; modes are crossed with
all of them:

    y = μ_fm + W + S(W) + D(SW) + W×M + S(W)×M + D(SW)×M

μ_fm, the mean of a family f in a mode m, is fixed: it is removed, since operations and modes set
the level of a number, not the order of wirings. The six others are random with variances σ². Each
stratum has a mean square, and in a balanced design

    E MS_DM = σ²_DM                                E MS_D = E MS_DM + m σ²_D
    E MS_SM = E MS_DM + c σ²_SM                    E MS_S = E MS_D + E MS_SM − E MS_DM + cm σ²_S
    E MS_WM = E MS_SM + bc σ²_WM                   E MS_W = E MS_S + E MS_WM − E MS_SM + bcm σ²_W

The estimates solve these equations (analysis of variance; a negative one counts as 0). The *share*
of the wiring is σ²_W over the sum of all six: one value's reliability, an intraclass correlation.
The three interactions with M are the share of the mode: what another mode does to the order.

The interval is a generalised confidence interval (Weerahandi 1993; Hannig, Iyer and Patterson
2006): each MS is replaced by MS · df / χ²(df), and the interval spans the quantiles of the share.
With one direction and one mode this is the exact interval of the F distribution, up to the number
of draws. It assumes normal effects.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nascope._src.results.stats.intervals import LEVEL

Array = np.ndarray

DRAWS = 8_000
"""Number of draws from which the interval's quantiles are taken."""


@dataclass(frozen=True)
class VarianceShares:
    """Shares of the variance of one value; they sum to 1, or are NaN if all values are equal.

    Attributes:
        wiring: the reliability.
        low, high: its 95 % interval.
        seed: trainings of one wiring; with a single direction, directions too.
        direction: directions of one training.
        mode: what a change of BatchNorm mode does to the order of values.
    """

    wiring: float
    low: float
    high: float
    seed: float
    direction: float
    mode: float


class _Strata(NamedTuple):
    """For each stratum, its mean square or draws of its expectation."""

    wiring: Array
    seed: Array
    direction: Array
    wiring_mode: Array
    seed_mode: Array
    direction_mode: Array


def variance_shares(values: Array, families: Sequence[int]) -> VarianceShares:
    """Return the shares of wiring, seed, direction and mode in the variance of a value.

    Values are standardised within each mode, so that a mode with larger numbers does not outweigh
    the other.

    Args:
        values: (wirings, seeds, directions, modes) finite numbers, with two seeds or more.
        families: the family of each wiring; some family needs two wirings.

    >>> noise = np.random.default_rng(0).normal(size=(40, 5, 1, 1))
    >>> shares = variance_shares(noise + noise[:, :1], [0] * 40)
    >>> shares.low < shares.wiring < shares.high
    True
    """
    group = np.asarray(families)
    standardised = _standardised(np.asarray(values, np.float64), group)
    degrees = _degrees(len(np.unique(group)), *values.shape)
    squares = [
        total / count if count else 0.0
        for total, count in zip(_sums_of_squares(standardised), degrees, strict=True)
    ]
    drawn = (
        square * _inverse_chi(count, place)
        for place, (square, count) in enumerate(zip(squares, degrees, strict=True))
    )
    estimate = _shares(_Strata(*np.reshape(squares, (-1, 1))), *values.shape[1:])
    draws = _shares(_Strata(*drawn), *values.shape[1:])
    low, high = np.quantile(draws[:, 0], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    wiring, seed, direction, mode = estimate[0].tolist()
    return VarianceShares(wiring, float(low), float(high), seed, direction, mode)


def _standardised(values: Array, families: Array) -> Array:
    """Return values less their family's mean in each mode, in units of the mode's spread."""
    centred = values.copy()
    for family in np.unique(families):
        of_family = families == family
        centred[of_family] -= values[of_family].mean(axis=(0, 1, 2))
    spread = np.sqrt(np.square(centred).mean(axis=(0, 1, 2)))
    rounding = 1e-12 * np.abs(values).max(axis=(0, 1, 2))
    return np.where(spread > rounding, centred / np.where(spread > rounding, spread, 1), 0.0)


def _sums_of_squares(values: Array) -> list[float]:
    """Return the sum of squares of each stratum, in the order of `_Strata`."""
    _, b, c, m = values.shape
    training, direction = values.mean(axis=2), values.mean(axis=3)  # (a, b, m), (a, b, c)
    wiring = training.mean(axis=1)  # (a, m)
    of_training, of_wiring = training.mean(axis=-1), wiring.mean(axis=-1)  # over the modes
    training_mode, wiring_mode = training - of_training[..., None], wiring - of_wiring[:, None]
    direction_mode = values - direction[..., None]
    return [
        b * c * m * float(np.square(of_wiring).sum()),
        c * m * float(np.square(of_training - of_wiring[:, None]).sum()),
        m * float(np.square(direction - of_training[..., None]).sum()),
        b * c * float(np.square(wiring_mode).sum()),
        c * float(np.square(training_mode - wiring_mode[:, None]).sum()),
        float(np.square(direction_mode - training_mode[:, :, None]).sum()),
    ]


def _degrees(families: int, a: int, b: int, c: int, m: int) -> list[int]:
    """Return the degrees of freedom of each stratum, in the order of `_Strata`."""
    once = [a - families, a * (b - 1), a * b * (c - 1)]
    return [*once, *(count * (m - 1) for count in once)]


@functools.lru_cache(maxsize=256)
def _inverse_chi(degrees: int, place: int) -> Array:
    """Return draws of df / χ²(df), with a stream of random numbers for each stratum."""
    if degrees == 0:
        return np.zeros(DRAWS)
    return degrees / np.random.default_rng((degrees, place)).chisquare(degrees, DRAWS)


def _shares(ms: _Strata, b: int, c: int, m: int) -> Array:
    """Return the shares of wiring, seed, direction and mode, (draws, 4); NaN without variance."""
    wiring = (ms.wiring - ms.seed - ms.wiring_mode + ms.seed_mode) / (b * c * m)
    seed = (ms.seed - ms.direction - ms.seed_mode + ms.direction_mode) / (c * m)
    direction = (ms.direction - ms.direction_mode) / m
    modes = (
        (ms.wiring_mode - ms.seed_mode) / (b * c),
        (ms.seed_mode - ms.direction_mode) / c,
        ms.direction_mode,
    )
    mode = sum(np.maximum(part, 0) for part in modes)
    parts = np.stack([*(np.maximum(part, 0) for part in (wiring, seed, direction)), mode], axis=-1)
    total = parts.sum(axis=-1, keepdims=True)
    return np.where(total > 0, parts / np.where(total > 0, total, 1), np.nan)
