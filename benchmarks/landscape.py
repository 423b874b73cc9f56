"""A loss landscape against the plain way, both cores: DARTS, C=16, L=8, a 5×5 grid, float32.

Plain sets the weights of an eager NCHW network at each point and loops over a DataLoader, with two
threads. Ours is `nascope.landscape` with two workers. Losses are asserted equal to 1e-4.
The peak of memory of a grid nine times as large must be the same. Needs CIFAR-10 in NASCOPE_DATA.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import numpy as np
import torch
from _plain import PlainNetwork, peak_memory_mb, plain_evaluation
from _result import keep, needed_data

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.augmentation import Images
from nascope._src.networks.network import Network
from nascope._src.probes.directions import random_directions
from nascope._src.probes.grid import Grid
from nascope._src.probes.landscape import compute_landscape
from nascope._src.probes.risk import Risk
from nascope._src.runtime.devices import configure_process

ROUNDS = 5
IMAGES = 256
BATCHES = (16, 32, 64, 128)
CPU = torch.device("cpu")


def prepare(images, labels):
    """A network with statistics as after some training, in both forms, its risk, and directions."""
    torch.manual_seed(0)
    network = Network(load_cell("DARTS"), channels=16, layers=8)
    for _ in range(20):
        network.train()(images[:64])
    plain = PlainNetwork(load_cell("DARTS"), 16, 8, 10)
    plain.load_state_dict(network.state_dict())
    network = network.to(memory_format=torch.channels_last)
    risk = Risk(network, images, labels, batch_size=64)
    return plain, risk, random_directions(risk.origin, 2, seed=0)


def plain_landscape(network, data, directions, grid, *, batch):
    """Set the weights, loop over the loader."""
    origin = {name: p.detach().clone() for name, p in network.named_parameters()}
    losses = []
    for alpha, beta in grid.points:
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                step = alpha * directions[0][name] + beta * directions[1][name]
                parameter.copy_(origin[name] + step)
        losses.append(plain_evaluation(network, data, batch=batch)[0])
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(origin[name])
    return np.array(losses).reshape(grid.shape)


def peak_of(points):
    """Peak memory of a fresh process that computes a grid of so many points a side."""
    words = [sys.executable, __file__, "--peak", str(points)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Alternate the sides; print the ratio of times."""
    configure_process(threads=2)
    data = needed_data("cifar10", train_size=10, test_size=IMAGES)
    images = Images(data.test.images, data.mean, data.std, device=CPU).plain(slice(None))
    plain, risk, directions = prepare(images, torch.from_numpy(data.test.labels))
    grid = Grid.square(5, radius=0.2)

    def timed(function):
        start = time.perf_counter()
        result = function()
        return time.perf_counter() - start, result

    def evaluation(batch):
        return timed(lambda: plain_evaluation(plain, data, batch=batch))[0]

    for batch in BATCHES:
        evaluation(batch)
    batch = min(BATCHES, key=evaluation)
    sides = {
        "plain": lambda: plain_landscape(plain, data, directions, grid, batch=batch),
        "nascope": lambda: compute_landscape(risk, directions, grid, workers=2)["loss"],
    }
    raw: dict[str, list[float]] = {side: [] for side in sides}
    compute_landscape(risk, directions, Grid.square(2), workers=2)  # warm-up
    for _ in range(ROUNDS):
        found = {}
        for side, function in sides.items():
            seconds, found[side] = timed(function)
            raw[side].append(seconds)
        np.testing.assert_allclose(found["nascope"], found["plain"], rtol=1e-4)
    ratios = [a / b for a, b in zip(raw["plain"], raw["nascope"], strict=True)]
    peaks = {points: peak_of(points) for points in (5, 15)}
    keep(
        "landscape",
        threads=2,
        speedup={"plain": statistics.median(ratios)},
        spread={"plain": [min(ratios), max(ratios)]},
        raw={"seconds": raw, "plain_batch": batch, "peak_mb_by_points": peaks},
    )


def peak(points: int) -> None:
    """Print this process's peak memory after a small landscape of so many points a side."""
    configure_process(threads=1)
    images = torch.rand(32, 3, 32, 32)  # reading the data set would take more than the work
    images = images.to(memory_format=torch.channels_last)
    _, risk, directions = prepare(images, torch.arange(32) % 10)
    compute_landscape(risk, directions, Grid.square(points), workers=2)
    print(peak_memory_mb())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        peak(int(sys.argv[2]))
    else:
        main()
