"""Curvature against explicit Hessians of tiny networks, in float64."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from nascope._src.cells.catalog import load as load_cell
from nascope._src.errors import ProbeError
from nascope._src.probes.directions import random_directions
from nascope._src.probes.grid import Grid
from nascope._src.probes.hessian import eigenvalues, spectrum
from nascope._src.probes.lipschitz import (
    block_lipschitz,
    cell_blocks,
    gradient_lipschitz,
    matrix_blocks,
)
from nascope._src.probes.risk import Risk
from tests import cases, reference


def explicit_hessian(loss_at, parameters):
    """All second derivatives of a function of a flat vector of parameters."""
    sizes = [p.numel() for p in parameters]

    def loss(flat):
        parts = flat.split(sizes)
        return loss_at([part.view(p.shape) for part, p in zip(parts, parameters, strict=True)])

    flat = torch.cat([p.detach().flatten() for p in parameters])
    return torch.autograd.functional.hessian(loss, flat).numpy()


@pytest.fixture(scope="module")
def mlp():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    x, y = torch.randn(20, 5).double(), torch.arange(20) % 3
    names = [name for name, _ in model.named_parameters()]

    def loss(parts):
        weights = dict(zip(names, parts, strict=True))
        return functional.cross_entropy(torch.func.functional_call(model, weights, (x,)), y)

    return Risk(model, x, y, batch_size=7), explicit_hessian(loss, list(model.parameters()))


def test_hessian_vector_products(mlp):
    risk, hessian = mlp
    vector = torch.randn(len(hessian), generator=torch.Generator().manual_seed(1)).double()
    parts = vector.split([p.numel() for p in risk.parameters.values()])
    direction = {
        name: part.view(p.shape)
        for part, (name, p) in zip(parts, risk.parameters.items(), strict=True)
    }
    found = torch.cat([p.flatten() for p in risk.hessian_vector_product(direction).values()])
    np.testing.assert_allclose(found.numpy(), hessian @ vector.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS"])
@pytest.mark.parametrize("mode", ["frozen", "recalibrated", "batch"])
def test_products_of_networks_of_cells(name, mode):
    """Against the plain reference's gradient, differentiated once more along a direction."""
    genotype = load_cell(name)
    network = cases.small_network(genotype)
    images, labels = cases.random_batch(6)
    risk = Risk(network, images, labels, batch_size=6, batchnorm=mode)
    direction = random_directions(risk.origin, 1, seed=0, one_dimensional="scale")[0]
    state = {**network.state_dict(), **risk.model.state_dict()}  # the statistics that it has
    weights = [state[key].requires_grad_() for key in risk.parameters]
    logits, _ = reference.network_logits(
        genotype, state, images, layers=3, training=mode == "batch"
    )
    loss = functional.cross_entropy(logits, labels)
    common = {"materialize_grads": True, "allow_unused": True}
    gradient = torch.autograd.grad(loss, weights, create_graph=True, **common)
    slope = sum((g * direction[n]).sum() for g, n in zip(gradient, risk.parameters, strict=True))
    expected = torch.cat([h.flatten() for h in torch.autograd.grad(slope, weights, **common)])
    found = risk.hessian_vector_product(direction)
    got = torch.cat([value.flatten() for value in found.values()])
    assert float((got - expected).norm() / expected.norm()) < 1e-8


def test_eigenvalues(mlp):
    risk, hessian = mlp
    expected = np.linalg.eigvalsh(hessian)
    found = eigenvalues(risk, 4, tolerance=1e-8, workers=2)
    np.testing.assert_allclose(found["eigenvalues"], expected[::-1][:4], rtol=1e-6)
    np.testing.assert_allclose(found["smallest"], expected[0], rtol=1e-6)
    for value, residual in zip(found["eigenvalues"], found["residuals"], strict=True):
        assert np.abs(expected - value).min() <= residual + 1e-12
    with pytest.raises(ProbeError, match="must be in 1 … 37 for a Hessian of 39 weights, got 39"):
        eigenvalues(risk, len(hessian))


def test_products_are_kept_and_taken_up_again(mlp, tmp_path):
    risk, _ = mlp
    whole = eigenvalues(risk, 2)
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
    found = eigenvalues(risk, 2, chunks=tmp_path)
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


def test_block_wise_constants(mlp):
    risk, hessian = mlp
    found = block_lipschitz(risk, matrix_blocks(risk), steps=20, workers=2)
    assert list(found["blocks"]) == ["0.weight", "2.weight"]
    starts = {"0.weight": (0, 20), "2.weight": (24, 36)}
    for name, value in zip(found["blocks"], found["lipschitz"], strict=True):
        own = hessian[slice(*starts[name]), slice(*starts[name])]
        assert value == pytest.approx(np.abs(np.linalg.eigvalsh(own)).max(), rel=1e-6)
    few = block_lipschitz(risk, matrix_blocks(risk), steps=3)
    assert (few["lipschitz"] <= found["lipschitz"] + 1e-12).all()  # from below
    whole = block_lipschitz(risk, {"all": list(risk.parameters)}, steps=39)
    assert whole["lipschitz"][0] == pytest.approx(np.abs(np.linalg.eigvalsh(hessian)).max())


def test_blocks_and_numbers_that_are_refused(mlp):
    risk, _ = mlp
    for names in ([], ["nothing"], ["0.bias", "0.bias"]):
        with pytest.raises(ProbeError, match="block 'a' must name parameters"):
            block_lipschitz(risk, {"a": names})
    with pytest.raises(ProbeError, match="steps must be at least 1"):
        block_lipschitz(risk, matrix_blocks(risk), steps=0)
    assert len(block_lipschitz(risk, {})["lipschitz"]) == 0
    with pytest.raises(ProbeError, match="vectors and steps must be at least 1"):
        spectrum(risk, steps=0)
    nothing = {name: torch.zeros_like(value) for name, value in risk.origin.items()}
    assert np.isnan(gradient_lipschitz(risk, [nothing], Grid.line(3))["along_first"]).all()


def test_blocks_of_a_network_of_cells():
    images, labels = cases.random_batch(4)
    risk = Risk(cases.small_network(load_cell("AmoebaNet")), images, labels)
    blocks = cell_blocks(risk)
    assert list(blocks) == ["stem", "cells.0", "cells.1", "cells.2", "classifier"]
    assert sum(map(len, blocks.values())) == len(risk.parameters)
    found = block_lipschitz(risk, blocks, steps=4)
    assert (found["lipschitz"] > 0).all()


def test_lipschitz_between_grid_points(mlp):
    risk, _ = mlp
    directions = random_directions(risk.origin, 2, seed=0)
    grid = Grid((-0.5, 0.1, 1.0), (0.0, 0.4))
    found = gradient_lipschitz(risk, directions, grid, workers=2)
    flat = [torch.cat([d[name].flatten() for name in risk.parameters]) for d in directions]

    def gradient(alpha, beta):
        risk.displace(directions, (alpha, beta))
        return torch.cat([value.flatten() for value in risk.gradient()[1].values()])

    for i, alpha in enumerate(grid.alphas[:-1]):
        for j, beta in enumerate(grid.betas):
            other = grid.alphas[i + 1]
            change = (gradient(other, beta) - gradient(alpha, beta)).norm()
            expected = change / ((other - alpha) * flat[0].norm())
            assert found["along_first"][i, j] == pytest.approx(float(expected), rel=1e-9)
    change = (gradient(0.1, 0.4) - gradient(0.1, 0.0)).norm() / (0.4 * flat[1].norm())
    assert found["along_second"][1, 0] == pytest.approx(float(change), rel=1e-9)
    assert np.isnan(found["along_first"][-1]).all()
    assert np.isnan(found["along_second"][:, -1]).all()
    risk.displace([], [])


def test_a_quadratic_has_the_same_curvature_everywhere():
    """f = ½ Σ λ_k w_k²: the gradient's Lipschitz constants are the λ, wherever one looks."""
    scales = torch.tensor([4.0, 2.0, 0.5]).double()
    model = nn.Linear(3, 1, bias=False).double()
    x = torch.diag((3 * scales).sqrt())

    def half_square(out, _):
        return out[:, 0].square() / 2

    risk = Risk(model, x, torch.zeros(3), loss=half_square)
    found = eigenvalues(risk, 1)
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
    assert np.isnan(eigenvalues(risk, 2)["eigenvalues"]).all()
    assert np.isnan(spectrum(risk, vectors=2, steps=3)["trace_samples"]).all()
    assert np.isnan(block_lipschitz(risk, matrix_blocks(risk), steps=3)["lipschitz"]).all()
