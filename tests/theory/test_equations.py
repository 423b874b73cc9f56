"""Equations 1 to 4 compared with autograd."""

from __future__ import annotations

import pytest
import torch

from nascope._src.theory.equations import (
    equation_errors,
    instance_gradients,
    narrowest_gradient,
    narrowest_gradient_by_widest,
    widest_gradient,
)
from nascope._src.theory.objectives import OBJECTIVES
from tests.theory.draws import CELLS, draw


@pytest.mark.parametrize("name", OBJECTIVES)
def test_equations_one_to_four(name):
    weights, objective, x = draw(CELLS["narrowest"], name, batch=20)
    errors = equation_errors(weights, objective, x)
    assert all(errors[number][0] < 1e-7 for number in ("1", "2", "4"))
    assert errors["4 at W"][1] > 0.1  # the form that the published proof uses next


def test_a_wrong_equation_is_noticed():
    cell = CELLS["narrowest"]
    weights, objective, x = draw(cell, "coupled quadratic")
    true = instance_gradients(cell, weights, objective, x)
    at_effective = widest_gradient(cell.maps(weights).effective, objective, x)
    torch.testing.assert_close(narrowest_gradient(weights, objective, x), true)
    torch.testing.assert_close(narrowest_gradient_by_widest(weights, at_effective), true)
    transposed = narrowest_gradient_by_widest(weights.mT, at_effective)
    assert not torch.allclose(transposed, true, rtol=1e-3)
