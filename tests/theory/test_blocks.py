"""Objectives, block-wise curvature and variance, and certified constants against autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd.functional import hessian, jacobian

from nascope._src.theory.blocks import Blocks, constants
from nascope._src.theory.equations import (
    equation_errors,
    instance_gradients,
    narrowest_gradient,
    narrowest_gradient_by_widest,
    widest_gradient,
)
from nascope._src.theory.linear import LinearCell, random_weights, spectral_norm, symmetric_norm
from nascope._src.theory.objectives import OBJECTIVES, Shape, SoftmaxCrossEntropy, select_cell

SIZE, BATCH, INSTANCES = 2, 2, 3
CELLS = {
    "widest": LinearCell.widest(3),
    "narrowest": LinearCell.narrowest(3),
    "two inputs": LinearCell.random(3, np.random.default_rng(0), inputs=2, in_degree=2),
    "an output": LinearCell(((0, 1), (1, 2), (0, 3)), outputs=(2,)),
}


def drawn(cell, objective, *, scale=1.3, batch=BATCH, seed=0):
    generator = np.random.default_rng(seed)
    shape = Shape(batch, INSTANCES, len(cell.outputs), SIZE)
    weights = random_weights(cell, batch, SIZE, scale, generator)
    x = torch.from_numpy(generator.standard_normal((batch, INSTANCES, cell.inputs * SIZE)))
    return weights, OBJECTIVES[objective](shape, generator), x


@pytest.mark.parametrize("name", OBJECTIVES)
def test_derivatives_of_objectives(name):
    _, objective, _ = drawn(CELLS["widest"], name)
    z = torch.randn(BATCH, INSTANCES, 3, SIZE, dtype=torch.float64)
    for b in range(BATCH):
        own = select_cell(objective, b)
        found = jacobian(own.value, z[b])
        torch.testing.assert_close(objective.gradient(z)[b], torch.einsum("nnki->nki", found))
        second = hessian(lambda z, own=own: own.value(z).sum(), z[b])
        for n in range(INSTANCES):
            torch.testing.assert_close(
                objective.hessian(z)[b, n], second[n, :, :, n].reshape(3 * SIZE, 3 * SIZE)
            )


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_curvature_is_certified_over_all_outputs(name, scale):
    _, objective, _ = drawn(CELLS["widest"], name, batch=20)
    z = scale * torch.randn(20, INSTANCES, 3, SIZE, dtype=torch.float64)
    directions = torch.randn(20, 3 * SIZE, 2, dtype=torch.float64)
    met = directions.mT.unsqueeze(1) @ objective.hessian(z) @ directions.unsqueeze(1)
    certified = objective.curvature(directions)
    ratios = symmetric_norm(met).amax(1) / certified
    assert (ratios <= 1 + 1e-9).all()
    if objective.exact:
        torch.testing.assert_close(ratios, torch.ones_like(ratios))


def test_softmax_curvature_is_attained():
    classifier = torch.eye(4, dtype=torch.float64).unsqueeze(0)
    objective = SoftmaxCrossEntropy(classifier, torch.zeros(1, 1, dtype=torch.long))
    z = torch.tensor([50.0, 50.0, 0.0, 0.0], dtype=torch.float64).view(1, 1, 2, 2)
    certified = objective.curvature(torch.eye(4, dtype=torch.float64).unsqueeze(0))
    assert float(symmetric_norm(objective.hessian(z))) == pytest.approx(float(certified))


def test_saturated_softmax_keeps_its_digits():
    classifier = torch.eye(2, dtype=torch.float64).unsqueeze(0)
    objective = SoftmaxCrossEntropy(classifier, torch.zeros(1, 1, dtype=torch.long))
    z = torch.tensor([40.0, 0.0], dtype=torch.float64).view(1, 1, 1, 2)
    expected = 2 * np.exp(-40)  # 2 p₁ p₂
    assert float(symmetric_norm(objective.hessian(z))) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_blocks_are_what_autograd_finds(cell, name):
    weights, objective, x = drawn(cell, name)
    blocks = Blocks(cell, weights, objective, x)
    outputs, width = len(cell.outputs), SIZE * SIZE * cell.inputs
    for b in range(BATCH):
        own, inputs = select_cell(objective, b), x[b]

        def losses(weights, own=own, inputs=inputs):
            return own.value(cell.forward(weights, inputs))

        def wide(effective, own=own, inputs=inputs):
            return own.value(torch.einsum("kij,nj->nki", effective, inputs))

        second = hessian(lambda weights, f=losses: f(weights).mean(), weights[b])
        found = [symmetric_norm(second[e, :, :, e].reshape(4, 4)) for e in range(len(cell.edges))]
        torch.testing.assert_close(blocks.curvatures[b], torch.stack(found))
        effective = cell.maps(weights[b]).effective
        second = hessian(lambda effective, f=wide: f(effective).mean(), effective)
        flat = second.reshape(outputs, width, outputs, width)
        couplings = [[spectral_norm(flat[k, :, m]) for m in range(outputs)] for k in range(outputs)]
        torch.testing.assert_close(blocks.couplings[b], torch.tensor(couplings))
        torch.testing.assert_close(blocks.wide_curvatures[b], blocks.couplings[b].diagonal())
        for e, reached in enumerate(cell.reached()):
            part = flat[reached][:, :, reached].reshape(
                int(reached.sum()) * width, int(reached.sum()) * width
            )
            expected = symmetric_norm(part) if reached.any() else torch.zeros(()).double()
            torch.testing.assert_close(blocks.joint_curvatures[b, e], expected)
        for function, at, variances in (
            (losses, weights[b], blocks.variances),
            (wide, effective, blocks.wide_variances),
        ):
            each = jacobian(function, at)
            expected = (each - each.mean(0)).square().sum((-2, -1)).mean(0)
            torch.testing.assert_close(variances[b], expected)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_constants_hold_for_every_value_of_the_block(cell, name):
    weights, objective, x = drawn(cell, name, batch=30)
    certified = constants(cell, weights, objective, x)
    for edge in range(len(cell.edges)):
        moved, further = weights.clone(), weights.clone()
        moved[:, edge] = 3 * torch.randn(30, SIZE, SIZE, dtype=torch.float64)
        further[:, edge] = moved[:, edge] + torch.randn(30, SIZE, SIZE, dtype=torch.float64)
        met = Blocks(cell, moved, objective, x).curvatures[:, edge]
        allowed = certified.blocks[:, edge]
        assert (met <= allowed * (1 + 1e-9)).all()
        if objective.exact:
            torch.testing.assert_close(met, allowed)
        gradients = [
            instance_gradients(cell, own, objective, x).mean(1)[:, edge] for own in (moved, further)
        ]
        change = (gradients[1] - gradients[0]).flatten(1).norm(dim=1)
        distance = (further - moved)[:, edge].flatten(1).norm(dim=1)
        assert (change <= allowed * distance * (1 + 1e-9) + 1e-12).all()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_equations_one_to_four(name):
    weights, objective, x = drawn(CELLS["narrowest"], name, batch=20)
    errors = equation_errors(weights, objective, x)
    assert all(errors[number][0] < 1e-7 for number in ("1", "2", "4"))
    assert errors["4 at W"][1] > 0.1  # what the published proof goes on with


def test_a_wrong_equation_is_noticed():
    cell = CELLS["narrowest"]
    weights, objective, x = drawn(cell, "coupled quadratic")
    true = instance_gradients(cell, weights, objective, x)
    at_effective = widest_gradient(cell.maps(weights).effective, objective, x)
    torch.testing.assert_close(narrowest_gradient(weights, objective, x), true)
    torch.testing.assert_close(narrowest_gradient_by_widest(weights, at_effective), true)
    transposed = narrowest_gradient_by_widest(weights.mT, at_effective)
    assert not torch.allclose(transposed, true, rtol=1e-3)


def test_a_saturated_softmax_keeps_its_gradient():
    classifier = torch.eye(2, dtype=torch.float64).unsqueeze(0)
    objective = SoftmaxCrossEntropy(classifier, torch.zeros(1, 1, dtype=torch.long))
    z = torch.tensor([40.0, 0.0], dtype=torch.float64).view(1, 1, 1, 2)
    other = np.exp(-40)  # the probability of the class that is not the label's
    assert float(objective.value(z)) == pytest.approx(other, rel=1e-12)
    assert objective.gradient(z).flatten().tolist() == pytest.approx([-other, other], rel=1e-12)
