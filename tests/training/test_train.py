import dataclasses
import math
import shutil
import warnings

import numpy as np
import pytest
import torch
from torch.nn import functional

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.augmentation import draw_epoch
from nascope._src.data.datasets import load_data
from nascope._src.errors import CheckpointError, StudyError
from nascope._src.records import identity as identities
from nascope._src.records.identity import derived_seed
from nascope._src.records.read import CORRECT_KEY, read_training
from nascope._src.training import loop
from nascope._src.training.build import build_network
from nascope._src.training.checkpoint import load_checkpoint
from nascope._src.training.files import AGAIN, snapshot_folder
from nascope._src.training.moments import Moment
from nascope._src.training.recipe import Recipe, training_identity
from tests.cases import train

SHORT = Recipe(channels=2, layers=3, epochs=3, batch_size=64)


@pytest.fixture(scope="module")
def digits():
    return load_data("digits", train_size=200, test_size=60)


TIMES = {"provenance", "here", "mark", "seconds", "images_per_second"}


def without_time(records):
    if isinstance(records, dict):
        return {k: without_time(value) for k, value in records.items() if k not in TIMES}
    return [without_time(value) for value in records] if isinstance(records, list) else records


def assert_same(one, two):
    assert one.tensors.keys() == two.tensors.keys()
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, two.tensors[name]), name
    assert without_time(one.records) == without_time(two.records)


class Killed(Exception):
    pass


def test_golden_values(digits, tmp_path):
    """Guards NUMERICS_VERSION: a commit that changes these numbers bumps it, and these too."""
    recipe = Recipe(
        channels=2, layers=3, epochs=2, batch_size=50, drop_path=0.2, cutout=16, weight_decay=0.01
    )
    done = train(load_cell("AmoebaNet"), digits, recipe, seed=5, path=tmp_path / "c.safetensors")
    assert identities.NUMERICS_VERSION["training"] == 3
    got = [epoch["train_loss"] for epoch in done.records["epochs"]]
    assert got == pytest.approx(GOLDEN_LOSSES, rel=1e-4)
    assert done.records["identity"] == GOLDEN_IDENTITY


GOLDEN_LOSSES = [2.3478918075561523, 2.2890827560424807]
GOLDEN_IDENTITY = "1ada31fefdae5073"


def test_an_epoch_is_plain_sgd(digits, tmp_path):
    """The loop against the same steps written out, with momentum, decay and clipping by hand."""
    recipe = dataclasses.replace(SHORT, epochs=1, gradient_clip=0.5, weight_decay=0.1)
    path = tmp_path / "c.safetensors"
    done = train(load_cell("DARTS"), digits, recipe, seed=1, path=path)

    network = build_network(load_cell("DARTS"), recipe, digits.summary(), seed=1).train()
    generator = torch.Generator().manual_seed(derived_seed("epoch", 1, 0))
    draws = draw_epoch(200, 8, recipe.augmentation(digits), generator)
    momentum = {name: torch.zeros_like(p) for name, p in network.named_parameters()}
    total = 0.0
    for start in range(0, 200, 64):
        chosen = draws.order[start : start + 64]
        images = []
        for k, index in enumerate(chosen.tolist(), start=start):
            padded = np.zeros((10, 10))
            padded[1:9, 1:9] = digits.train.images[index, :, :, 0]
            top, left = draws.offset[k].tolist()
            images.append((padded[top : top + 8, left : left + 8] - digits.mean[0]) / digits.std[0])
        x = torch.tensor(np.array(images), dtype=torch.float32)[:, None]
        y = torch.from_numpy(digits.train.labels[chosen.numpy()])
        loss = functional.cross_entropy(network(x), y)
        total += float(loss.detach()) * len(y)
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        norm = math.sqrt(sum(float(g.double().square().sum()) for g in gradients))
        factor = min(1.0, 0.5 / (norm + 1e-6))
        with torch.no_grad():
            for (name, p), g in zip(network.named_parameters(), gradients, strict=True):
                momentum[name] = 0.9 * momentum[name] + factor * g + 0.1 * p
                p -= 0.025 * momentum[name]
    assert done.records["epochs"][0]["train_loss"] == pytest.approx(total / 200, rel=1e-4)
    for name, p in network.named_parameters():
        torch.testing.assert_close(done.part("model")[name], p.detach(), rtol=2e-3, atol=2e-4)


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
    with pytest.warns(UserWarning, match="checksum does not match; resuming from previous"):
        again = train(*arguments, seed=0, path=path, previous=previous)
    assert_same(again, whole)
    assert_same(load_checkpoint(path), whole)


def test_a_checkpoint_of_another_training_is_not_overwritten(digits, tmp_path):
    path = tmp_path / "c.safetensors"
    recipe = dataclasses.replace(SHORT, epochs=1)
    train(load_cell("DARTS"), digits, recipe, seed=0, path=path)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="belongs to another training"):
        train(load_cell("SNAS"), digits, recipe, seed=0, path=path)
    assert path.read_bytes() == before


def test_divergence_is_a_result(digits, tmp_path):
    recipe = dataclasses.replace(SHORT, learning_rate=1e20, gradient_clip=0.0)
    path = tmp_path / "c.safetensors"
    done = train(load_cell("DARTS"), digits, recipe, seed=0, path=path)
    assert done.records["finished"]
    assert done.records["diverged_at"] == len(done.records["epochs"])
    record = read_training(path)
    assert record.diverged_at == done.records["diverged_at"]
    assert record.finished
    again = train(load_cell("DARTS"), digits, recipe, seed=0, path=path)
    assert len(again.records["epochs"]) == len(done.records["epochs"])


def test_the_tower_and_its_weight_take_part(tmp_path):
    """Digits have no 8×8 map after two reductions: the tower is refused, saying why."""
    data = load_data("digits", train_size=20, test_size=20)
    recipe = dataclasses.replace(SHORT, auxiliary_weight=0.4)
    with pytest.raises(Exception, match="auxiliary tower needs images of 32 px"):
        train(load_cell("DARTS"), data, recipe, seed=0, path=tmp_path / "c.safetensors")


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


def test_building_a_network_leaves_torchs_own_generator_alone(digits):
    before = torch.random.get_rng_state()
    build_network(load_cell("DARTS"), SHORT, digits.summary(), seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)


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
    with pytest.warns(UserWarning, match="resuming from previous"):
        resumed = train(load_cell("DARTS"), digits, recipe, **settings)
    assert_same(resumed, whole)


def test_weights_are_kept_after_the_fact_whatever_an_earlier_try_was_for(digits, tmp_path):
    """A repeated training that was killed past a moment that is asked for now begins anew."""
    path, arguments = tmp_path / "c.safetensors", (load_cell("DARTS"), digits, SHORT)
    one, two = Moment.parse("epoch 1"), Moment.parse("epoch 2")
    train(*arguments, seed=0, path=tmp_path / "whole.safetensors", keep=[one, two])
    train(*arguments, seed=0, path=path)
    before = path.read_bytes()

    def kill(share, words):
        if share > 0.5:
            raise Killed

    with pytest.raises(Killed):
        train(*arguments, seed=0, path=path, keep=[two], progress=kill)
    again = snapshot_folder(path) / AGAIN
    assert len(load_checkpoint(again).records["epochs"]) == 1
    train(*arguments, seed=0, path=path, keep=[one, two])
    assert not again.exists()
    for moment in (one, two):
        kept = load_checkpoint(moment.path(snapshot_folder(path)))
        assert_same(kept, load_checkpoint(moment.path(tmp_path / "whole-snapshots")))
    again.write_bytes(b"damaged")
    one.path(snapshot_folder(path)).unlink()
    train(*arguments, seed=0, path=path, keep=[one, two])
    assert one.path(snapshot_folder(path)).exists()
    assert path.read_bytes() == before


@pytest.mark.parametrize("drift", [-0.1, 0.1])
def test_weights_at_a_loss_are_those_of_where_it_was_reached(digits, tmp_path, monkeypatch, drift):
    """Though a repeated training, on another device, may reach it before, after, or never."""
    path, arguments = tmp_path / "c.safetensors", (load_cell("DARTS"), digits, SHORT)
    done = train(*arguments, seed=0, path=path)
    level = Moment("loss", 3.06)
    assert level.place(done.curve) == 1
    elsewhere = [point.epoch for point in done.curve if point.train_loss + drift <= level.value]
    assert elsewhere[0] == (0.5 if drift < 0 else 2.5)
    there = loop._point

    def rounded(state, *others):
        point = there(state, *others)
        return dataclasses.replace(point, train_loss=point.train_loss + drift)

    monkeypatch.setattr(loop, "_point", rounded)
    train(*arguments, seed=0, path=path, keep=[level])
    assert load_checkpoint(level.path(snapshot_folder(path))).curve[-1].epoch == 1


def test_the_early_points_make_up_their_epochs(digits, tmp_path):
    recipe = dataclasses.replace(SHORT, batch_size=20, epochs=4)  # ten steps an epoch
    path = tmp_path / "c.safetensors"
    train(load_cell("DARTS"), digits, recipe, seed=0, path=path)
    record = read_training(path)
    assert [point.epoch for point in record.early] == [0.2, 0.3, 0.5, 1, 1.5, 2, 2.5, 3]
    assert [point.epoch for point in record.epochs] == [1, 2, 3, 4]
    assert [point.epoch for point in record.curve] == [0.2, 0.3, 0.5, 1, 1.5, 2, 2.5, 3, 4]
    places = [0, *[point.epoch for point in record.early]]
    for epoch in record.epochs[:3]:
        parts = [
            (point.epoch - before, point)
            for before, point in zip(places, record.early, strict=False)
            if epoch.epoch - 1 < point.epoch <= epoch.epoch
        ]
        assert math.fsum(share for share, _ in parts) == pytest.approx(1)
        for name in ("train_loss", "train_accuracy", "train_top5", "gradient_norm"):
            mean = math.fsum(share * getattr(point, name) for share, point in parts)
            assert mean == pytest.approx(getattr(epoch, name)), name
        for name in ("test_loss", "test_accuracy", "test_top5"):
            assert getattr(parts[-1][1], name) == getattr(epoch, name)
        assert epoch.train_accuracy <= epoch.train_top5 <= 1


def test_the_gradient_norm_is_that_before_clipping(digits, tmp_path):
    recipe = dataclasses.replace(SHORT, epochs=1, batch_size=200)  # a single step
    norms = []
    for clip in (0.0, 0.1, 1e6):
        path = tmp_path / f"{clip}.safetensors"
        changed = dataclasses.replace(recipe, gradient_clip=clip)
        done = train(load_cell("DARTS"), digits, changed, seed=1, path=path)
        norms.append(done.records["epochs"][0]["gradient_norm"])
    assert norms[0] == norms[1] == norms[2] > 0.1


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


def test_bf16_is_a_training_of_its_own(digits, tmp_path):
    recipe = dataclasses.replace(SHORT, epochs=1, precision="bf16")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a CPU without bf16 says so
        low = train(load_cell("SNAS"), digits, recipe, seed=0, path=tmp_path / "b.safetensors")
    full = dataclasses.replace(recipe, precision="float32")
    exact = train(load_cell("SNAS"), digits, full, seed=0, path=tmp_path / "f.safetensors")
    assert low.records["identity"] != exact.records["identity"]
    assert low.records["recipe"]["precision"] == "bf16"
    assert all(value.dtype != torch.bfloat16 for value in low.tensors.values())
    losses = [run.records["epochs"][0]["train_loss"] for run in (low, exact)]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.1)
