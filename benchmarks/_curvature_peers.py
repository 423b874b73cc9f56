"""The peers' side of curvature.py, in an environment of its own (make peers).

Reads networks, batches and vectors from a safetensors file; answers each line of JSON on standard
input with one on standard output.
"""

# ruff: noqa: E402  (the absent modules come first)

from __future__ import annotations

import json
import sys
import time
import types
from collections.abc import Callable
from typing import Any

# curvlinops' and PyHessian's examples need torchvision.
for absent in ("torchvision", "torchvision.datasets", "torchvision.transforms"):
    sys.modules.setdefault(absent, types.ModuleType(absent))

import curvlinops
import numpy as np
import pyhessian
import torch
from _plain import PlainNetwork
from hessian_eigenthings import HessianOperator, LambdaOperator, lanczos, supervised_loss
from hessian_eigenthings.algorithms.trace import trace
from pyhessian.utils import hessian_vector_product
from safetensors.torch import load_file
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor, nn

from nascope._src.cells.catalog import load as load_cell

SIZES = {"large": ("DARTS", 16, 8), "small": ("SNAS", 2, 3)}
LOSS = nn.CrossEntropyLoss()


class Case:
    """A network and its batch."""

    def __init__(self, name: str, tensors: dict[str, Tensor]) -> None:
        cell, channels, layers = SIZES[name]
        own = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(name)}
        self.batch = own["images"], own["labels"]
        self.network = PlainNetwork(load_cell(cell), channels, layers, 10).to(own["images"]).eval()
        state = {k.removeprefix("model."): v for k, v in own.items() if k.startswith("model.")}
        self.network.load_state_dict(state)
        self.vector = own["vector"].to(own["images"])

    def split(self, flat: Tensor) -> list[Tensor]:
        parameters = list(self.network.parameters())
        pieces = torch.split(flat, [p.numel() for p in parameters])
        return [piece.view_as(p) for piece, p in zip(pieces, parameters, strict=True)]


class Counter:
    """Counts the products of one peer."""

    calls = 0


def pyhessian_of(case: Case) -> tuple[Any, Callable[[Tensor], Tensor]]:
    case.network.zero_grad(set_to_none=True)
    found = pyhessian.hessian(case.network, LOSS, data=case.batch, cuda=False)

    def product(flat: Tensor) -> Tensor:
        values = hessian_vector_product(found.gradsH, found.params, case.split(flat))
        return torch.cat([value.flatten() for value in values]).detach()

    return found, product


def curvlinops_of(case: Case) -> tuple[Any, Callable[[Tensor], Tensor]]:
    parameters = [p for p in case.network.parameters() if p.requires_grad]
    found = curvlinops.HessianLinearOperator(
        case.network, LOSS, parameters, [case.batch], check_deterministic=False
    )
    return found, lambda flat: found @ flat


def eigenthings_of(case: Case) -> tuple[Any, Callable[[Tensor], Tensor]]:
    loss = supervised_loss(nn.functional.cross_entropy)
    found = HessianOperator(case.network, [case.batch], loss)
    return found, found.matvec


MAKERS = {
    "pyhessian": pyhessian_of,
    "curvlinops": curvlinops_of,
    "hessian_eigenthings": eigenthings_of,
}


def with_matrix(peer: str, case: Case, found: Any, matrix: Tensor) -> Any:
    """Return what a peer's methods work on, with a matrix in place of the network's Hessian."""
    if peer == "curvlinops":
        return matrix
    if peer == "hessian_eigenthings":
        size, kind, device = len(matrix), matrix.dtype, matrix.device
        return LambdaOperator(lambda v: matrix @ v, size, dtype=kind, device=device)

    def multiply(gradients: object, parameters: object, vector: list[Tensor]) -> list[Tensor]:
        Counter.calls += 1
        return case.split(matrix @ torch.cat([piece.flatten() for piece in vector]))

    pyhessian.hessian.eigenvalues.__globals__["hessian_vector_product"] = multiply
    return found


def eigenvalues(peer: str, found: Any, count: int):
    """Yield (products, eigenvalues) at settings from coarse to fine."""
    tolerances = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    if peer == "pyhessian":
        for tolerance in tolerances:
            Counter.calls = 0
            values, _ = found.eigenvalues(maxIter=1000, tol=tolerance, top_n=count)
            yield Counter.calls, values
    elif peer == "curvlinops":  # by scipy, as its documentation does
        for tolerance in tolerances:
            calls = 0

            def multiply(vector: np.ndarray) -> np.ndarray:
                nonlocal calls
                calls += 1
                return (found @ torch.from_numpy(vector.ravel())).numpy()

            operator = LinearOperator(found.shape, matvec=multiply, dtype=np.float64)
            start = np.random.default_rng(0).standard_normal(found.shape[0])
            values, _ = eigsh(operator, count, which="LA", v0=start, tol=tolerance)
            yield calls, values
    else:
        for steps in range(count + 1, 100):
            values = lanczos(
                found, k=count, max_iter=steps, which="LA", seed=0, tol=0.0
            ).eigenvalues
            yield steps, [float(value) for value in values]


def traces(peer: str, found: Any, exact: float, repetitions: int) -> dict[int, list[float]]:
    """Return relative errors of the trace by number of products, for the peer's best method."""
    errors: dict[int, list[float]] = {}
    for seed in range(repetitions):
        torch.manual_seed(seed)
        if peer == "pyhessian":
            samples = found.trace(maxIter=400, tol=-1.0)
            means = np.cumsum(samples) / np.arange(1, len(samples) + 1)
            for count, mean in enumerate(means, start=1):
                errors.setdefault(count, []).append(mean / exact - 1)
        elif peer == "curvlinops":
            for count in range(6, 120, 6):
                estimates = [
                    float(method(found, count)) / exact - 1
                    for method in (curvlinops.hutchpp_trace, curvlinops.xtrace)
                ]
                errors.setdefault(count, []).append(estimates)
        else:
            for count in range(3, 120, 3):
                value = trace(found, num_matvecs=count, seed=seed).estimate
                errors.setdefault(count, []).append(float(value) / exact - 1)
    if peer != "curvlinops":
        return errors
    best = {}
    for count, pairs in errors.items():  # the better of its two methods
        columns = np.array(pairs).T
        best[count] = min(columns.tolist(), key=lambda own: float(np.mean(np.square(own))))
    return best


def main() -> None:
    """Answer each line."""
    torch.set_num_threads(1)
    tensors = load_file(sys.argv[1])
    cases = {name: Case(name, tensors) for name in SIZES}
    made = {(peer, "large"): MAKERS[peer](cases["large"]) for peer in MAKERS}
    torch.set_default_dtype(torch.float64)
    made |= {(peer, "small"): MAKERS[peer](cases["small"]) for peer in MAKERS}
    for line in sys.stdin:
        request = json.loads(line)
        peer = request["peer"]
        if request["do"] == "product":
            case = request["case"]
            _, product = made[peer, case]
            torch.set_default_dtype(cases[case].vector.dtype)
            start = time.perf_counter()
            result = product(cases[case].vector)
            answer = {"seconds": time.perf_counter() - start, "product": result.tolist()}
            print(json.dumps(answer), flush=True)
            continue
        torch.set_default_dtype(torch.float64)
        found = with_matrix(peer, cases["small"], made[peer, "small"][0], tensors["matrix"])
        if request["do"] == "eigenvalues":
            expected = np.array(request["eigenvalues"])
            answer = {"products": None}
            for count, values in eigenvalues(peer, found, len(expected)):
                ordered = np.sort(values)[::-1]
                if len(ordered) == len(expected) and (
                    np.abs(ordered / expected - 1).max() < request["error"]
                ):
                    answer = {"products": count}
                    break
        else:
            answer = {"errors": traces(peer, found, request["trace"], request["repetitions"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
