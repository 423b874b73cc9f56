"""Slow references, written as plainly as the paper and DARTS' code state things, in float64.

They share no code with what they check: the network is computed from the state dict alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nascope._src.cells.genotype import Cell, Genotype

EPSILON = 1e-5  # BatchNorm's


class State:
    """Weights by name, below a prefix; BatchNorm by running or by batch statistics."""

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        training: bool,
        prefix: str = "",
        seen: dict[str, Tensor] | None = None,
    ) -> None:
        self.weights, self.training, self.prefix = weights, training, prefix
        self.seen = {} if seen is None else seen  # batch statistics, as running ones are named

    def __getitem__(self, name: str) -> Tensor:
        return self.weights[self.prefix + name]

    def under(self, name: str) -> State:
        return State(self.weights, self.training, f"{self.prefix}{name}.", self.seen)

    def normalise(self, x: Tensor, name: str) -> Tensor:
        own = self.under(name)
        if self.training:
            mean = x.mean(dim=(0, 2, 3))
            variance = ((x - mean[:, None, None]) ** 2).mean(dim=(0, 2, 3))
            count = x.numel() / x.shape[1]
            self.seen[own.prefix + "running_mean"] = mean
            self.seen[own.prefix + "running_var"] = variance * count / (count - 1)
        else:
            mean, variance = own["running_mean"], own["running_var"]
        x = (x - mean[:, None, None]) / torch.sqrt(variance + EPSILON)[:, None, None]
        return x * own["weight"][:, None, None] + own["bias"][:, None, None]


def network_logits(
    genotype: Genotype,
    weights: Mapping[str, Tensor],
    images: Tensor,
    *,
    layers: int,
    training: bool = False,
    drop_path: Tensor | None = None,
    seen: dict[str, Tensor] | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Logits of DARTS' CIFAR network and of its tower, from the weights under published names.

    Each row of ``drop_path`` multiplies, image by image, an edge that is no identity and whose
    node reaches the output, in the order of cells and edges. ``seen`` takes the batch statistics.
    """
    factors = iter(drop_path) if drop_path is not None else None
    tower = None
    state = State(weights, training, seen=seen)
    x = functional.conv2d(images, state["stem.0.weight"], padding=1)
    s0 = s1 = state.normalise(x, "stem.1")
    reduced_before = False
    for index in range(layers):
        reduction = index in (layers // 3, 2 * layers // 3)
        cell = genotype.reduce if reduction else genotype.normal
        own = state.under(f"cells.{index}")
        out = _cell(cell, own, s0, s1, reduction, reduced_before, factors)
        s0, s1 = s1, out
        reduced_before = reduction
        if index == 2 * layers // 3 and "auxiliary_head.classifier.bias" in weights:
            tower = _tower(state.under("auxiliary_head"), out)
    pooled = s1.mean(dim=3).mean(dim=2)
    return pooled @ state["classifier.weight"].T + state["classifier.bias"], tower


def _tower(state: State, x: Tensor) -> Tensor:
    """Pool an 8×8 map to 2×2, convolve to 1×1, classify."""
    x = functional.avg_pool2d(x.relu(), 5, 3)
    x = state.normalise(functional.conv2d(x, state["features.2.weight"]), "features.3").relu()
    x = state.normalise(functional.conv2d(x, state["features.5.weight"]), "features.6").relu()
    return x[:, :, 0, 0] @ state["classifier.weight"].T + state["classifier.bias"]


def _reaches_output(cell: Cell, node: int) -> bool:
    return node in cell.concat or any(
        source == node and _reaches_output(cell, later)
        for later, edges in enumerate(cell.nodes, start=2)
        for _, source in edges
    )


def _cell(
    cell: Cell,
    state: State,
    s0: Tensor,
    s1: Tensor,
    reduction: bool,
    reduced_before: bool,
    factors: Iterator[Tensor] | None,
) -> Tensor:
    if reduced_before:
        nodes = [_factorised_reduce(state.under("preprocess0"), s0)]
    else:
        nodes = [_relu_conv_bn(state.under("preprocess0"), s0, 1)]
    nodes.append(_relu_conv_bn(state.under("preprocess1"), s1, 1))
    index = 0
    for node, edges in enumerate(cell.nodes, start=2):
        values = []
        for operation, source in edges:
            stride = 2 if reduction and source < 2 else 1
            values.append(
                _operation(operation, state.under(f"_ops.{index}"), nodes[source], stride)
            )
            index += 1
            identity = operation == "skip_connect" and stride == 1
            if factors is not None and not identity and _reaches_output(cell, node):
                values[-1] = values[-1] * next(factors)[:, None, None, None]
        nodes.append(sum(values[1:], values[0]))
    return torch.cat([nodes[node] for node in cell.concat], dim=1)


def _operation(name: str, state: State, x: Tensor, stride: int) -> Tensor:
    match name.split("_"):
        case ["skip", "connect"]:
            return x if stride == 1 else _factorised_reduce(state, x)
        case ["max", "pool", size]:
            k = int(size[0])
            return functional.max_pool2d(x, k, stride, k // 2)
        case ["avg", "pool", size]:
            k = int(size[0])
            total = functional.avg_pool2d(x, k, stride, k // 2, divisor_override=1)
            ones = functional.avg_pool2d(torch.ones_like(x), k, stride, k // 2, divisor_override=1)
            return total / ones  # padding does not count
        case ["sep", "conv", size]:
            k = int(size[0])
            x = functional.conv2d(
                x.relu(), state["op.1.weight"], None, stride, k // 2, groups=x.shape[1]
            )
            x = state.normalise(functional.conv2d(x, state["op.2.weight"]), "op.3")
            x = functional.conv2d(
                x.relu(), state["op.5.weight"], None, 1, k // 2, groups=x.shape[1]
            )
            return state.normalise(functional.conv2d(x, state["op.6.weight"]), "op.7")
        case ["dil", "conv", size]:
            k = int(size[0])
            x = functional.conv2d(
                x.relu(), state["op.1.weight"], None, stride, 2 * (k // 2), 2, x.shape[1]
            )
            return state.normalise(functional.conv2d(x, state["op.2.weight"]), "op.3")
        case ["conv", size]:
            return _relu_conv_bn(state, x, int(size[0]), stride)
        case ["conv", size, _]:
            k = max(int(size[0]), int(size[2]))
            x = functional.conv2d(x.relu(), state["op.1.weight"], None, (1, stride), (0, k // 2))
            x = functional.conv2d(x, state["op.2.weight"], None, (stride, 1), (k // 2, 0))
            return state.normalise(x, "op.3")
    raise AssertionError(name)


def _relu_conv_bn(state: State, x: Tensor, kernel: int, stride: int = 1) -> Tensor:
    x = functional.conv2d(x.relu(), state["op.1.weight"], None, stride, kernel // 2)
    return state.normalise(x, "op.2")


def _factorised_reduce(state: State, x: Tensor) -> Tensor:
    x = x.relu()
    even = functional.conv2d(x, state["conv_1.weight"])[:, :, ::2, ::2]
    odd = functional.conv2d(x, state["conv_2.weight"])[:, :, 1::2, 1::2]
    return state.normalise(torch.cat([even, odd], dim=1), "bn")


# ---------------------------------------------------------------- probes


def filter_normalised(weight: Tensor, drawn: Tensor) -> Tensor:
    """Each filter of a random direction scaled to the norm of the weights' own filter."""
    if weight.dim() == 1:
        return torch.zeros_like(weight)
    rows = [d * (w.norm() / d.norm()) for d, w in zip(drawn, weight, strict=True)]
    return torch.stack(rows)


def at_displacement(
    network: nn.Module, directions: list[Mapping[str, Tensor]], point: tuple[float, ...]
) -> dict[str, Tensor]:
    """The state dict at w* + Σ c d."""
    state = {name: value.clone() for name, value in network.state_dict().items()}
    for direction, coefficient in zip(directions, point, strict=True):
        for name, value in direction.items():
            state[name] = state[name] + coefficient * value
    return state


def gradient_moments(
    loss_of_one: Callable[[int], Tensor], parameters: list[Tensor], n: int
) -> tuple[float, float, float]:
    """Trace of the covariance of n gradients, norm of their mean, mean loss: one at a time."""
    gradients, losses = [], []
    for index in range(n):
        loss = loss_of_one(index)
        parts = torch.autograd.grad(loss, parameters, allow_unused=True)
        gradients.append(
            np.concatenate(
                [
                    np.zeros(parameter.numel()) if part is None else part.flatten().numpy()
                    for part, parameter in zip(parts, parameters, strict=True)
                ]
            )
        )
        losses.append(float(loss.detach()))
    matrix = np.array(gradients, dtype=np.float64)
    mean = matrix.mean(axis=0)
    variance = float(((matrix - mean) ** 2).sum(axis=1).mean())
    return variance, float(np.linalg.norm(mean)), float(np.mean(losses))
