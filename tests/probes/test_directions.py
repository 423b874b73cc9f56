import numpy as np
import pytest
import torch
from torch import nn

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.wiring import random_variant
from nascope._src.errors import ProbeError
from nascope._src.networks.network import operation_keys
from nascope._src.probes.directions import direction_between, random_directions, trajectory_plane
from nascope._src.probes.risk import Risk
from nascope._src.records.identity import derived_seed
from tests import cases, reference


def test_weights_are_named():
    with pytest.raises(ProbeError, match=r"such as risk.origin, got a Risk"):
        random_directions(Risk(nn.Linear(2, 2), torch.ones(2, 2), torch.zeros(2).long()))


def test_directions_are_normalised_per_filter():
    network = cases.small_network()
    weights = dict(network.named_parameters())
    one, two = random_directions(weights, 2, seed=4)
    for k, direction in enumerate((one, two)):
        for name, weight in weights.items():
            if weight.dim() == 1:
                assert not direction[name].any(), name
                continue
            generator = torch.Generator().manual_seed(derived_seed("direction", 4, k, name))
            drawn = torch.randn(weight.shape, generator=generator).double()
            expected = reference.filter_normalised(weight.detach(), drawn)
            torch.testing.assert_close(direction[name], expected, rtol=1e-6, atol=1e-9, msg=name)
    assert not torch.equal(one["stem.0.weight"], two["stem.0.weight"])
    again = random_directions(weights, 2, seed=4)[1]
    assert torch.equal(again["classifier.weight"], two["classifier.weight"])


@pytest.mark.parametrize("one_dimensional", ["zero", "scale", None])
def test_per_layer_and_unnormalised(one_dimensional):
    weights = {name: p.detach() for name, p in cases.small_network().named_parameters()}
    layer = random_directions(
        weights, 1, seed=0, normalise="layer", one_dimensional=one_dimensional
    )[0]
    plain = random_directions(
        weights, 1, seed=0, normalise="none", one_dimensional=one_dimensional
    )[0]
    for name, weight in weights.items():
        if weight.dim() == 1 and one_dimensional == "zero":
            assert not layer[name].any()
            assert not plain[name].any()
            continue
        torch.testing.assert_close(layer[name].norm(), weight.norm())
        parallel = (layer[name] * plain[name]).sum() / layer[name].norm() / plain[name].norm()
        assert parallel > 0.999999 or not weight.any()
    numbers = torch.cat([value.flatten() for value in plain.values()])
    numbers = numbers[numbers != 0]
    assert abs(numbers.mean()) < 0.05
    assert abs(numbers.std() - 1) < 0.05


def test_scaled_biases_with_filters():
    weights = {"w": torch.ones(3, 2), "b": torch.tensor([3.0, 4.0])}
    direction = random_directions(weights, 1, seed=0, one_dimensional="scale")[0]
    assert direction["b"].norm().item() == pytest.approx(5)
    with pytest.raises(ProbeError, match="normalise must be"):
        random_directions(weights, 1, seed=0, normalise="neuron")
    with pytest.raises(ProbeError, match="one_dimensional must be"):
        random_directions(weights, 1, seed=0, one_dimensional="skip")


def test_variants_get_the_same_numbers():
    """Between a cell and its variant only the wiring differs: every tensor's direction matches.

    But for skips, which have weights only where they halve the resolution.
    """
    original = load_cell("DARTS")
    settings = {"normalise": "none", "one_dimensional": "scale"}
    found = []
    for genotype in (original, random_variant(original, 2)):
        network = cases.small_network(genotype)
        weights = dict(network.named_parameters())
        keys = operation_keys(network)
        directions = random_directions(weights, 1, seed=1, keys=keys, **settings)[0]
        found.append({keys[name]: value for name, value in directions.items()})
    only_one = found[0].keys() ^ found[1].keys()
    assert all(".skip_connect." in key for key in only_one)
    shared = found[0].keys() & found[1].keys()
    assert len(shared) > 60
    assert all(torch.equal(found[0][key], found[1][key]) for key in shared)


def test_the_same_operation_matches_between_families():
    """DARTS' third separable convolution is its third edge, SNAS' its fifth."""
    darts, snas = cases.small_network(load_cell("DARTS")), cases.small_network(load_cell("SNAS"))
    names = {key: name for name, key in operation_keys(darts).items()}
    shared = [(names[k], n, k) for n, k in operation_keys(snas).items() if k in names]
    moved = [(a, b) for a, b, key in shared if "_ops" in a and a != b]
    assert moved
    one = random_directions(dict(darts.named_parameters()), 1, seed=0, normalise="none",
                            keys=operation_keys(darts))[0]  # fmt: skip
    two = random_directions(dict(snas.named_parameters()), 1, seed=0, normalise="none",
                            keys=operation_keys(snas))[0]  # fmt: skip
    for a, b, key in shared:
        if one[a].shape == two[b].shape:
            assert torch.equal(one[a], two[b]), key
    assert len(set(operation_keys(darts).values())) == len(operation_keys(darts))


def test_the_line_to_another_network():
    a, b = nn.Linear(3, 2), nn.Linear(3, 2)
    origin, other = dict(a.named_parameters()), dict(b.named_parameters())
    direction = direction_between(origin, other)
    for name, weight in origin.items():
        torch.testing.assert_close(weight + direction[name], other[name])
    with pytest.raises(ProbeError, match=r"'weight' has shape \(2, 3\) in one, \(2, 4\)"):
        direction_between(origin, dict(nn.Linear(4, 2).named_parameters()))
    with pytest.raises(ProbeError, match="'weight' has shape .* none in the other"):
        direction_between(origin, {})


def test_the_plane_of_a_trajectory():
    """Against numpy's singular value decomposition of the matrix of differences."""
    torch.manual_seed(0)
    origin = {"w": torch.randn(4, 3).double(), "b": torch.randn(4).double()}
    steps = [{name: torch.randn_like(value) for name, value in origin.items()} for _ in range(5)]
    plane = trajectory_plane(origin, [*steps, origin])
    matrix = np.array([torch.cat([(s[n] - origin[n]).flatten() for n in s]).numpy() for s in steps])
    _, values, rows = np.linalg.svd(matrix, full_matrices=False)
    np.testing.assert_allclose(plane.explained, values[:2] ** 2 / (values**2).sum())
    for index, direction in enumerate(plane.directions):
        flat = torch.cat([direction[n].flatten() for n in origin]).numpy()
        assert abs(flat @ rows[index]) == pytest.approx(1)
        assert np.linalg.norm(flat) == pytest.approx(1)
        np.testing.assert_allclose(plane.coordinates[:5, index], matrix @ flat, atol=1e-12)
    np.testing.assert_allclose(plane.coordinates[5], 0, atol=1e-12)


def test_no_plane():
    origin = {"w": torch.zeros(3)}
    one = {"w": torch.ones(3)}
    for trajectory in ([], [one], [one, origin], [one, {"w": 2 * torch.ones(3)}]):
        with pytest.raises(ProbeError, match="spans no plane"):
            trajectory_plane(origin, trajectory)
    with pytest.raises(ProbeError, match="non-finite weights"):
        trajectory_plane(origin, [one, {"w": torch.full((3,), float("nan"))}])
