"""Compare bounds with random cells: the sound ones, and Theorem 4.2 as published."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

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
from nascope._src.theory.check_result import BoundCheck, PublishedCheck, Quantity
from nascope._src.theory.linear import LinearCell, random_weights, spectral_norm
from nascope._src.theory.objectives import OBJECTIVES, Objective, Shape

TOLERANCE = 1e-9
"""Relative: a bound is violated if a measured value exceeds it by more than this share."""
_ROUNDING = 1e-13  # relative to the largest number in the difference that a value is
_CHUNK = 250  # cells of one wiring, size and objective, measured together
_SCALES = (0.25, 4.0)  # range of λ, drawn log-uniformly for each matrix
PUBLISHED_CELLS = 2000  # per objective and scale
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
    """Two inputs, and two edges into each node, as in searched cells."""
    return LinearCell.random(int(generator.integers(1, 5)), generator, inputs=2, in_degree=2)


def _published(generator: np.random.Generator) -> LinearCell:
    names = ("NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS")
    return LinearCell.from_cell(load_cell(names[int(generator.integers(5))]).normal)


WIRINGS: dict[str, Callable[[np.random.Generator], LinearCell]] = {
    "widest": _widest,
    "narrowest": _narrowest,
    "random, one edge a node": _between,
    "random, two edges a node": _two_edges,
    "the five published": _published,
}
"""Functions that draw a wiring, by name."""


def check_bounds(
    cases: int = 10_000,
    *,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[BoundCheck]:
    """Compare every bound of `nascope._src.theory.bounds.SOUND` with random cells, in float64.

    Cells have random numbers of nodes (1 … 4), sizes (1 … 3) and instances (1 … 3). Each matrix has
    its own random spectral norm (0.25 … 4). The comparison is pointwise: the block's Hessian at the
    weights with the bound from F's Hessian at the effective weights. That is sharper than comparing
    constants that are uniform over the weights. Further rows compare what was measured with the
    certified constants.

    Args:
        cases: number of cells per objective and wiring, rounded up to a multiple of 250.
        seed: random seed.
        workers: number of threads; they do not change the results.

    Raises:
        TheoryError: cases or workers are below 1.
    """
    if cases < 1 or workers < 1:
        raise TheoryError(
            f"Expected cases and workers of at least 1, but got {cases} and {workers}"
        )
    chunks = math.ceil(cases / _CHUNK)
    jobs = [
        (objective, wiring, chunk)
        for objective in OBJECTIVES
        for wiring in WIRINGS
        for chunk in range(chunks)
    ]
    checks: dict[tuple[str, Quantity, str, str], BoundCheck] = {}
    results = map_threads(lambda job: _check_chunk(*job, seed), jobs, workers, progress, _name)
    for (objective, wiring, _), chunk_checks in zip(jobs, results, strict=True):
        for check in chunk_checks:
            key = (check.bound, check.quantity, objective, wiring)
            checks[key] = _merge(checks[key], check) if key in checks else check
    return list(checks.values())


def _name(job: tuple[str, str, int]) -> str:
    return f"{job[0]}, {job[1]}"


def _merge(first: BoundCheck, second: BoundCheck) -> BoundCheck:
    return replace(
        first,
        cases=first.cases + second.cases,
        blocks=first.blocks + second.blocks,
        violations=first.violations + second.violations,
        tightest=max(first.tightest, second.tightest),
    )


def _check_chunk(objective_name: str, wiring: str, chunk: int, seed: int) -> list[BoundCheck]:
    """Draw one chunk of cells and compare it with all bounds and constants."""
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
    compare = partial(_compare, objective=objective_name, wiring=wiring)
    return [
        *_compare_bounds(blocks, objective, compare),
        *_compare_constants(blocks, constants(cell, weights, objective, x), compare),
    ]


def _compare_bounds(
    blocks: Blocks, objective: Objective, compare: Callable[..., BoundCheck]
) -> Iterator[BoundCheck]:
    for bound in SOUND:
        if not bound.applies(convex=objective.convex, separable=objective.separable):
            continue
        measured, wide = {
            "curvature": (blocks.curvatures, blocks.wide_curvatures),
            "variance": (blocks.variances, blocks.wide_variances),
        }[bound.quantity]
        yield compare(
            measured,
            bound.evaluate(blocks),
            joint_bound(blocks.paths, wide.amax(1, keepdim=True)),
            bound=bound.name,
            quantity=bound.quantity,
            published=bound.published,
            uses_constants=False,
        )


def _compare_constants(
    blocks: Blocks, certified: Constants, compare: Callable[..., BoundCheck]
) -> Iterator[BoundCheck]:
    for name, measured, constant in (
        ("constant of the block", blocks.curvatures, certified.blocks),
        ("constant of the widest", blocks.wide_curvatures, certified.wide),
        ("joint constant", blocks.joint_curvatures, certified.joint),
    ):
        yield compare(
            measured,
            constant,
            constant,
            bound=name,
            quantity="curvature",
            published=False,
            uses_constants=True,
        )


def _compare(measured: Tensor, bounds: Tensor, scale: Tensor, **labels: Any) -> BoundCheck:
    """Compare values with their bounds.

    Args:
        scale: size of the numbers whose differences the values are; it sets the rounding allowed.
        labels: the other fields of `BoundCheck`.
    """
    allowed = bounds * (1 + TOLERANCE) + _ROUNDING * scale
    positive = bounds > 1e3 * _ROUNDING * scale
    return BoundCheck(
        **labels,
        cases=_CHUNK,
        blocks=measured.numel(),
        violations=int((~(measured <= allowed)).sum()),  # a NaN counts
        tightest=float((measured[positive] / bounds[positive]).max()) if positive.any() else 0.0,
    )


def check_published(cells: int = PUBLISHED_CELLS, *, seed: int = 0) -> list[PublishedCheck]:
    """Check Theorem 4.2 as published, on random chains of 4 nodes of size 3, with 3 instances.

    Matrices are Gaussian. For quadratics, both sides are exact. For other objectives, a lower bound
    of the block's constant (the Hessian's norm at some multiples of the block) is compared with an
    upper bound of the widest cell's constant.

    Args:
        cells: number of random cells per objective and scale.
        seed: random seed.
    """
    chain = LinearCell.narrowest(_PUBLISHED_NODES)
    shape = Shape(cells, _PUBLISHED_INSTANCES, _PUBLISHED_NODES, _PUBLISHED_SIZE)
    checks = []
    for name, make in OBJECTIVES.items():
        for scale in PUBLISHED_SCALES:
            generator = np.random.default_rng(derived_seed("published", seed, name, str(scale)))
            weights = random_weights(chain, cells, shape.size, scale, generator)
            x = torch.from_numpy(generator.standard_normal((cells, shape.instances, shape.size)))
            objective = make(shape, generator)
            certified = constants(chain, weights, objective, x)
            least = (
                certified.blocks if objective.exact else _lower_bounds(chain, weights, objective, x)
            )
            bound = published_bound(spectral_norm(weights), certified.wide)
            smoother = (least < certified.wide * (1 - TOLERANCE)).double().mean()
            checks.append(
                PublishedCheck(
                    name,
                    scale,
                    least.numel(),
                    violated=float((least > bound * (1 + TOLERANCE)).double().mean()),
                    narrow_smoother=float(smoother) if objective.exact else None,
                )
            )
    return checks


def _lower_bounds(cell: LinearCell, weights: Tensor, objective: Objective, x: Tensor) -> Tensor:
    """Return lower bounds of the blocks' constants, (b, E): the largest norm over c W⁽ᵉ⁾."""
    largest = []
    for edge in range(len(cell.edges)):
        norms = []
        for multiple in _MULTIPLES:
            scaled = weights.clone()
            scaled[:, edge] *= multiple
            norms.append(Blocks(cell, scaled, objective, x).curvatures[:, edge])
        largest.append(torch.stack(norms).amax(0))
    return torch.stack(largest, dim=1)
