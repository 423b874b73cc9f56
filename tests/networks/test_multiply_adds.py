"""Multiply-adds against a count by hand, layer by layer."""

import pytest
import torch
from torch import nn

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.catalog import names as cell_names
from nascope._src.cells.wiring import published_variant
from nascope._src.networks.network import Network, multiply_adds


def _by_hand(network: nn.Module, images: torch.Tensor) -> int:
    counts = []

    def convolution(layer, _, out):
        counts.append(out.numel() * layer.weight[0].numel())

    def linear(layer, _, out):
        counts.append(out.numel() * layer.in_features)

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(convolution)
        elif isinstance(module, nn.Linear):
            module.register_forward_hook(linear)
    with torch.no_grad():
        network.eval()(images)
    return sum(counts)


@pytest.mark.parametrize("name", cell_names())
def test_against_hooks(name):
    for genotype in (load_cell(name), published_variant(load_cell(name), 3)):  # dead nodes too
        network = Network(genotype, channels=4, layers=4, image_size=16)
        expected = _by_hand(network, torch.zeros(1, 3, 16, 16))
        assert multiply_adds(genotype, channels=4, layers=4, image_size=16) == expected


def test_the_tower_does_not_count():
    size = {"channels": 8, "layers": 5}
    darts = load_cell("DARTS")
    assert multiply_adds(darts, **size) == multiply_adds(darts, **size, auxiliary=True)
