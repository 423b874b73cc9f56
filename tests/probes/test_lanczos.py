"""Lanczos against explicit eigenvalues."""

import numpy as np

from nascope._src.probes.lanczos import tridiagonalise


def last(product, start, steps):
    *_, found = tridiagonalise(product, start, steps)
    return found


def matrix_of(found, group):
    """T as a matrix."""
    off_diagonal = found.off_diagonal[group, :-1]
    return np.diag(found.diagonal[group]) + np.diag(off_diagonal, 1) + np.diag(off_diagonal, -1)


def test_it_is_exact_and_stops_when_its_space_is_exhausted():
    values = np.array([[3.0, 1.0, 1.0, -2.0]])
    found = last(lambda v: values * v, np.ones((1, 4)), 4)
    assert found.diagonal.shape == (1, 3)  # three distinct eigenvalues
    assert found.off_diagonal[0, -1] == 0
    np.testing.assert_allclose(np.linalg.eigvalsh(matrix_of(found, 0)), [-2, 1, 3], atol=1e-12)
    np.testing.assert_allclose(found.basis[0] @ found.basis[0].T, np.eye(3), atol=1e-12)
    found = last(lambda v: 0 * v, np.ones((1, 4)), 4)
    assert (found.diagonal == 0).all()
    assert (found.off_diagonal == 0).all()


def test_a_random_matrix_is_tridiagonalised():
    matrix = np.random.default_rng(0).standard_normal((1, 30, 30))
    matrix += matrix.swapaxes(1, 2)
    start = np.random.default_rng(1).standard_normal((1, 30))
    found = last(lambda v: (matrix @ v[..., None])[..., 0], start, 30)
    basis = found.basis[0]
    np.testing.assert_allclose(basis @ matrix[0] @ basis.T, matrix_of(found, 0), atol=1e-10)
    expected = np.linalg.eigvalsh(matrix[0])
    np.testing.assert_allclose(np.linalg.eigvalsh(matrix_of(found, 0)), expected, atol=1e-10)


def test_matrices_leave_one_another_alone():
    """One is exhausted early, one has no finite product, one is like a matrix alone."""
    values = np.random.default_rng(0).standard_normal((3, 12))
    values[0] = 2.0
    values[1, 5] = np.nan
    start = np.random.default_rng(1).standard_normal((3, 12))
    found = last(lambda v: values * v, start, 12)
    alone = last(lambda v: values[2:] * v, start[2:], 12)
    np.testing.assert_array_equal(found.diagonal[2], alone.diagonal[0])
    np.testing.assert_array_equal(found.off_diagonal[2], alone.off_diagonal[0])
    np.testing.assert_allclose(found.diagonal[0], [2, *[0] * 11], atol=1e-12)
    assert (found.off_diagonal[0] == 0).all()
    assert not np.isfinite(found.diagonal[1]).all()
