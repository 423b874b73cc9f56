"""Evaluation against the plain way: images a second, one thread on both sides, DARTS, C=16, L=8.

Plain is eager, NCHW, from a DataLoader, at the best of a few batch sizes. Ours is
`nascope._src.training.evaluate`. Losses and accuracies are asserted equal. Needs CIFAR-10 in
NASCOPE_DATA.
"""

from __future__ import annotations

import statistics
import time

import torch
from _plain import PlainNetwork, plain_evaluation
from _result import keep, needed_data

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.augmentation import Images
from nascope._src.networks.network import Network
from nascope._src.runtime.devices import configure_process
from nascope._src.training.evaluation import evaluate

ROUNDS = 5
BATCHES = (16, 32, 64, 128)
CPU = torch.device("cpu")


def main() -> None:
    """Alternate the sides; print the ratios of images a second."""
    configure_process(threads=1)  # for both sides
    data = needed_data("cifar10", train_size=10, test_size=512)
    torch.manual_seed(0)
    network = Network(load_cell("DARTS"), channels=16, layers=8)
    images = Images(data.test.images, data.mean, data.std, device=CPU)
    labels = torch.from_numpy(data.test.labels)
    for _ in range(20):  # BatchNorm's statistics, as a trained network has them
        network.train()(images.plain(slice(0, 64)))
    plain = PlainNetwork(load_cell("DARTS"), 16, 8, 10)
    plain.load_state_dict(network.state_dict())
    network = network.to(memory_format=torch.channels_last)

    def timed(function):
        start = time.perf_counter()
        result = function()
        return len(data.test) / (time.perf_counter() - start), result

    def best(batch):
        return timed(lambda: plain_evaluation(plain, data, batch=batch))[0]

    for batch in BATCHES:
        best(batch)  # warm-up
    batch = max(BATCHES, key=best)
    sides = {
        "plain": lambda: plain_evaluation(plain, data, batch=batch),
        "float32": lambda: evaluate(network, images, labels),
        "bf16": lambda: evaluate(network, images, labels, precision="bf16"),
    }
    raw: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(ROUNDS):
        for side, function in sides.items():
            pace, result = timed(function)
            raw[side].append(pace)
            if side == "plain":
                loss, accuracy = result
            else:
                tolerance = 1e-4 if side == "float32" else 0.02
                assert abs(result.loss - loss) < tolerance * loss, (side, result.loss, loss)
                assert abs(result.accuracy - accuracy) < (0.003 if side == "float32" else 0.03)
    ratios = {
        f"plain_{side}": [a / b for a, b in zip(raw[side], raw["plain"], strict=True)]
        for side in ("float32", "bf16")
    }
    keep(
        "evaluation",
        speedup={name: statistics.median(values) for name, values in ratios.items()},
        spread={name: [min(values), max(values)] for name, values in ratios.items()},
        raw={"images_per_second": raw, "plain_batch": batch},
        bf16_in_hardware=bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()),
    )


if __name__ == "__main__":
    main()
