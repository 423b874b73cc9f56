"""Per-instance gradients of models that are not networks of cells: which method, and what it refuses."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from nascope._src.cells.catalog import load as load_cell
from nascope._src.errors import ProbeError
from nascope._src.probes import per_instance
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import (
    compute_gradient_variance,
    measure_gradient_variance,
)
from nascope._src.probes.grid import Grid
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.per_instance import choose_method, gradient_norms
from nascope._src.probes.risk import Risk
from tests import cases
from tests.probes.checks import CENTRE, assert_agrees


def test_gradient_norms():
    images, labels = cases.random_batch(7)
    risk = Risk(cases.small_network(), images, labels, batch_size=3)
    found = gradient_norms(risk)
    for index in range(7):
        _, gradient = risk.gradient(slice(index, index + 1))
        norm = torch.cat([value.flatten() for value in gradient.values()]).norm()
        assert found[index].item() == pytest.approx(norm.item(), rel=1e-9)
    variance = compute_gradient_variance(
        risk, random_directions(risk.origin, 2, seed=0), Grid((0.0,), (0.0,))
    )
    second_moment = variance["variance"].item() + variance["mean_gradient_norm"].item() ** 2
    assert found.square().mean().item() == pytest.approx(second_moment, rel=1e-9)


class Scaled(nn.Module):
    """A model with a parameter that belongs to no layer, and a layer called twice."""

    def __init__(self, own: bool) -> None:
        super().__init__()
        self.first, self.twice = nn.Linear(6, 6), nn.Linear(6, 6)
        self.scale = nn.Parameter(torch.tensor(1.5)) if own else 1.5
        self.last = nn.Linear(6, 3, bias=False)

    def forward(self, x):
        x = self.twice(torch.tanh(self.twice(torch.tanh(self.first(x)))))
        return self.last(x * self.scale)


@pytest.mark.parametrize(("own", "method"), [(False, "layerwise"), (True, "vmap")])
def test_shared_layers_and_free_parameters(own, method):
    torch.manual_seed(0)
    x, y = torch.randn(9, 6, dtype=torch.float64), torch.arange(9) % 3
    assert_agrees(Scaled(own).double(), x, y, method=method)


def test_a_weight_shared_by_two_layers_and_an_unused_layer():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 3))
    model[2].weight = model[0].weight
    x, y = torch.randn(9, 5).double(), torch.arange(9) % 3
    assert_agrees(model.double(), x, y)
    assert_agrees(Holder(model, nn.Linear(2, 2)).double(), x, y)


class Holder(nn.Module):
    """Uses the first of its modules only."""

    def __init__(self, used: nn.Module, unused: nn.Module) -> None:
        super().__init__()
        self.used, self.unused = used, unused

    def forward(self, x):
        return self.used(x)


def test_layers_of_other_kinds_go_to_vmap():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Bilinear(4, 4, 5), nn.Linear(5, 3))
    model = nn.Sequential(Twice(model[0]), model[1]).double()
    x, y = torch.randn(5, 4).double(), torch.arange(5) % 3
    assert_agrees(model, x, y, method="vmap")
    assert "Bilinear" in choose_method(Risk(model, x, y)).why


class Twice(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x, x)


class Lying(nn.Linear):
    """A layer of a known kind that computes something else."""

    def forward(self, x):
        return super().forward(x) + self.weight.sum()


def test_a_layer_that_computes_something_else_is_found_out():
    torch.manual_seed(0)
    model = nn.Sequential(Lying(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    x, y = torch.randn(5, 4).double(), torch.arange(5) % 3
    assert_agrees(model, x, y, method="vmap")
    assert "disagrees" in choose_method(Risk(model, x, y)).why


def test_recurrent_layers():
    """torch's kernels for them can't be mapped over instances."""

    class Recurrent(nn.Module):
        def __init__(self, kind):
            super().__init__()
            self.inner, self.last = kind(3, 4, batch_first=True), nn.Linear(4, 3)

        def forward(self, x):
            return self.last(self.inner(x)[0][:, -1])

    torch.manual_seed(0)
    x, y = torch.randn(7, 5, 3).double(), torch.arange(7) % 3
    for kind in (nn.LSTM, nn.GRU):
        assert_agrees(Recurrent(kind).double(), x, y, method="loop")


def test_parameters_that_share_their_gradients():
    class Added(nn.Module):
        def __init__(self):
            super().__init__()
            self.w, self.u = nn.Parameter(torch.randn(3, 6)), nn.Parameter(torch.randn(3, 6))

        def forward(self, x):
            return functional.linear(x, self.w + self.u)

    torch.manual_seed(0)
    x, y = torch.randn(9, 6).double(), torch.arange(9) % 3
    assert_agrees(Added().double(), x, y, method="vmap")


def test_any_loss():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x, y = torch.randn(7, 3).double(), torch.randn(7, 2).double()
    assert_agrees(model, x, y, loss=lambda out, target: (out - target).square().sum(dim=1))
    risk = Risk(model, x, y, loss=lambda out, target: (out - target).abs().sum(dim=1))
    found = compute_landscape(risk, random_directions(risk.origin, 2, seed=0), Grid.square(3))
    assert np.isfinite(found["loss"]).all()
    assert np.isnan(found["accuracy"]).all()


class Mixing(nn.Module):
    """Subtracts the batch's mean: instances interact."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        return self.layer(x - x.mean(dim=0))


def test_interacting_instances_are_refused():
    x, y = torch.randn(8, 4), torch.zeros(8, dtype=torch.long)
    risk = Risk(Mixing(), x, y)
    directions = random_directions(risk.origin, 2, seed=0)
    with pytest.raises(ProbeError, match="depends on the others in its batch"):
        compute_gradient_variance(risk, directions, CENTRE)
    assert np.isfinite(compute_landscape(risk, directions, CENTRE)["loss"]).all()
    normed = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    risk = Risk(normed, x, y, batchnorm="batch")
    with pytest.raises(ProbeError, match="with batchnorm 'batch'"):
        compute_gradient_variance(risk, random_directions(risk.origin, 2, seed=0), CENTRE)


def test_a_method_that_does_not_exist_is_refused():
    risk = Risk(nn.Linear(4, 3), torch.randn(4, 4), torch.zeros(4, dtype=torch.long))
    with pytest.raises(ProbeError, match="method must be layerwise, vmap or loop, not 'guess'"):
        compute_gradient_variance(risk, [risk.origin] * 2, CENTRE, method="guess")


class Switching(nn.Module):
    """Uses a weight a second time, as a function, wherever it has moved away from w*."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 3)
        self.start = float(self.first.weight.detach()[0, 0])

    def forward(self, x):
        moved = (self.first.weight[0, 0] - self.start).abs() > 0.01
        extra = functional.linear(x.square(), self.first.weight).sum(dim=1, keepdim=True)
        out = self.last(torch.tanh(self.first(x)))
        return out + torch.where(moved, extra, 0.0) * torch.arange(3)


def test_a_fault_away_from_the_weights_starts_the_next_method(tmp_path, monkeypatch):
    """All points are computed again, and nothing that the wrong method kept is used."""
    monkeypatch.setattr(per_instance, "_ONE_IN", 1)
    torch.manual_seed(0)
    x, y = torch.randn(9, 4).double(), torch.arange(9) % 3
    risk = Risk(Switching().double(), x, y, batch_size=4)
    assert choose_method(risk).name == "layerwise"
    directions = random_directions(risk.origin, 1, seed=0, one_dimensional="scale")
    grid = Grid((0.0, 0.5))
    with pytest.warns(match="torch.func.vmap, which takes"):
        found, method = measure_gradient_variance(risk, directions, grid, chunks=tmp_path)
    assert (method.name, "gradient of a batch" in method.why) == ("vmap", True)
    exact = compute_gradient_variance(risk, directions, grid, method="loop")
    np.testing.assert_allclose(found["variance"], exact["variance"], rtol=1e-9)
    with pytest.raises(per_instance.WrongGradients):
        compute_gradient_variance(risk, directions, grid, method="layerwise")


def test_rounding_far_from_the_weights_is_no_fault(monkeypatch):
    """In float32, ways to compute a loss of 10⁶ differ; in float64 they agree."""
    monkeypatch.setattr(per_instance, "_ONE_IN", 1)
    compared = []
    inner = per_instance.disagreement

    def watched(sums, expected, squares=None):
        compared.append(next(iter(expected.values())).dtype)
        return "stem" if compared[-1] == torch.float32 else inner(sums, expected, squares)

    monkeypatch.setattr(per_instance, "disagreement", watched)
    images, labels = cases.random_batch(4)
    risk = Risk(cases.small_network(load_cell("DARTS")).float(), images.float(), labels)
    directions = random_directions(risk.origin, 1, seed=0)
    _, method = measure_gradient_variance(risk, directions, Grid((0.0, 5.0)))
    assert method.name == "layerwise"
    assert compared.count(torch.float64) >= 3


def test_each_batch_is_checked_once_and_then_at_random(monkeypatch):
    torch.manual_seed(0)
    x, y = torch.randn(8, 4), torch.arange(8) % 3
    risk = Risk(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3)), x, y, batch_size=2)
    checked = []
    inner = per_instance.checked_gradients

    def watched(risk, method, part, receive):
        checked.append(part.start)
        return inner(risk, method, part, receive)

    monkeypatch.setattr(per_instance, "checked_gradients", watched)
    directions = random_directions(risk.origin, 2, seed=0)
    compute_gradient_variance(risk, directions, Grid.square(3))
    assert sorted(checked[:4]) == [0, 2, 4, 6]
    assert 4 <= len(checked) <= 4 + 4  # 32 more visits, one in 64 of them drawn
