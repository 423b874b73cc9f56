"""Building and restoring networks."""

import torch

from nascope._src.cells.catalog import load as load_cell
from nascope._src.training.build import build_network, restore_network, trained_genotype
from tests.cases import train
from tests.training.checks import SHORT


def test_building_a_network_leaves_torchs_own_generator_alone(digits):
    before = torch.random.get_rng_state()
    build_network(load_cell("DARTS"), SHORT, digits.summary(), seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_network_is_restored_with_its_weights_and_its_name(digits, tmp_path):
    done = train(load_cell("SNAS"), digits, SHORT, seed=3, path=tmp_path / "c.safetensors")
    network = restore_network(done)
    for name, value in done.part("model").items():
        assert torch.equal(network.state_dict()[name], value), name
    assert repr(network).startswith("Network(SNAS, ")
    assert trained_genotype(done) == load_cell("SNAS")
