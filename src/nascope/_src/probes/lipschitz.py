"""Lipschitz constants of a risk's gradient: by block at the weights, and between grid points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from nascope._src.errors import ProbeError
from nascope._src.probes.curvature import Arrays, HessianProduct, Store, lanczos
from nascope._src.probes.gradient_variance import block_names
from nascope._src.probes.grid import Grid, Progress, compute_points
from nascope._src.probes.risk import Direction, Risk
from nascope._src.probes.settings import CurvatureSettings
from nascope._src.records.identity import derived_seed
from nascope._src.runtime.threads import map_copies


def block_lipschitz(
    risk: Risk,
    blocks: Mapping[str, Sequence[str]],
    *,
    steps: int = CurvatureSettings.block_steps,
    seed: int = 0,
    workers: int = 1,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> Arrays:
    """Block-wise Lipschitz constants of the gradient, at the risk's weights.

    The paper's L⁽ⁱ⁾ (Section 4.3) bounds ‖∂f/∂W⁽ⁱ⁾ at W − ∂f/∂W⁽ⁱ⁾ at W'‖ / ‖W − W'‖ where only
    block i moves. As W' → W the largest such ratio is the largest |eigenvalue| of the block's own
    Hessian, estimated here from below by ``steps`` steps of Lanczos.

    Args:
        blocks: names of parameters by block, as of `cell_blocks` or `matrix_blocks`.
        steps: of Lanczos.
        workers: threads over which the blocks are spread; chunks, progress: a chunk is a block's.

    Returns:
        ``lipschitz`` (blocks,); ``lipschitz_residuals``, Lanczos' own bound on the distance of
        the eigenvalue found to one of the block's Hessian; ``blocks``, the names. A block without
        influence has 0.

    Raises:
        ProbeError: a block is empty, or names something else than parameters, or one twice.
    """
    names = list(blocks)
    for block, own_names in blocks.items():
        unknown = [name for name in own_names if name not in risk.parameters]
        if unknown or not own_names or len(set(own_names)) < len(own_names):
            raise ProbeError(
                f"block {block!r} must name parameters of the model, each once, not {own_names}"
            )
    if steps < 1:
        raise ProbeError(f"steps must be at least 1, not {steps}")

    def work(own: Risk, index: int) -> Arrays:
        def run() -> Arrays:
            product = HessianProduct(own, workers=1, names=blocks[names[index]])
            generator = np.random.default_rng(derived_seed("block", seed, names[index]))
            start = generator.standard_normal(product.size)
            diagonal, beside, _ = lanczos(product, start, min(steps, product.size))
            if not np.isfinite(diagonal).all():
                return {"found": np.full(2, np.nan)}
            values, vectors = eigh_tridiagonal(diagonal, beside[:-1])
            largest = np.abs(values).argmax()
            return {
                "found": np.array([abs(values[largest]), beside[-1] * abs(vectors[-1, largest])])
            }

        return Store(chunks).get(f"block-{index:04d}", run)

    found = []
    results = map_copies(risk, range(len(names)), work, workers=workers)
    for done, result in enumerate(results, start=1):
        found.append(result["found"])
        if progress is not None:
            progress(done / len(names), f"block {done}/{len(names)}")
    lipschitz, residuals = np.array(found).reshape(-1, 2).T
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
) -> Arrays:
    """Local Lipschitz estimates of the gradient between neighbouring grid points.

    ‖∇f(p) − ∇f(q)‖ / ‖p − q‖, all parameters as one vector: a lower bound of the gradient's
    Lipschitz constant on the segment.

    Returns:
        ``along_first`` and, of a plane, ``along_second``, float64 of the grid's shape: entry
        [i, j] is between (i, j) and its next neighbour along that axis; NaN at the last.
    """
    axes = grid.axes
    names = ("along_first", "along_second")[: len(axes)]
    places = {point: tuple(i) for point, i in zip(grid.points, np.ndindex(grid.shape), strict=True)}
    norms = [_norm(direction) for direction in directions]
    recent: dict[int, dict[tuple[float, ...], Mapping[str, Tensor]]] = {}

    def gradient_at(own: Risk, point: tuple[float, ...]) -> Mapping[str, Tensor]:
        known = recent.setdefault(id(own), {})
        if point not in known:
            own.displace(directions, point)
            known[point] = own.gradient()[1]
            while len(known) > 4:  # the point, its two neighbours, and the next point
                del known[next(iter(known))]
        return known[point]

    def measure(own: Risk, point: tuple[float, ...]) -> Arrays:
        here = gradient_at(own, point)
        found = {}
        for axis, name in enumerate(names):
            index = places[point][axis] + 1
            if index == len(axes[axis]):
                found[name] = np.array(np.nan)
                continue
            other = (*point[:axis], axes[axis][index], *point[axis + 1 :])
            there = gradient_at(own, other)
            change = _norm({key: there[key] - value for key, value in here.items()})
            distance = abs(other[axis] - point[axis]) * norms[axis]
            found[name] = np.array(change / distance if distance else np.nan)
        return found

    return compute_points(
        risk, directions, grid, measure, workers=workers, chunks=chunks, progress=progress
    )


def cell_blocks(risk: Risk) -> dict[str, list[str]]:
    """Parameters by block, as `block_names` has them: of a network of cells, its cells."""
    names = block_names(risk.model)
    blocks: dict[str, list[str]] = {}
    for name in risk.parameters:
        blocks.setdefault(names[name], []).append(name)
    return blocks


def matrix_blocks(risk: Risk) -> dict[str, list[str]]:
    """Each weight matrix or kernel, that is each parameter of two dimensions or more, by itself."""
    return {name: [name] for name, value in risk.parameters.items() if value.dim() > 1}


def _norm(tensors: Mapping[str, Tensor]) -> float:
    return float(sum(float(value.double().square().sum()) for value in tensors.values())) ** 0.5
