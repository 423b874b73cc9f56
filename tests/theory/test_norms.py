"""Norms of weights compared with explicit matrices, in float64."""

import copy
import dataclasses
from runpy import run_path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from nascope._src.errors import TheoryError
from nascope._src.networks.operations import FactorizedReduce, PointwiseConv, build_operation
from nascope._src.theory.jacobians import edge_norms
from nascope._src.theory.norms import _Layer, _symbol_bounds, weight_norms
from tests import cases
from tests.theory.matrices import TIGHT, conv, matrix_of, norm_and_gain, randomised


def check_layer(module, shape):
    """A layer's norm and gain against its matrix; the bounds on either side."""
    (found,) = weight_norms(module, torch.zeros(1, *shape, dtype=torch.float64), **TIGHT)
    norm, gain = norm_and_gain(matrix_of(module, shape))
    assert found.norm == pytest.approx(norm, rel=1e-8, abs=1e-12)
    assert found.gain == pytest.approx(gain, rel=1e-10, abs=1e-12)
    assert found.upper >= norm
    assert found.residual <= 1e-8 * norm
    return found


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (conv(3, 4, 3), (3, 6, 5)),
        (conv(3, 4, 3, padding=1), (3, 6, 6)),
        (conv(3, 4, 3, stride=2, padding=1), (3, 7, 6)),
        (conv(2, 3, 5, stride=2, padding=2), (2, 8, 8)),
        (conv(2, 3, 3, padding=2, dilation=2), (2, 7, 7)),
        (conv(2, 3, 3, stride=2, padding=2, dilation=2), (2, 8, 7)),
        (conv(2, 2, 3, stride=2, padding=3, dilation=3), (2, 9, 9)),
        (conv(2, 3, 3, stride=4, dilation=2), (2, 11, 9)),
        (conv(4, 4, 3, padding=1, groups=4), (4, 6, 6)),
        (conv(4, 8, 5, stride=2, padding=4, dilation=2, groups=4), (4, 9, 9)),
        (conv(4, 6, 3, padding=1, groups=2), (4, 5, 6)),
        (conv(3, 2, (1, 7), stride=(1, 2), padding=(0, 3)), (3, 4, 9)),
        (conv(3, 2, (7, 1), stride=(2, 1), padding=(3, 0)), (3, 9, 4)),
        (conv(2, 2, 5, padding=4), (2, 2, 2)),  # a kernel larger than the image
        (conv(2, 5, 2), (2, 2, 2)),  # as large
        (conv(2, 3, 2, stride=2), (2, 5, 4)),  # patches
        (conv(2, 3, 1, stride=3, padding=2), (2, 5, 5)),
        (conv(1, 1, 1, stride=2, padding=1), (1, 1, 1)),  # meets nothing
        (conv(2, 3, 4, padding="same"), (2, 6, 5)),
        (conv(2, 3, 2, padding="same", dilation=3), (2, 6, 5)),
        (conv(2, 3, 3, padding="valid"), (2, 6, 5)),
        (conv(2, 3, 3, padding=1, stride=2, dimensions=1), (2, 9)),
        (conv(2, 2, 2, padding=1, dimensions=3), (2, 3, 4, 2)),
        (conv(2, 2, 1, padding_mode="circular"), (2, 3, 3)),  # pads nothing
    ],
)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_convolutions_agree_with_their_matrices(module, shape):
    check_layer(module, shape)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.data())
def test_any_convolution_agrees_with_its_matrix(data):
    def draw(low, high):
        return data.draw(st.integers(low, high))

    groups, (height, width) = draw(1, 3), (draw(1, 3), draw(1, 3))
    sizes = {
        "kernel_size": (height, width),
        "stride": (draw(1, 3), draw(1, 3)),
        "padding": (draw(0, 2), draw(0, 2)),
        "dilation": (draw(1, 3), draw(1, 3)),
    }
    module = conv(groups * draw(1, 2), groups * draw(1, 2), groups=groups, **sizes, seed=draw(0, 9))
    least = [d * (k - 1) + 1 for d, k in zip(module.dilation, (height, width), strict=True)]
    check_layer(module, (module.in_channels, least[0] + draw(0, 2), least[1] + draw(0, 2)))


@pytest.mark.parametrize(
    ("module", "shape", "kind"),
    [
        (nn.Linear(6, 4), (6,), "linear"),
        (nn.Linear(4, 6), (4,), "linear"),
        (nn.Conv2d(5, 3, 1), (5, 4, 4), "pointwise conv"),
        (nn.Conv2d(4, 6, 1, stride=2, groups=2), (4, 5, 4), "pointwise conv"),
        (PointwiseConv(4, 3, 2), (4, 5, 5), "pointwise conv"),
    ],
)
def test_linear_layers_and_pointwise_convolutions_are_exact(module, shape, kind):
    found = check_layer(module.double(), shape)
    assert (found.kind, found.residual) == (kind, 0)
    assert found.norm <= found.upper <= found.norm * (1 + 1e-11)


def test_a_layer_says_what_it_is():
    module = conv(4, 8, (3, 5), stride=2, padding=(1, 2), dilation=(1, 2), groups=4)
    found = check_layer(module, (4, 9, 10))
    assert (found.name, found.kind, found.groups) == ("", "depthwise conv", 4)
    assert (found.weight_shape, found.input_size) == ((8, 1, 3, 5), (9, 10))
    assert (found.stride, found.padding, found.dilation) == ((2, 2), (1, 2), (1, 2))
    assert (found.batchnorm, found.with_batchnorm) == (None, None)
    assert check_layer(conv(1, 1, 3), (1, 5, 5)).kind == "conv"


@pytest.mark.parametrize(
    ("stride", "dilation"), [(1, 1), (2, 1), (2, 2), (3, 2), (2, 3), (4, 2), (1, 3)]
)
def test_the_symbols_bound_holds_and_is_near_on_a_long_signal(stride, dilation):
    for seed in range(8):
        module = conv(1, 1, 5, stride=stride, dilation=dilation, dimensions=1, seed=seed)
        bound = float(_symbol_bounds(_Layer.of(module, (160,)), module.weight.detach()))
        norm, _ = norm_and_gain(matrix_of(module, (1, 160)))
        assert norm <= bound <= 1.1 * norm


def test_symbols_that_would_take_too_long_are_not_computed(monkeypatch):
    module, shape = conv(2, 3, 3, padding=1), (2, 6, 6)
    tight = check_layer(module, shape).upper
    monkeypatch.setattr("nascope._src.theory.norms._MAX_SYMBOL_WORK", 0)
    assert check_layer(module, shape).upper > 1.2 * tight


def test_weights_that_are_not_finite_or_zero():
    model = nn.Sequential(conv(1, 2, 3), conv(2, 2, 3), nn.Flatten(), nn.Linear(2, 2).double())
    model[0].weight.data.zero_()
    model[1].weight.data[0, 0, 0, 0] = torch.nan
    model[3].weight.data[0, 0] = torch.inf
    zero, *others = weight_norms(model, torch.zeros(1, 1, 5, 5, dtype=torch.float64))
    assert (zero.norm, zero.residual, zero.gain, zero.upper) == (0, 0, 0, 0)
    for found in others:
        assert np.isnan([found.norm, found.residual, found.gain, found.upper]).all()


# ---------------------------------------------------------------- layers of models


def check_with_batchnorm(found, function, shape):
    norm, gain = norm_and_gain(matrix_of(function, shape))
    assert found.with_batchnorm.norm == pytest.approx(norm, rel=1e-8)
    assert found.with_batchnorm.gain == pytest.approx(gain, rel=1e-10)
    assert found.with_batchnorm.upper >= norm


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ((nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3)), (2, 5, 5)),
        ((nn.Conv2d(4, 4, 3, 2, 1, groups=4), nn.BatchNorm2d(4)), (4, 6, 6)),
        ((nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2)), (3, 4, 4)),
        ((nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3)), (2, 6)),
        ((nn.Linear(4, 3), nn.BatchNorm1d(3)), (4,)),
    ],
)
def test_batchnorm_is_folded_into_the_layer_before_it(layers, shape):
    model = randomised(nn.Sequential(*layers))
    (found,) = weight_norms(model, torch.zeros(1, *shape, dtype=torch.float64), **TIGHT)
    assert found.batchnorm == "1"
    check_with_batchnorm(found, model, shape)
    alone = check_layer(model[0], shape)
    assert found.norm == alone.norm


def test_batchnorm_without_weights_scales_by_the_variance_alone():
    model = nn.Sequential(conv(1, 2, 3), nn.BatchNorm2d(2, affine=False)).double().eval()
    model[1].running_var.copy_(torch.tensor([0.25, 4.0]))
    (found,) = weight_norms(model, torch.zeros(1, 1, 5, 5, dtype=torch.float64), **TIGHT)
    check_with_batchnorm(found, model, (1, 5, 5))


def test_a_depthwise_convolution_before_a_pointwise_one_has_no_batchnorm():
    model = randomised(build_operation("sep_conv_3x3", 2, stride=2))
    found = weight_norms(model, torch.zeros(1, 2, 6, 6, dtype=torch.float64))
    assert [layer.batchnorm for layer in found] == [None, "op.3", None, "op.7"]
    assert [layer.kind for layer in found] == ["depthwise conv", "pointwise conv"] * 2
    assert [layer.input_size for layer in found] == [(6, 6), (3, 3), (3, 3), (3, 3)]


def test_the_halves_of_a_factorised_reduce_have_halves_of_its_batchnorm():
    model = randomised(nn.Sequential(FactorizedReduce(3, 4)))
    found = weight_norms(model, torch.zeros(1, 3, 6, 6, dtype=torch.float64), **TIGHT)
    assert [layer.batchnorm for layer in found] == ["0.bn"] * 2
    reduce = model[0]
    scale = reduce.bn.weight / (reduce.bn.running_var + reduce.bn.eps).sqrt()
    for layer, convolution, half in zip(
        found, (reduce.conv_1, reduce.conv_2), scale.split(2), strict=True
    ):
        shape = (3, *layer.input_size)
        check_with_batchnorm(layer, lambda x, c=convolution, s=half: c(x) * s[:, None, None], shape)
    assert [layer.input_size for layer in found] == [(6, 6), (5, 5)]  # the second is shifted


class Odd(nn.Module):
    """Calls of every kind that a match of BatchNorm could get wrong."""

    def __init__(self):
        super().__init__()
        self.shared, self.changed, self.twice = (nn.Conv2d(2, 2, 3, padding=1) for _ in range(3))
        self.unused, self.positions = nn.Conv2d(2, 2, 3), nn.Linear(2, 3)
        self.norm, self.other, self.last = (nn.BatchNorm2d(2) for _ in range(3))
        self.tokens = nn.BatchNorm1d(3)
        self.batch = nn.BatchNorm2d(2, track_running_stats=False)

    def forward(self, x):
        x = self.norm(self.shared(input=x))  # one BatchNorm at this size
        x = self.last(functional.relu(self.changed(x), inplace=True))
        y = self.twice(x)
        x = self.norm(y) + self.other(input=y)
        x = self.batch(self.shared(functional.avg_pool2d(x, 2)))
        return self.tokens(self.positions(x[:, :, 0, :3].mT.contiguous()))


def test_a_batchnorm_is_matched_only_where_there_is_no_doubt():
    model = randomised_without_batch(Odd())
    found = weight_norms(model, torch.ones(1, 2, 6, 6, dtype=torch.float64), **TIGHT)
    assert [(layer.name, layer.input_size, layer.batchnorm) for layer in found] == [
        ("shared", (6, 6), "norm"),
        ("changed", (6, 6), None),
        ("twice", (6, 6), None),
        ("shared", (3, 3), None),
        ("positions", (), None),
    ]
    assert found[0].norm > found[3].norm


def randomised_without_batch(model):
    batch, model.batch = model.batch, nn.Identity()
    model = randomised(model)
    model.batch = batch.double()
    return model


class Standardised(nn.Conv2d):
    def forward(self, x):
        return functional.conv2d(x, self.weight / self.weight.std(), self.bias)


def test_layers_that_are_another_map_are_refused():
    images = torch.ones(1, 2, 5, 5)
    with pytest.raises(TheoryError, match="'0' to pad with zeros, not with 'circular'"):
        weight_norms(nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular")), images)
    with pytest.raises(TheoryError, match=r"'' \(Standardised\) to compute a convolution"):
        weight_norms(Standardised(2, 2, 3), images)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_the_model_stays_as_it_is(dtype):
    network = cases.small_network().to(dtype).train()
    network.stem.eval()
    before = copy.deepcopy(network.state_dict())
    flags = [module.training for module in network.modules()]
    images = cases.random_batch(2)[0].to(dtype)
    found = weight_norms(network, images[:1])
    edge_norms(network, images[:1])
    assert found[-1].name == "classifier"
    for name, value in network.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, before[name])
    assert [module.training for module in network.modules()] == flags
    assert all(value.requires_grad for value in network.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_a_network_of_every_operation():
    network = cases.small_network().eval()
    found = weight_norms(network, cases.random_batch(1)[0])
    names = {layer.name for layer in found}
    dead = f"cells.0._ops.{len(network.cells[0].operations) - 2}."
    assert not any(name.startswith(dead) for name in names)
    convolutions = {n for n, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    assert names == {
        name
        for name in convolutions
        if not name.startswith(tuple(dead.replace("cells.0", f"cells.{i}") for i in range(3)))
    }
    for layer in found:
        assert layer.norm <= layer.upper
        assert layer.gain <= layer.norm * (1 + 1e-3)
        assert layer.residual <= 1e-3 * layer.norm
        assert (layer.with_batchnorm is None) == (layer.batchnorm is None)


def test_models_of_others():
    perceptron = nn.Sequential(nn.Flatten(), nn.Linear(9, 5), nn.ReLU(), nn.Linear(5, 2))
    found = weight_norms(perceptron, torch.zeros(1, 1, 3, 3))
    for layer, module in zip(found, (perceptron[1], perceptron[3]), strict=True):
        norm = np.linalg.norm(module.weight.detach().double().numpy(), 2)
        assert layer.norm == pytest.approx(norm, rel=1e-12)
    resnet = run_path("examples/probe_resnet.py")["ResNet"](channels=4, blocks=2)
    found = weight_norms(resnet, torch.zeros(1, 1, 8, 8))
    assert [layer.batchnorm for layer in found] == [
        "stem.1", "blocks.0.bn1", "blocks.0.bn2", "blocks.1.bn1", "blocks.1.bn2", None,
    ]  # fmt: skip
    assert weight_norms(nn.ReLU(), torch.zeros(1, 3)) == []
    assert dataclasses.asdict(found[0])["with_batchnorm"]["norm"] > 0
