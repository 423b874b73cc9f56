"""Training steps fused by torch.compile."""

import dataclasses
import shutil

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.datasets import load_data
from nascope._src.errors import StudyError
from nascope._src.training.recipe import Recipe
from tests.cases import train
from tests.training.checks import SHORT


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # torch's own, on compiling
def test_a_compiled_network_trains_alike(tmp_path):
    data = load_data("digits", train_size=40, test_size=20)
    recipe = Recipe(channels=2, layers=1, epochs=1, batch_size=20)
    one = train(load_cell("SNAS"), data, recipe, seed=0, path=tmp_path / "eager.safetensors")
    compiled = dataclasses.replace(recipe, compile=True)
    two = train(load_cell("SNAS"), data, compiled, seed=0, path=tmp_path / "compiled.safetensors")
    assert one.records["identity"] != two.records["identity"]
    assert two.records["provenance"]["compile_seconds"] > 1
    loss = [run.records["epochs"][0]["train_loss"] for run in (one, two)]
    assert loss[1] == pytest.approx(loss[0], rel=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_compiled_is_one_clear_error(digits, tmp_path, monkeypatch):
    recipe = dataclasses.replace(SHORT, compile=True)
    monkeypatch.setenv("CXX", "/nonexistent")
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("/nonexistent",))
    monkeypatch.setattr("torch._inductor.config.force_disable_caches", True)
    with pytest.raises(StudyError, match="torch.compile failed"):
        train(load_cell("SNAS"), digits, recipe, seed=0, path=tmp_path / "c.safetensors")
