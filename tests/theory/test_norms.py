"""Norms of weights, Jacobians and edges against explicit matrices, in float64."""

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
from nascope._src.theory.jacobians import _cells, edge_norms, jacobian_norms
from nascope._src.theory.norms import _Layer, _symbol_bounds, weight_norms
from nascope._src.theory.singular_values import spectral_norms
from tests import cases

TIGHT = {"tolerance": 1e-9, "steps": 1000}


def matrix_of(function, shape):
    """The matrix of an affine function's linear part, column by column; ``shape`` has no batch."""
    size = int(np.prod(shape))
    units = torch.eye(size, dtype=torch.float64).view(size, *shape)
    with torch.no_grad():
        columns = [function(unit[None]) - function(torch.zeros_like(unit)[None]) for unit in units]
    return torch.stack([column.flatten() for column in columns], dim=1).numpy()


def norm_and_gain(matrix):
    return np.linalg.norm(matrix, 2), np.linalg.norm(matrix) / matrix.shape[1] ** 0.5


def check_layer(module, shape):
    """A layer's norm and gain against its matrix; the bounds on either side."""
    (found,) = weight_norms(module, torch.zeros(1, *shape, dtype=torch.float64), **TIGHT)
    norm, gain = norm_and_gain(matrix_of(module, shape))
    assert found.norm == pytest.approx(norm, rel=1e-8, abs=1e-12)
    assert found.gain == pytest.approx(gain, rel=1e-10, abs=1e-12)
    assert found.upper >= norm
    assert found.residual <= 1e-8 * norm
    return found


def conv(*args, dimensions=2, seed=0, **kwargs):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        kind = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[dimensions]
        return kind(*args, **kwargs).double()


def randomised(model, seed=0):
    """The model in float64 and eval mode, its BatchNorm statistics random."""
    generator = torch.Generator().manual_seed(seed)
    model = model.double().eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for values in (module.running_mean, module.running_var, module.weight, module.bias):
                values.data.uniform_(0.5, 2, generator=generator)
    return model


# ---------------------------------------------------------------- Lanczos


def maps(matrices):
    return (
        lambda x: (matrices @ x[..., None])[..., 0],
        lambda y: (matrices.mT @ y[..., None])[..., 0],
    )


@pytest.mark.parametrize("shape", [(3, 7, 5), (3, 5, 7), (2, 1, 4), (2, 4, 1), (1, 60, 40)])
def test_lanczos_agrees_with_svd(shape):
    matrices = torch.from_numpy(np.random.default_rng(0).standard_normal(shape))
    found = spectral_norms(*maps(matrices), (shape[0], shape[2]), tolerance=1e-9)
    np.testing.assert_allclose(found.norms, torch.linalg.matrix_norm(matrices, ord=2), rtol=1e-12)
    assert (found.residuals <= 1e-9 * found.norms).all()


def test_a_residual_is_the_distance_to_a_singular_value():
    matrices = torch.from_numpy(np.random.default_rng(1).standard_normal((4, 80, 60)))
    for steps in (1, 3, 6):
        found = spectral_norms(*maps(matrices), (4, 60), steps=steps)
        values = torch.linalg.svdvals(matrices)
        distances = (values - found.norms[:, None]).abs().amin(1)
        assert (distances <= found.residuals).all()
        assert (found.norms <= values[:, 0]).all()


def test_groups_without_finite_products_or_with_nothing_leave_the_others_alone():
    matrices = torch.from_numpy(np.random.default_rng(2).standard_normal((5, 6, 6)))
    matrices[1] = 0
    matrices[2, 3, 3] = torch.nan
    matrices[3, 0, 1] = torch.inf
    matrices[4] = 2 * torch.eye(6)  # the Krylov space ends after a step
    found = spectral_norms(*maps(matrices), (5, 6), tolerance=1e-9)
    alone = spectral_norms(*maps(matrices[:1]), (1, 6), tolerance=1e-9)
    expected = [alone.norms[0], 0, torch.nan, torch.nan, 2]
    np.testing.assert_allclose(found.norms, expected, rtol=1e-12)
    np.testing.assert_array_equal(found.residuals.isnan(), [False, False, True, True, False])
    assert found.residuals[1] == 0


def test_the_seed_decides_the_start_and_row_g_depends_on_nothing_else():
    matrices = torch.from_numpy(np.random.default_rng(3).standard_normal((3, 50, 50)))

    def run(count, seed):
        return spectral_norms(*maps(matrices[:count]), (count, 50), steps=5, seed=seed).norms

    np.testing.assert_allclose(run(3, 0)[:2], run(2, 0), rtol=1e-12)
    assert not torch.allclose(run(3, 0), run(3, 1), rtol=1e-12)
    with pytest.raises(TheoryError, match="steps must be at least 1, not 0"):
        spectral_norms(*maps(matrices), (3, 50), steps=0)


@pytest.mark.parametrize(("tolerance", "times"), [(1e-3, 3), (1e-5, 10)])
def test_lanczos_needs_fewer_products_than_power_iteration(tolerance, times):
    """The largest singular values of a convolution lie close together."""
    matrix = torch.from_numpy(matrix_of(conv(1, 1, 3, padding=1, bias=False), (1, 16, 16)))
    product, transposed = maps(matrix[None])
    products = 0

    def counted(x):
        nonlocal products
        products += 1
        return product(x)

    found = spectral_norms(counted, transposed, (1, 256), tolerance=tolerance)
    norm = float(torch.linalg.matrix_norm(matrix, ord=2))
    assert norm * (1 - 1e-4) < float(found.norms) <= norm * (1 + 1e-12)
    vector = torch.from_numpy(np.random.default_rng(4).standard_normal((1, 256)))
    for _ in range(times * products):
        vector = transposed(product(vector / vector.norm()))
    assert float(product(vector / vector.norm()).norm()) < float(found.norms)


# ---------------------------------------------------------------- layers


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


# ---------------------------------------------------------------- Jacobians


def jacobian(function, x):
    """(out, in), of a function at one input (1, …)."""
    found = torch.func.jacrev(function)(x)
    return found.reshape(-1, x.numel()).detach().numpy()


def check_jacobians(found, function, inputs):
    for index, x in enumerate(inputs.split(1)):
        norm, gain = norm_and_gain(jacobian(function, x))
        assert float(found.norms[index]) == pytest.approx(norm, rel=1e-6)
        error = float(found.gain_errors[index])
        assert abs(float(found.gains[index]) - gain) <= 5 * error + 1e-9 * gain


def test_jacobians_of_a_nonlinear_function():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.ReLU(inplace=True),
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 7),
        nn.Softmax(1),
    )
    model = randomised(model)
    inputs = torch.randn(3, 2, 6, 6, dtype=torch.float64)
    kept = inputs.clone()
    found = jacobian_norms(model, inputs, vectors=40, **TIGHT)
    check_jacobians(found, lambda x: model(x.clone()), inputs)
    assert torch.equal(inputs, kept)
    assert not any(value.grad is not None for value in model.parameters())
    single = jacobian_norms(model.float(), inputs.float())
    np.testing.assert_allclose(single.norms, found.norms, rtol=1e-3)
    assert single.norms.dtype == torch.float64


def test_hutchinsons_estimate_is_as_wrong_as_it_says():
    matrix = torch.from_numpy(np.random.default_rng(5).standard_normal((30, 20)))
    exact = float(matrix.norm()) / 20**0.5
    inputs = torch.zeros(200, 20, dtype=torch.float64)
    found = jacobian_norms(lambda x: x @ matrix.T, inputs, vectors=16, steps=1)
    scores = (found.gains - exact) / found.gain_errors
    assert 0.8 < float(scores.std()) < 1.5
    assert abs(float(scores.mean())) < 0.5


def test_jacobians_that_are_trivial():
    inputs = torch.randn(2, 3, dtype=torch.float64)
    for function, norm in (
        (lambda x: x, 1),
        (lambda x: x.detach() + 1, 0),
        (lambda x: x.sign(), 0),
        (lambda x: torch.ones(len(x), 2, dtype=torch.float64), 0),
        (lambda x: x[:, 0], 1),
    ):
        found = jacobian_norms(function, inputs)
        np.testing.assert_allclose(found.norms, [norm] * 2, rtol=1e-12)
        np.testing.assert_allclose(found.residuals, 0, atol=1e-12)


def test_one_instances_nan_is_its_own():
    inputs = torch.tensor([[1.0, 2.0], [-1.0, 2.0]], dtype=torch.float64)
    found = jacobian_norms(lambda x: x.sqrt(), inputs)
    assert float(found.norms[0]) == pytest.approx(0.5)
    assert found.norms[1].isnan()


def test_instances_that_are_not_independent_are_refused():
    inputs = cases.random_batch(4)[0]
    network = cases.small_network()
    with pytest.raises(TheoryError, match="put the model into eval mode"):
        jacobian_norms(network.train(), inputs)
    jacobian_norms(network.eval(), inputs, steps=2)
    with pytest.raises(TheoryError, match="at least 2 vectors for a standard error, not 1"):
        jacobian_norms(network, inputs, vectors=1)


# ---------------------------------------------------------------- edges


def test_the_walk_gives_what_the_network_computes():
    network = cases.small_network().eval()
    outputs = []
    for cell in network.cells:  # kept before the network's ReLU, which changes them in place
        cell.register_forward_hook(lambda *a: outputs.append(a[-1].clone()))
    for (cell, states), expected in zip(
        _cells(network, cases.random_batch(2)[0]), outputs, strict=True
    ):
        own = torch.cat([states[node] for node in cell._concat], dim=1)
        torch.testing.assert_close(own, expected)


def test_edges_agree_with_their_jacobians():
    network = cases.small_network().train()
    images = cases.random_batch(2)[0]
    found = edge_norms(network, images, vectors=40, **TIGHT)
    assert [edge.reduction for edge in found if edge.edge == 0] == [False, True, True]
    states = [values for _, values in _cells(copy.deepcopy(network).eval(), images)]
    names = set()
    for edge in found:
        if edge.cell == 2 and edge.operation in names:
            continue
        names.add(edge.operation)
        operation = network.eval().cells[edge.cell]._ops[edge.edge]
        assert edge.operation == network.cells[edge.cell].operations[edge.edge]
        check_jacobians(edge, lambda x, o=operation: o(x.clone()), states[edge.cell][edge.source])
    assert names == set(network.cells[0].operations)


def test_identities_are_one_and_dead_nodes_are_left_out():
    network = cases.small_network()
    found = edge_norms(network, cases.random_batch(3)[0], steps=1)
    for edge in found:
        if edge.operation == "skip_connect" and not (edge.reduction and edge.source < 2):
            assert edge.norms.tolist() == edge.gains.tolist() == [1, 1, 1]
            assert edge.residuals.tolist() == edge.gain_errors.tolist() == [0, 0, 0]
    edges = len(network.cells[0].operations)
    places = [(edge.cell, edge.edge) for edge in found]
    assert places == [(cell, edge) for cell in range(3) for edge in range(edges - 2)]
    assert {edge.node for edge in found} == set(range(2, 2 + edges // 2 - 1))


def test_an_edge_depends_on_its_image_alone():
    images = cases.random_batch(3)[0]
    network = cases.small_network()
    together = edge_norms(network, images, tolerance=1e-8, steps=400)
    fewer = edge_norms(network, images[:2], tolerance=1e-8, steps=400)
    for edge, other in zip(together, fewer, strict=True):
        np.testing.assert_allclose(edge.norms[:2], other.norms, rtol=1e-8)
        np.testing.assert_allclose(edge.gains[:2], other.gains, rtol=1e-8)
