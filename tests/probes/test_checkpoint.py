"""Probes of trained networks: in which arithmetic, and of which weights."""

import dataclasses

import pytest
import torch

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.datasets import load_data
from nascope._src.data.request import DataRequest
from nascope._src.probes import checkpoint as probing
from nascope._src.probes import compute
from nascope._src.probes.checkpoint import probe_checkpoint, probe_network
from nascope._src.probes.history import WeightHistory
from nascope._src.probes.settings import CurvatureSettings, LandscapeSettings, VarianceSettings
from nascope._src.records.files import read_json
from nascope._src.study import calibration
from nascope._src.study.definition import Part, StudyDefinition, plan_cells
from nascope._src.study.job import Job
from nascope._src.theory import premises
from nascope._src.theory.premises import TrainedNetwork, measure_premises, measurement_key
from nascope._src.training.files import snapshot_folder
from nascope._src.training.moments import Moment
from nascope._src.training.recipe import Recipe
from tests.cases import train

CPU = torch.device("cpu")
RECIPE = Recipe(channels=2, layers=3, epochs=2, batch_size=50)


@pytest.fixture(scope="module")
def digits():
    return load_data("digits", train_size=100, test_size=40)


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "c.safetensors"
    train(load_cell("DARTS"), digits, RECIPE, seed=0, path=path)
    return path


@pytest.fixture
def rounding(monkeypatch):
    """Notes how products are rounded while a function works; before, as by default on a GPU."""
    ways = torch.backends.cudnn.conv, torch.backends.cuda.matmul
    before = [way.fp32_precision for way in ways]
    seen = {}

    def watch(module, name):
        inner = getattr(module, name)

        def watched(*arguments, **settings):
            seen.setdefault(name, set()).update(way.fp32_precision for way in ways)
            return inner(*arguments, **settings)

        monkeypatch.setattr(module, name, watched)
        return seen

    for way in ways:
        way.fp32_precision = "tf32"
    yield watch
    after = [way.fp32_precision for way in ways]
    for way, precision in zip(ways, before, strict=True):
        way.fp32_precision = precision
    assert after == ["tf32", "tf32"]


def test_every_probe_is_in_float32(trained, digits, rounding, tmp_path):
    """On a GPU, torch by itself rounds the products of convolutions to 10 bits."""
    names = (
        "compute_landscape",
        "measure_gradient_variance",
        "compute_curvature",
    )
    for name in names:
        rounding(compute, name)
    seen = rounding(probing, "make_risk")
    probed = WeightHistory(probing.load_trained(trained), snapshot_folder(trained))
    for plan in (
        LandscapeSettings(points=2),
        VarianceSettings(points=2, instances=10),
        CurvatureSettings(top=1, vectors=0, blocks="none", points=0, instances=10),
    ):
        probe_network(probed, digits, plan, device=CPU)
    assert seen == {name: {"ieee"} for name in (*names, "make_risk")}
    for name in ("weight_norms", "edge_norms"):
        rounding(premises, name)
    measure_premises(TrainedNetwork("c", trained), data_dir=None, images=1, instances=10)
    assert seen["weight_norms"] == seen["edge_norms"] == {"ieee"}
    seen.clear()
    for name in ("choose_method", "_time_repetition"):
        rounding(calibration, name)
    calibration.measure(job_of(tmp_path), digits, tmp_path / "m.json", print)
    assert seen == {"choose_method": {"ieee"}, "_time_repetition": {"ieee"}}


def job_of(folder, **changes):
    """A planned trial."""
    part = Part(
        cells=plan_cells(["DARTS"]),
        recipe=RECIPE,
        data=(DataRequest("digits", train_size=100, test_size=40),),
        **changes,
    )
    study = StudyDefinition("one", (part,))
    return Job(folder, "cpu", study.plan(study.load_data()).trials[0])


class Killed(Exception):
    pass


def killed_after(share):
    def progress(done, words):
        if done >= share:
            raise Killed

    return progress


@pytest.mark.parametrize(
    "plan",
    [
        LandscapeSettings(points=8, instances=5),
        CurvatureSettings(top=1, vectors=2, steps=2, blocks="none", points=0, instances=5),
    ],
)
def test_what_was_kept_of_other_weights_is_not_taken_up(digits, tmp_path, plan):
    """A network that was trained further between two tries is another one."""
    path, probe = tmp_path / "c.safetensors", {"data_dir": None, "device": CPU}

    def train_until(share):
        recipe = dataclasses.replace(RECIPE, batch_size=10)
        with pytest.raises(Killed):
            train(load_cell("DARTS"), digits, recipe, seed=0, path=path, checkpoint_seconds=0.0,
                  progress=killed_after(share))  # fmt: skip

    train_until(0.25)
    with pytest.raises(Killed):
        probe_checkpoint(path, plan, tmp_path / "p.npz", **probe, progress=killed_after(0.9))
    (kept,) = tmp_path.glob(".p-*-chunks")
    assert list(kept.rglob("*.npz"))
    trained = TrainedNetwork("c", path)
    key = measurement_key(trained, images=1, instances=5)
    train_until(0.4)  # within the same epoch
    found, _ = probe_checkpoint(path, plan, tmp_path / "p.npz", **probe)
    fresh, _ = probe_checkpoint(path, plan, tmp_path / "fresh.npz", **probe)
    assert {name: array.tolist() for name, array in found.items()} == {
        name: array.tolist() for name, array in fresh.items()
    }
    assert measurement_key(trained, images=1, instances=5) != key


def test_a_checkpoints_trajectory_is_named_by_the_weights_beside_it(digits, tmp_path):
    path, names = tmp_path / "c.safetensors", []
    for moment in ("epoch 1", "epoch 0.5"):
        train(load_cell("DARTS"), digits, RECIPE, seed=0, path=path, keep=[Moment.parse(moment)])
        plan = LandscapeSettings(points=2, along="trajectory", instances=5)
        _, used = probe_checkpoint(path, plan, tmp_path / "p.npz", data_dir=None, device=CPU)
        names.append(read_json(tmp_path / "p.json")["identity"])
        assert used["moments"] == ["initialisation", *used["through"]]
    assert used["through"] == ["epoch 0.5", "epoch 1"]
    assert names[0] != names[1]
