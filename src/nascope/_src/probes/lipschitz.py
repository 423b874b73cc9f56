"""Lipschitz constants of a risk's gradient: by block at the weights, and between grid points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from nascope._src.errors import ProbeError
from nascope._src.probes.chunks import ChunkStore
from nascope._src.probes.gradient_variance import block_names
from nascope._src.probes.grid import Grid, compute_points
from nascope._src.probes.hessian import HessianProduct
from nascope._src.probes.lanczos import tridiagonalise
from nascope._src.probes.risk import Direction, Risk
from nascope._src.probes.settings import CurvatureSettings
from nascope._src.probes.tensors import squared_norm
from nascope._src.records.identity import derived_seed
from nascope._src.runtime.threads import map_copies
from nascope._src.runtime.types import Progress


def block_lipschitz(
    risk: Risk,
    blocks: Mapping[str, Sequence[str]],
    *,
    steps: int = CurvatureSettings.block_steps,
    seed: int = 0,
    workers: int = 1,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Return the block-wise Lipschitz constants of the gradient, at the risk's weights.

    The paper's L⁽ⁱ⁾ (Section 4.3) bounds ‖∂f/∂W⁽ⁱ⁾ at W − ∂f/∂W⁽ⁱ⁾ at W'‖ / ‖W − W'‖ when only
    block i moves. As W' → W the largest such ratio is the largest |eigenvalue| of the block's
    Hessian. Lanczos estimates it from below.

    Args:
        risk: The risk, at the weights to examine.
        blocks: For each block, the names of its parameters; see `cell_blocks`, `matrix_blocks`.
        steps: Lanczos steps per block.
        seed: Seed of the start vectors.
        workers: Number of threads; they share the blocks.
        chunks: Folder in which finished blocks are kept, so that a killed run can resume.
        progress: Called after each block.

    Returns:
        ``lipschitz`` (blocks,); ``lipschitz_residuals`` (blocks,), Lanczos' bound on the distance
        of each estimate to an eigenvalue of the block's Hessian; ``blocks``, the names. A block
        that has no effect on the loss has 0.

    Raises:
        ProbeError: A block is empty, or names a parameter twice or one that does not exist.
    """
    names = list(blocks)
    for block, members in blocks.items():
        unknown = [name for name in members if name not in risk.parameters]
        if unknown or not members or len(set(members)) < len(members):
            raise ProbeError(
                f"block {block!r} must name parameters of the model, each once, not {members}"
            )
    if steps < 1:
        raise ProbeError(f"steps must be at least 1, not {steps}")

    def examine(risk: Risk, index: int) -> dict[str, np.ndarray]:
        def run() -> dict[str, np.ndarray]:
            product = HessianProduct(risk, workers=1, names=blocks[names[index]])
            if product.size == 0:  # a parameter without entries
                return {"found": np.zeros(2)}
            generator = np.random.default_rng(derived_seed("block", seed, names[index]))
            start = generator.standard_normal((1, product.size))
            *_, last = tridiagonalise(product.rows, start, min(steps, product.size))
            diagonal, off_diagonal = last.diagonal[0], last.off_diagonal[0]
            if not np.isfinite(diagonal).all():
                return {"found": np.full(2, np.nan)}
            values, vectors = eigh_tridiagonal(diagonal, off_diagonal[:-1])
            largest = np.abs(values).argmax()
            residual = off_diagonal[-1] * abs(vectors[-1, largest])
            return {"found": np.array([abs(values[largest]), residual])}

        return ChunkStore(chunks).get(f"block-{index:04d}", run)

    estimates = []
    results = map_copies(risk, range(len(names)), examine, workers=workers)
    for done, result in enumerate(results, start=1):
        estimates.append(result["found"])
        if progress is not None:
            progress(done / len(names), f"block {done}/{len(names)}")
    lipschitz, residuals = np.array(estimates).reshape(-1, 2).T
    return {
        "lipschitz": lipschitz,
        "lipschitz_residuals": residuals,
        "blocks": np.array(names),
    }


def gradient_lipschitz(
    risk: Risk,
    directions: Sequence[Direction],
    grid: Grid,
    *,
    workers: int = 1,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Return local Lipschitz estimates of the gradient between neighbouring grid points.

    ‖∇f(p) − ∇f(q)‖ / ‖p − q‖, all parameters as one vector: a lower bound of the gradient's
    Lipschitz constant on the segment from p to q.

    Args:
        risk, directions, grid, workers, chunks, progress: See `compute_points`.

    Returns:
        ``along_first`` and, for a plane, ``along_second``, float64 arrays of the grid's shape.
        Entry [i, j] is between (i, j) and its next neighbour along that axis; NaN at the end.
    """
    axes = grid.axes
    names = ("along_first", "along_second")[: len(axes)]
    indices = {p: tuple(i) for p, i in zip(grid.points, np.ndindex(grid.shape), strict=True)}
    norms = [_norm(direction) for direction in directions]
    recent: dict[int, dict[tuple[float, ...], Mapping[str, Tensor]]] = {}

    def gradient_at(risk: Risk, point: tuple[float, ...]) -> Mapping[str, Tensor]:
        known = recent.setdefault(id(risk), {})
        if point not in known:
            risk.displace(directions, point)
            known[point] = risk.gradient()[1]
            while len(known) > 4:  # the point, its two neighbours, and the next point
                del known[next(iter(known))]
        return known[point]

    def measure(risk: Risk, point: tuple[float, ...]) -> dict[str, np.ndarray]:
        gradient = gradient_at(risk, point)
        estimates = {}
        for axis, name in enumerate(names):
            index = indices[point][axis] + 1
            if index == len(axes[axis]):
                estimates[name] = np.array(np.nan)
                continue
            neighbour = (*point[:axis], axes[axis][index], *point[axis + 1 :])
            other = gradient_at(risk, neighbour)
            change = _norm({key: other[key] - value for key, value in gradient.items()})
            distance = abs(neighbour[axis] - point[axis]) * norms[axis]
            estimates[name] = np.array(change / distance if distance else np.nan)
        return estimates

    return compute_points(
        risk, directions, grid, measure, workers=workers, chunks=chunks, progress=progress
    )


def cell_blocks(risk: Risk) -> dict[str, list[str]]:
    """Return the parameters of each block of `block_names`: in a network of cells, its cells."""
    names = block_names(risk.model)
    blocks: dict[str, list[str]] = {}
    for name in risk.parameters:
        blocks.setdefault(names[name], []).append(name)
    return blocks


def matrix_blocks(risk: Risk) -> dict[str, list[str]]:
    """Return a block for each parameter with two dimensions or more: a matrix or a kernel."""
    return {name: [name] for name, value in risk.parameters.items() if value.dim() > 1}


def _norm(tensors: Mapping[str, Tensor]) -> float:
    return float(sum(squared_norm(value) for value in tensors.values()) ** 0.5)
