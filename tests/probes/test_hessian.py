"""Eigenvalues and spectra against explicit Hessians of tiny networks, in float64."""

import numpy as np
import pytest
import torch
from torch import nn

from nascope._src.errors import ProbeError
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import compute_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.hessian import eigenvalues, spectrum
from nascope._src.probes.lipschitz import (
    block_lipschitz,
    gradient_lipschitz,
    matrix_blocks,
)
from nascope._src.probes.risk import Risk
from tests.probes.checks import CENTRE


@pytest.mark.filterwarnings("ignore:per-instance gradients")
def test_attention_has_a_hessian():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(12, 3)).double()
    x, y = torch.randn(5, 3, 4).double(), torch.arange(5) % 3
    risk = Risk(model, x, y)
    found = eigenvalues(risk, 2).arrays()
    assert (found["residuals"] < 0.01 * found["eigenvalues"]).all()
    variance = compute_gradient_variance(risk, random_directions(risk.origin, 2, seed=0), CENTRE)
    assert variance["variance"].item() > 0


def test_eigenvalues(mlp):
    risk, hessian = mlp
    expected = np.linalg.eigvalsh(hessian)
    found = eigenvalues(risk, 4, tolerance=1e-8, workers=2).arrays()
    np.testing.assert_allclose(found["eigenvalues"], expected[::-1][:4], rtol=1e-6)
    np.testing.assert_allclose(found["smallest"], expected[0], rtol=1e-6)
    for value, residual in zip(found["eigenvalues"], found["residuals"], strict=True):
        assert np.abs(expected - value).min() <= residual + 1e-12
    with pytest.raises(ProbeError, match="must be in 1 … 37 for a Hessian of 39 weights, got 39"):
        eigenvalues(risk, len(hessian))


def test_products_are_kept_and_taken_up_again(mlp, tmp_path):
    risk, _ = mlp
    whole = eigenvalues(risk, 2).arrays()
    calls = []

    class Killed(Exception):
        pass

    def kill(share, words):
        calls.append(words)
        if len(calls) == 5:
            raise Killed

    with pytest.raises(Killed):
        eigenvalues(risk, 2, chunks=tmp_path, progress=kill)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(times) == 5
    found = eigenvalues(risk, 2, chunks=tmp_path).arrays()
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    for name, values in whole.items():
        assert np.array_equal(found[name], values), name


def test_trace_and_density(mlp):
    risk, hessian = mlp
    size = len(hessian)
    found = spectrum(risk, vectors=60, steps=size, seed=0, workers=2)
    samples = found["trace_samples"]
    error = samples.std(ddof=1) / len(samples) ** 0.5
    assert abs(samples.mean() - hessian.trace()) < 4 * error
    np.testing.assert_allclose(found["weights"].sum(axis=1), 1)
    # With as many steps as dimensions the quadrature is exact for vᵀ f(H) v of each vector, so
    # that its moments are the Hessian's, up to the spread of the random vectors.
    values = np.linalg.eigvalsh(hessian)
    for power in (1, 2, 3):
        moments = (found["weights"] * found["nodes"] ** power).sum(axis=1)
        error = moments.std(ddof=1) / len(moments) ** 0.5
        assert abs(moments.mean() - (values**power).mean()) < 4 * error + 1e-12
    assert found["nodes"].min() >= values[0] - 1e-9
    assert found["nodes"].max() <= values[-1] + 1e-9
    assert found["dimension"] == size


def test_the_known_ends_make_the_trace_more_certain(mlp):
    """Without bias, and with less spread than random signs alone."""
    risk, hessian = mlp
    ends = eigenvalues(risk, 2, tolerance=1e-2)
    plain, deflated = (
        spectrum(risk, vectors=200, steps=1, known=known)["trace_samples"]
        for known in (None, ends.krylov)
    )
    assert deflated.std() < 0.6 * plain.std()
    assert abs(deflated.mean() - hessian.trace()) < 4 * deflated.std() / 200**0.5


def test_a_quadratic_has_the_same_curvature_everywhere():
    """f = ½ Σ λ_k w_k²: the gradient's Lipschitz constants are the λ, wherever one looks."""
    scales = torch.tensor([4.0, 2.0, 0.5]).double()
    model = nn.Linear(3, 1, bias=False).double()
    x = torch.diag((3 * scales).sqrt())

    def half_square(out, _):
        return out[:, 0].square() / 2

    risk = Risk(model, x, torch.zeros(3), loss=half_square)
    found = eigenvalues(risk, 1).arrays()
    assert found["eigenvalues"][0] == pytest.approx(4)
    assert found["smallest"] == pytest.approx(0.5)
    first = {"weight": torch.tensor([[1.0, 0, 0]]).double()}
    second = {"weight": torch.tensor([[0, 0, 5.0]]).double()}
    along = gradient_lipschitz(risk, [first, second], Grid.square(3))
    assert along["along_first"][:2] == pytest.approx(4)
    assert along["along_second"][:, :2] == pytest.approx(0.5)


def test_weights_that_are_not_finite():
    model = nn.Linear(4, 3)
    with torch.no_grad():
        model.weight[0, 0] = float("nan")
    risk = Risk(model, torch.randn(8, 4), torch.zeros(8, dtype=torch.long))
    assert np.isnan(eigenvalues(risk, 2).largest).all()
    assert np.isnan(spectrum(risk, vectors=2, steps=3)["trace_samples"]).all()
    assert np.isnan(block_lipschitz(risk, matrix_blocks(risk), steps=3)["lipschitz"]).all()
