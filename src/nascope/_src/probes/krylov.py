"""The ends of a symmetric matrix's spectrum, by Lanczos with thick restarts.

One Krylov space serves both ends. Its basis is kept, because it also makes estimates of the trace
more certain (`Krylov.deflated`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_EXHAUSTED = 1e-10  # of the largest Ritz value: a residual this small is rounding
_MEMORY = 2**30  # bytes of the basis, if it has at least `_FEWEST` vectors
_FEWEST, _MOST = 20, 200
_MOST_PRODUCTS = 2000


@dataclass(frozen=True)
class Krylov:
    """Orthonormal vectors V that nearly span an invariant space: A V = V T + b r eᵀ.

    Attributes:
        basis: The rows of Vᵀ, (m, n).
        projected: T = Vᵀ A V, (m, m).
        beside: r, (n,), a unit vector orthogonal to all of V.
        coupling: b ≥ 0; e is the last unit vector of length m.
    """

    basis: np.ndarray
    projected: np.ndarray
    beside: np.ndarray
    coupling: float

    def deflated(self, vector: np.ndarray, product: float) -> float:
        """Return tr T + zᵀ A z with z = (I − V Vᵀ) v, an estimate of tr A without bias.

        E[v vᵀ] must be I. Its variance is that of zᵀ A z, from which the ends of the spectrum are
        removed (Meyer et al. 2021, Hutch++). It takes no further product with A.

        Args:
            vector: v, (n,).
            product: vᵀ A v.
        """
        inside = self.basis @ vector
        beside = float(self.beside @ vector)
        cross = inside @ self.projected @ inside + 2 * self.coupling * inside[-1] * beside
        return float(np.trace(self.projected) + product - cross)


@dataclass(frozen=True)
class Ends:
    """Eigenvalues at both ends.

    Attributes:
        largest: Descending, (top,); NaN where one did not converge.
        residuals: ‖A y − θ y‖ with ‖y‖ = 1 of each: an eigenvalue of A is within that distance.
        smallest, smallest_residual: The other end, likewise.
        krylov: The space they were found in; None if a product was not finite.
    """

    largest: np.ndarray
    residuals: np.ndarray
    smallest: float
    smallest_residual: float
    krylov: Krylov | None

    @classmethod
    def unknown(cls, top: int) -> Ends:
        """Return what is known of a matrix that is not finite."""
        nothing = np.full(top, np.nan)
        return cls(nothing, nothing, np.nan, np.nan, None)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return ``eigenvalues`` and ``residuals``, (top,), ``smallest``, ``smallest_residual``."""
        return {
            "eigenvalues": self.largest,
            "residuals": self.residuals,
            "smallest": np.array(self.smallest),
            "smallest_residual": np.array(self.smallest_residual),
        }


def find_ends(
    product: Callable[[np.ndarray], np.ndarray], start: np.ndarray, top: int, tolerance: float
) -> Ends:
    """Return the largest eigenvalues of a symmetric matrix A, and its smallest.

    Thick-restart Lanczos (Wu and Simon 2000) with full reorthogonalisation. An eigenvalue θ has
    converged when its residual is at most tolerance · max(|θ|, |θ|ₘₐₓ / 100).

    Args:
        product: v → A v for float64 vectors (n,).
        start: The first vector, not zero.
        top: Number of largest eigenvalues, less than n.
        tolerance: Of the residuals, relative.

    >>> scales = np.arange(1.0, 31.0)
    >>> ends = find_ends(lambda v: scales * v, np.ones(30), 2, 1e-9)
    >>> ends.largest.round(6).tolist(), round(ends.smallest, 6)
    ([30.0, 29.0], 1.0)
    """
    size = len(start)
    room = min(size, max(_FEWEST, 3 * top + 4, min(_MOST, _MEMORY // (8 * size))))
    enough = min(size, 2 * top + 10)  # a smaller space may miss an eigenvalue
    generator = np.random.default_rng(0)
    basis = np.zeros((room + 1, size))
    projected = np.zeros((room, room))
    basis[0] = start / np.linalg.norm(start)
    step = 0
    for call in range(1, _MOST_PRODUCTS + 1):
        image = product(basis[step])
        if not np.isfinite(image).all():
            return Ends.unknown(top)
        known = basis[: step + 1]
        entries, image = _orthogonalised(known, image)
        projected[: step + 1, step] = projected[step, : step + 1] = entries
        values, vectors = np.linalg.eigh(projected[: step + 1, : step + 1])
        coupling = float(np.linalg.norm(image))
        if coupling <= _EXHAUSTED * np.abs(values).max(initial=0.0):
            coupling = 0.0  # the space is invariant: go on with a random vector beside it
            if step + 1 < size:
                _, image = _orthogonalised(known, generator.standard_normal(size))
        length = float(np.linalg.norm(image))
        basis[step + 1] = image / length if length else 0.0
        step += 1
        residuals = coupling * np.abs(vectors[-1])
        sizes = np.abs(values)
        converged = residuals <= tolerance * np.maximum(sizes, sizes.max() / 100)
        at_ends = np.r_[0, max(0, step - top) : step]
        done = step >= enough and converged[at_ends].all()
        if done or step == size or call == _MOST_PRODUCTS:
            break
        if step == room:
            step = _restart(basis, projected, values, vectors, top)
    krylov = Krylov(basis[:step], projected[:step, :step].copy(), basis[step], coupling)
    values, residuals = (np.where(converged, each, np.nan) for each in (values, residuals))
    return Ends(
        values[::-1][:top],
        residuals[::-1][:top],
        float(values[0]),
        float(residuals[0]),
        krylov,
    )


def _orthogonalised(known: np.ndarray, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the parts of a vector along orthonormal rows, and the rest of it."""
    parts = np.zeros(len(known))
    for _ in range(2):  # twice is enough (Parlett 1998, Section 6.9)
        correction = known @ vector
        vector = vector - correction @ known
        parts += correction
    return parts, vector


def _restart(
    basis: np.ndarray, projected: np.ndarray, values: np.ndarray, vectors: np.ndarray, top: int
) -> int:
    """Keep the Ritz vectors nearest to the ends, and the vector beside them; return how many."""
    room = len(values)
    spare = (room - top - 1) // 3  # neighbours of the wanted ones, which speed up convergence
    kept = np.r_[0 : 1 + spare, room - top - spare : room]
    count = len(kept)
    basis[:count] = vectors[:, kept].T @ basis[:room]
    basis[count] = basis[room]
    projected[:] = 0.0
    projected[range(count), range(count)] = values[kept]
    return count
