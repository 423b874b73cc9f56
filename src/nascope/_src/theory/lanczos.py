"""Largest singular values of linear maps that no matrix holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nascope._src.errors import TheoryError
from nascope._src.records.identity import derived_seed

Map = Callable[[Tensor], Tensor]

TOLERANCE = 1e-3
STEPS = 200
_CHECK_EVERY = 4  # steps; the small eigenproblems of many groups cost more than a product
_EXHAUSTED = 1e-10


class SpectralNorms(NamedTuple):
    """Of G maps, float64."""

    norms: Tensor
    """σ, (G,): a lower bound of ‖A‖₂; NaN where a product is not finite."""
    residuals: Tensor
    """‖Aᵀu − σ v‖ where A v = σ u, ‖v‖ = ‖u‖ = 1, (G,): a singular value is that near to σ."""


def spectral_norms(
    product: Map,
    transposed: Map,
    shape: tuple[int, int],
    *,
    tolerance: float = TOLERANCE,
    steps: int = STEPS,
    seed: int = 0,
) -> SpectralNorms:
    """The largest singular values of G linear maps at once, by Lanczos on AᵀA.

    Each map has a Krylov space of its own, with full reorthogonalisation (Golub and Van Loan 2013,
    Section 10.1). The start is random: after k ≥ 4 steps σ² misses ‖A‖² in the mean by at most a
    share 0.103 (ln(n (k − 1)⁴) / (k − 1))², n ≥ 8, however close the others are (Kuczyński and
    Woźniakowski 1992), and mostly by far less.

    Args:
        product: x → A x, (G, n) → (G, m), float64, row g by map g alone.
        transposed: y → Aᵀ y, (G, m) → (G, n).
        shape: (G, n).
        tolerance: it ends when each map's residual is at most that share of its σ.
        steps: at most; each is a product and a transposed one. Memory is steps · G · n numbers.
        seed: of the vectors to start from; row g depends on g and n only.

    Raises:
        TheoryError: fewer than one step.

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
    groups, size = shape
    steps = min(steps, size)
    generator = np.random.default_rng(derived_seed("spectral norm", seed))
    vector = torch.from_numpy(generator.standard_normal(shape))
    vector /= vector.norm(dim=1, keepdim=True)
    basis = vector.new_empty(groups, steps, size)
    small = vector.new_zeros(groups, steps + 1, steps + 1)  # Vᵀ AᵀA V, tridiagonal
    finite = torch.ones(groups, dtype=torch.bool)
    for step in range(steps):
        basis[:, step] = vector
        image = product(vector)
        vector = transposed(image)
        diagonal = image.square().sum(1)
        finite &= diagonal.isfinite() & vector.isfinite().all(1)
        small[:, step, step] = torch.where(finite, diagonal, 0)
        vector = torch.where(finite[:, None], vector, 0)
        known = basis[:, : step + 1]
        for _ in range(2):  # twice is enough (Parlett 1998, Section 6.9)
            vector = vector - torch.einsum("gkn,gk->gn", known, (known @ vector[..., None])[..., 0])
        beside = vector.norm(dim=1)
        # Where the space is exhausted go on with the vector 0: it adds eigenvalues 0, no more.
        exhausted = beside <= _EXHAUSTED * small.diagonal(dim1=1, dim2=2).amax(1)
        beside = torch.where(exhausted | (step + 1 == size), 0, beside)
        vector = torch.where(beside[:, None] > 0, vector / beside[:, None], 0)
        small[:, step, step + 1] = small[:, step + 1, step] = beside
        if (step + 1) % _CHECK_EVERY == 0 or step + 1 == steps:
            norms, residuals = _ritz(small[:, : step + 1, : step + 1], beside)
            if bool((residuals <= tolerance * norms).all()):
                break
    return SpectralNorms(
        torch.where(finite, norms, torch.nan), torch.where(finite, residuals, torch.nan)
    )


def _ritz(small: Tensor, beside: Tensor) -> SpectralNorms:
    """σ = √θ of the largest Ritz value θ; AᵀA v − θ v has the norm β |last entry of its vector|."""
    values, vectors = torch.linalg.eigh(small)
    norms = values[:, -1].clamp(min=0).sqrt()
    gaps = beside * vectors[:, -1, -1].abs()
    return SpectralNorms(norms, torch.where(gaps > 0, gaps / norms, 0))
