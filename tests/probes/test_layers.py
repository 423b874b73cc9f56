"""Per-instance gradients of layers of every supported kind, against single instances."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nascope._src.probes.risk import Risk
from tests.probes.checks import Tail, assert_agrees


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
