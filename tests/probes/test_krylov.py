"""The ends of a spectrum, of matrices whose eigenvalues are known."""

import numpy as np
import pytest

from nascope._src.probes import krylov
from nascope._src.probes.krylov import find_ends


def rotated(values):
    """A symmetric matrix with these eigenvalues."""
    random = np.random.default_rng(1).standard_normal((len(values), len(values)))
    vectors = np.linalg.qr(random)[0]
    return vectors @ np.diag(values) @ vectors.T


def search(matrix, top, tolerance):
    calls = []

    def product(vector):
        calls.append(vector)
        return matrix @ vector

    return find_ends(
        product, np.random.default_rng(2).standard_normal(len(matrix)), top, tolerance
    ), calls


def test_restarts_change_nothing(monkeypatch):
    """A space of 20 vectors finds what one of 200 finds, in more products."""
    values = np.r_[-3.0, np.random.default_rng(0).normal(0, 0.6, 394), 5.0, 4.0, 3.0, 2.5, 2.0]
    matrix = rotated(values)
    expected = np.sort(values)[::-1]
    counts = []
    for most in (200, 20):
        monkeypatch.setattr(krylov, "_MOST", most)
        ends, calls = search(matrix, 5, 1e-9)
        np.testing.assert_allclose(ends.largest, expected[:5], rtol=1e-12)
        assert ends.smallest == pytest.approx(expected[-1], rel=1e-12)
        assert (ends.residuals <= 1e-9 * ends.largest).all()
        space = ends.krylov
        for row, image in zip(space.basis[:-1], space.projected[:-1], strict=True):
            np.testing.assert_allclose(matrix @ row, image @ space.basis, atol=1e-10)
        last = space.projected[-1] @ space.basis + space.coupling * space.beside
        np.testing.assert_allclose(matrix @ space.basis[-1], last, atol=1e-10)
        counts.append(len(calls))
    assert counts[0] < counts[1] < 2 * counts[0]


@pytest.mark.parametrize(
    "values",
    [[2.0] * 12, [0.0] * 12, [1.0, *[0.0] * 11], [3.0, 3.0, 3.0, *[-1.0] * 9], [1.0, 2.0, 3.0]],
)
def test_spaces_that_are_soon_invariant(values):
    """One vector meets each eigenspace once; random ones beside it find the rest."""
    ends, _ = search(rotated(values), 2, 1e-6)
    expected = np.sort(values)[::-1]
    np.testing.assert_allclose(ends.largest, expected[:2], atol=1e-9)
    assert ends.smallest == pytest.approx(expected[-1], abs=1e-9)


def test_what_does_not_converge_is_not_a_number(monkeypatch):
    monkeypatch.setattr(krylov, "_MOST_PRODUCTS", 15)
    ends, calls = search(rotated(np.linspace(-1, 1, 300)), 2, 1e-9)
    assert len(calls) == 15
    assert np.isnan([*ends.largest, *ends.residuals, ends.smallest]).all()
    unknown = find_ends(lambda vector: vector * np.nan, np.ones(9), 2, 1e-3)
    assert np.isnan(unknown.largest).all()
    assert unknown.krylov is None
