"""Rank correlations and their bootstraps against scipy; small simulations with planted truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nascope._src.results.stats import rank_bootstrap
from nascope._src.results.stats.rank_bootstrap import estimate, rank_moments, resamples_for
from tests.results.evidence import reference


def test_columns_of_every_kind(monkeypatch) -> None:
    """Ties, few and many values, infinite ones, chunks of any size."""
    generator = np.random.default_rng(3)
    z = generator.integers(0, 3, 90).astype(float)
    x = z + generator.integers(0, 200, 90) / 50
    y = np.where(generator.random(90) < 0.1, np.inf, x + generator.normal(size=90))
    draws = reference.draws(90, 300)
    expected = [
        reference.rank_correlations(x[None, d], _finite(y)[None, d], z[None, d]) for d in draws
    ]
    for chunk in (1, 10**4, 10**7):
        monkeypatch.setattr(rank_bootstrap, "_CHUNK", chunk)
        raw = rank_moments([x, z, y], resamples=300)
        for moments, kind in ((raw, 0), (raw.given([1]), 1)):
            found = rank_bootstrap.correlations(moments.covariance, 0, 2)[1:]
            np.testing.assert_allclose(found, [e[kind].item() for e in expected], atol=1e-12)
    partial = raw.partial(0, 2, 1)
    assert partial.value == pytest.approx(raw.given([1]).correlation(0, 2).value)
    assert partial.low == pytest.approx(raw.given([1]).correlation(0, 2).low)


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isinf(values), 1e9, values)


def test_what_is_not_defined() -> None:
    constant, rising = np.ones(20), np.arange(20.0)
    moments = rank_moments([constant, rising, rising**2, -rising], slopes=(1, 1))
    assert math.isnan(moments.correlation(0, 1).value)
    assert math.isnan(moments.slope(0, 0).value)
    assert moments.correlation(1, 3).value == -1
    assert math.isnan(moments.given([1]).correlation(2, 3).value)  # determined by the control
    assert math.isnan(moments.partial(2, 3, 1).value)
    few = rank_moments([rising[:9], rising[:9]])
    assert few.correlation(0, 1) == rank_bootstrap.Estimate(1.0)
    assert estimate(0.5, np.array([np.nan, np.nan, 0.5])).low is None


def test_many_cells_have_fewer_resamples() -> None:
    assert [resamples_for(n) for n in (10, 10_000, 20_000, 10**6)] == [2000, 2000, 1000, 100]


# ---------------------------------------------------------------- planted truth (see the guide)


def share(draws: int, make, **options: object) -> tuple[float, float]:
    """How often the interval lies above 0, and below."""
    above = below = 0
    for number in range(draws):
        found = make(np.random.default_rng(number))
        above += found.low > 0
        below += found.high < 0
    return above / draws, below / draws


def _confounded(generator: np.random.Generator, *, adjusted: bool):
    z = generator.integers(0, 6, 100).astype(float)
    x, y = z + generator.normal(size=100), z + generator.normal(size=100)
    moments = rank_moments([x, z, y], resamples=200)
    return (moments.given([1]) if adjusted else moments).correlation(0, 2)


def test_confounding_is_removed() -> None:
    above, _ = share(40, lambda g: _confounded(g, adjusted=False))
    assert above == 1
    above, below = share(60, lambda g: _confounded(g, adjusted=True))
    assert above + below <= 0.15


def _clustered(generator: np.random.Generator, *, respected: bool):
    cluster = np.repeat(np.arange(30), 5)
    x, y = (generator.normal(size=30)[cluster] + 0.3 * generator.normal(size=150) for _ in "xy")
    return rank_moments([x, y], clusters=cluster if respected else None, resamples=200).correlation(
        0, 1
    )


def test_clusters_are_respected() -> None:
    assert sum(share(60, lambda g: _clustered(g, respected=True))) <= 0.15
    assert sum(share(60, lambda g: _clustered(g, respected=False))) >= 0.25
