"""Directions in weight space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from nascope._src.errors import ProbeError
from nascope._src.probes.grid import Grid
from nascope._src.probes.settings import Normalisation, OneDimensional
from nascope._src.probes.tensors import as_real, inner_product
from nascope._src.records.identity import derived_seed

Weights = Mapping[str, Tensor]

_MARGIN = 0.25  # left free around a trajectory, as a share of its extent


def random_directions(
    weights: Weights,
    count: int = 2,
    *,
    seed: int = 0,
    normalise: Normalisation = "filter",
    one_dimensional: OneDimensional | None = None,
    keys: Mapping[str, str] | None = None,
) -> list[dict[str, Tensor]]:
    """Return Gaussian directions, by default normalised per filter (Li et al. 2018, Section 4).

    A filter is a slice along a tensor's first (output) dimension. Each filter d_j of the direction
    is scaled to the norm of the weights' filter: d_j ← d_j ‖w_j‖ / ‖d_j‖. Per layer, each tensor
    is scaled as a whole: d ← d ‖w‖ / ‖d‖.

    A tensor's numbers depend only on the seed, the number of the direction and the tensor's key.
    Two models whose keys are equal therefore get the same numbers: their directions match.

    Args:
        weights: The weights by name, such as `Risk.origin`.
        count: Number of directions.
        seed: Random seed. The directions are the same on every device.
        normalise: "filter", "layer", or "none" for standard normal numbers.
        one_dimensional: What to do with biases and the scales and shifts of norms. "zero": set
            them to 0, as the reference tool does; this is the default per filter. "scale": scale
            them like a layer's tensor (not at all with "none").
        keys: Maps a parameter's name to its key; by default the name itself. For a network of
            cells, the probes use each operation's kind and number.

    Raises:
        ProbeError: The weights are not tensors by name, or ``normalise`` or ``one_dimensional`` is
            not one of these words.

    >>> import torch
    >>> w = {"weight": torch.tensor([[3.0, 4.0], [0.0, 0.0]])}
    >>> random_directions(w, 1, seed=0)[0]["weight"].norm(dim=1)
    tensor([5., 0.])
    """
    if not isinstance(weights, Mapping):
        raise ProbeError(
            f"expected the weights as tensors by name, such as risk.origin, got a "
            f"{type(weights).__name__}"
        )
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
    """Return the direction from one network's weights to another's: w* + 1 · d is the other.

    BatchNorm's running statistics are not weights and do not move, so a Risk should recalibrate
    them along such a direction.

    Raises:
        ProbeError: The networks differ in a parameter's name or shape.
    """
    for name, weight in origin.items():
        if name not in other or other[name].shape != weight.shape:
            shape = tuple(other[name].shape) if name in other else "none"
            raise ProbeError(
                f"no line leads from one network to the other: the parameter {name!r} has shape "
                f"{tuple(weight.shape)} in one, {shape} in the other"
            )
    return {n: other[n].detach().to(weight) - weight.detach() for n, weight in origin.items()}


@dataclass(frozen=True, eq=False)
class TrajectoryPlane:
    """The plane through w* that holds most of a trajectory.

    Attributes:
        directions: Two orthogonal directions, each with norm 1 over all parameters.
        coordinates: Coordinates of the trajectory in the plane, (steps, 2); w* is the origin.
        explained: Share of the trajectory's squared distance from w* along each direction, (2,).
        steps: w_t − w*, for each step of the trajectory.
        explained_by_step: Share of each step's squared distance from w* in the plane, (steps,); 1
            for w* itself.
    """

    directions: list[dict[str, Tensor]]
    coordinates: np.ndarray
    explained: np.ndarray
    steps: list[dict[str, Tensor]]
    explained_by_step: np.ndarray

    def grid(self, points: int) -> Grid:
        """Return a grid in the plane that covers the trajectory and w*, with a margin."""
        lows = np.minimum(self.coordinates.min(axis=0), 0)
        highs = np.maximum(self.coordinates.max(axis=0), 0)
        margin = _MARGIN * (highs - lows)
        axes = np.linspace(lows - margin, highs + margin, points).T
        return Grid(tuple(axes[0].tolist()), tuple(axes[1].tolist()))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a probe's result records of the plane."""
        return {
            "trajectory": self.coordinates,
            "explained": self.explained,
            "explained_by_step": self.explained_by_step,
        }


def trajectory_plane(origin: Weights, trajectory: Sequence[Weights]) -> TrajectoryPlane:
    """Return the plane of the two principal directions of w_t − w* (Li et al. 2018, Section 7).

    Distances are from w*, not from the mean, so w* is in the plane. The eigenvectors of the
    (steps × steps) matrix of inner products give the directions; no matrix over all weights is
    needed.

    Raises:
        ProbeError: Fewer than two steps differ from w* and from one another.
    """
    steps = [direction_between(origin, weights) for weights in trajectory]
    products = np.array([[inner_product(a, b) for b in steps] for a in steps]).reshape(
        len(steps), len(steps)
    )
    if not np.isfinite(products).all():
        raise ProbeError("the trajectory has non-finite weights")
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
    coordinates = np.array([[inner_product(d, s) for d in directions] for s in steps])
    distances = products.diagonal()  # squared
    shares = np.ones(len(steps))
    np.divide((coordinates**2).sum(axis=1), distances, out=shares, where=distances > 0)
    explained = values[order] / distances.sum()
    return TrajectoryPlane(directions, coordinates, explained, steps, shares)


def _drawn(weight: Tensor, seed: int) -> Tensor:
    """Standard normal numbers with a tensor's shape, dtype, device and memory order.

    Real and imaginary parts of complex numbers are standard normal.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = as_real(weight.detach()).shape
    drawn = torch.randn(shape, generator=generator)
    if weight.is_complex():
        drawn = torch.view_as_complex(drawn)
    return torch.empty_like(weight).copy_(drawn)


def _normalised(weight: Tensor, drawn: Tensor, normalise: str) -> Tensor:
    if normalise == "none":
        return drawn
    if normalise == "layer" or weight.dim() <= 1:
        return drawn * (weight.norm() / drawn.norm())
    scale = weight.flatten(1).norm(dim=1) / drawn.flatten(1).norm(dim=1)
    return drawn * scale.view(-1, *(1 for _ in weight.shape[1:]))
