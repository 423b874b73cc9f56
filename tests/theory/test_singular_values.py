"""Lanczos for many maps at once, compared with numpy's singular values."""

import numpy as np
import pytest
import torch

from nascope._src.errors import TheoryError
from nascope._src.theory.singular_values import spectral_norms
from tests.theory.matrices import conv, matrix_of


def maps(matrices):
    return (
        lambda x: (matrices @ x[..., None])[..., 0],
        lambda y: (matrices.mT @ y[..., None])[..., 0],
    )


@pytest.mark.parametrize("shape", [(3, 7, 5), (3, 5, 7), (2, 1, 4), (2, 4, 1), (1, 60, 40)])
def test_lanczos_agrees_with_svd(shape):
    matrices = torch.from_numpy(np.random.default_rng(0).standard_normal(shape))
    found = spectral_norms(*maps(matrices), (shape[0], shape[2]), tolerance=1e-9)
    np.testing.assert_allclose(found.norms, torch.linalg.matrix_norm(matrices, ord=2), rtol=1e-12)
    assert (found.residuals <= 1e-9 * found.norms).all()


def test_a_residual_is_the_distance_to_a_singular_value():
    matrices = torch.from_numpy(np.random.default_rng(1).standard_normal((4, 80, 60)))
    for steps in (1, 3, 6):
        found = spectral_norms(*maps(matrices), (4, 60), steps=steps)
        values = torch.linalg.svdvals(matrices)
        distances = (values - found.norms[:, None]).abs().amin(1)
        assert (distances <= found.residuals).all()
        assert (found.norms <= values[:, 0]).all()


def test_groups_without_finite_products_or_with_nothing_leave_the_others_alone():
    matrices = torch.from_numpy(np.random.default_rng(2).standard_normal((5, 6, 6)))
    matrices[1] = 0
    matrices[2, 3, 3] = torch.nan
    matrices[3, 0, 1] = torch.inf
    matrices[4] = 2 * torch.eye(6)  # the Krylov space ends after a step
    found = spectral_norms(*maps(matrices), (5, 6), tolerance=1e-9)
    alone = spectral_norms(*maps(matrices[:1]), (1, 6), tolerance=1e-9)
    expected = [alone.norms[0], 0, torch.nan, torch.nan, 2]
    np.testing.assert_allclose(found.norms, expected, rtol=1e-12)
    np.testing.assert_array_equal(found.residuals.isnan(), [False, False, True, True, False])
    assert found.residuals[1] == 0


def test_the_seed_decides_the_start_and_row_g_depends_on_nothing_else():
    matrices = torch.from_numpy(np.random.default_rng(3).standard_normal((3, 50, 50)))

    def run(count, seed):
        return spectral_norms(*maps(matrices[:count]), (count, 50), steps=5, seed=seed).norms

    np.testing.assert_allclose(run(3, 0)[:2], run(2, 0), rtol=1e-12)
    assert not torch.allclose(run(3, 0), run(3, 1), rtol=1e-12)
    with pytest.raises(TheoryError, match="steps must be at least 1, not 0"):
        spectral_norms(*maps(matrices), (3, 50), steps=0)


@pytest.mark.parametrize(("tolerance", "times"), [(1e-3, 3), (1e-5, 10)])
def test_lanczos_needs_fewer_products_than_power_iteration(tolerance, times):
    """The largest singular values of a convolution lie close together."""
    matrix = torch.from_numpy(matrix_of(conv(1, 1, 3, padding=1, bias=False), (1, 16, 16)))
    product, transposed = maps(matrix[None])
    products = 0

    def counted(x):
        nonlocal products
        products += 1
        return product(x)

    found = spectral_norms(counted, transposed, (1, 256), tolerance=tolerance)
    norm = float(torch.linalg.matrix_norm(matrix, ord=2))
    assert norm * (1 - 1e-4) < float(found.norms) <= norm * (1 + 1e-12)
    vector = torch.from_numpy(np.random.default_rng(4).standard_normal((1, 256)))
    for _ in range(times * products):
        vector = transposed(product(vector / vector.norm()))
    assert float(product(vector / vector.norm()).norm()) < float(found.norms)
