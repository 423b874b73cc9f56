"""The radius of a grid by a rule, on losses whose crossing is known in closed form."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from nascope._src.errors import ProbeError
from nascope._src.probes.directions import random_directions
from nascope._src.probes.radius import fit_radius
from nascope._src.probes.risk import Risk

PRECISION = 2 ** (1 / 32) - 1 + 0.005  # of the bisection and of rounding to two digits


def risk_of(loss, *optimum):
    """A risk whose loss is a function of the weights' distance from the optimum w*, in float64."""
    model = nn.Linear(len(optimum), 1, bias=False).double()
    best = torch.tensor([optimum], dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(best)

    def batch_loss(model, batch):
        return loss(model.weight - best).expand(len(batch)) + 0 * model(batch)[:, 0]

    return Risk(model, torch.ones(3, len(optimum)).double(), batch_loss=batch_loss)


def along(*rows):
    return [{"weight": torch.tensor([row], dtype=torch.float64)} for row in rows]


def square(gap):
    return gap.square().sum()


@pytest.mark.parametrize(
    ("directions", "radius"),
    [
        (along((1.0, 0.0), (0.0, 1.0)), 5.0),  # R² = 3² + 4²
        (along((0.6, 0.8)), 5.0),
        (along((60.0, 80.0)), 0.05),
        (along((3.0, 0.0), (0.0, 1.0)), 5.0**0.5),  # (9 R² + R²) / 2 = 25
        (along((6e-4, 8e-4)), 5000.0),
    ],
)
def test_the_loss_at_the_radius_is_that_of_weights_of_0(directions, radius):
    for offset in (0.0, -100.0):  # the rule needs no positive loss
        found = fit_radius(risk_of(lambda gap, o=offset: square(gap) + o, 3.0, 4.0), directions)
        assert found.level == 25.0 + offset
        assert found.radius == pytest.approx(radius, rel=PRECISION)
        assert found.radius == float(f"{found.radius:.2g}")


def test_it_is_the_mean_over_both_signs():
    skewed = risk_of(lambda gap: square(gap) * torch.where(gap > 0, 7.0, 1.0).mean(), 2.0)
    assert fit_radius(skewed, along((1.0,))).radius == pytest.approx(1.0, rel=PRECISION)  # 8 R² / 2


def test_a_loss_that_is_not_finite_is_above_the_level():
    walled = risk_of(lambda gap: square(gap) + torch.where(gap > 0.3, math.nan, 0.0).sum(), 3.0)
    assert fit_radius(walled, along((1.0,))).radius == pytest.approx(0.3, rel=PRECISION)


def test_a_classifier_rises_to_the_loss_of_a_uniform_guess():
    inputs = torch.eye(3).double()
    model = nn.Linear(3, 3).double()
    with torch.no_grad():
        model.weight.copy_(5 * inputs)
    risk = Risk(model, inputs, torch.arange(3), batch_size=2)
    directions = random_directions(risk.origin, 2, seed=3, normalise="layer")
    found = fit_radius(risk, directions)
    assert found.level == pytest.approx(math.log(3), rel=1e-12)
    assert found == fit_radius(risk, directions, workers=2)

    def mean_loss(radius):
        losses = []
        for direction in directions:
            for signed in (radius, -radius):
                moved = {n: (w + signed * direction[n]).numpy() for n, w in risk.origin.items()}
                logits = moved["weight"].T + moved["bias"]  # (instances, classes)
                losses.append(np.log(np.exp(logits).sum(axis=1)) - logits.diagonal())
        return np.mean(losses)

    assert mean_loss(found.radius / (1 + PRECISION)) < math.log(3)
    assert mean_loss(found.radius * (1 + PRECISION)) > math.log(3)
    assert risk.loss() == pytest.approx(mean_loss(0.0), rel=1e-12)  # it is back at w*


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda gap: -square(gap), "expected a loss .* above 0, .* but got -9"),
        (lambda gap: square(gap) / (gap + 3).abs().sum().sign(), "above 0, .* but got inf"),
        (lambda gap: square(gap).tanh() / (1 + (gap + 3).sign().abs().sum()), "to cross 1,.* 5.2e"),
    ],
)  # fmt: skip
def test_without_a_crossing_it_asks_for_a_number(loss, message):
    with pytest.raises(ProbeError, match=f"{message}.*give a number"):
        fit_radius(risk_of(loss, 3.0), along((1.0,)))


def test_weights_that_are_not_finite_have_no_radius():
    with pytest.raises(ProbeError, match="expected finite weights for auto.*give a number"):
        fit_radius(risk_of(square, math.nan), along((1.0,)))


def test_all_parts_of_a_grid_use_the_radius_that_was_kept(tmp_path):
    near, far = risk_of(square, 1.0), risk_of(square, 2.0)
    first = fit_radius(near, along((1.0,)), chunks=tmp_path)
    assert fit_radius(far, along((1.0,)), chunks=tmp_path) == first
    assert fit_radius(far, along((1.0,))) != first
