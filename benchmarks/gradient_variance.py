"""Gradient variance at one point, one thread: DARTS, C=16, L=8, a batch of 64, float32.

Against one plain eager NCHW forward and backward pass of the batch, which yields the mean gradient
only; against `torch.func.vmap` of `grad` at its best chunk size; and against BackPACK's
`BatchGrad`, where NASCOPE_PEERS names a Python that has it (make peers). All variances are asserted
equal to 1e-3. Peak memory is that of a fresh process each. Needs CIFAR-10 in NASCOPE_DATA.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from _plain import PlainNetwork, peak_memory_mb
from _result import keep, needed_data
from safetensors.torch import save_file
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.augmentation import Images
from nascope._src.networks.network import Network
from nascope._src.probes.directions import random_directions
from nascope._src.probes.gradient_variance import compute_gradient_variance
from nascope._src.probes.grid import Grid
from nascope._src.probes.per_instance import choose_method
from nascope._src.probes.risk import Risk
from nascope._src.runtime.devices import configure_process

ROUNDS = 7
BATCH = 64
CHUNKS = (4, 8, 16, 32, 64)
CPU = torch.device("cpu")
HERE = Path(__file__).parent


def prepare():
    """The plain network, its images and labels, and the risk of ours."""
    data = needed_data("cifar10", train_size=10, test_size=BATCH)
    torch.manual_seed(0)
    network = Network(load_cell("DARTS"), channels=16, layers=8)
    images = Images(data.test.images, data.mean, data.std, device=CPU).plain(slice(None))
    labels = torch.from_numpy(data.test.labels)
    for _ in range(20):
        network.train()(images)
    plain = PlainNetwork(load_cell("DARTS"), 16, 8, 10).eval()
    plain.load_state_dict(network.state_dict())
    network = network.to(memory_format=torch.channels_last)
    return plain, images.contiguous(), labels, Risk(network, images, labels, batch_size=BATCH)


def plain_pass(network, images, labels):
    network.zero_grad()
    functional.cross_entropy(network(images), labels).backward()


def vmap_variance(network, images, labels, chunk):
    parameters = {name: p.detach() for name, p in network.named_parameters()}

    def loss(weights, x, y):
        return functional.cross_entropy(functional_call(network, weights, (x[None],)), y[None])

    gradients = vmap(grad(loss), (None, 0, 0), chunk_size=chunk)(parameters, images, labels)
    return sum(float((g - g.mean(0)).double().square().sum()) for g in gradients.values()) / BATCH


def ours(risk):
    directions = random_directions(risk.origin, 1, seed=0)
    found = compute_gradient_variance(risk, directions, Grid((0.0,)), method="layerwise")
    return found["variance"].item()


class Peer:
    """BackPACK in a Python of its own, told when to measure."""

    def __init__(self, python: str, network, images, labels) -> None:
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "case.safetensors"
        state = {f"model.{k}": v.contiguous() for k, v in network.state_dict().items()}
        save_file({**state, "images": images.contiguous(), "labels": labels}, path)
        self.process = subprocess.Popen(
            [python, str(HERE / "_backpack.py"), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(HERE.parent / "src")},
        )

    def measure(self) -> dict[str, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print("go", file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def main() -> None:
    """Alternate the sides; print the ratios of times."""
    configure_process(threads=1)
    plain, images, labels, risk = prepare()
    assert choose_method(risk).name == "layerwise"

    def timed(function):
        start = time.perf_counter()
        result = function()
        return time.perf_counter() - start, result

    def with_chunk(chunk):
        return timed(lambda: vmap_variance(plain, images, labels, chunk))[0]

    chunk = min(CHUNKS, key=with_chunk)
    python = os.environ.get("NASCOPE_PEERS")
    peer = Peer(python, plain, images, labels) if python else None
    if peer is not None:
        peer.measure()
    plain_pass(plain, images, labels)
    ours(risk)
    raw: dict[str, list[float]] = {"nascope": [], "plain_nchw_pass": [], "vmap": []}
    for _ in range(ROUNDS):
        raw["plain_nchw_pass"].append(timed(lambda: plain_pass(plain, images, labels))[0])
        seconds, variance = timed(lambda: ours(risk))
        raw["nascope"].append(seconds)
        seconds, other = timed(lambda: vmap_variance(plain, images, labels, chunk))
        raw["vmap"].append(seconds)
        assert abs(other / variance - 1) < 1e-3, (other, variance)
        if peer is not None:
            found = peer.measure()
            raw.setdefault("backpack", []).append(found["seconds"])
            assert abs(found["variance"] / variance - 1) < 1e-3, (found, variance)
    ratios = {
        side: [a / b for a, b in zip(times, raw["nascope"], strict=True)]
        for side, times in raw.items()
        if side != "nascope"
    }
    keep(
        "gradient_variance",
        speedup={side: statistics.median(values) for side, values in ratios.items()},
        spread={side: [min(values), max(values)] for side, values in ratios.items()},
        raw={
            "seconds": raw,
            "vmap_chunk": chunk,
            "peak_mb": {side: peak_of(side) for side in ("nothing", "plain", "nascope")},
        },
    )


def peak_of(side: str) -> float:
    """Peak memory of a fresh process that does one side's work."""
    words = [sys.executable, __file__, "--peak", side]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def peak(side: str) -> None:
    """Do one side's work, and print this process's peak memory."""
    configure_process(threads=1)
    images = torch.rand(BATCH, 3, 32, 32)  # reading the data set would take more than the work
    labels = torch.arange(BATCH) % 10
    torch.manual_seed(0)
    if side == "plain":
        network = PlainNetwork(load_cell("DARTS"), 16, 8, 10).eval()
        plain_pass(network, images.contiguous(), labels)
    elif side == "nascope":
        network = Network(load_cell("DARTS"), channels=16, layers=8)
        network = network.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
        ours(Risk(network, images, labels, batch_size=BATCH))
    print(peak_memory_mb())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        peak(sys.argv[2])
    else:
        main()
