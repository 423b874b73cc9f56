"""Run every check of `nascope theory check`."""

from __future__ import annotations

import time

import numpy as np
import torch

from nascope._src.records.identity import derived_seed
from nascope._src.runtime.types import Progress
from nascope._src.theory.bound_checks import (
    PUBLISHED_CELLS,
    TOLERANCE,
    check_bounds,
    check_published,
)
from nascope._src.theory.check_result import EquationCheck, TheoryCheck
from nascope._src.theory.counterexamples import known_cases
from nascope._src.theory.equations import equation_errors
from nascope._src.theory.linear import LinearCell, random_weights
from nascope._src.theory.objectives import OBJECTIVES, Shape
from nascope._src.theory.theorem_4_1 import check_convergence

_EXACT = 1e-7  # relative; a gradient that nearly vanishes has few correct digits
_CELLS, _SIZE, _NODES, _INSTANCES = 50, 3, 4, 3


def check_theorems(
    *,
    cases: int = 10_000,
    runs: int = 32,
    steps: int = 100,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> TheoryCheck:
    """Check the equations, the known cases, Theorem 4.1, and the bounds on random cells.

    Args:
        cases: number of cells per objective and wiring; the bounds round it up to a multiple of
            250, and Theorem 4.2 as published is checked on at most 2,000.
        runs, steps: of SGD, for Theorem 4.1.
        seed: random seed.
        workers: number of threads; they do not change the results.

    Raises:
        TheoryError: cases or workers are below 1.
    """
    start = time.monotonic()

    def report(share: float, step: str) -> None:
        if progress is not None:
            progress(share, step)

    report(0.0, "equations and known cases")
    equations = _check_equations(seed)
    known = known_cases()
    published = check_published(min(cases, PUBLISHED_CELLS), seed=seed)
    bounds = check_bounds(
        cases, seed=seed, workers=workers, progress=lambda share, step: report(0.5 * share, step)
    )
    descents = check_convergence(
        runs=runs,
        steps=steps,
        seed=seed,
        workers=workers,
        progress=lambda share, step: report(0.5 + 0.5 * share, step),
    )
    return TheoryCheck(
        cases_each=cases,
        seed=seed,
        tolerance=TOLERANCE,
        equations=tuple(equations),
        cases=known,
        published=tuple(published),
        bounds=tuple(bounds),
        descents=tuple(descents),
        seconds=time.monotonic() - start,
    )


def _check_equations(seed: int) -> list[EquationCheck]:
    """Compare Equations 1 to 4 with autograd; the published proof uses "4 at W"."""
    chain = LinearCell.narrowest(_NODES)
    checks = []
    for name, make in OBJECTIVES.items():
        generator = np.random.default_rng(derived_seed("equations", seed, name))
        shape = Shape(_CELLS, _INSTANCES, _NODES, _SIZE)
        weights = random_weights(chain, _CELLS, _SIZE, 1.5, generator)
        x = torch.from_numpy(generator.standard_normal((_CELLS, _INSTANCES, _SIZE)))
        errors = equation_errors(weights, make(shape, generator), x)
        for equation, (largest, median) in errors.items():
            checks.append(
                EquationCheck(
                    equation,
                    name,
                    largest,
                    median,
                    claimed=equation != "4 at W",
                    right=largest <= _EXACT,
                )
            )
    return checks
