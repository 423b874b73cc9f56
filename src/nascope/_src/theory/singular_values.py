"""Largest singular values of linear maps that are known by their products alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nascope._src.errors import TheoryError
from nascope._src.probes.lanczos import Tridiagonal, tridiagonalise
from nascope._src.records.identity import derived_seed

Map = Callable[[Tensor], Tensor]

TOLERANCE = 1e-3
STEPS = 200
_CHECK_EVERY = 4  # steps; the small eigenproblems of many groups cost more than a product


class SpectralNorms(NamedTuple):
    """Spectral norms of G maps, float64."""

    norms: Tensor
    """σ, (G,): a lower bound of ‖A‖₂; NaN if a product is not finite."""
    residuals: Tensor
    """‖Aᵀu − σ v‖ where A v = σ u, ‖v‖ = ‖u‖ = 1, (G,): σ is that close to a singular value."""


def spectral_norms(
    product: Map,
    transposed: Map,
    shape: tuple[int, int],
    *,
    tolerance: float = TOLERANCE,
    steps: int = STEPS,
    seed: int = 0,
) -> SpectralNorms:
    """Return the largest singular values of G linear maps at once, by Lanczos on AᵀA.

    Each map has its own Krylov space. The start is random: after k ≥ 4 steps, the mean relative
    error of σ² is at most 0.103 (ln(n (k − 1)⁴) / (k − 1))² for n ≥ 8, however close the other
    singular values are (Kuczyński and Woźniakowski 1992). It is usually far less.

    Args:
        product: x → A x, (G, n) → (G, m), float64, row g by map g alone.
        transposed: y → Aᵀ y, (G, m) → (G, n).
        shape: (G, n).
        tolerance: Stop when each map's residual is at most this share of its σ.
        steps: Largest number of steps. Each is a product and a transposed product. Memory is
            steps · G · n numbers.
        seed: Seed of the start vectors. Row g depends on g and n only.

    Raises:
        TheoryError: ``steps`` is less than 1.

    >>> matrix = torch.tensor([[[3.0, 0.0], [4.0, 0.0]]], dtype=torch.float64)
    >>> spectral_norms(
    ...     lambda x: (matrix @ x[..., None])[..., 0],
    ...     lambda y: (matrix.mT @ y[..., None])[..., 0],
    ...     (1, 2),
    ... ).norms
    tensor([5.], dtype=torch.float64)
    """
    if steps < 1:
        raise TheoryError(f"steps must be at least 1, not {steps}")
    generator = np.random.default_rng(derived_seed("spectral norm", seed))
    start = generator.standard_normal(shape)

    def squared(vectors: np.ndarray) -> np.ndarray:  # x → AᵀA x
        return transposed(product(torch.from_numpy(vectors))).numpy()

    for step, tridiagonal in enumerate(
        tridiagonalise(squared, start, min(steps, shape[1])), start=1
    ):
        if step % _CHECK_EVERY == 0:
            estimate = _ritz(tridiagonal)
            if not bool((estimate.residuals > tolerance * estimate.norms).any()):
                return estimate
    return _ritz(tridiagonal)


def _ritz(tridiagonal: Tridiagonal) -> SpectralNorms:
    """σ = √θ of the largest Ritz value θ; ‖AᵀA v − θ v‖ = β |last entry of its vector|."""
    finite = torch.from_numpy(np.isfinite(tridiagonal.diagonal).all(axis=1))
    diagonal = np.where(finite[:, None], tridiagonal.diagonal, 0.0)
    matrix = torch.from_numpy(diagonal).diag_embed()
    for offset in (-1, 1):
        matrix += torch.from_numpy(tridiagonal.off_diagonal[:, :-1]).diag_embed(offset)
    values, vectors = torch.linalg.eigh(matrix)
    norms = values[:, -1].clamp(min=0).sqrt()
    gaps = torch.from_numpy(tridiagonal.off_diagonal[:, -1]) * vectors[:, -1, -1].abs()
    residuals = torch.where(gaps > 0, gaps / norms, 0)
    return SpectralNorms(
        torch.where(finite, norms, torch.nan), torch.where(finite, residuals, torch.nan)
    )
