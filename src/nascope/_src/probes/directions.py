"""Directions in weight space along which a probe moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from nascope._src.errors import ProbeError
from nascope._src.probes.settings import Normalisation, OneDimensional
from nascope._src.records.identity import derived_seed

Weights = Mapping[str, Tensor]


def random_directions(
    weights: Weights,
    count: int,
    *,
    seed: int,
    normalise: Normalisation = "filter",
    one_dimensional: OneDimensional | None = None,
    keys: Mapping[str, str] | None = None,
) -> list[dict[str, Tensor]]:
    """Gaussian directions, by default normalised per filter (Li et al. 2018, Section 4).

    Per filter, each slice d_j along a tensor's first, output dimension is scaled to the norm of
    the weights' own: d_j ← d_j ‖w_j‖ / ‖d_j‖. Per layer, each tensor is: d ← d ‖w‖ / ‖d‖.

    Each tensor's numbers depend on the seed, the direction and the tensor's key alone, so two
    models get the same numbers wherever their keys are the same: their directions are matched.

    Args:
        weights: by name, as `Risk.origin`.
        count: how many.
        seed: determines the directions, on every device; they don't depend on one another.
        normalise: per "filter", per "layer", or "none": standard normal.
        one_dimensional: biases, norms' scales and shifts: "zero", the default per filter, as in
            the reference tool; or "scale": as a layer's tensor, or not at all with "none".
        keys: a parameter's name → its key; by default the name itself. For networks of cells see
            `nascope._src.networks.operation_keys`.

    >>> w = {"weight": torch.tensor([[3.0, 4.0], [0.0, 0.0]])}
    >>> random_directions(w, 1, seed=0)[0]["weight"].norm(dim=1)
    tensor([5., 0.])
    """
    if normalise not in get_args(Normalisation):
        raise ProbeError(f"normalise must be filter, layer or none, not {normalise!r}")
    if one_dimensional not in {None, *get_args(OneDimensional)}:
        raise ProbeError(f"one_dimensional must be zero or scale, not {one_dimensional!r}")
    zero = (one_dimensional or ("zero" if normalise == "filter" else "scale")) == "zero"
    directions = []
    for number in range(count):
        direction = {}
        for name, weight in weights.items():
            if weight.dim() <= 1 and zero:
                direction[name] = torch.zeros_like(weight)
                continue
            key = keys[name] if keys is not None else name
            drawn = _drawn(weight, derived_seed("direction", seed, number, key))
            direction[name] = _normalised(weight, drawn, normalise)
        directions.append(direction)
    return directions


def direction_between(origin: Weights, other: Weights) -> dict[str, Tensor]:
    """The direction from one network's weights to another's: w* + 1 · d is the other.

    BatchNorm's running statistics are no weights and don't move; along such a direction a Risk
    should recalibrate them.

    Raises:
        ProbeError: the networks differ in a parameter's name or shape.
    """
    for name, weight in origin.items():
        if name not in other or other[name].shape != weight.shape:
            found = tuple(other[name].shape) if name in other else "none"
            raise ProbeError(
                f"no line leads from one network to the other: the parameter {name!r} has shape "
                f"{tuple(weight.shape)} in one, {found} in the other"
            )
    return {n: other[n].detach().to(weight) - weight.detach() for n, weight in origin.items()}


@dataclass(frozen=True, eq=False)
class TrajectoryPlane:
    """The plane through w* that holds most of a trajectory.

    Attributes:
        directions: two, orthogonal, of norm 1 over all parameters.
        coordinates: (steps, 2) of the trajectory's weights in the plane; w* is the origin.
        explained: (2,) share of the trajectory's squared distance from w* along each.
    """

    directions: list[dict[str, Tensor]]
    coordinates: np.ndarray
    explained: np.ndarray


def trajectory_plane(origin: Weights, trajectory: Sequence[Weights]) -> TrajectoryPlane:
    """The two principal directions of w_t − w* over a trajectory (Li et al. 2018, Section 7).

    Distances are from w*, not from the mean, so that w* lies in the plane. The eigenvectors of
    the (steps × steps) matrix of inner products give them without a matrix over all weights.

    Raises:
        ProbeError: fewer than two steps differ from w* or from one another.
    """
    steps = [direction_between(origin, weights) for weights in trajectory]
    products = np.array(
        [
            [sum(float((a[name].double() * b[name].double()).sum()) for name in a) for b in steps]
            for a in steps
        ]
    ).reshape(len(steps), len(steps))
    if not np.isfinite(products).all():
        raise ProbeError("the trajectory holds weights that are not finite")
    values, vectors = np.linalg.eigh(products)
    order = np.argsort(values)[::-1][:2]
    if len(order) < 2 or values[order[1]] <= 1e-10 * max(values[order[0]], 1e-300):
        raise ProbeError(
            f"a trajectory of {len(steps)} steps spans no plane: two must differ from the final "
            "weights, in different directions"
        )
    directions = []
    for index in order:
        shares = vectors[:, index] / np.sqrt(values[index])
        shares = shares * (1 if shares[np.abs(shares).argmax()] > 0 else -1)
        directions.append(
            {
                name: sum(
                    (step[name] * float(c) for step, c in zip(steps, shares, strict=True)),
                    torch.zeros_like(weight),
                )
                for name, weight in origin.items()
            }
        )
    coordinates = [
        [float(sum((d[n].double() * s[n].double()).sum() for n in d)) for d in directions]
        for s in steps
    ]
    return TrajectoryPlane(directions, np.array(coordinates), values[order] / np.trace(products))


def _drawn(weight: Tensor, seed: int) -> Tensor:
    """Standard normal numbers of a tensor's shape, dtype, device and memory order."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(weight.shape, generator=generator)
    return torch.empty_like(weight).copy_(drawn)


def _normalised(weight: Tensor, drawn: Tensor, normalise: str) -> Tensor:
    if normalise == "none":
        return drawn
    if normalise == "layer" or weight.dim() <= 1:
        return drawn * (weight.norm() / drawn.norm())
    scale = weight.flatten(1).norm(dim=1) / drawn.flatten(1).norm(dim=1)
    return drawn * scale.view(-1, *(1 for _ in weight.shape[1:]))
