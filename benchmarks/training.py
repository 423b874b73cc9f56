"""Training against the plain way, on two cores: DARTS, C=16, L=8, CIFAR-10 images, batch 80.

Plain is one trial with two threads: eager, NCHW, float32, a DataLoader that augments image by
image, a host sync at each step. Ours is two trials side by side, one thread each, by
`nascope.train`, at the pace that its records state. Each run is a process of its own, so
that peak memory is its own too. Logits and gradients of a step are asserted equal, and the accuracy
after equally many epochs is compared over three seeds. Needs CIFAR-10 in NASCOPE_DATA.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from _plain import (
    PlainImages,
    PlainNetwork,
    peak_memory_mb,
    plain_evaluation,
    plain_sgd,
    plain_step,
    plain_training,
)
from _result import keep, needed_data
from torch.nn import functional
from torch.utils.data import DataLoader

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.augmentation import Images, draw_epoch
from nascope._src.networks.network import Network
from nascope._src.runtime.devices import configure_process
from nascope._src.training.files import TrainingFiles
from nascope._src.training.recipe import Recipe
from nascope._src.training.train import train_network

CELL, CHANNELS, LAYERS, BATCH = "DARTS", 16, 8, 80
ROUNDS = 5
STEPS = 12  # timed, of the plain way
EPOCH = 960  # images of an epoch of ours, of which the second is timed
ACCURACY = {"channels": 8, "layers": 5, "epochs": 6, "images": 3000, "tested": 2000}


def plain(workers: int) -> dict:
    """The plain way's pace, in this process."""
    torch.set_num_threads(2)
    data = needed_data("cifar10", train_size=(STEPS + 3) * BATCH, test_size=10)
    network = PlainNetwork(load_cell(CELL), CHANNELS, LAYERS, 10).train()
    optimizer = plain_sgd(network)
    images = PlainImages(data.train, data, augment=True)
    steps = iter(DataLoader(images, BATCH, shuffle=True, num_workers=workers))
    for _ in range(3):
        plain_step(network, optimizer, *next(steps))
    start = time.perf_counter()
    for batch in steps:
        plain_step(network, optimizer, *batch)
    pace = STEPS * BATCH / (time.perf_counter() - start)
    return {"images_per_second": pace, "peak_mb": peak_memory_mb()}


def ours(precision: str, images: int) -> dict:
    """The pace of one trial of ours, in this process."""
    configure_process(threads=1)
    data = needed_data("cifar10", train_size=images, test_size=10)
    recipe = Recipe(
        channels=CHANNELS, layers=LAYERS, epochs=2, batch_size=BATCH, precision=precision
    )
    with tempfile.TemporaryDirectory() as folder:
        done = train_network(
            load_cell(CELL), data, recipe, TrainingFiles(Path(folder) / "c.safetensors"), seed=0
        )
    pace = done.records["epochs"][1]["images_per_second"]
    return {"images_per_second": pace, "peak_mb": peak_memory_mb()}


def accuracy_plain(seed: int) -> dict:
    """Test accuracy of the plain way after a few epochs."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    a = ACCURACY
    data = needed_data("cifar10", train_size=a["images"], test_size=a["tested"])
    network = PlainNetwork(load_cell(CELL), a["channels"], a["layers"], 10)
    plain_training(network, data, epochs=a["epochs"], batch=BATCH, workers=0)
    return {"accuracy": plain_evaluation(network, data, batch=64)[1]}


def accuracy_ours(seed: int) -> dict:
    """Test accuracy of ours after as many."""
    configure_process(threads=1)
    a = ACCURACY
    data = needed_data("cifar10", train_size=a["images"], test_size=a["tested"])
    recipe = Recipe(channels=a["channels"], layers=a["layers"], epochs=a["epochs"])
    with tempfile.TemporaryDirectory() as folder:
        done = train_network(
            load_cell(CELL), data, recipe, TrainingFiles(Path(folder) / "c.safetensors"), seed=seed
        )
    return {"accuracy": done.records["epochs"][-1]["test_accuracy"]}


def run(*calls: tuple) -> list[dict]:
    """Each call (function's name, arguments) in a process of its own, side by side."""
    processes = [
        subprocess.Popen([sys.executable, __file__, json.dumps(call)], stdout=subprocess.PIPE)
        for call in calls
    ]
    answers = [process.communicate()[0] for process in processes]
    assert all(process.returncode == 0 for process in processes)
    return [json.loads(answer.splitlines()[-1]) for answer in answers]


def assert_equal_steps() -> None:
    """The same weights and images give the same loss and gradients on both sides."""
    torch.manual_seed(0)
    network = Network(load_cell(CELL), channels=CHANNELS, layers=LAYERS)
    other = PlainNetwork(load_cell(CELL), CHANNELS, LAYERS, 10)
    other.load_state_dict(network.state_dict())
    network = network.to(memory_format=torch.channels_last)
    images, labels = torch.randn(8, 3, 32, 32), torch.randint(0, 10, (8,))
    for kind, tolerance in ((torch.float32, 1e-4), (torch.float64, 1e-9)):
        losses = []
        for side in (network.to(kind).train(), other.to(kind).train()):
            side.zero_grad()
            loss = functional.cross_entropy(side(images.to(kind)), labels)
            loss.backward()
            losses.append(loss.item())
        assert abs(losses[0] - losses[1]) < tolerance, losses
    for (name, a), b in zip(network.named_parameters(), other.parameters(), strict=True):
        assert (a.grad - b.grad).norm() < 1e-8 * b.grad.norm() + 1e-10, name


def augmentation_share(step_seconds: float) -> float:
    """Augmenting a batch, as a share of a step, on one thread."""
    torch.set_num_threads(1)
    data = needed_data("cifar10", train_size=2000, test_size=10)
    augmentation = Recipe().augmentation(data)
    cpu = torch.device("cpu")
    images = Images(
        data.train.images, data.mean, data.std, device=cpu, padding=augmentation.padding
    )
    draws = draw_epoch(2000, 32, augmentation, torch.Generator().manual_seed(0))
    times = []
    for start in range(0, 2000, BATCH):
        before = time.perf_counter()
        images.augmented(draws[start : start + BATCH], augmentation)
        times.append(time.perf_counter() - before)
    return statistics.median(times) / step_seconds


def main() -> None:
    """Alternate the sides; print the ratios of images a second."""
    assert_equal_steps()
    workers = max((0, 2), key=lambda n: run(("plain", n))[0]["images_per_second"])
    hardware = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    raw: dict[str, list] = {"plain": [], "float32": [], "bf16": []}
    for index in range(ROUNDS):
        raw["plain"].append(run(("plain", workers)))
        raw["float32"].append(run(*[("ours", "float32", EPOCH)] * 2))
        if hardware or index == 0:  # emulated, it would take an hour
            raw["bf16"].append(run(*[("ours", "bf16", EPOCH if hardware else 2 * BATCH)] * 2))
    paces = {side: [sum(r["images_per_second"] for r in one) for one in raw[side]] for side in raw}
    ratios = {
        f"plain_{side}": [a / b for a, b in zip(paces[side], paces["plain"], strict=False)]
        for side in ("float32", "bf16")
    }
    accuracies: dict[str, list[float]] = {"plain": [], "ours": []}
    for seed in range(3):
        one, other = run(("accuracy_plain", seed), ("accuracy_ours", seed))
        accuracies["plain"].append(one["accuracy"])
        accuracies["ours"].append(other["accuracy"])
    step = 2 * BATCH / statistics.median(paces["float32"])
    keep(
        "training",
        speedup={name: statistics.median(values) for name, values in ratios.items()},
        spread={name: [min(values), max(values)] for name, values in ratios.items()},
        raw={
            "images_per_second": paces,
            "plain_loader_workers": workers,
            "peak_mb": {s: max(r["peak_mb"] for one in raw[s] for r in one) for s in raw},
            "augmentation_share": augmentation_share(step),
            "accuracy": accuracies | ACCURACY,
        },
        bf16_in_hardware=hardware,
        threads="2 in all",
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        name, *arguments = json.loads(sys.argv[1])
        print(json.dumps(globals()[name](*arguments)))
    else:
        main()
