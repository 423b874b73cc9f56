"""Everything that `nascope theory check` looks at, as plain data."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from nascope._src.records.identity import derived_seed
from nascope._src.runtime.types import Progress
from nascope._src.theory.bound_checks import TOLERANCE, check_bounds, check_published
from nascope._src.theory.counterexamples import cases as known_cases
from nascope._src.theory.equations import equation_errors
from nascope._src.theory.linear import LinearCell, random_weights
from nascope._src.theory.objectives import OBJECTIVES, Shape
from nascope._src.theory.theorem_4_1 import check_convergence

_EXACT = 1e-7  # relative; a gradient that nearly vanishes has few digits
_CELLS, _SIZE, _NODES, _INSTANCES = 50, 3, 4, 3


def check_theorems(
    *,
    cases: int = 10_000,
    runs: int = 32,
    steps: int = 100,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Equations, counterexamples, Theorem 4.1, and the bounds on random cells.

    Args:
        cases: cells of each objective and wiring.
        runs, steps: of SGD, for Theorem 4.1.

    Returns:
        ``equations``, ``cases``, ``descents``, ``bounds`` and ``published``, lists of plain
        dataclasses; ``holds``, whether everything that is claimed came out so; ``seconds``.

    Raises:
        TheoryError: cases or workers are below 1.
    """
    start = time.monotonic()

    def told(share: float, words: str) -> None:
        if progress is not None:
            progress(share, words)

    told(0.0, "equations and known cases")
    equations = _equations(seed)
    known = known_cases()
    published = check_published(seed=seed)
    bounds = check_bounds(
        cases, seed=seed, workers=workers, progress=lambda share, words: told(0.5 * share, words)
    )
    descents = check_convergence(
        runs=runs,
        steps=steps,
        seed=seed,
        workers=workers,
        progress=lambda share, words: told(0.5 + 0.5 * share, words),
    )
    return {
        "cases_each": cases,
        "seed": seed,
        "tolerance": TOLERANCE,
        "equations": equations,
        "cases": [{**asdict(case), "shown": case.shown} for case in known],
        "published": [asdict(tally) for tally in published],
        "bounds": [asdict(tally) for tally in bounds],
        "descents": [
            {**asdict(one), "bound": one.bound, "premise": one.premise, "holds": one.holds}
            for one in descents
        ],
        "holds": (
            all(row["right"] for row in equations if row["claimed"])
            and all(case.shown for case in known)
            and all(tally.violations == 0 for tally in bounds)
            and all(one.premise and one.holds for one in descents)
        ),
        "seconds": time.monotonic() - start,
    }


def _equations(seed: int) -> list[dict[str, Any]]:
    """Equations 1 to 4 against autograd; "4 at W" is what the proof goes on with."""
    chain = LinearCell.narrowest(_NODES)
    rows = []
    for name, make in OBJECTIVES.items():
        generator = np.random.default_rng(derived_seed("equations", seed, name))
        shape = Shape(_CELLS, _INSTANCES, _NODES, _SIZE)
        weights = random_weights(chain, _CELLS, _SIZE, 1.5, generator)
        x = torch.from_numpy(generator.standard_normal((_CELLS, _INSTANCES, _SIZE)))
        errors = equation_errors(weights, make(shape, generator), x)
        for equation, (largest, median) in errors.items():
            rows.append(
                {
                    "equation": equation,
                    "objective": name,
                    "largest_error": largest,
                    "median_error": median,
                    "claimed": equation != "4 at W",
                    "right": largest <= _EXACT,
                }
            )
    return rows
