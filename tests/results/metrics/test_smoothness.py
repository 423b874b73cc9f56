"""Areas, summaries, √g and all numbers of a landscape: closed forms, a slow reference, properties."""

import doctest
import math
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from nascope._src.results.metrics import convexity, topology
from nascope._src.results.metrics.smoothness import (
    Smoothness,
    area_below,
    at_centre,
    gradient_std,
    over_pairs,
    sharpness,
    smoothness_of,
    summarise,
)
from nascope._src.results.stats.intervals import over_seeds

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


def reference_sharpness(
    loss: np.ndarray, alphas: np.ndarray, betas: np.ndarray, box: float
) -> float:
    """The largest of the interpolated losses at 401 × 401 points of the box."""
    positive = bool((loss > 0).all())
    interpolate = RegularGridInterpolator((alphas, betas), np.log(loss) if positive else loss)
    steps = np.linspace(-box, box, 401)
    values = interpolate(np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1))
    values = np.exp(values) if positive else values
    return float((values.max() - values[200, 200]) / (1 + values[200, 200]))


@pytest.mark.parametrize("shift", [0.2, -0.4])  # positive: ln s is interpolated; else s itself
@pytest.mark.parametrize("box", [0.2, 0.37])
def test_sharpness_agrees_with_a_dense_search_of_the_box(shift: float, box: float) -> None:
    random = np.random.default_rng(3)
    alphas, betas = np.linspace(-1, 1, 11), np.array([-1, -0.3, -0.1, 0.02, 0.2, 0.6])
    loss = random.uniform(0, 1, (11, 6)) + shift
    dense = reference_sharpness(loss, alphas, betas, box)
    exact = sharpness(loss, alphas, betas, box)
    assert dense - 1e-12 <= exact <= dense + 0.02


def test_sharpness_of_a_quadratic_and_what_its_box_needs() -> None:
    bowl = 1 + np.add.outer(AXIS**2, 3 * AXIS**2)
    assert sharpness(bowl, AXIS, AXIS, 0.3) == pytest.approx(4 * 0.09 / 2)
    lost = bowl.copy()
    lost[0, 0] = np.inf  # outside the box
    assert sharpness(lost, AXIS, AXIS, 0.3) == pytest.approx(4 * 0.09 / 2)
    lost[11, 12] = np.nan  # inside it
    assert sharpness(lost, AXIS, AXIS, 0.3) == math.inf
    assert math.isnan(sharpness(bowl, AXIS, AXIS, 1.1))
    assert math.isnan(sharpness(bowl[:, 12:], AXIS, AXIS[12:], 0.3))


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


def test_smoothness_has_each_number_of_its_landscape() -> None:
    random = np.random.default_rng()
    alphas, betas = np.linspace(-1, 1, 7), np.linspace(-2, 1, 10)
    loss = np.add.outer(alphas**2, betas**2) + 0.1 * random.uniform(size=(7, 10))
    loss[0, 0] = np.inf
    result = smoothness_of(loss, alphas, betas, 1.0)
    assert result == Smoothness(
        convex_radius=convexity.convex_radius(loss, alphas, betas),
        convex_area=convexity.convex_area(loss, alphas, betas),
        area_below=area_below(loss, alphas, betas, 1.0),
        concavity=convexity.concavity(loss, alphas, betas),
        roughness=convexity.roughness(loss, alphas, betas),
        largest_curvature=convexity.largest_curvature(loss, alphas, betas),
        sharpness=sharpness(loss, alphas, betas),
        smad=topology.smad(loss),
        persistence=topology.total_persistence(loss),
        non_finite_share=pytest.approx(1 / 70),
    )


@pytest.mark.parametrize("count", [1, 2])
def test_smoothness_of_tiny_grids(count: int) -> None:
    axis = np.arange(float(count))
    numbers = asdict(smoothness_of(np.ones((count, count)), axis, axis, 2.0))
    assert [numbers.pop(name) for name in ("non_finite_share", "smad", "persistence")] == [0, 0, 0]
    assert numbers.pop("area_below") == pytest.approx(1 if count == 2 else math.nan, nan_ok=True)
    assert all(math.isnan(value) for value in numbers.values())


def test_numbers_over_pairs_are_those_over_seeds() -> None:
    bowls = [
        smoothness_of(np.add.outer(AXIS**2, k * AXIS**2), AXIS, AXIS, 0.5) for k in (1.0, 2.0, 4.0)
    ]
    means = over_pairs(bowls)
    assert list(means) == [field.name for field in fields(Smoothness)]
    for name, estimate in means.items():
        assert estimate == over_seeds([getattr(bowl, name) for bowl in bowls])
    assert over_pairs(bowls[:2])["roughness"].low is None
    assert all(math.isnan(estimate.mean) for estimate in over_pairs([]).values())


@given(st.integers(0, 2**32), st.floats(0.01, 100))
def test_invariances_of_the_area_below(seed: int, factor: float) -> None:
    random = np.random.default_rng(seed)
    alphas, betas = np.sort(random.uniform(-1, 1, 5)), np.sort(random.uniform(-1, 1, 4))
    loss, level = random.uniform(1, 3, (5, 4)), 2.0
    share = pytest.approx(area_below(loss, alphas, betas, level), abs=1e-9)
    assert area_below(factor * loss, alphas, betas, factor * level) == share
    assert area_below(loss, alphas / factor, betas / factor, level) == share
    assert area_below(loss.T, betas, alphas, level) == share
    assert area_below(loss[::-1], -alphas[::-1], betas, level) == share
    below_zero = area_below(loss - 4, alphas, betas, level - 4)  # not ln: a constant is exact
    assert area_below(loss - 5, alphas, betas, level - 5) == pytest.approx(below_zero, abs=1e-9)


@given(st.integers(0, 2**32), st.floats(0.1, 10))
def test_a_rescaled_layer_changes_nothing_along_normalised_directions(
    seed: int, factor: float
) -> None:
    result, expected = (asdict(small_network(seed, c)) for c in (factor, 1.0))
    assert result == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_a_rescaled_layer_changes_numbers_along_plain_directions() -> None:
    result, expected = (small_network(0, c, normalised=False) for c in (3.0, 1.0))
    assert result.roughness != pytest.approx(expected.roughness, rel=0.1)


def small_network(seed: int, factor: float, *, normalised: bool = True) -> Smoothness:
    """Of w₂ · ReLU(W₁x + b), with the function-preserving W₁, b → cW₁, cb and w₂ → w₂ / c."""
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(3, 20)), random.normal(size=20)
    first, bias, last = (
        random.normal(size=(6, 3)),
        random.normal(size=(6, 1)),
        random.normal(size=(1, 6)),
    )
    first, bias, last = factor * first, factor * bias, last / factor
    pairs = []
    for _ in range(2):  # the biases stay
        pair = []
        for weight in (first, last):
            drawn = random.normal(size=weight.shape)
            if normalised:
                drawn *= np.linalg.norm(weight, axis=1, keepdims=True) / np.linalg.norm(
                    drawn, axis=1, keepdims=True
                )
            pair.append(drawn)
        pairs.append(pair)
    (d1, e1), (d2, e2) = pairs
    axis = np.linspace(-1, 1, 11)
    loss = np.empty((11, 11))
    for i, a in enumerate(axis):
        for j, b in enumerate(axis):
            hidden = np.maximum((first + a * d1 + b * d2) @ x + bias, 0)
            loss[i, j] = (((last + a * e1 + b * e2) @ hidden - y) ** 2).mean()
    return smoothness_of(loss, axis, axis, 2.0)


def test_the_example_of_the_guide_runs() -> None:
    text = (Path(__file__).parents[3] / "docs/guides/smoothness.md").read_text(encoding="utf-8")
    example = doctest.DocTestParser().get_doctest(text.replace("```", ""), {}, "guide", None, 0)
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0
