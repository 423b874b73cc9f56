"""Probes against slow float64 references, on a network that holds every operation."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from nascope.cells import load_cell
from nascope.errors import ProbeError
from nascope.probes import Grid, Risk, gradient_variance, landscape, random_directions
from nascope.probes.per_instance import choose_method
from nascope.records.identity import derived_seed
from tests import cases, reference

GRID = Grid((-0.5, 0.0, 0.7), (-1.0, 0.3))  # not square, not symmetric


def test_directions_are_normalised_per_filter():
    network = cases.small_network()
    weights = dict(network.named_parameters())
    one, two = random_directions(weights, 2, seed=4)
    for k, direction in enumerate((one, two)):
        generator = torch.Generator().manual_seed(derived_seed("direction", 4, k))
        for name, weight in weights.items():
            if weight.dim() == 1:
                assert not direction[name].any(), name
                continue
            drawn = torch.randn(weight.shape, generator=generator).double()
            expected = reference.filter_normalised(weight.detach(), drawn)
            torch.testing.assert_close(direction[name], expected, rtol=1e-6, atol=1e-9, msg=name)
    assert not torch.equal(one["stem.0.weight"], two["stem.0.weight"])
    assert torch.equal(random_directions(weights, 2, seed=4)[1]["classifier.weight"],
                       two["classifier.weight"])  # fmt: skip


@pytest.mark.parametrize("name", ["all", "NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS"])
def test_landscape_agrees_with_the_plain_reference(name):
    genotype = cases.all_operations() if name == "all" else load_cell(name)
    network = cases.small_network(genotype)
    images, labels = cases.random_batch(7)
    risk = Risk(network, images, labels, batch_size=3)
    directions = random_directions(risk.origin, 2, seed=1)
    found = landscape(risk, directions, GRID)
    for i, alpha in enumerate(GRID.alphas):
        for j, beta in enumerate(GRID.betas):
            state = reference.at_displacement(network, directions, (alpha, beta))
            logits, _ = reference.network_logits(genotype, state, images, layers=3)
            loss = float(functional.cross_entropy(logits, labels))
            accuracy = float((logits.argmax(dim=1) == labels).double().mean())
            assert found["loss"][i, j] == pytest.approx(loss, rel=1e-9)
            assert found["accuracy"][i, j] == pytest.approx(accuracy)


@pytest.mark.parametrize("method", ["layerwise", "vmap"])
@pytest.mark.parametrize("name", ["all", "AmoebaNet", "SNAS"])
def test_gradient_variance_agrees_with_single_instances(name, method):
    genotype = cases.all_operations() if name == "all" else load_cell(name)
    network = cases.small_network(genotype)
    images, labels = cases.random_batch(7)
    risk = Risk(network, images, labels, batch_size=3)
    directions = random_directions(risk.origin, 2, seed=1)
    found = gradient_variance(risk, directions, GRID, method=method)
    names = [key for key, _ in network.named_parameters()]
    for i, alpha in enumerate(GRID.alphas):
        for j, beta in enumerate(GRID.betas):
            state = reference.at_displacement(network, directions, (alpha, beta))
            parameters = [state[key].requires_grad_() for key in names]

            def loss_of_one(k, state=state):
                part = slice(k, k + 1)
                logits, _ = reference.network_logits(genotype, state, images[part], layers=3)
                return functional.cross_entropy(logits, labels[part])

            variance, norm, loss = reference.gradient_moments(loss_of_one, parameters, 7)
            assert found["variance"][i, j] == pytest.approx(variance, rel=1e-8)
            assert found["mean_gradient_norm"][i, j] == pytest.approx(norm, rel=1e-8)
            assert found["loss"][i, j] == pytest.approx(loss, rel=1e-9)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_float32_is_close_in_either_memory_order(layout):
    network = cases.small_network()
    images, labels = cases.random_batch(8)
    exact = Risk(network, images, labels)
    directions = random_directions(exact.origin, 2, seed=1)
    expected = gradient_variance(exact, directions, GRID)
    single = network.float().to(memory_format=layout)
    risk = Risk(single, images.float().to(memory_format=layout), labels)
    assert choose_method(risk) == "layerwise"
    narrow = [{name: value.float() for name, value in d.items()} for d in directions]
    found = gradient_variance(risk, narrow, GRID)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-3, err_msg=name)


def test_the_users_model_is_not_touched():
    network = cases.small_network().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images, labels = cases.random_batch(4)
    risk = Risk(network, images, labels)
    directions = random_directions(risk.origin, 2, seed=0)
    landscape(risk, directions, GRID)
    gradient_variance(risk, directions, GRID)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


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
def test_any_model(own, method):
    torch.manual_seed(0)
    model = Scaled(own).double()
    x, y = torch.randn(9, 6, dtype=torch.float64), torch.arange(9) % 3
    risk = Risk(model, x, y, batch_size=4)
    assert choose_method(risk) == method
    directions = random_directions(risk.origin, 2, seed=0)
    found = gradient_variance(risk, directions, Grid((0.0,), (0.0,)))
    variance, norm, loss = reference.gradient_moments(
        lambda k: functional.cross_entropy(model(x[k : k + 1]), y[k : k + 1]),
        list(model.parameters()),
        9,
    )
    got = [found[key].item() for key in ("variance", "mean_gradient_norm", "loss")]
    assert got == pytest.approx([variance, norm, loss], rel=1e-9)


def test_no_cancellation_where_the_mean_is_large():
    """Gradients 10 ± 1e-3 in float32: E‖g‖² − ‖E g‖² would be noise, even negative."""
    model = nn.Linear(50, 1, bias=False)
    x = 10 + 1e-3 * torch.randn(2000, 50, generator=torch.Generator().manual_seed(0))
    risk = Risk(model, x, torch.zeros(2000), loss=lambda out, _: out[:, 0], batch_size=300)
    directions = random_directions(risk.origin, 2, seed=0)
    for method in ("layerwise", "vmap"):
        found = gradient_variance(risk, directions, Grid((0.0,), (0.0,)), method=method)
        expected = x.double().var(dim=0, correction=0).sum()
        assert found["variance"].item() == pytest.approx(float(expected), rel=1e-4)


class Mixing(nn.Module):
    """Subtracts the batch's mean: instances interact."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        return self.layer(x - x.mean(dim=0))


def test_interacting_instances_are_refused():
    risk = Risk(Mixing(), torch.randn(8, 4), torch.zeros(8, dtype=torch.long))
    directions = random_directions(risk.origin, 2, seed=0)
    with pytest.raises(ProbeError, match="depends on the others in its batch"):
        gradient_variance(risk, directions, GRID)


def test_inputs_that_fit_nothing_are_refused():
    x, y = torch.randn(4, 4), torch.zeros(4, dtype=torch.long)
    with pytest.raises(ProbeError, match="must be per instance"):
        Risk(nn.Linear(4, 3), x, y, loss=functional.cross_entropy)
    with pytest.raises(ProbeError, match="4 inputs and 3 targets"):
        Risk(nn.Linear(4, 3), x, y[:3])
    with pytest.raises(ProbeError, match="batch_size must be at least 1"):
        Risk(nn.Linear(4, 3), x, y, batch_size=0)
    with pytest.raises(ProbeError, match="alphas must be at least one finite number"):
        Grid((), (0.0,))
    with pytest.raises(ProbeError, match="betas must be at least one finite number"):
        Grid((0.0,), (float("nan"),))


def test_non_finite_values_are_kept():
    model = nn.Linear(4, 3)
    x, y = torch.randn(8, 4), torch.zeros(8, dtype=torch.long)
    risk = Risk(model, x, y)
    huge = [{name: torch.full_like(v, 3e38) for name, v in risk.origin.items()}] * 2
    found = landscape(risk, huge, Grid((0.0, 1.0), (0.0, 1.0)))
    assert np.isfinite(found["loss"][0, 0])
    assert not np.isfinite(found["loss"][1, 1])
    with torch.no_grad():
        model.weight[0, 0] = float("nan")
    broken = Risk(model, x, y)
    for probe in (landscape, gradient_variance):
        for values in probe(broken, huge, Grid((0.0,), (0.0, 1.0))).values():
            assert np.isnan(values).all()


class Killed(Exception):
    pass


@pytest.mark.parametrize("probe", [landscape, gradient_variance])
def test_rows_are_kept_and_taken_up_again(probe, tmp_path):
    images, labels = cases.random_batch(5)
    risk = Risk(cases.small_network(), images, labels)
    directions = random_directions(risk.origin, 2, seed=0)
    grid = Grid((-1.0, 0.0, 0.5, 1.0), (0.0, 0.5))
    whole = probe(risk, directions, grid)
    rows = []

    def kill_after_two(share, words):
        rows.append(words)
        if len(rows) == 2:
            raise Killed

    with pytest.raises(Killed):
        probe(risk, directions, grid, chunks=tmp_path, progress=kill_after_two)
    assert len(list(tmp_path.glob("*.npz"))) == 2
    (tmp_path / "0001.npz").write_bytes(b"damaged")
    changed = (tmp_path / "0000.npz").stat().st_mtime_ns
    found = probe(risk, directions, grid, chunks=tmp_path)
    assert (tmp_path / "0000.npz").stat().st_mtime_ns == changed  # not computed again
    for name, values in whole.items():
        assert np.array_equal(found[name], values), name


def test_the_grid_starts_anew_from_the_weights_at_each_point():
    """w + d − d ≠ w in floating point: the centre must give w* itself, wherever it comes."""
    images, labels = cases.random_batch(5)
    risk = Risk(cases.small_network().float(), images.float(), labels)
    directions = random_directions(risk.origin, 2, seed=0)
    alone = landscape(risk, directions, Grid((0.0,), (0.0,)))["loss"].item()
    after = landscape(risk, directions, Grid((-0.3, 0.7, 0.0), (1.0, -0.9, 0.0)))["loss"]
    assert after[2, 2] == alone
