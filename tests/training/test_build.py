"""Building and restoring networks."""

import pytest
import torch

from nascope._src.cells.catalog import load as load_cell
from nascope._src.errors import CheckpointError
from nascope._src.training.build import (
    build_network,
    load_trained,
    restore_network,
    trained_genotype,
)
from nascope._src.training.checkpoint import Checkpoint, save_checkpoint
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


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("build") / "c.safetensors"
    return train(load_cell("SNAS"), digits, SHORT, seed=3, path=path)


RECORDS = [
    {"recipe": {"channels": "four"}},
    {"recipe": {"chanels": 4}},
    {"recipe": {}},  # another size than the weights'
    {"recipe": None},
    {"data": {"name": "digits"}},
    {"data": None},
    {"genotype": {"normal": []}},
    {"genotype": 3},
    {"name": ["a"]},
    {"seed": "zero"},
    {"epochs": [{"epoch": "one"}]},
    {"epochs": None},
    {"finished": "yes"},
    {"identity": 3},
    {"provenance": []},
]


@pytest.mark.parametrize("changed", RECORDS)
def test_records_that_describe_no_training_are_refused(trained, tmp_path, changed):
    """Their checksums are right: somebody else may write them."""
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, Checkpoint(trained.tensors, {**trained.records, **changed}))
    with pytest.raises(CheckpointError, match="not the checkpoint of a training"):
        load_trained(path)
    save_checkpoint(path, trained)
    assert load_trained(path).records == trained.records


def test_missing_records_and_weights_are_named(trained, tmp_path):
    path = tmp_path / "c.safetensors"
    records = {name: value for name, value in trained.records.items() if name != "recipe"}
    save_checkpoint(path, Checkpoint(trained.tensors, records))
    with pytest.raises(CheckpointError, match="its recipe is missing"):
        load_trained(path)
    with pytest.raises(CheckpointError, match="the weights are not those of the network"):
        restore_network(Checkpoint({}, trained.records))
