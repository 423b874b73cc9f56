"""Training a network, and resuming it."""

import dataclasses

import pytest
import torch

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.datasets import load_data
from nascope._src.errors import CheckpointError
from nascope._src.records import identity as identities
from nascope._src.records.checkpoint_files import CORRECT_KEY
from nascope._src.records.read import read_training
from nascope._src.training.checkpoint import load_checkpoint
from nascope._src.training.recipe import Recipe, training_identity
from tests.cases import train
from tests.training.checks import SHORT, Killed, assert_same


def test_golden_values(digits, tmp_path):
    """Guards NUMERICS_VERSION: a commit that changes these numbers bumps it, and these too."""
    recipe = Recipe(
        channels=2, layers=3, epochs=2, batch_size=50, drop_path=0.2, cutout=16, weight_decay=0.01
    )
    done = train(load_cell("AmoebaNet"), digits, recipe, seed=5, path=tmp_path / "c.safetensors")
    assert identities.NUMERICS_VERSION["training"] == 4
    got = [epoch["train_loss"] for epoch in done.records["epochs"]]
    assert got == pytest.approx(GOLDEN_LOSSES, rel=1e-4)
    assert done.records["identity"] == GOLDEN_IDENTITY


GOLDEN_LOSSES = [2.3478918075561523, 2.2890827560424807]


GOLDEN_IDENTITY = "304d500464425c11"


def test_training_learns_and_records(tmp_path):
    data = load_data("digits", train_size=1000, validation_size=100)
    recipe = Recipe(channels=4, layers=3, epochs=6, batch_size=50, learning_rate=0.05)
    shown = []
    done = train(
        load_cell("DARTS"), data, recipe, seed=0, path=tmp_path / "c.safetensors",
        progress=lambda share, words: shown.append((share, words)),
    )  # fmt: skip
    epochs = done.records["epochs"]
    assert [epoch["epoch"] for epoch in epochs] == [1, 2, 3, 4, 5, 6]
    assert epochs[-1]["test_accuracy"] > 0.8
    assert epochs[-1]["train_loss"] < 0.5 * epochs[0]["train_loss"]
    assert epochs[-1]["validation_accuracy"] > 0.7
    assert epochs[0]["learning_rate"] == 0.05
    correct = done.tensors[CORRECT_KEY]
    assert float(correct.double().mean()) == pytest.approx(epochs[-1]["test_accuracy"])
    shares = [share for share, _ in shown]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert "test accuracy" in shown[-1][1]
    record = read_training(tmp_path / "c.safetensors")  # without torch
    assert record.finished
    assert record.diverged_at is None
    assert len(record.correct) == len(data.test)


def test_another_seed_changes_every_number(digits, tmp_path):
    runs = [
        train(load_cell("DARTS"), digits, SHORT, seed=seed, path=tmp_path / f"{seed}.safetensors")
        for seed in (0, 1)
    ]
    for name, tensor in runs[0].part("model").items():
        if tensor.dim() > 1:
            assert not torch.equal(tensor, runs[1].part("model")[name]), name
    one, two = (run.records["epochs"][0]["train_loss"] for run in runs)
    assert one != two


@pytest.mark.parametrize("recipe", [SHORT, dataclasses.replace(SHORT, drop_path=0.3, cutout=8)])
def test_an_interrupted_training_goes_on_to_the_same_bits(digits, tmp_path, recipe):
    whole = train(load_cell("DARTS"), digits, recipe, seed=2, path=tmp_path / "whole.safetensors")

    def kill(share, words):
        if share > 0.5:
            raise Killed

    path, previous = tmp_path / "c.safetensors", tmp_path / "previous.safetensors"
    with pytest.raises(Killed):
        train(load_cell("DARTS"), digits, recipe, seed=2, path=path, previous=previous,
              progress=kill)  # fmt: skip
    assert len(load_checkpoint(path).records["epochs"]) == 1
    resumed = train(load_cell("DARTS"), digits, recipe, seed=2, path=path, previous=previous)
    assert_same(resumed, whole)
    before = path.read_bytes()
    again = train(load_cell("DARTS"), digits, recipe, seed=2, path=path, previous=previous)
    assert_same(again, whole)
    assert path.read_bytes() == before


def test_a_damaged_checkpoint_falls_back_to_the_one_before(digits, tmp_path):
    path, previous = tmp_path / "c.safetensors", tmp_path / "previous.safetensors"
    arguments = load_cell("DARTS"), digits, SHORT
    whole = train(*arguments, seed=0, path=path, previous=previous)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="checksum does not match; using previous"):
        again = train(*arguments, seed=0, path=path, previous=previous)
    assert_same(again, whole)
    assert_same(load_checkpoint(path), whole)


def test_a_checkpoint_of_another_training_is_not_overwritten(digits, tmp_path):
    path = tmp_path / "c.safetensors"
    recipe = dataclasses.replace(SHORT, epochs=1)
    train(load_cell("DARTS"), digits, recipe, seed=0, path=path)
    before = path.read_bytes()
    with pytest.raises(
        CheckpointError, match=r"to another training \(the cell differs, seed 0 and"
    ):
        train(load_cell("SNAS"), digits, recipe, seed=1, path=path)
    longer = dataclasses.replace(recipe, epochs=3, batch_size=10)
    with pytest.raises(CheckpointError, match=r"\(epochs 1 and not 3, batch_size \d+ and not 10\)"):
        train(load_cell("DARTS"), digits, longer, seed=0, path=path)
    assert path.read_bytes() == before


def test_the_identity_names_what_determines_the_result(digits):
    cell = load_cell("DARTS")
    name = training_identity(cell, digits, SHORT, 0)
    assert training_identity(cell.named("another name"), digits, SHORT, 0) == name
    assert training_identity(load_cell("SNAS"), digits, SHORT, 0) != name
    assert training_identity(cell, digits, SHORT, 1) != name
    assert training_identity(cell, digits, dataclasses.replace(SHORT, epochs=4), 0) != name
    other = load_data("digits", train_size=201, test_size=60)
    assert training_identity(cell, other, SHORT, 0) != name


def test_the_version_of_the_numerics_is_part_of_every_identity(digits, monkeypatch):
    before = training_identity(load_cell("DARTS"), digits, SHORT, 0)
    monkeypatch.setitem(identities.NUMERICS_VERSION, "training", 10**6)
    assert training_identity(load_cell("DARTS"), digits, SHORT, 0) != before


@pytest.mark.parametrize("after", [2, 5, 6, 9])
def test_a_training_killed_within_an_epoch_goes_on_to_the_same_bits(digits, tmp_path, after):
    """A checkpoint at each of four steps an epoch; killed after some of them."""
    recipe = dataclasses.replace(SHORT, drop_path=0.3, batch_size=50)
    cell = load_cell("AmoebaNet")
    whole = train(cell, digits, recipe, seed=2, path=tmp_path / "whole.safetensors")
    calls = []

    def kill(share, words):
        calls.append(share)
        if len(calls) > after:
            raise Killed

    path, previous = tmp_path / "c.safetensors", tmp_path / "previous.safetensors"
    settings = {"seed": 2, "path": path, "previous": previous, "checkpoint_seconds": 0.0}
    with pytest.raises(Killed):
        train(cell, digits, recipe, **settings, progress=kill)
    resumed = train(cell, digits, recipe, **settings)
    assert_same(resumed, whole)


def test_a_damaged_checkpoint_within_an_epoch_falls_back_to_the_one_before(digits, tmp_path):
    recipe = dataclasses.replace(SHORT, batch_size=10)
    whole = train(load_cell("DARTS"), digits, recipe, seed=2, path=tmp_path / "whole.safetensors")
    path, previous = tmp_path / "c.safetensors", tmp_path / "previous.safetensors"
    settings = {"seed": 2, "path": path, "previous": previous, "checkpoint_seconds": 0.0}

    def kill(share, words):
        if share > 0.5:
            raise Killed

    with pytest.raises(Killed):
        train(load_cell("DARTS"), digits, recipe, **settings, progress=kill)
    assert load_checkpoint(path).records["here"]["step"] > 1
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="using previous"):
        resumed = train(load_cell("DARTS"), digits, recipe, **settings)
    assert_same(resumed, whole)
