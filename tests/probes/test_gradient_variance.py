"""Gradient variances against slow float64 references, on networks of cells."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from nascope._src.cells.catalog import load as load_cell
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import compute_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.hessian import eigenvalues
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.per_instance import choose_method
from nascope._src.probes.risk import Risk
from tests import cases, reference
from tests.probes.checks import (
    CELLS,
    CENTRE,
    GRID,
    genotype_of,
    recalibrated,
)


@pytest.mark.parametrize("mode", ["frozen", "recalibrated"])
@pytest.mark.parametrize("method", ["layerwise", "vmap"])
@pytest.mark.parametrize("name", CELLS)
def test_gradient_variance_agrees_with_single_instances(name, method, mode):
    genotype = genotype_of(name)
    network = cases.small_network(genotype)
    images, labels = cases.random_batch(7)
    calibration, _ = cases.random_batch(6, seed=1)
    risk = Risk(network, images, labels, batch_size=3, batchnorm=mode, calibration=calibration)
    directions = random_directions(risk.origin, 2, seed=1)
    grid = Grid((0.4,), (-1.0, 0.3))
    found = compute_gradient_variance(risk, directions, grid, method=method)
    names = [key for key, _ in network.named_parameters()]
    blocks = [
        ".".join(n.split(".")[:2]) if n.startswith("cells") else n.split(".")[0] for n in names
    ]
    for j, beta in enumerate(grid.betas):
        state = reference.at_displacement(network, directions, (0.4, beta))
        if mode == "recalibrated":
            state = recalibrated(genotype, state, calibration, 3)
        parameters = [state[key].requires_grad_() for key in names]

        def loss_of_one(k, state=state):
            part = slice(k, k + 1)
            logits, _ = reference.network_logits(genotype, state, images[part], layers=3)
            return functional.cross_entropy(logits, labels[part])

        variance, norm, loss = reference.gradient_moments(loss_of_one, parameters, 7)
        assert found["variance"][0, j] == pytest.approx(variance, rel=1e-7)
        assert found["mean_gradient_norm"][0, j] == pytest.approx(norm, rel=1e-7)
        assert found["loss"][0, j] == pytest.approx(loss, rel=1e-8)
        assert list(found["blocks"]) == list(dict.fromkeys(blocks))
        for number, block in enumerate(found["blocks"]):
            own = [p for p, b in zip(parameters, blocks, strict=True) if b == block]
            expected, _, _ = reference.gradient_moments(loss_of_one, own, 7)
            got = found["block_variance"][0, j, number]
            assert got == pytest.approx(expected, rel=1e-7, abs=1e-12 * variance), block


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", CELLS)
def test_float32_is_close_in_either_memory_order(name, layout):
    network = cases.small_network(genotype_of(name))
    images, labels = cases.random_batch(8)
    exact = Risk(network, images, labels)
    directions = random_directions(exact.origin, 2, seed=1)
    expected = compute_gradient_variance(exact, directions, GRID)
    values = compute_landscape(exact, directions, GRID)["loss"]
    single = network.float().to(memory_format=layout)
    risk = Risk(single, images.float().to(memory_format=layout), labels)
    assert choose_method(risk).name == "layerwise"
    narrow = [{name: value.float() for name, value in d.items()} for d in directions]
    found = compute_gradient_variance(risk, narrow, GRID)
    for key in ("variance", "mean_gradient_norm", "loss", "block_variance"):
        scale = np.abs(expected[key]).max(axis=-1, keepdims=True)
        np.testing.assert_allclose(
            found[key] / scale, expected[key] / scale, rtol=1e-3, atol=1e-3, err_msg=key
        )
    np.testing.assert_allclose(compute_landscape(risk, narrow, GRID)["loss"], values, rtol=1e-3)


def minibatch_variance(risk, size, *, draws):
    """E‖ĝ − ∇f‖² of the mean gradient ĝ over a batch of that size, from batches drawn without
    replacement; and its standard error."""
    _, centre = risk.gradient()
    generator = torch.Generator().manual_seed(size)
    inputs, targets = risk.inputs, risk.targets
    squares = []
    for _ in range(draws):
        chosen = torch.randperm(len(inputs), generator=generator)[:size]
        risk.inputs, risk.targets = inputs[chosen], targets[chosen]
        _, gradient = risk.gradient()
        distances = [(gradient[name] - centre[name]).square().sum() for name in centre]
        squares.append(float(sum(distances)))
    risk.inputs, risk.targets = inputs, targets
    return np.mean(squares), np.std(squares, ddof=1) / draws**0.5


def test_minibatches_vary_as_the_formula_says():
    """g/b · (n−b)/(n−1), against batches drawn and plainly differentiated."""
    images, labels = cases.random_batch(20)
    risk = Risk(cases.small_network(load_cell("SNAS")), images, labels, batch_size=5)
    directions = random_directions(risk.origin, 2, seed=0)
    grid = Grid((0.0,), (0.0,))
    variance = compute_gradient_variance(risk, directions, grid)["variance"].item()
    risk.displace([], [])
    for size in (1, 4, 16):
        expected = variance / size * (20 - size) / 19
        measured, error = minibatch_variance(risk, size, draws=200)
        assert abs(measured - expected) < 4 * error
        assert error < 0.2 * expected
    measured, error = minibatch_variance(risk, 20, draws=3)
    assert measured < 1e-15 * variance


def test_no_cancellation_where_the_mean_is_large():
    """Gradients 10 ± 1e-3 in float32: E‖g‖² − ‖E g‖² would be noise, even negative."""
    model = nn.Linear(50, 1, bias=False)
    x = 10 + 1e-3 * torch.randn(2000, 50, generator=torch.Generator().manual_seed(0))
    risk = Risk(model, x, torch.zeros(2000), loss=lambda out, _: out[:, 0], batch_size=300)
    directions = random_directions(risk.origin, 2, seed=0)
    for method in ("layerwise", "vmap"):
        found = compute_gradient_variance(risk, directions, Grid((0.0,), (0.0,)), method=method)
        expected = x.double().var(dim=0, correction=0).sum()
        assert found["variance"].item() == pytest.approx(float(expected), rel=1e-4)


def test_golden_values():
    """Guards NUMERICS_VERSION of the probes: a commit that changes these numbers bumps it."""
    from nascope._src.records.identity import NUMERICS_VERSION  # noqa: PLC0415

    assert (NUMERICS_VERSION["landscape"], NUMERICS_VERSION["variance"]) == (3, 4)
    images, labels = cases.random_batch(5)
    risk = Risk(cases.small_network(load_cell("AmoebaNet")), images, labels)
    directions = random_directions(risk.origin, 2, seed=3)
    loss = compute_landscape(risk, directions, Grid((0.5,), (-0.5,)))["loss"].item()
    variance = compute_gradient_variance(risk, directions, Grid((0.5,), (-0.5,)))["variance"].item()
    assert (loss, variance) == pytest.approx(GOLDEN, rel=1e-6)


GOLDEN = (1.0760831828907906, 3.3594179282121677)


def test_losses_without_gradient():
    x, y = torch.randn(5, 4), torch.zeros(5, dtype=torch.long)
    risk = Risk(nn.Linear(4, 3), x, y, loss=lambda out, _: torch.ones(len(out)))
    directions = random_directions(risk.origin, 2, seed=0)
    assert compute_gradient_variance(risk, directions, CENTRE)["variance"].item() == 0
    assert (eigenvalues(risk, 2).largest == 0).all()
    linear = Risk(nn.Linear(4, 3), x, y, loss=lambda out, _: out.sum(dim=1))
    assert (eigenvalues(linear, 2).largest == 0).all()
    same = Risk(nn.Linear(4, 3), x[:1].expand(5, 4), y, loss=lambda out, _: 0.3 * out.sum(dim=1))
    assert 0 <= compute_gradient_variance(same, directions, CENTRE)["variance"].item() < 1e-12
    x[0, 0] = float("nan")
    broken = Risk(nn.Linear(4, 3), x, y)
    assert np.isnan(eigenvalues(broken, 2).largest).all()
