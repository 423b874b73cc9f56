"""The training loop against its steps written out, and its records."""

import dataclasses
import math
import warnings

import numpy as np
import pytest
import torch
from torch.nn import functional

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.augmentation import draw_epoch
from nascope._src.data.datasets import load_data
from nascope._src.records.identity import derived_seed
from nascope._src.records.read import read_training, training_record
from nascope._src.training.build import build_network
from tests.cases import train
from tests.training.checks import SHORT


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


def test_the_early_points_make_up_their_epochs(digits, tmp_path):
    recipe = dataclasses.replace(SHORT, batch_size=20, epochs=4)  # ten steps an epoch
    path = tmp_path / "c.safetensors"
    train(load_cell("DARTS"), digits, recipe, seed=0, path=path)
    record = read_training(path)
    assert [point.epoch for point in record.early] == [0.2, 0.3, 0.5, 1, 1.5, 2, 2.5, 3]
    assert [point.epoch for point in record.epochs] == [1, 2, 3, 4]
    assert [point.epoch for point in record.curve] == [0.2, 0.3, 0.5, 1, 1.5, 2, 2.5, 3, 4]
    whole = {row["epoch"]: row["epoch_train_loss"] for row in record.curve_rows}
    assert [epoch for epoch, loss in whole.items() if loss is not None] == [1, 2, 3, 4]
    assert [whole[epoch.epoch] for epoch in record.epochs] == [e.train_loss for e in record.epochs]
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


def test_a_network_without_a_finite_test_loss_diverged(digits, tmp_path):
    """The training loss before the last step, and the weights after it, are finite."""
    recipe = dataclasses.replace(SHORT, layers=2, epochs=2, learning_rate=1e10)
    few = dataclasses.replace(digits, train=digits.train.take(range(20)))
    done = train(load_cell("DARTS"), few, recipe, seed=0, path=tmp_path / "c.safetensors")
    last = done.records["epochs"][-1]
    assert math.isfinite(last["train_loss"])
    assert all(torch.isfinite(t).all() for n, t in done.tensors.items() if n.endswith("weight"))
    assert math.isnan(last["test_loss"])
    assert last["test_accuracy"] == 0
    assert done.records["diverged_at"] == 2
    older = {**done.records, "diverged_at": None}
    assert training_record(older).diverged_at == 2
