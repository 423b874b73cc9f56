"""A curvature probe: eigenvalues, trace and density of the Hessian, and Lipschitz constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from nascope._src.probes.directions import random_directions
from nascope._src.probes.grid import Grid
from nascope._src.probes.hessian import eigenvalues, expected_products, spectrum
from nascope._src.probes.krylov import Krylov
from nascope._src.probes.lipschitz import (
    block_lipschitz,
    cell_blocks,
    gradient_lipschitz,
    matrix_blocks,
)
from nascope._src.probes.risk import Risk
from nascope._src.probes.settings import CurvatureSettings
from nascope._src.runtime.types import Progress

Compute = Callable[[Path | None, Progress], dict[str, np.ndarray]]


def compute_curvature(
    risk: Risk,
    settings: CurvatureSettings,
    *,
    keys: Mapping[str, str] | None = None,
    workers: int = 1,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Return what the settings ask for, at the risk's weights.

    Args:
        risk: The risk, at the weights to examine.
        settings: What to compute.
        keys: A parameter's name → its key, for the directions of the grid; see
            `random_directions`.
        workers: Number of threads.
        chunks: Folder in which finished work is kept, so that a killed run can resume.
        progress: Called now and then.

    Returns:
        The arrays of `eigenvalues`, `spectrum`, `block_lipschitz` and `gradient_lipschitz`, the
        last with the grid's coordinates.
    """
    seed = settings.seed
    parts: dict[str, tuple[float, Compute]] = {}  # with their costs, to report progress
    known: Krylov | None = None

    def find_eigenvalues(folder: Path | None, report: Progress) -> dict[str, np.ndarray]:
        nonlocal known
        ends = eigenvalues(
            risk, settings.top, seed=seed, workers=workers, chunks=folder, progress=report
        )
        known = ends.krylov
        return ends.arrays()

    def find_spectrum(folder: Path | None, report: Progress) -> dict[str, np.ndarray]:
        return spectrum(
            risk,
            vectors=settings.vectors,
            steps=settings.steps,
            known=known,
            seed=seed,
            workers=workers,
            chunks=folder,
            progress=report,
        )

    def find_blocks(folder: Path | None, report: Progress) -> dict[str, np.ndarray]:
        blocks = cell_blocks(risk) if settings.blocks == "cells" else matrix_blocks(risk)
        return block_lipschitz(
            risk,
            blocks,
            steps=settings.block_steps,
            seed=seed,
            workers=workers,
            chunks=folder,
            progress=report,
        )

    def find_gradient(folder: Path | None, report: Progress) -> dict[str, np.ndarray]:
        directions = random_directions(risk.origin, 2, seed=seed, keys=keys)
        grid = Grid.square(settings.points, settings.radius)
        arrays = gradient_lipschitz(
            risk, directions, grid, workers=workers, chunks=folder, progress=report
        )
        return {**grid.coordinates(), **arrays}

    parts["eigenvalues"] = expected_products(settings.top), find_eigenvalues
    if settings.vectors:
        parts["spectrum"] = settings.vectors * settings.steps, find_spectrum
    if settings.blocks != "none":
        parts["blocks"] = settings.block_steps * 10, find_blocks
    if settings.points:
        parts["gradient"] = settings.points**2 * 0.7, find_gradient
    total, before = sum(cost for cost, _ in parts.values()), 0.0
    arrays: dict[str, np.ndarray] = {}
    for name, (cost, find) in parts.items():

        def report(share: float, words: str, before: float = before, cost: float = cost) -> None:
            if progress is not None:
                progress((before + share * cost) / total, words)

        arrays |= find(chunks / name if chunks is not None else None, report)
        before += cost
    return arrays
