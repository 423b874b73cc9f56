"""The losses on a path and in its plane, against float64 arithmetic by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from nascope._src.probes.directions import trajectory_plane
from nascope._src.probes.path import measure_path
from nascope._src.probes.risk import Risk


@pytest.fixture
def risk():
    """The loss of w ∈ R⁴ is Σ_k k w_k⁴ around w* = (1, 1, 1, 1)."""
    model = nn.Linear(4, 1, bias=False).double()
    nn.init.ones_(model.weight)

    def quartic(model, batch):
        powers = (model.weight[0] - 1) ** 4 @ torch.arange(1.0, 5.0).double()
        return powers.expand(len(batch)) + 0 * model(batch)[:, 0]

    return Risk(model, torch.ones(3, 4).double(), batch_loss=quartic)


def weights(*rows):
    return [{"weight": 1 + torch.tensor([row], dtype=torch.float64)} for row in rows]


def test_losses_and_shares_of_each_step(risk):
    steps = np.array([[3.0, 4.0, 0.0, 0.0], [0.0, 1.0, 0.5, 0.2], [0.0, 0.0, 0.0, 0.1], [0.0] * 4])
    plane = trajectory_plane(risk.origin, weights(*steps.tolist()))
    _, _, rows = np.linalg.svd(steps)
    projected = steps @ rows[:2].T @ rows[:2]
    scales = np.arange(1, 5)
    for workers in (1, 2):
        found = measure_path(risk, plane, workers=workers)
        np.testing.assert_allclose(found["path_loss"], steps**4 @ scales, rtol=1e-12)
        np.testing.assert_allclose(found["projected_loss"], projected**4 @ scales, atol=1e-12)
    shares = (projected[:3] ** 2).sum(axis=1) / (steps[:3] ** 2).sum(axis=1)
    np.testing.assert_allclose(plane.explained_by_step, [*shares, 1.0], rtol=1e-9)
    assert plane.explained.sum() == pytest.approx((projected**2).sum() / (steps**2).sum())
    assert risk.loss() == 0.0  # it is back at w*


def test_a_path_in_a_plane_is_shown_as_it_is(risk):
    plane = trajectory_plane(
        risk.origin, weights((1.0, 0, 2.0, 0), (0, 1.0, 0, 0), (2.0, 3.0, 4.0, 0))
    )
    found = measure_path(risk, plane)
    np.testing.assert_allclose(found["projected_loss"], found["path_loss"], rtol=1e-9)
    np.testing.assert_allclose(plane.explained_by_step, 1.0)
