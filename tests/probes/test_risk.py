"""A Risk: what it copies, where it is, its derivatives, and what it refuses."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from nascope._src.cells.catalog import load as load_cell
from nascope._src.errors import ProbeError
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import compute_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.risk import Risk
from tests import cases, reference
from tests.probes.checks import GRID, MODES, Tail, assert_agrees


def test_the_users_model_is_not_touched():
    network = cases.small_network().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images, labels = cases.random_batch(4)
    for mode in MODES:
        risk = Risk(network, images, labels, batchnorm=mode)
        directions = random_directions(risk.origin, 2, seed=0)
        compute_landscape(risk, directions, GRID, workers=2)
        if mode != "batch":
            compute_gradient_variance(risk, directions, GRID)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_grid_starts_anew_from_the_weights_at_each_point():
    """w + d − d ≠ w in floating point: the centre must give w* itself, wherever it comes."""
    images, labels = cases.random_batch(5)
    risk = Risk(cases.small_network().float(), images.float(), labels)
    directions = random_directions(risk.origin, 2, seed=0)
    alone = compute_landscape(risk, directions, Grid((0.0,), (0.0,)))["loss"].item()
    after = compute_landscape(risk, directions, Grid((-0.3, 0.7, 0.0), (1.0, -0.9, 0.0)))["loss"]
    assert after[2, 2] == alone


@pytest.mark.parametrize("workers", [1, 2])
def test_a_risk_ends_where_it_began(workers):
    torch.manual_seed(0)
    x, y = torch.randn(7, 4), torch.arange(7) % 3
    risk = Risk(nn.Linear(4, 3), x, y)
    compute_landscape(
        risk, random_directions(risk.origin, 2, seed=0), Grid.square(3), workers=workers
    )
    for name, value in risk.parameters.items():
        assert torch.equal(value, risk.origin[name])


def test_one_convolution_before_two_norms():
    """It can't be folded into both."""
    torch.manual_seed(0)
    shared = nn.Conv2d(2, 2, 3, padding=1)
    norms = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    norms[1].running_var.fill_(3.0)
    layers = [nn.Sequential(shared, norm) for norm in norms]
    model = nn.Sequential(*layers, Tail(2)).double()
    x, y = torch.randn(5, 2, 6, 6).double(), torch.arange(5) % 3
    assert Risk(model, x, y).folded is None
    assert_agrees(model, x, y)


def test_a_twin_that_answers_otherwise_is_not_used():
    """A Sequential that skips its own norm: folding would change the function."""

    class Skipping(nn.Sequential):
        def forward(self, x):
            return self[0](x)

    torch.manual_seed(0)
    inner = Skipping(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3))
    inner[1].running_var.fill_(4.0)
    model = nn.Sequential(inner, Tail(3)).double()
    x, y = torch.randn(5, 1, 6, 6).double(), torch.arange(5) % 3
    assert Risk(model, x, y).folded is None
    assert_agrees(model, x, y)


def test_inputs_that_fit_nothing_are_refused():
    x, y = torch.randn(4, 4), torch.zeros(4, dtype=torch.long)
    model = nn.Linear(4, 3)
    with pytest.raises(ProbeError, match="must be per instance"):
        Risk(model, x, y, loss=functional.cross_entropy)
    with pytest.raises(ProbeError, match="got 4 inputs and 3 targets"):
        Risk(model, x, y[:3])
    with pytest.raises(ProbeError, match="batch_size must be at least 1"):
        Risk(model, x, y, batch_size=0)
    with pytest.raises(ProbeError, match="batchnorm must be one of frozen, recalibrated, batch"):
        Risk(model, x, y, batchnorm="thawed")
    with pytest.raises(ProbeError, match="calibration has no inputs"):
        Risk(model, x, y, calibration=x[:0])
    with pytest.raises(ProbeError, match="the model fails in evaluation mode: RuntimeError: mat1"):
        Risk(model, torch.randn(4, 5), y)
    with pytest.raises(ProbeError, match="no parameter that requires a gradient"):
        Risk(nn.Identity(), x, y)
    with pytest.raises(ProbeError, match="got 2 directions and 1 coefficients"):
        Risk(model, x, y).displace([{}, {}], [1.0])
    with pytest.raises(ProbeError, match=r"shape \(3, 4\) for 'weight', but got \(\)"):
        Risk(model, x, y).displace([{"weight": torch.ones(()), "bias": torch.ones(3)}], [1.0])
    with pytest.raises(ProbeError, match="real floating-point"):
        Risk(model, x, y, loss=lambda out, _: out.argmax(dim=1))
    with pytest.raises(ProbeError, match="no entry for the parameter 'weight'"):
        Risk(model, x, y).displace([{}], [1.0])
    normed = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    with pytest.raises(ProbeError, match="can't be recalibrated"):
        Risk(normed, x, y, batchnorm="recalibrated", calibration=x[:1])
    with pytest.raises(ProbeError, match="this batch has one instance"):
        Risk(normed, x[:1], y[:1], batchnorm="batch")


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


def test_it_says_what_it_is_in_a_line():
    network = cases.small_network(load_cell("SNAS"))
    assert repr(Risk(network, *cases.random_batch(4))) == (
        f"Risk(Network with {network.num_parameters:,} parameters, 4 instances, batchnorm='frozen')"
    )
