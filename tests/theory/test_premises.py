"""Premises of the theory, measured on trained networks: what is stored, reused and refused."""

from __future__ import annotations

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.datasets import load_data
from nascope._src.errors import StudyError
from nascope._src.records.files import read_json, write_json
from nascope._src.theory.premises import (
    TrainedNetwork,
    find_networks,
    measure_networks,
    measure_premises,
)
from nascope._src.training.recipe import Recipe
from tests.cases import train

RECIPE = Recipe(channels=2, layers=3, epochs=2, batch_size=50)


class Killed(Exception):
    pass


def killed_after(share):
    def progress(done, step):
        if done >= share:
            raise Killed

    return progress


@pytest.fixture(scope="module")
def digits():
    return load_data("digits", train_size=100, test_size=40)


def test_premises_reuse_no_results_of_other_weights(digits, tmp_path):
    path = tmp_path / "c.safetensors"
    options = {"data_dir": None, "images": 1, "instances": 5, "chunks": tmp_path / "chunks"}
    trained = TrainedNetwork("c", path)
    with pytest.raises(Killed):
        train(load_cell("DARTS"), digits, RECIPE, seed=0, path=path, progress=killed_after(0.6))
    with pytest.raises(Killed):
        measure_premises(trained, **options, progress=killed_after(0.7))
    train(load_cell("DARTS"), digits, RECIPE, seed=0, path=path)
    resumed = measure_premises(trained, **options)
    assert resumed == measure_premises(trained, **(options | {"chunks": tmp_path / "fresh"}))


def test_stored_networks_are_reused_under_their_new_label(digits, tmp_path):
    path, stored = tmp_path / "c.safetensors", tmp_path / "networks.json"
    train(load_cell("SNAS"), digits, RECIPE, seed=0, path=path)
    options = {"data_dir": None, "images": 1, "instances": 5}
    (first,) = measure_networks([TrainedNetwork("a", path)], stored, **options)
    assert list(first["moments"]) == ["initialisation", "end"]
    for rate in first["rates"]:
        assert rate["held"] == (rate["rate"] * rate["lipschitz"] < 1)
    file = read_json(stored)
    file["networks"][0]["accuracy"] = 0.125
    write_json(stored, file)
    (again,) = measure_networks([TrainedNetwork("b", path)], stored, **options)
    assert (again["accuracy"], again["label"]) == (0.125, "b")
    (other,) = measure_networks([TrainedNetwork("b", path)], stored, **(options | {"images": 2}))
    assert other["accuracy"] != 0.125


def test_networks_are_named_by_their_file_or_folder(tmp_path):
    single, in_study = find_networks(
        [tmp_path / "a.safetensors", tmp_path / "t/checkpoint.safetensors"]
    )
    assert single == TrainedNetwork("a", tmp_path / "a.safetensors")
    assert in_study.label == "t"  # the trial, whose file has the name of all checkpoints
    with pytest.raises(StudyError, match="holds no study"):
        find_networks([tmp_path])
