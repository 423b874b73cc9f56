"""Norms of Jacobians and of edges compared with explicit matrices."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from nascope._src.errors import TheoryError
from nascope._src.theory.jacobians import _cells, edge_norms, jacobian_norms
from tests import cases
from tests.theory.matrices import TIGHT, norm_and_gain, randomised


def jacobian(function, x):
    """(out, in), of a function at one input (1, …)."""
    found = torch.func.jacrev(function)(x)
    return found.reshape(-1, x.numel()).detach().numpy()


def check_jacobians(found, function, inputs):
    for index, x in enumerate(inputs.split(1)):
        norm, gain = norm_and_gain(jacobian(function, x))
        assert float(found.norms[index]) == pytest.approx(norm, rel=1e-6)
        error = float(found.gain_errors[index])
        assert abs(float(found.gains[index]) - gain) <= 5 * error + 1e-9 * gain


def test_jacobians_of_a_nonlinear_function():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.ReLU(inplace=True),
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 7),
        nn.Softmax(1),
    )
    model = randomised(model)
    inputs = torch.randn(3, 2, 6, 6, dtype=torch.float64)
    kept = inputs.clone()
    found = jacobian_norms(model, inputs, vectors=40, **TIGHT)
    check_jacobians(found, lambda x: model(x.clone()), inputs)
    assert torch.equal(inputs, kept)
    assert not any(value.grad is not None for value in model.parameters())
    single = jacobian_norms(model.float(), inputs.float())
    np.testing.assert_allclose(single.norms, found.norms, rtol=1e-3)
    assert single.norms.dtype == torch.float64


def test_hutchinsons_estimate_is_as_wrong_as_it_says():
    matrix = torch.from_numpy(np.random.default_rng(5).standard_normal((30, 20)))
    exact = float(matrix.norm()) / 20**0.5
    inputs = torch.zeros(200, 20, dtype=torch.float64)
    found = jacobian_norms(lambda x: x @ matrix.T, inputs, vectors=16, steps=1)
    scores = (found.gains - exact) / found.gain_errors
    assert 0.8 < float(scores.std()) < 1.5
    assert abs(float(scores.mean())) < 0.5


def test_jacobians_that_are_trivial():
    inputs = torch.randn(2, 3, dtype=torch.float64)
    for function, norm in (
        (lambda x: x, 1),
        (lambda x: x.detach() + 1, 0),
        (lambda x: x.sign(), 0),
        (lambda x: torch.ones(len(x), 2, dtype=torch.float64), 0),
        (lambda x: x[:, 0], 1),
    ):
        found = jacobian_norms(function, inputs)
        np.testing.assert_allclose(found.norms, [norm] * 2, rtol=1e-12)
        np.testing.assert_allclose(found.residuals, 0, atol=1e-12)


def test_one_instances_nan_is_its_own():
    inputs = torch.tensor([[1.0, 2.0], [-1.0, 2.0]], dtype=torch.float64)
    found = jacobian_norms(lambda x: x.sqrt(), inputs)
    assert float(found.norms[0]) == pytest.approx(0.5)
    assert found.norms[1].isnan()


def test_instances_that_are_not_independent_are_refused():
    inputs = cases.random_batch(4)[0]
    network = cases.small_network()
    with pytest.raises(TheoryError, match="put the model into eval mode"):
        jacobian_norms(network.train(), inputs)
    jacobian_norms(network.eval(), inputs, steps=2)
    with pytest.raises(TheoryError, match="at least 2 vectors for a standard error, not 1"):
        jacobian_norms(network, inputs, vectors=1)


# ---------------------------------------------------------------- edges


def test_the_walk_gives_what_the_network_computes():
    network = cases.small_network().eval()
    outputs = []
    for cell in network.cells:  # kept before the network's ReLU, which changes them in place
        cell.register_forward_hook(lambda *a: outputs.append(a[-1].clone()))
    for (cell, states), expected in zip(
        _cells(network, cases.random_batch(2)[0]), outputs, strict=True
    ):
        own = torch.cat([states[node] for node in cell._concat], dim=1)
        torch.testing.assert_close(own, expected)


def test_edges_agree_with_their_jacobians():
    network = cases.small_network().train()
    images = cases.random_batch(2)[0]
    found = edge_norms(network, images, vectors=40, **TIGHT)
    assert [edge.reduction for edge in found if edge.edge == 0] == [False, True, True]
    states = [values for _, values in _cells(copy.deepcopy(network).eval(), images)]
    names = set()
    for edge in found:
        if edge.cell == 2 and edge.operation in names:
            continue
        names.add(edge.operation)
        operation = network.eval().cells[edge.cell]._ops[edge.edge]
        assert edge.operation == network.cells[edge.cell].operations[edge.edge]
        check_jacobians(edge, lambda x, o=operation: o(x.clone()), states[edge.cell][edge.source])
    assert names == set(network.cells[0].operations)


def test_identities_are_one_and_dead_nodes_are_left_out():
    network = cases.small_network()
    found = edge_norms(network, cases.random_batch(3)[0], steps=1)
    for edge in found:
        if edge.operation == "skip_connect" and not (edge.reduction and edge.source < 2):
            assert edge.norms.tolist() == edge.gains.tolist() == [1, 1, 1]
            assert edge.residuals.tolist() == edge.gain_errors.tolist() == [0, 0, 0]
    edges = len(network.cells[0].operations)
    places = [(edge.cell, edge.edge) for edge in found]
    assert places == [(cell, edge) for cell in range(3) for edge in range(edges - 2)]
    assert {edge.node for edge in found} == set(range(2, 2 + edges // 2 - 1))


def test_an_edge_depends_on_its_image_alone():
    images = cases.random_batch(3)[0]
    network = cases.small_network()
    together = edge_norms(network, images, tolerance=1e-8, steps=400)
    fewer = edge_norms(network, images[:2], tolerance=1e-8, steps=400)
    for edge, other in zip(together, fewer, strict=True):
        np.testing.assert_allclose(edge.norms[:2], other.norms, rtol=1e-8)
        np.testing.assert_allclose(edge.gains[:2], other.gains, rtol=1e-8)
