"""The radius of a grid by a rule: where a displaced model is as bad as one whose weights are 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nascope._src.errors import ProbeError
from nascope._src.probes.chunks import ChunkStore
from nascope._src.probes.preconditions import verify
from nascope._src.probes.risk import Direction, Risk
from nascope._src.runtime.threads import map_copies

_DOUBLINGS = 19  # from 1 to about the largest radius that a setting may have, and as far inwards
_BISECTIONS = 4  # of a factor of 2, so that R is within 2^(1/32), or 2 %


@dataclass(frozen=True)
class FittedRadius:
    """A radius, and the loss that it was fitted to.

    Attributes:
        radius: R, to two significant digits.
        level: The mean loss over the instances if all weights are 0.
    """

    radius: float
    level: float


def fit_radius(
    risk: Risk,
    directions: Sequence[Direction],
    *,
    workers: int = 1,
    chunks: Path | None = None,
) -> FittedRadius:
    """Return the radius R at which the loss has risen to that of a model whose weights are all 0.

    Such a model has learnt nothing: a classifier's loss is then that of a uniform guess,
    ln(classes). R solves m(R) = E_i f_i(0), where m(R) is the mean of the losses at w* ± R w_k over
    all directions k and both signs. The search doubles or halves R, starting from 1, until m
    crosses the level, and then bisects log R. A loss that is not finite is above the level.

    Args:
        risk: The risk; w* are its weights. Afterwards it is back there.
        directions: w_k, one or two.
        workers: Number of threads. It changes no number.
        chunks: Folder in which the radius is kept, so that all parts of a grid use the same one.

    Raises:
        ProbeError: w* is not finite, its loss is not below that of weights 0, or the loss never
            crosses that level.

    >>> import torch
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> torch.nn.init.constant_(model.weight, 2.0).item()
    2.0
    >>> risk = Risk(model, torch.ones(1, 1), loss=lambda out: (out[:, 0] - 2) ** 2)
    >>> fit_radius(risk, [risk.origin])  # (2 + 2 R − 2)² = 2² at R = 1
    FittedRadius(radius=0.98, level=4.0)
    """

    def compute() -> dict[str, np.ndarray]:
        found = _fit(risk, directions, workers)
        return {"radius": np.array(found.radius), "level": np.array(found.level)}

    kept = ChunkStore(chunks).get("radius", compute)
    return FittedRadius(float(kept["radius"]), float(kept["level"]))


def _fit(risk: Risk, directions: Sequence[Direction], workers: int) -> FittedRadius:
    if not risk.is_finite:
        raise ProbeError(
            "radius: expected finite weights for auto, but some are NaN or infinite: the training "
            "diverged, or did not reach the moment; give a number"
        )
    verify(risk)
    rays = [(direction, sign) for direction in directions for sign in (1.0, -1.0)]

    def loss_on(risk: Risk, ray: tuple[Direction, float]) -> float:
        risk.displace([ray[0]], [ray[1]])
        return risk.loss()

    try:
        level = loss_on(risk, (risk.origin, -1.0))
        lowest = loss_on(risk, (risk.origin, 0.0))
        if not lowest < level < math.inf:
            raise ProbeError(
                "radius: expected a loss at weights of 0, at which auto ends, above "
                f"{lowest:.6g}, the loss at the network's own weights, but got {level:.6g}: give a "
                "number"
            )

        def is_below(radius: float) -> bool:
            scaled = [(direction, sign * radius) for direction, sign in rays]
            losses = list(map_copies(risk, scaled, loss_on, workers=workers))
            return sum(losses) / len(losses) < level

        starts_below, radius = is_below(1.0), 1.0
        factor = 2.0 if starts_below else 0.5
        for _ in range(_DOUBLINGS):
            radius *= factor
            if is_below(radius) != starts_below:
                break
        else:
            raise ProbeError(
                f"radius: expected the loss along the directions to cross {level:.6g}, that of "
                f"weights of 0, but from 1 to {radius:.2g} it does not: give a number"
            )
        low, high = sorted((radius, radius / factor))
        for _ in range(_BISECTIONS):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if is_below(middle) else (low, middle)
    finally:
        risk.displace([], [])
    return FittedRadius(float(f"{math.sqrt(low * high):.2g}"), level)
