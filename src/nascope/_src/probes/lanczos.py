"""Lanczos' method for several symmetric matrices at once, each known by its products alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

Array = np.ndarray

_EXHAUSTED = 1e-10  # of the largest entry: a residual this small is rounding


class Tridiagonal(NamedTuple):
    """What Lanczos knows of G matrices A of size n after m steps: A V ≈ V T.

    Attributes:
        diagonal: Diagonal of T, (G, m). Where a product was not finite, neither is its entry.
        off_diagonal: Entries next to the diagonal of T, (G, m). The last one is the norm of the
            residual A V − V T; 0 when the start vector's Krylov space is exhausted.
        basis: Orthonormal rows of Vᵀ, (G, m, n).
    """

    diagonal: Array
    off_diagonal: Array
    basis: Array


def tridiagonalise(
    product: Callable[[Array], Array], start: Array, steps: int
) -> Iterator[Tridiagonal]:
    """Yield the tridiagonal matrices after each step, with full reorthogonalisation.

    See Golub and Van Loan (2013), Section 10.1. The iteration ends early when no matrix has
    anything left to find. For a matrix that is exhausted before the others, the vector is 0 from
    then on, which adds only eigenvalues 0 to its T.

    Args:
        product: x → A x, (G, n) → (G, n), float64; row g by matrix g alone.
        start: Start vectors, (G, n), not zero.
        steps: Largest number of steps; each is one product. Memory is steps · G · n numbers.

    >>> scales = np.array([[3.0, 1.0, -2.0]])
    >>> *_, last = tridiagonalise(lambda x: scales * x, np.ones((1, 3)), 3)
    >>> round(float(last.diagonal.sum()), 9)  # the trace
    2.0
    """
    groups, size = start.shape
    basis = np.empty((groups, steps, size))
    diagonal, off_diagonal = np.zeros((groups, steps)), np.zeros((groups, steps))
    finite = np.ones(groups, dtype=bool)
    vector = start / np.sqrt(_dot(start, start))[:, None]
    for step in range(steps):
        basis[:, step] = vector
        vector = product(vector)
        with np.errstate(invalid="ignore", over="ignore"):
            diagonal[:, step] = _dot(basis[:, step], vector)
        finite &= np.isfinite(diagonal[:, step]) & np.isfinite(vector).all(axis=1)
        vector = np.where(finite[:, None], vector, 0.0)
        known = basis[:, : step + 1]
        for _ in range(2):  # twice is enough (Parlett 1998, Section 6.9)
            parts = known @ vector[..., None]  # (G, step + 1, 1)
            vector = vector - (known.swapaxes(1, 2) @ parts)[..., 0]
        residual = np.sqrt(_dot(vector, vector))
        entries = np.abs(diagonal[:, : step + 1]), off_diagonal[:, : step + 1]
        largest = np.maximum(np.maximum(*(part.max(axis=1) for part in entries)), residual)
        exhausted = (residual <= _EXHAUSTED * largest) | (step + 1 == size) | ~finite
        residual = np.where(exhausted, 0.0, residual)
        off_diagonal[:, step] = residual
        yield Tridiagonal(diagonal[:, : step + 1], off_diagonal[:, : step + 1], known)
        if exhausted.all():
            return
        divisor = np.where(exhausted, 1.0, residual)[:, None]
        vector = np.where(exhausted[:, None], 0.0, vector / divisor)


def _dot(x: Array, y: Array) -> Array:
    """Inner products of rows, (G,)."""
    return (x[:, None, :] @ y[:, :, None])[:, 0, 0]
