"""Objectives compared with autograd: derivatives and certified curvature."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd.functional import hessian, jacobian

from nascope._src.theory.linear import symmetric_norm
from nascope._src.theory.objectives import OBJECTIVES, SoftmaxCrossEntropy, select_cell
from tests.theory.draws import BATCH, CELLS, INSTANCES, SIZE, draw


@pytest.mark.parametrize("name", OBJECTIVES)
def test_derivatives_of_objectives(name):
    _, objective, _ = draw(CELLS["widest"], name)
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
    _, objective, _ = draw(CELLS["widest"], name, batch=20)
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


def test_a_saturated_softmax_keeps_its_gradient():
    classifier = torch.eye(2, dtype=torch.float64).unsqueeze(0)
    objective = SoftmaxCrossEntropy(classifier, torch.zeros(1, 1, dtype=torch.long))
    z = torch.tensor([40.0, 0.0], dtype=torch.float64).view(1, 1, 1, 2)
    other = np.exp(-40)  # the probability of the class that is not the label's
    assert float(objective.value(z)) == pytest.approx(other, rel=1e-12)
    assert objective.gradient(z).flatten().tolist() == pytest.approx([-other, other], rel=1e-12)
