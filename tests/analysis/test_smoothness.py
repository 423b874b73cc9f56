"""Areas, summaries and √g, against closed forms and a slow reference."""

import math

import numpy as np
import pytest

from nascope.analysis import area_below, at_centre, gradient_std, summarise

AXIS = np.linspace(-1, 1, 21)


def reference_area(loss: np.ndarray, alphas: np.ndarray, betas: np.ndarray, level: float) -> float:
    """Point by point, on 16 × 16 midpoints of each grid cell, with Python's own numbers."""
    positive = bool((loss[np.isfinite(loss)] > 0).all()) and level > 0
    below = total = 0.0
    for i in range(len(alphas) - 1):
        for j in range(len(betas) - 1):
            corners = [float(loss[i + p, j + q]) for p in (0, 1) for q in (0, 1)]
            area = float(alphas[i + 1] - alphas[i]) * float(betas[j + 1] - betas[j])
            total += area
            if not all(map(math.isfinite, corners)):
                continue
            if positive:
                corners = [math.log(corner) for corner in corners]
            limit = math.log(level) if positive else level
            for a in range(16):
                for b in range(16):
                    u, v = (a + 0.5) / 16, (b + 0.5) / 16
                    weights = ((1 - u) * (1 - v), (1 - u) * v, u * (1 - v), u * v)
                    value = sum(w * c for w, c in zip(weights, corners, strict=True))
                    below += area * (value < limit) / 256
    return below / total


@pytest.mark.parametrize("shift", [0.2, -0.4])  # positive: ln s is interpolated; else s itself
def test_area_below_agrees_with_the_slow_reference(shift: float) -> None:
    random = np.random.default_rng()
    alphas, betas = np.sort(random.uniform(-1, 1, 5)), np.sort(random.uniform(-2, 1, 7))
    loss = random.uniform(0, 1, (5, 7)) + shift
    loss[3, 2], loss[0, 6] = np.nan, np.inf
    assert area_below(loss, alphas, betas, 0.5) == pytest.approx(
        reference_area(loss, alphas, betas, 0.5), abs=1e-12
    )


def test_area_of_a_disc() -> None:
    a, b = np.meshgrid(AXIS, AXIS, indexing="ij")
    disc = np.exp(a**2 + b**2)  # below exp(r²) inside the circle of radius r
    assert area_below(disc, AXIS, AXIS, math.exp(0.49)) == pytest.approx(
        math.pi * 0.49 / 4, abs=0.005
    )


def test_area_counts_lost_cells_as_not_below() -> None:
    loss = np.zeros((3, 3))
    loss[0, 0] = np.nan  # one of four grid cells
    axis = np.array([-1.0, 0.0, 1.0])
    assert area_below(loss, axis, axis, 1.0) == 0.75
    assert area_below(np.full((3, 3), np.inf), axis, axis, 1.0) == 0.0


def test_area_weighs_grid_cells_by_their_size() -> None:
    loss = np.array([[0.0, 0.0], [0.0, 0.0], [9.0, 9.0]])
    narrow = area_below(loss, np.array([0.0, 0.9, 1.0]), np.array([0.0, 1.0]), 1e-9)
    assert narrow == pytest.approx(0.9)


def test_summary_is_over_finite_values_only() -> None:
    summary = summarise(np.array([[1.0, 2.0, 3.0], [np.nan, np.inf, 4.0]]))
    assert (summary.mean, summary.median, summary.largest) == (2.5, 2.5, 4.0)
    assert summary.non_finite_share == pytest.approx(1 / 3)
    assert summary.lower_decile == pytest.approx(1.3)
    assert summary.upper_decile == pytest.approx(3.7)


def test_summary_of_nothing_finite() -> None:
    summary = summarise(np.full((2, 2), np.nan))
    assert math.isnan(summary.mean)
    assert summary.non_finite_share == 1


def test_gradient_std_marks_negative_variance() -> None:
    std = gradient_std(np.array([4.0, -1e-9, np.nan, np.inf]))
    assert std[0] == 2
    assert np.isnan(std[1])
    assert np.isnan(std[2])
    assert np.isinf(std[3])


def test_centre_of_a_grid_without_a_point_at_zero() -> None:
    values = np.arange(12.0).reshape(3, 4)
    assert at_centre(values, np.array([-2.0, -0.1, 2.0]), np.array([-3.0, -1, 0.4, 1])) == 6
