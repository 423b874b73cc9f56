"""Probes of models that are no networks of cells: layers of every kind, sharing, refusals."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from nascope._src.errors import ProbeError
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import compute_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.hessian import eigenvalues
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.per_instance import choose_method
from nascope._src.probes.risk import Risk
from tests import reference

CENTRE = Grid((0.0,), (0.0,))


def assert_agrees(model, x, y, loss=None, method="layerwise"):
    """Gradient variance against single instances by plain autograd; which method was chosen."""
    risk = Risk(model, x, y, batch_size=4, **({"loss": loss} if loss else {}))
    chosen = choose_method(risk)
    assert chosen.name == method, chosen.why
    directions = random_directions(risk.origin, 2, seed=0)
    found = compute_gradient_variance(risk, directions, CENTRE)
    model = model.eval()
    loss = loss or (lambda out, target: functional.cross_entropy(out, target, reduction="none"))
    variance, norm, mean = reference.gradient_moments(
        lambda k: loss(model(x[k : k + 1]), y[k : k + 1])[0], list(model.parameters()), len(x)
    )
    got = [found[key].item() for key in ("variance", "mean_gradient_norm", "loss")]
    assert got == pytest.approx([variance, norm, mean], rel=1e-7, abs=1e-12)


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


class Tail(nn.Module):
    """Mean over positions, then a linear layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, 3)

    def forward(self, x):
        return self.linear(x.flatten(2).mean(dim=2))


@st.composite
def convolutions(draw):
    """A convolution of any kind that we know, and the channels and norm after it."""
    groups = draw(st.sampled_from([1, 2, 4]))
    channels_in = groups * draw(st.integers(1, 2))
    channels_out = groups * draw(st.integers(1, 2))
    padding = draw(st.sampled_from([0, 1, 2, "same", "valid"]))
    module = nn.Conv2d(
        channels_in,
        channels_out,
        (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        stride=1 if padding == "same" else (draw(st.integers(1, 3)), draw(st.integers(1, 2))),
        padding=padding,
        dilation=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=draw(st.sampled_from(["zeros", "reflect", "circular", "replicate"])),
    )
    norm = draw(
        st.sampled_from(
            [
                nn.Identity(),
                nn.BatchNorm2d(channels_out),
                nn.BatchNorm2d(channels_out, affine=False),
                nn.GroupNorm(groups, channels_out),
                nn.GroupNorm(1, channels_out, affine=False),
            ]
        )
    )
    return module, norm, channels_in, channels_out


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@settings(max_examples=60, deadline=None)
@given(convolutions(), st.integers(0, 10**6))
def test_random_convolutional_networks(drawn, seed):
    torch.manual_seed(seed)
    module, norm, channels_in, channels_out = drawn
    model = nn.Sequential(
        nn.Conv2d(1, channels_in, 1),
        nn.Tanh(),
        nn.Sequential(module, norm),
        nn.Tanh(),
        Tail(channels_out),
    ).double()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-1, 1)
            layer.running_var.uniform_(0.5, 2)
        if isinstance(layer, nn.BatchNorm2d | nn.GroupNorm) and layer.affine:
            nn.init.uniform_(layer.weight, -1, 1)
            nn.init.uniform_(layer.bias, -1, 1)
    x, y = torch.randn(5, 1, 9, 8).double(), torch.arange(5) % 3
    assert_agrees(model, x, y)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_a_convolution_folded_with_its_norm(bias, affine):
    torch.manual_seed(0)
    module, norm = nn.Conv2d(2, 3, 3, bias=bias), nn.BatchNorm2d(3, affine=affine)
    norm.running_mean.uniform_(-1, 1)
    norm.running_var.uniform_(0.5, 2)
    layers = nn.Sequential(module, norm)
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Tanh(), layers, nn.Tanh(), Tail(3)).double()
    x, y = torch.randn(7, 1, 6, 6).double(), torch.arange(7) % 3
    assert Risk(model, x, y).folded is not None
    assert_agrees(model, x, y)


def test_a_batchnorm_after_a_linear_layer():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3)).double()
    model[1].running_mean.uniform_(-1, 1)
    assert_agrees(model, torch.randn(7, 4).double(), torch.arange(7) % 3)


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


@pytest.mark.parametrize("mode", ["zeros", "circular"])
def test_convolutions_over_one_dimension(mode):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv1d(2, 4, 3, stride=2, padding=1, padding_mode=mode),
        nn.BatchNorm1d(4),
        nn.Tanh(),
        nn.Conv1d(4, 4, 3, groups=4, padding="same", padding_mode=mode),
        nn.Conv1d(4, 6, 1),
        nn.GroupNorm(2, 6),
        Tail(6),
    ).double()
    assert_agrees(model, torch.randn(6, 2, 11).double(), torch.arange(6) % 3)


def test_layer_norms_over_tokens():
    torch.manual_seed(0)

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.norm = nn.Linear(3, 8), nn.LayerNorm(8)
            self.whole, self.head = nn.LayerNorm((5, 8), bias=False), nn.Linear(8, 3)

        def forward(self, x):
            x = self.norm(self.embed(x)).tanh()
            return self.head(self.whole(x).mean(dim=1))

    model = Tokens().double()
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -1, 1)
    assert_agrees(model, torch.randn(6, 5, 3).double(), torch.arange(6) % 3)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
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


def test_attention_has_a_hessian():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(12, 3)).double()
    x, y = torch.randn(5, 3, 4).double(), torch.arange(5) % 3
    risk = Risk(model, x, y)
    found = eigenvalues(risk, 2)
    assert (found["residuals"] < 0.01 * found["eigenvalues"]).all()
    variance = compute_gradient_variance(risk, random_directions(risk.origin, 2, seed=0), CENTRE)
    assert variance["variance"].item() > 0


def test_losses_without_gradient():
    x, y = torch.randn(5, 4), torch.zeros(5, dtype=torch.long)
    risk = Risk(nn.Linear(4, 3), x, y, loss=lambda out, _: torch.ones(len(out)))
    directions = random_directions(risk.origin, 2, seed=0)
    assert compute_gradient_variance(risk, directions, CENTRE)["variance"].item() == 0
    assert (eigenvalues(risk, 2)["eigenvalues"] == 0).all()
    linear = Risk(nn.Linear(4, 3), x, y, loss=lambda out, _: out.sum(dim=1))
    assert (eigenvalues(linear, 2)["eigenvalues"] == 0).all()
    same = Risk(nn.Linear(4, 3), x[:1].expand(5, 4), y, loss=lambda out, _: 0.3 * out.sum(dim=1))
    assert 0 <= compute_gradient_variance(same, directions, CENTRE)["variance"].item() < 1e-12
    x[0, 0] = float("nan")
    broken = Risk(nn.Linear(4, 3), x, y)
    assert np.isnan(eigenvalues(broken, 2)["eigenvalues"]).all()


def test_outputs_that_are_no_logits():
    class Pair(nn.Linear):
        def forward(self, x):
            return super().forward(x), x

    x, y = torch.randn(5, 4), torch.zeros(5, dtype=torch.long)
    risk = Risk(Pair(4, 3), x, y, loss=lambda out, _: out[0].square().sum(dim=1))
    found = compute_landscape(risk, random_directions(risk.origin, 2, seed=0), CENTRE)
    assert np.isfinite(found["loss"]).all()
    assert np.isnan(found["accuracy"]).all()


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


def test_any_loss():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x, y = torch.randn(7, 3).double(), torch.randn(7, 2).double()
    assert_agrees(model, x, y, loss=lambda out, target: (out - target).square().sum(dim=1))
    risk = Risk(model, x, y, loss=lambda out, target: (out - target).abs().sum(dim=1))
    found = compute_landscape(risk, random_directions(risk.origin, 2, seed=0), Grid.square(3))
    assert np.isfinite(found["loss"]).all()
    assert np.isnan(found["accuracy"]).all()


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
    with pytest.raises(ProbeError, match="fails on the first batch"):
        Risk(model, torch.randn(4, 5), y)
    with pytest.raises(ProbeError, match="no parameter that requires a gradient"):
        Risk(nn.Identity(), x, y)
    with pytest.raises(ProbeError, match="got 2 directions and 1 coefficients"):
        Risk(model, x, y).displace([{}, {}], [1.0])
    with pytest.raises(ProbeError, match=r"shape \(3, 4\) for 'weight', but got \(\)"):
        Risk(model, x, y).displace([{"weight": torch.ones(()), "bias": torch.ones(3)}], [1.0])
    with pytest.raises(ProbeError, match="real floating-point"):
        Risk(model, x, y, loss=lambda out, _: out.argmax(dim=1))
    risk = Risk(model, x, y)
    with pytest.raises(ProbeError, match="method must be layerwise, vmap or loop, not 'guess'"):
        compute_gradient_variance(risk, [risk.origin] * 2, CENTRE, method="guess")
    with pytest.raises(ProbeError, match="alphas has a coordinate twice"):
        Grid((0.0, 0.0, 1.0))
    with pytest.raises(ProbeError, match="points must be at least 1"):
        Grid.square(0)
    with pytest.raises(ProbeError, match="no entry for the parameter 'weight'"):
        Risk(model, x, y).displace([{}], [1.0])
    with pytest.raises(ProbeError, match="alphas must be at least one finite number"):
        Grid((), (0.0,))
    with pytest.raises(ProbeError, match="betas must be at least one finite number"):
        Grid((0.0,), (float("nan"),))
    normed = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    with pytest.raises(ProbeError, match="can't be recalibrated"):
        Risk(normed, x, y, batchnorm="recalibrated", calibration=x[:1])
    with pytest.raises(ProbeError, match="fails on the first batch"):
        Risk(normed, x[:1], y[:1], batchnorm="batch")
