"""The weights of a training at its moments."""

import dataclasses

import pytest
import torch

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.datasets import load_data
from nascope._src.errors import StudyError
from nascope._src.probes.history import WeightHistory
from nascope._src.training.build import build_network
from nascope._src.training.checkpoint import Checkpoint, load_checkpoint
from nascope._src.training.files import snapshot_folder
from nascope._src.training.moments import Moment
from nascope._src.training.recipe import Recipe
from tests.cases import train

RECIPE = Recipe(channels=2, layers=3, epochs=2, batch_size=50)


@pytest.fixture(scope="module")
def digits():
    return load_data("digits", train_size=100, test_size=40)


@pytest.fixture(scope="module")
def history(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("history") / "c.safetensors"
    keep = [Moment.parse("epoch 1"), Moment.parse("loss 2.3")]
    checkpoint = train(load_cell("DARTS"), digits, RECIPE, seed=3, path=path, keep=keep)
    return WeightHistory(checkpoint, snapshot_folder(path))


def assert_weights(network, expected):
    for name, value in network.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_the_beginning_is_drawn_from_the_seed(history, digits):
    network, reached = history.network_at("initialisation")
    assert reached
    expected = build_network(load_cell("DARTS"), RECIPE, digits.summary(), seed=3)
    assert_weights(network, expected.state_dict())


def test_the_end_and_what_was_kept(history):
    assert_weights(history.network_at("end")[0], history.checkpoint.part("model"))
    assert_weights(history.network_at("epoch 2")[0], history.checkpoint.part("model"))
    kept = load_checkpoint(Moment.parse("epoch 1").path(history.snapshots))
    assert_weights(history.network_at("epoch 1")[0], kept.part("model"))
    assert "epoch 1" in history.kept_moments()


def test_what_was_not_kept_or_not_reached(history):
    with pytest.raises(StudyError, match="weights at epoch 0.5 were not kept"):
        history.network_at("epoch 0.5")
    network, reached = history.network_at("loss 0.0001")
    assert not reached
    assert all(parameter.isnan().all() for parameter in network.parameters())


def test_imported_weights_have_no_beginning(history):
    records = {**history.checkpoint.records, "seed": None}
    imported = Checkpoint(history.checkpoint.tensors, records)
    with pytest.raises(StudyError, match="their initial values are unknown"):
        dataclasses.replace(history, checkpoint=imported).network_at("initialisation")


def test_a_trajectory_is_in_the_order_of_the_training(history):
    weights, moments = history.trajectory(["epoch 2", "epoch 1", "loss 0.0001"])
    assert moments == ["initialisation", "epoch 1", "epoch 2"]
    assert len(weights) == 3
    assert torch.equal(
        weights[2]["classifier.bias"], history.checkpoint.part("model")["classifier.bias"]
    )
    with pytest.raises(StudyError, match="a trajectory needs weights"):
        history.trajectory(["loss 0.0001"])
