"""The bounds on random cells: every sound one in thousands of cases, the published one counted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nascope._src.cells.catalog import load as load_cell
from nascope._src.errors import TheoryError
from nascope._src.records.identity import derived_seed
from nascope._src.runtime.threads import map_threads
from nascope._src.runtime.types import Progress
from nascope._src.theory.blocks import Blocks, Constants, constants
from nascope._src.theory.bounds import SOUND, joint_bound, published_bound
from nascope._src.theory.linear import LinearCell, random_weights, spectral_norm
from nascope._src.theory.objectives import OBJECTIVES, Objective, Shape

TOLERANCE = 1e-9
"""Relative: a bound counts as violated where the measured value exceeds it by more."""
_ROUNDING = 1e-13  # of the largest number that the value is a difference of
_CHUNK = 250  # cells of one wiring, size and objective, measured together
_SCALES = (0.25, 4.0)  # λ of each matrix is drawn log-uniformly from here
PUBLISHED_SCALES = (0.3, 1.0, 2.0)
_MULTIPLES = (-1.0, 0.0, 0.1, 0.3, 1.0)
_PUBLISHED_NODES, _PUBLISHED_SIZE, _PUBLISHED_INSTANCES = 4, 3, 3


def _widest(generator: np.random.Generator) -> LinearCell:
    return LinearCell.widest(int(generator.integers(1, 5)))


def _narrowest(generator: np.random.Generator) -> LinearCell:
    return LinearCell.narrowest(int(generator.integers(1, 5)))


def _between(generator: np.random.Generator) -> LinearCell:
    return LinearCell.random(int(generator.integers(2, 5)), generator)


def _two_edges(generator: np.random.Generator) -> LinearCell:
    """As in the cells that are searched: two inputs, and two edges into each node."""
    return LinearCell.random(int(generator.integers(1, 5)), generator, inputs=2, in_degree=2)


def _published(generator: np.random.Generator) -> LinearCell:
    names = ("NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS")
    return LinearCell.of_cell(load_cell(names[int(generator.integers(5))]).normal)


WIRINGS: dict[str, Callable[[np.random.Generator], LinearCell]] = {
    "widest": _widest,
    "narrowest": _narrowest,
    "random, one edge a node": _between,
    "random, two edges a node": _two_edges,
    "the five published": _published,
}
"""Random wirings by name."""


@dataclass(frozen=True)
class Tally:
    """A bound over the random cases of one objective and wiring."""

    bound: str
    of: str
    objective: str
    wiring: str
    cases: int
    """Cells."""
    blocks: int
    violations: int
    """Blocks."""
    tightest: float
    """The largest measured value by its bound."""


@dataclass(frozen=True)
class PublishedTally:
    """Theorem 4.2 as published, on narrowest cells whose matrices all have one norm."""

    objective: str
    scale: float
    blocks: int
    violated: float
    """The share of blocks that exceed it for certain: a lower bound of the block's constant is
    compared with what the published factor makes of an upper bound of the widest cell's."""
    narrow_smoother: float | None
    """The share of blocks where the narrowest cell's constant is below the widest's; None where
    constants are not exact."""


def check_bounds(
    cases: int = 10_000,
    *,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[Tally]:
    """Every bound of `nascope._src.theory.bounds.SOUND` against random cells, in float64.

    For each objective and wiring, cells with random numbers of nodes (1 … 4), sizes (1 … 3),
    instances (1 … 3) and spectral norms (0.25 … 4, of each matrix its own). The bounds are compared
    pointwise: the block's Hessian at the weights with the bound from F's Hessian at the effective
    weights, which is sharper than comparing constants that are uniform over the weights. Rows
    named "constant …" compare what was measured with the certified constants.

    Args:
        cases: cells of each objective and wiring, rounded up to whole chunks of 250.
        workers: threads; they change no number.

    Raises:
        TheoryError: cases or workers are below 1.
    """
    if cases < 1 or workers < 1:
        raise TheoryError(f"cases and workers must be at least 1, not {cases} and {workers}")
    chunks = math.ceil(cases / _CHUNK)
    jobs = [
        (objective, wiring, chunk)
        for objective in OBJECTIVES
        for wiring in WIRINGS
        for chunk in range(chunks)
    ]
    tallies: dict[tuple[str, str, str, str], Tally] = {}
    results = map_threads(lambda job: _chunk(*job, seed), jobs, workers, progress, _name)
    for job, found in zip(jobs, results, strict=True):
        for (name, of), (blocks, violations, tightest) in found.items():
            key = (name, of, *job[:2])
            old = tallies.get(key, Tally(*key, cases=0, blocks=0, violations=0, tightest=0.0))
            tallies[key] = Tally(
                *key,
                cases=old.cases + _CHUNK,
                blocks=old.blocks + blocks,
                violations=old.violations + violations,
                tightest=max(old.tightest, tightest),
            )
    return list(tallies.values())


def _name(job: tuple[str, str, int]) -> str:
    return f"{job[0]}, {job[1]}"


def _chunk(
    objective_name: str, wiring: str, chunk: int, seed: int
) -> dict[tuple[str, str], tuple[int, int, float]]:
    """By bound: blocks, violations, and the largest ratio."""
    generator = np.random.default_rng(derived_seed("theory", seed, objective_name, wiring, chunk))
    cell = WIRINGS[wiring](generator)
    size = int(generator.integers(1, 4))
    instances = int(generator.integers(1, 4))
    shape = Shape(_CHUNK, instances, len(cell.outputs), size)
    low, high = np.log(_SCALES)
    scales = torch.from_numpy(np.exp(generator.uniform(low, high, (_CHUNK, len(cell.edges)))))
    kind = ("gaussian", "orthogonal")[int(generator.integers(2))]
    weights = random_weights(cell, _CHUNK, size, scales, generator, kind=kind)
    x = torch.from_numpy(generator.standard_normal((_CHUNK, instances, cell.inputs * size)))
    objective = OBJECTIVES[objective_name](shape, generator)
    blocks = Blocks(cell, weights, objective, x)
    found = _against_bounds(blocks, objective)
    certified = constants(cell, weights, objective, x)
    return found | _against_constants(blocks, certified)


def _against_bounds(
    blocks: Blocks, objective: Objective
) -> dict[tuple[str, str], tuple[int, int, float]]:
    largest = blocks.wide_curvatures.amax(1, keepdim=True)
    scale = {
        "curvature": (blocks.curvatures, joint_bound(blocks.paths, largest)),
        "variance": (
            blocks.variances,
            joint_bound(blocks.paths, blocks.wide_variances.amax(1, keepdim=True)),
        ),
    }
    return {
        (bound.name, bound.of): _compare(
            scale[bound.of][0], bound.evaluate(blocks), scale[bound.of][1]
        )
        for bound in SOUND
        if bound.applies(convex=objective.convex, separable=objective.separable)
    }


def _against_constants(
    blocks: Blocks, certified: Constants
) -> dict[tuple[str, str], tuple[int, int, float]]:
    pairs = {
        "constant of the block": (blocks.curvatures, certified.blocks),
        "constant of the widest": (blocks.wide_curvatures, certified.wide),
        "joint constant": (blocks.joint_curvatures, certified.joint),
    }
    return {
        (name, "curvature"): _compare(value, bound, bound) for name, (value, bound) in pairs.items()
    }


def _compare(value: Tensor, bound: Tensor, scale: Tensor) -> tuple[int, int, float]:
    """Values, how many exceed their bounds by more than rounding, and the largest ratio."""
    allowed = bound * (1 + TOLERANCE) + _ROUNDING * scale
    violations = int((~(value <= allowed)).sum())  # a NaN counts
    met = bound > 1e3 * _ROUNDING * scale
    tightest = float((value[met] / bound[met]).max()) if met.any() else 0.0
    return value.numel(), violations, tightest


def check_published(cells: int = 2000, *, seed: int = 0) -> list[PublishedTally]:
    """Theorem 4.2 as published, on chains of 4 nodes of size 3, Gaussian matrices, 3 instances.

    For quadratics both sides are exact. Else the block's constant is known from below, by its
    Hessian at some multiples of the block, and the widest cell's from above.
    """
    chain = LinearCell.narrowest(_PUBLISHED_NODES)
    shape = Shape(cells, _PUBLISHED_INSTANCES, _PUBLISHED_NODES, _PUBLISHED_SIZE)
    tallies = []
    for name, make in OBJECTIVES.items():
        for scale in PUBLISHED_SCALES:
            generator = np.random.default_rng(derived_seed("published", seed, name, str(scale)))
            weights = random_weights(chain, cells, shape.size, scale, generator)
            x = torch.from_numpy(generator.standard_normal((cells, shape.instances, shape.size)))
            objective = make(shape, generator)
            found = constants(chain, weights, objective, x)
            least = found.blocks if objective.exact else _from_below(chain, weights, objective, x)
            bound = published_bound(spectral_norm(weights), found.wide)
            smoother = (least < found.wide * (1 - TOLERANCE)).double().mean()
            tallies.append(
                PublishedTally(
                    name,
                    scale,
                    least.numel(),
                    float((least > bound * (1 + TOLERANCE)).double().mean()),
                    float(smoother) if objective.exact else None,
                )
            )
    return tallies


def _from_below(cell: LinearCell, weights: Tensor, objective: Objective, x: Tensor) -> Tensor:
    """Lower bounds of the blocks' constants, (b, E): the largest norm met along W⁽ᵉ⁾ → c W⁽ᵉ⁾."""
    norms = []
    for edge in range(len(cell.edges)):
        met = []
        for multiple in _MULTIPLES:
            moved = weights.clone()
            moved[:, edge] *= multiple
            met.append(Blocks(cell, moved, objective, x).curvatures[:, edge])
        norms.append(torch.stack(met).amax(0))
    return torch.stack(norms, dim=1)
