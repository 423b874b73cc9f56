"""The density of a spectrum: mass, centre and spread."""

from __future__ import annotations

import numpy as np
import pytest

from nascope._src.results.metrics.spectrum import spectral_density


def moments(x: np.ndarray, density: np.ndarray) -> tuple[float, float, float]:
    step = x[1] - x[0]
    mass = float(density.sum() * step)
    mean = float((density * x).sum() * step)
    return mass, mean, float((density * (x - mean) ** 2).sum() * step)


def test_moments_are_those_of_the_nodes() -> None:
    nodes = np.array([[0.0, 1.0, 3.0], [0.5, 2.0, 0.0]])
    weights = np.array([[0.2, 0.5, 0.3], [0.6, 0.4, 0.0]])
    x, density, width = spectral_density(nodes, weights)
    assert x.shape == density.shape == (1000,)
    mean = float((nodes * weights).sum() / 2)
    variance = float((weights * (nodes - mean) ** 2).sum() / 2)
    assert moments(x, density) == pytest.approx((1, mean, variance + width**2), rel=1e-6)
    assert width == pytest.approx(0.03)


def test_nodes_without_weight_do_not_stretch_the_axis() -> None:
    """Lanczos' steps that broke down leave zeros."""
    nodes = np.array([[5.0, 6.0, -1e9]])
    x, _, width = spectral_density(nodes, np.array([[0.5, 0.5, 0.0]]))
    assert width == pytest.approx(0.01)
    assert (x[0], x[-1]) == pytest.approx((4.95, 6.05))


def test_a_single_eigenvalue_is_a_peak_of_some_width() -> None:
    x, density, width = spectral_density(np.array([[2.0]]), np.array([[1.0]]), points=11)
    assert width == 1e-12
    assert len(x) == 11
    assert np.isfinite(density).all()
    assert x[0] <= 2 <= x[-1]


def test_vectors_have_equal_weight() -> None:
    x, density, _ = spectral_density(np.array([[0.0], [1.0]]), np.array([[1.0], [1.0]]))
    low, high = density[x < 0.5].max(), density[x > 0.5].max()
    assert low == pytest.approx(high, rel=1e-3)
