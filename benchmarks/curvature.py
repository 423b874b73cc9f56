"""Curvature against its peers: the cost of a Hessian-vector product, and how many are needed.

The cost: DARTS, C=16, L=8, a batch of 64, float32, one thread. ``gradient`` is the time of one
gradient over that of one product that reuses the gradient's graph (0.5: a product takes two
gradients); ``gradient_fresh`` is the same for a product that computes the gradient first. Peers'
products are timed in turn, in a process of their own.

How many: SNAS, C=2, L=3, trained on digits, in float64, where the dense Hessian is known. For the
five largest eigenvalues to 1e-4, and for the trace to 5 % (root mean square over repetitions), the
result has the fewest products of each side at any of its settings. Our products also give the
smallest eigenvalue. All sides' products are asserted equal to the dense Hessian's, which then
stands for them, to save time.

Peers take part where NASCOPE_PEERS names a Python that has them (make peers). Needs CIFAR-10 in
NASCOPE_DATA.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from _plain import PlainNetwork
from _result import keep, needed_data
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from nascope._src.cells.catalog import load as load_cell
from nascope._src.data.augmentation import Images
from nascope._src.networks.network import Network
from nascope._src.probes.hessian import HessianProduct
from nascope._src.probes.krylov import find_ends
from nascope._src.probes.risk import Risk
from nascope._src.runtime.devices import configure_process

ROUNDS = 7
BATCH = 64
TOP, EXACT, TRACE_ERROR, REPETITIONS = 5, 1e-4, 0.05, 40
HERE = Path(__file__).parent


def prepare() -> tuple[nn.Module, Risk]:
    """Return DARTS' network, as published code writes it and as a risk of ours."""
    data = needed_data("cifar10", train_size=10, test_size=BATCH)
    torch.manual_seed(0)
    network = Network("DARTS", channels=16, layers=8)
    images = Images(data.test.images, data.mean, data.std, device=torch.device("cpu"))
    inputs, labels = images.plain(slice(None)), torch.from_numpy(data.test.labels)
    for _ in range(20):
        network.train()(inputs)
    plain = PlainNetwork(load_cell("DARTS"), 16, 8, 10).eval()
    plain.load_state_dict(network.state_dict())
    network = network.to(memory_format=torch.channels_last)
    return plain, Risk(network, inputs, labels, batch_size=BATCH)


def small() -> tuple[nn.Module, Risk]:
    """Return a small trained network in both forms, in float64."""
    data = needed_data("digits", train_size=400)
    inputs = torch.from_numpy(data.train.images).permute(0, 3, 1, 2).double() / 16
    inputs, labels = inputs.repeat(1, 3, 1, 1), torch.from_numpy(data.train.labels)
    torch.manual_seed(0)
    network = Network("SNAS", channels=2, layers=3, image_size=8).double()
    optimizer = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9)
    for _ in range(30):
        for part in torch.randperm(len(inputs)).split(50):
            optimizer.zero_grad()
            functional.cross_entropy(network(inputs[part]), labels[part]).backward()
            optimizer.step()
    plain = PlainNetwork(load_cell("SNAS"), 2, 3, 10).double().eval()
    plain.load_state_dict(network.state_dict())
    return plain, Risk(network, inputs[:100], labels[:100], batch_size=100)


class Peers:
    """The peers, in a Python of their own; each request is a line of JSON."""

    def __init__(
        self, python: str, networks: dict[str, tuple[nn.Module, Risk]], matrix: np.ndarray
    ) -> None:
        self.folder = tempfile.TemporaryDirectory()
        tensors = {"matrix": torch.from_numpy(matrix)}
        for name, (network, risk) in networks.items():
            tensors |= {
                f"{name}.model.{k}": v.contiguous() for k, v in network.state_dict().items()
            }
            assert isinstance(risk.inputs, torch.Tensor)
            assert isinstance(risk.targets, torch.Tensor)
            tensors |= {
                f"{name}.images": risk.inputs.contiguous(),
                f"{name}.labels": risk.targets,
                f"{name}.vector": direction(risk),
            }
        path = Path(self.folder.name) / "case.safetensors"
        save_file(tensors, path)
        self.process = subprocess.Popen(
            [python, "-W", "ignore", str(HERE / "_curvature_peers.py"), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(HERE.parent / "src")},
        )

    def ask(self, **request: object) -> dict:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


PEERS = ("pyhessian", "curvlinops", "hessian_eigenthings")


def direction(risk: Risk) -> torch.Tensor:
    """Return a vector, flat in the order of the parameters."""
    size = sum(value.numel() for value in risk.parameters.values())
    return torch.randn(size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def costs(plain: nn.Module, risk: Risk, peers: Peers | None) -> dict[str, list[float]]:
    """Return seconds of a gradient, of our products, and of each peer's, in turn."""
    names = list(risk.parameters)
    flat = direction(risk).float()
    vector = dict(
        zip(names, torch.split(flat, [risk.parameters[n].numel() for n in names]), strict=True)
    )
    vector = {name: value.view_as(risk.parameters[name]) for name, value in vector.items()}
    batch = slice(0, len(risk))
    _, graph = risk.summed_gradients(batch, create_graph=True)

    def reused() -> torch.Tensor:
        products = torch.autograd.grad(
            [graph[name] for name in names],
            [risk.parameters[name] for name in names],
            [vector[name] for name in names],
            retain_graph=True,
        )
        return torch.cat([product.flatten() for product in products]) / len(risk)

    def fresh() -> torch.Tensor:
        products = risk.hessian_vector_product(vector, batch)
        return torch.cat([products[name].flatten() for name in names])

    sides: dict[str, Callable[[], object]] = {
        "gradient": lambda: risk.summed_gradients(batch, create_graph=False),
        "product": reused,
        "product_fresh": fresh,
    }
    raw: dict[str, list[float]] = {side: [] for side in sides}
    expected = fresh().double()
    for number in range(ROUNDS + 1):
        for side, run in sides.items():
            start = time.perf_counter()
            result = run()
            raw[side].append(time.perf_counter() - start)
            if isinstance(result, torch.Tensor):
                assert (result.double() - expected).norm() < 1e-3 * expected.norm(), side
        for peer in PEERS if peers is not None else ():
            answer = peers.ask(do="product", case="large", peer=peer)
            raw.setdefault(peer, []).append(answer["seconds"])
            other = torch.tensor(answer["product"], dtype=torch.float64)
            assert (other - expected).norm() < 1e-3 * expected.norm(), peer
        if number == 0:  # warm-up
            raw = {side: [] for side in raw}
    return raw


def dense_hessian(risk: Risk) -> np.ndarray:
    product = HessianProduct(risk, 1)
    columns = np.stack([product(unit) for unit in np.eye(product.size)])
    return (columns + columns.T) / 2


def our_eigenvalues(matrix: np.ndarray) -> int:
    """Return the fewest products that give the largest eigenvalues, with any tolerance."""
    expected = np.linalg.eigvalsh(matrix)[::-1][:TOP]
    counts = []
    for tolerance in (1e-1, 1e-2, 1e-3, 1e-4):
        calls = 0

        def product(vector: np.ndarray) -> np.ndarray:
            nonlocal calls
            calls += 1
            return matrix @ vector

        start = np.random.default_rng(0).standard_normal(len(matrix))
        found = find_ends(product, start, TOP, tolerance).largest
        if np.abs(found / expected - 1).max() < EXACT:
            counts.append(calls)
    return min(counts)


def our_trace(matrix: np.ndarray) -> int:
    """Return the fewest products that give the trace, with those for the ends of the spectrum."""
    exact = np.trace(matrix)
    errors: dict[int, list[float]] = {}
    for seed in range(REPETITIONS):
        random = np.random.default_rng(seed)
        calls = 0

        def product(vector: np.ndarray) -> np.ndarray:
            nonlocal calls
            calls += 1
            return matrix @ vector

        ends = find_ends(product, random.standard_normal(len(matrix)), 1, 1.0)
        assert ends.krylov is not None
        signs = random.choice([-1.0, 1.0], (100, len(matrix)))
        samples = [ends.krylov.deflated(v, float(v @ matrix @ v)) for v in signs]
        for count in range(1, len(samples) + 1):
            errors.setdefault(calls + count, []).append(np.mean(samples[:count]) / exact - 1)
    return fewest({n: e for n, e in errors.items() if len(e) == REPETITIONS})


def fewest(errors: dict[int, list[float]]) -> int:
    """Return the smallest number of products from which on the error is small enough."""
    enough = [n for n, e in errors.items() if math.sqrt(np.mean(np.square(e))) <= TRACE_ERROR]
    return min(enough)


def main() -> None:
    """Measure both; print the ratios."""
    configure_process(threads=1)
    large, little = prepare(), small()
    matrix = dense_hessian(little[1])
    python = os.environ.get("NASCOPE_PEERS")
    peers = Peers(python, {"large": large, "small": little}, matrix) if python else None
    raw = costs(*large, peers)
    ratios = {
        "gradient": [a / b for a, b in zip(raw["gradient"], raw["product"], strict=True)],
        "gradient_fresh": [
            a / b for a, b in zip(raw["gradient"], raw["product_fresh"], strict=True)
        ],
    }
    ratios |= {
        peer: [a / b for a, b in zip(raw[peer], raw["product"], strict=True)]
        for peer in PEERS
        if peer in raw
    }
    eigenvalues = {"nascope": our_eigenvalues(matrix)}
    traces = {"nascope": our_trace(matrix)}
    vector = direction(little[1]).numpy()
    for peer in PEERS if peers is not None else ():
        other = np.array(peers.ask(do="product", case="small", peer=peer)["product"])
        np.testing.assert_allclose(other, matrix @ vector, rtol=1e-6, atol=1e-9 * abs(matrix).max())
        exact = {"eigenvalues": np.linalg.eigvalsh(matrix)[::-1][:TOP].tolist()}
        answer = peers.ask(do="eigenvalues", peer=peer, error=EXACT, **exact)
        eigenvalues[peer] = answer["products"]
        answer = peers.ask(
            do="trace", peer=peer, trace=float(np.trace(matrix)), repetitions=REPETITIONS
        )
        if answer["errors"]:
            traces[peer] = fewest({int(n): e for n, e in answer["errors"].items()})
    keep(
        "curvature",
        speedup={side: statistics.median(values) for side, values in ratios.items()},
        spread={side: [min(values), max(values)] for side, values in ratios.items()},
        products={"eigenvalues": eigenvalues, "trace": traces, "weights": len(matrix)},
        raw={"seconds": raw},
    )


if __name__ == "__main__":
    main()
