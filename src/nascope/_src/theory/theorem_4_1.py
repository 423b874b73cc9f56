"""Theorem 4.1 (Ghadimi and Lan 2013): the bound for plain SGD with γ < 1/L, and measured gradients.

    E‖∇f(w_R)‖² ≤ 2 (f(w₀) − f*) / (γ K) + L σ² γ

for K steps of constant rate γ. R is uniform on 0 … K−1, L is the Lipschitz constant of the gradient
in all weights, and σ² bounds E‖∇f_i − ∇f‖². The paper's H is Σ γ_k = γ K.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch.func import grad, jacrev, vmap

from nascope._src.errors import TheoryError
from nascope._src.records.identity import derived_seed
from nascope._src.runtime.threads import map_threads
from nascope._src.runtime.types import Progress
from nascope._src.theory.check_result import Descent
from nascope._src.theory.equations import instance_gradients
from nascope._src.theory.linear import LinearCell, random_weights, symmetric_norm
from nascope._src.theory.objectives import OBJECTIVES, Objective, Quadratic, Shape, select_cell

NODES, SIZE, INSTANCES = 4, 2, 16
CELLS = {
    "widest": LinearCell.widest(NODES),
    "between": LinearCell.of_depth(NODES, 2),
    "narrowest": LinearCell.narrowest(NODES),
}
DESCENT_OBJECTIVES = ("coupled quadratic", "softmax cross-entropy", "nonlinear network")


def check_convergence(
    *,
    runs: int = 32,
    steps: int = 100,
    share: float = 0.5,
    scale: float = 1.0,
    seed: int = 0,
    objectives: Sequence[str] = DESCENT_OBJECTIVES,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[Descent]:
    """Run SGD on the widest, an intermediate and the narrowest cell, from the same matrices.

    Args:
        runs: number of runs; each draws its own instances.
        steps: number of steps per run.
        share: γ as a share of 1/L, where L is the largest along the path.
        scale: λ of the matrices at the start.
        seed: random seed.
        objectives: names of objectives.
        workers: number of threads; they do not change the results.

    Raises:
        TheoryError: there are fewer than 2 runs, there is no step, or the share is not positive.
    """
    if runs < 2 or steps < 1 or share <= 0:
        raise TheoryError(
            "Expected at least 2 runs, at least 1 step and a share of 1/L above 0, "
            f"but got {runs} runs, {steps} steps and a share of {share:g}"
        )

    def run(job: tuple[str, str]) -> Descent:
        objective, cell = job
        return _descent(objective, cell, (runs, steps), share=share, scale=scale, seed=seed)

    jobs = [(objective, cell) for objective in objectives for cell in CELLS]
    return map_threads(run, jobs, workers, progress, lambda job: f"SGD: {job[0]}, {job[1]}")


def _descent(
    objective_name: str,
    cell_name: str,
    draws_shape: tuple[int, int],
    *,
    share: float,
    scale: float,
    seed: int,
) -> Descent:
    runs, steps = draws_shape
    generator = np.random.default_rng(derived_seed("convergence", seed, objective_name))
    objective = OBJECTIVES[objective_name](Shape(1, INSTANCES, NODES, SIZE), generator)
    x = torch.from_numpy(generator.standard_normal((1, INSTANCES, SIZE)))
    start = random_weights(CELLS["widest"], 1, SIZE, scale, generator)
    draws = torch.from_numpy(generator.integers(0, INSTANCES, draws_shape))
    problem = _Problem(CELLS[cell_name], select_cell(objective, 0), x[0])
    largest = float(problem.smoothness(start))
    path = None
    while path is None:  # until γ is below that share of 1/L along its whole path
        rate = share / largest
        path = _descend(problem, start, rate, draws, largest * 1.0001)
        largest *= 1.25
    half_width = float(stats.t.ppf(0.975, runs - 1)) * float(path.squares.std()) / runs**0.5
    return Descent(
        cell=cell_name,
        objective=objective_name,
        rate=rate,
        steps=steps,
        runs=runs,
        lipschitz=path.lipschitz,
        noise=path.noise,
        gap=float(problem.values(start)) - problem.least,
        measured=float(path.squares.mean()),
        half_width=half_width,
    )


class _Problem:
    """f̂ of one cell, one objective and its instances, for batches of weights (b, E, d, d)."""

    def __init__(self, cell: LinearCell, objective: Objective, x: Tensor) -> None:
        self._cell, self._objective, self._x = cell, objective, x
        self._hessian = vmap(jacrev(grad(self.values)))  # forward mode is not thread-safe

    def values(self, weights: Tensor) -> Tensor:
        """Return f̂, (b,); a scalar for weights (E, d, d)."""
        return self._objective.value(self._cell.forward(weights, self._x)).mean(-1)

    def instance_gradients(self, weights: Tensor) -> Tensor:
        """Return ∂f̂_i/∂W, (b, N, E·d·d)."""
        x = self._x.expand(len(weights), -1, -1)
        return instance_gradients(self._cell, weights, self._objective, x).flatten(2)

    def smoothness(self, weights: Tensor) -> Tensor:
        """Return ‖∇²f̂‖, (b,)."""
        size = weights[0].numel()
        return symmetric_norm(self._hessian(weights).reshape(-1, size, size))

    @property
    def least(self) -> float:
        """A lower bound of f̂: the widest cell's minimum for a quadratic, 0 otherwise."""
        objective = self._objective
        if not isinstance(objective, Quadratic):
            return 0.0
        best = objective.targets.T @ torch.linalg.pinv(self._x.T)  # stationary for every Q ⪰ 0
        outputs = (self._x @ best.T).unflatten(-1, (len(self._cell.outputs), -1))
        return float(objective.value(outputs).mean())


@dataclass(frozen=True)
class _Path:
    squares: Tensor
    """Mean of ‖∇f̂‖² over the steps of each run, (runs,)."""
    lipschitz: float
    noise: float


def _descend(
    problem: _Problem, start: Tensor, rate: float, draws: Tensor, limit: float
) -> _Path | None:
    """Run SGD; return None as soon as the Hessian's norm exceeds ``limit``."""
    runs, steps = draws.shape
    weights = start.expand(runs, *start.shape[1:])
    lipschitz = noise = 0.0
    squares = torch.zeros(runs, dtype=torch.float64)
    for step in range(steps):
        gradients = problem.instance_gradients(weights)
        mean = gradients.mean(1)
        squares += mean.square().sum(1) / steps
        spread = (gradients - mean.unsqueeze(1)).square().sum(2).mean(1)
        noise = max(noise, float(spread.max()))
        move = -rate * gradients[torch.arange(runs), draws[:, step]].view_as(weights)
        hessian_norms = problem.smoothness(torch.cat([weights, weights + move / 2]))
        lipschitz = max(lipschitz, float(hessian_norms.max()))
        if lipschitz > limit:
            return None
        weights = weights + move
    return _Path(squares, lipschitz, noise)
