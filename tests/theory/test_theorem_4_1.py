"""Theorem 4.1's bound compared with plain SGD."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nascope._src.errors import TheoryError
from nascope._src.theory.linear import LinearCell, random_weights
from nascope._src.theory.objectives import OBJECTIVES, Shape, select_cell
from nascope._src.theory.theorem_4_1 import (
    CELLS,
    DESCENT_OBJECTIVES,
    _descend,
    _Problem,
    check_convergence,
)


@pytest.fixture(scope="module")
def descents():
    return check_convergence(runs=8, steps=40, workers=2)


def test_the_bound_holds_where_its_premise_does(descents):
    assert [(descent.objective, descent.cell) for descent in descents] == [
        (objective, cell) for objective in DESCENT_OBJECTIVES for cell in CELLS
    ]
    for descent in descents:
        assert 0.2 < descent.rate * descent.lipschitz <= 0.51
        assert descent.premise
        assert descent.holds
        assert descent.gap > 0


def test_a_bound_without_its_terms_would_not_hold(descents):
    """Either term is needed somewhere: the noise, and the way down."""
    assert any(not replace(descent, noise=0.0, gap=descent.gap / 20).holds for descent in descents)
    long = check_convergence(runs=4, steps=300, workers=2, objectives=("softmax cross-entropy",))
    noisy = [replace(descent, noise=0.0) for descent in long]
    assert all(descent.holds for descent in long)
    assert any(not descent.holds for descent in noisy)


def problem(kind, cell, seed=0):
    generator = np.random.default_rng(seed)
    objective = select_cell(OBJECTIVES[kind](Shape(1, 5, 3, 2), generator), 0)
    x = torch.from_numpy(generator.standard_normal((5, 2)))
    return _Problem(cell, objective, x), objective, x, generator


@pytest.mark.parametrize("kind", DESCENT_OBJECTIVES)
def test_sgd_is_sgd(kind):
    cell = LinearCell.narrowest(3)
    made, objective, x, generator = problem(kind, cell)
    start = random_weights(cell, 1, 2, 1.0, generator)
    draws = torch.tensor([[0, 3, 3, 1], [2, 2, 4, 0]])
    path = _descend(made, start, 0.01, draws, 1e9)
    for run in range(2):
        weights = start[0].clone().requires_grad_()
        total = 0.0
        for drawn in draws[run]:
            (mean,) = torch.autograd.grad(objective.value(cell.forward(weights, x)).mean(), weights)
            (own,) = torch.autograd.grad(objective.value(cell.forward(weights, x))[drawn], weights)
            total += float(mean.square().sum()) / 4
            weights = (weights - 0.01 * own).detach().requires_grad_()
        assert float(path.squares[run]) == pytest.approx(total)
    hessian = torch.autograd.functional.hessian(
        lambda weights: objective.value(cell.forward(weights, x)).mean(), start[0]
    ).reshape(12, 12)
    norm = float(torch.linalg.eigvalsh(hessian).abs().max())
    assert float(made.smoothness(start)) == pytest.approx(norm)
    assert path.lipschitz >= norm * (1 - 1e-9)
    assert _descend(made, start, 0.01, draws, norm * 0.5) is None


def test_the_least_value_is_a_lower_bound_and_attained_by_the_widest():
    cell = LinearCell.widest(3)
    made, objective, x, generator = problem("coupled quadratic", cell)
    weights = random_weights(cell, 1, 2, 1.0, generator)[0].requires_grad_()
    optimiser = torch.optim.LBFGS(
        [weights], max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-12
    )

    def closure():
        optimiser.zero_grad()
        loss = objective.value(cell.forward(weights, x)).mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    least = float(closure().detach())
    assert least == pytest.approx(made.least, abs=1e-6)
    assert least >= made.least - 1e-12


@pytest.mark.parametrize("bad", [{"runs": 1}, {"steps": 0}, {"share": 0.0}])
def test_senseless_runs_are_refused(bad):
    with pytest.raises(TheoryError, match="at least 2 runs"):
        check_convergence(**bad)
