"""Theorem 4.1's bound beside plain SGD, and the sweep of narrow beside wide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nascope._src.errors import TheoryError
from nascope._src.theory.blocks import Blocks
from nascope._src.theory.linear import LinearCell, random_weights
from nascope._src.theory.objectives import OBJECTIVES, Shape, one_of
from nascope._src.theory.sweeping import KINDS as MATRICES
from nascope._src.theory.sweeping import Setting, compare, settings, sweep
from nascope._src.theory.theorem_4_1 import (
    CELLS,
    KINDS,
    Descent,
    _descend,
    _Problem,
    check_convergence,
)


@pytest.fixture(scope="module")
def descents():
    return check_convergence(runs=8, steps=40, workers=2)


def test_the_bound_holds_where_its_premise_does(descents):
    assert [(one.objective, one.cell) for one in descents] == [
        (objective, cell) for objective in KINDS for cell in CELLS
    ]
    for one in descents:
        assert 0.2 < one.rate * one.lipschitz <= 0.51
        assert one.premise
        assert one.holds
        assert one.gap > 0


def test_a_bound_without_its_terms_would_not_hold(descents):
    """Either term is needed somewhere: the noise, and the way down."""
    assert any(not replace(one, noise=0.0, gap=one.gap / 20).holds for one in descents)
    long = check_convergence(runs=4, steps=300, workers=2, kinds=("softmax cross-entropy",))
    noisy = [replace(one, noise=0.0) for one in long]
    assert all(one.holds for one in long)
    assert any(not one.holds for one in noisy)


def problem(kind, cell, seed=0):
    generator = np.random.default_rng(seed)
    objective = one_of(OBJECTIVES[kind](Shape(1, 5, 3, 2), generator), 0)
    x = torch.from_numpy(generator.standard_normal((5, 2)))
    return _Problem(cell, objective, x), objective, x, generator


@pytest.mark.parametrize("kind", KINDS)
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
    with pytest.raises(TheoryError, match="needs 2 runs"):
        check_convergence(**bad)


def test_premise_and_bound_are_the_theorems():
    one = Descent("widest", "quadratic", 0.1, 50, 4, 5.0, 2.0, 3.0, 2.1, 0.2)
    assert one.premise
    assert not replace(one, lipschitz=10.0).premise
    assert one.bound == pytest.approx(2 * 3 / 5 + 5 * 2 * 0.1)
    assert one.holds
    assert not replace(one, measured=2.5).holds


SETTING = Setting("coupled quadratic", "gaussian", 4, 4, 3, 0.5)


def test_a_cell_is_compared_with_the_widest_of_its_matrices(monkeypatch):
    seen = []

    def recorded(*arguments):
        seen.append(Blocks(*arguments))
        return seen[-1]

    monkeypatch.setattr("nascope._src.theory.sweeping.Blocks", recorded)
    found = compare(SETTING, cells=20)
    narrow, wide = seen
    assert wide.cell == LinearCell.widest(4)
    assert narrow.cell == LinearCell.narrowest(4)
    assert narrow.weights is wide.weights
    ratios = (narrow.curvatures / wide.curvatures).numpy()
    assert found.curvature[2][1] == pytest.approx(np.median(ratios[:, 2]))
    assert found.smoother[3] == (ratios[:, 3] < 1).mean()
    totals = narrow.variances.sum(1) / wide.variances.sum(1)
    assert found.total_variance[1] == pytest.approx(np.median(totals.numpy()))
    assert all(
        max(own) <= 1 + 1e-9 for name, own in found.bounds.items() if "published" not in name
    )


def test_the_claim_holds_where_matrices_amplify_and_reverses_where_they_shrink():
    shrinking = compare(replace(SETTING, kind="orthogonal", scale=0.25), cells=30)
    assert shrinking.smoother[1:] == (1.0, 1.0, 1.0)
    assert shrinking.quieter[3] == 1.0
    assert shrinking.total_variance[1] < 1
    amplifying = compare(replace(SETTING, kind="orthogonal", scale=4.0), cells=30)
    assert amplifying.smoother == (0.0, 0.0, 0.0, 0.0)
    assert amplifying.total_variance[1] > 100
    assert amplifying.bounds["curvature: as published"][0] > 1


def test_the_widest_cell_is_itself():
    same = compare(replace(SETTING, depth=1), cells=5)
    assert set(np.ravel(same.curvature)) == set(np.ravel(same.variance)) == {1.0}
    assert same.smoother == same.quieter == (0.0,) * 4


def test_the_sweep_covers_what_it_names_and_repeats(monkeypatch):
    every = settings()
    assert len(set(every)) == len(every)
    assert {setting.kind for setting in every} == set(MATRICES)
    monkeypatch.setattr("nascope._src.theory.sweeping.settings", lambda: every[::40])
    assert sweep(cells=3) == sweep(cells=3, workers=2)
    assert sweep(cells=3, seed=1) != sweep(cells=3)
    with pytest.raises(TheoryError, match="at least 1"):
        sweep(cells=0)
