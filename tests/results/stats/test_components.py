"""Variance components: against textbook formulas, exact intervals, and planted shares."""

import math
from dataclasses import asdict

import numpy as np
import pytest
from scipy.stats import f as f_distribution

from nascope._src.results.stats.components import variance_shares

Array = np.ndarray


def planted(random: np.random.Generator, shape: tuple[int, int, int, int], *parts: float) -> Array:
    """Values with these variances: wiring, seed, direction, and their interactions with the mode."""
    a, b, c, m = shape
    sizes = [(a, 1, 1, 1), (a, b, 1, 1), (a, b, c, 1), (a, 1, 1, m), (a, b, 1, m), shape]
    values = np.zeros(shape)
    for part, size in zip(parts, sizes, strict=True):
        values = values + math.sqrt(part) * random.normal(size=size)
    return values


def test_one_way_design_is_the_intraclass_correlation_with_its_exact_interval() -> None:
    values = planted(np.random.default_rng(2), (7, 4, 1, 1), 1, 1, 0, 0, 0, 0)
    grid = values[:, :, 0, 0]
    between = 4 * grid.mean(axis=1).var(ddof=1)
    within = grid.var(axis=1, ddof=1).mean()
    ratio = between / within
    limits = [ratio / f_distribution.ppf(q, 6, 21) for q in (0.975, 0.025)]
    low, high = ((limit - 1) / (limit + 3) for limit in limits)
    shares = variance_shares(values, [0] * 7)
    assert shares.wiring == pytest.approx((between - within) / (between + 3 * within))
    assert shares.seed == pytest.approx(1 - shares.wiring)
    assert (shares.direction, shares.mode) == (0, 0)
    assert (shares.low, shares.high) == pytest.approx((max(0, low), high), abs=0.015)


def test_nested_design_agrees_with_sums_of_squares_by_hand() -> None:
    a, b, c = 5, 3, 4
    values = planted(np.random.default_rng(3), (a, b, c, 1), 2, 1, 1, 0, 0, 0)
    y = values[..., 0]
    ss = {"w": 0.0, "s": 0.0, "d": 0.0}
    for i in range(a):
        ss["w"] += b * c * (y[i].mean() - y.mean()) ** 2
        for j in range(b):
            ss["s"] += c * (y[i, j].mean() - y[i].mean()) ** 2
            ss["d"] += sum((y[i, j, k] - y[i, j].mean()) ** 2 for k in range(c))
    ms_w, ms_s, ms_d = ss["w"] / (a - 1), ss["s"] / (a * (b - 1)), ss["d"] / (a * b * (c - 1))
    parts = [(ms_w - ms_s) / (b * c), (ms_s - ms_d) / c, ms_d]
    assert min(parts) > 0
    shares = variance_shares(values, [0] * a)
    expected = [part / sum(parts) for part in parts]
    assert [shares.wiring, shares.seed, shares.direction] == pytest.approx(expected)


SHARES = [(0.7, 0.1, 0.05, 0.05, 0.05, 0.05), (0.1, 0.4, 0.1, 0.3, 0.05, 0.05)]


@pytest.mark.parametrize("parts", SHARES)
def test_planted_shares_are_recovered(parts: tuple[float, ...]) -> None:
    values = planted(np.random.default_rng(5), (2000, 3, 3, 2), *parts)
    shares = variance_shares(values, [0] * 2000)
    assert shares.wiring == pytest.approx(parts[0], abs=0.03)
    assert shares.seed == pytest.approx(parts[1], abs=0.03)
    assert shares.direction == pytest.approx(parts[2], abs=0.03)
    assert shares.mode == pytest.approx(sum(parts[3:]), abs=0.03)
    assert shares.low < parts[0] < shares.high
    assert shares.high - shares.low < 0.06


@pytest.mark.parametrize("parts", [SHARES[0], (0, 0.5, 0.2, 0.1, 0.1, 0.1)])
def test_intervals_cover_the_planted_share(parts: tuple[float, ...]) -> None:
    random = np.random.default_rng(7)
    shape, studies = (8, 3, 3, 2), 200
    hits = 0
    for _ in range(studies):
        shares = variance_shares(planted(random, shape, *parts), [0] * 8)
        hits += shares.low <= parts[0] <= shares.high
    assert hits >= 0.92 * studies  # 95 % less two standard errors


def test_families_and_modes_may_have_levels_and_scales_of_their_own() -> None:
    values = planted(np.random.default_rng(11), (8, 3, 2, 2), *SHARES[0])
    families = [0, 0, 0, 0, 1, 1, 1, 1]
    plain = variance_shares(values, families)
    moved = values * np.array([1.0, 40.0]) + np.array([3.0, -700.0])
    moved[4:] += np.array([5.0, 100.0])
    assert asdict(variance_shares(moved, families)) == pytest.approx(asdict(plain))


def test_equal_values_have_no_shares() -> None:
    shares = variance_shares(np.full((4, 3, 1, 2), 0.1), [0, 0, 1, 1])
    assert math.isnan(shares.wiring)
    assert math.isnan(shares.low)


def test_a_share_of_one() -> None:
    values = np.broadcast_to(np.arange(5.0).reshape(5, 1, 1, 1), (5, 3, 2, 2))
    shares = variance_shares(values, [0] * 5)
    assert (shares.wiring, shares.low, shares.high) == pytest.approx((1, 1, 1))
