"""Curvature of a risk: the Hessian's eigenvalues, trace and spectral density.

Everything is computed from Hessian-vector products over the whole data set, at the risk's current
weights. The Hessian itself is never built.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from nascope._src.errors import ProbeError
from nascope._src.probes.chunks import ChunkStore
from nascope._src.probes.krylov import Ends, Krylov, find_ends
from nascope._src.probes.lanczos import tridiagonalise
from nascope._src.probes.preconditions import verify
from nascope._src.probes.risk import Risk
from nascope._src.probes.settings import CurvatureSettings
from nascope._src.probes.tensors import as_real
from nascope._src.records.identity import derived_seed
from nascope._src.runtime.threads import map_copies
from nascope._src.runtime.types import Progress

logger = logging.getLogger(__name__)


def eigenvalues(
    risk: Risk,
    top: int = CurvatureSettings.top,
    *,
    tolerance: float = 1e-3,
    seed: int = 0,
    workers: int = 1,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> Ends:
    """Return the Hessian's largest eigenvalues and its smallest, by Lanczos.

    Args:
        risk: The risk, at the weights to examine.
        top: Number of largest eigenvalues.
        tolerance: Of the residuals; see `find_ends`.
        seed: Seed of the start vector.
        workers: Number of threads; they share the data set's batches.
        chunks: Folder in which products are kept, so that a killed run can resume.
        progress: Called after each product. The expected number of products is a guess.

    Raises:
        ProbeError: ``top`` is not in 1 … number of weights − 2.
    """
    product = HessianProduct(risk, workers)
    if product.size < 3:
        raise ProbeError(f"expected a model of at least 3 weights, but got {product.size}")
    if not 1 <= top <= product.size - 2:
        raise ProbeError(
            f"the number of eigenvalues must be in 1 … {product.size - 2} for a Hessian of "
            f"{product.size} weights, got {top}"
        )
    if not risk.is_finite:
        return Ends.unknown(top)
    store = ChunkStore(chunks)
    expected = expected_products(top)
    calls = 0

    def multiply(vector: np.ndarray) -> np.ndarray:
        nonlocal calls
        kept = store.get(f"product-{calls:05d}", lambda: {"product": product(vector)})
        calls += 1
        if progress is not None:
            progress(min(0.99, calls / expected), f"{calls} Hessian-vector products")
        return kept["product"]

    start = np.random.default_rng(derived_seed("eigenvalues", seed)).standard_normal(product.size)
    return find_ends(multiply, start, top, tolerance)


def expected_products(top: int) -> int:
    """Return about how many products `eigenvalues` takes; their number depends on the Hessian."""
    return 3 * top + 14


def spectrum(
    risk: Risk,
    *,
    vectors: int = CurvatureSettings.vectors,
    steps: int = CurvatureSettings.steps,
    known: Krylov | None = None,
    seed: int = 0,
    workers: int = 1,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Return the Hessian's trace and spectral density, by stochastic Lanczos quadrature.

    From a vector v of random signs, Lanczos yields nodes θ_k and weights τ_k with
    vᵀ f(H) v / vᵀ v ≈ Σ_k τ_k f(θ_k) (Ubaru, Chen and Saad 2017). The density of eigenvalues is
    Σ_k τ_k δ(λ − θ_k), and the mean of vᵀ H v is the trace (Hutchinson 1990). If the ends of the
    spectrum are known, each vector's part in them is replaced by their exact trace
    (`Krylov.deflated`).

    Args:
        risk: The risk, at the weights to examine.
        vectors: Number of random vectors.
        steps: Lanczos steps per vector; each is one product.
        known: What `eigenvalues` found.
        seed: Seed of the random vectors.
        workers, chunks, progress: As in `eigenvalues`; one chunk per vector.

    Returns:
        ``nodes`` and ``weights`` (vectors, steps), where the weights of each vector add up to 1;
        ``trace_samples`` (vectors,), independent unbiased estimates of the trace; ``dimension``,
        the number of weights. If Lanczos finds everything in fewer steps, the unused nodes of
        that vector have weight 0.

    Raises:
        ProbeError: ``vectors`` or ``steps`` is less than 1.
    """
    product = HessianProduct(risk, workers)
    if vectors < 1 or steps < 1:
        raise ProbeError(f"vectors and steps must be at least 1, not {vectors} and {steps}")
    steps = min(steps, product.size)
    size = np.array(product.size)
    if not risk.is_finite:
        grid, samples = np.full((vectors, steps), np.nan), np.full(vectors, np.nan)
        return {"nodes": grid, "weights": grid, "trace_samples": samples, "dimension": size}
    store = ChunkStore(chunks)
    nodes, weights, trace_samples = [], [], []
    for number in range(vectors):
        generator = np.random.default_rng(derived_seed("spectrum", seed, number))
        signs = generator.choice([-1.0, 1.0], product.size)

        def run(number: int = number, signs: np.ndarray = signs) -> dict[str, np.ndarray]:
            for matrix in tridiagonalise(product.rows, signs[None], steps):
                if progress is not None:
                    step = matrix.diagonal.shape[1]
                    share = (number + step / steps) / vectors
                    progress(share, f"vector {number + 1}/{vectors}, step {step}/{steps}")
            return {"diagonal": matrix.diagonal[0], "beside": matrix.off_diagonal[0]}

        kept = store.get(f"vector-{number:04d}", run)
        values, shares = _quadrature(kept["diagonal"], kept["beside"][:-1])
        padding = (0, steps - len(values))
        nodes.append(np.pad(values, padding))
        weights.append(np.pad(shares, padding))
        sample = float(kept["diagonal"][0]) * product.size  # vᵀ H v
        trace_samples.append(sample if known is None else known.deflated(signs, sample))
    return {
        "nodes": np.array(nodes),
        "weights": np.array(weights),
        "trace_samples": np.array(trace_samples),
        "dimension": size,
    }


class HessianProduct:
    """v → H v for flat float64 vectors. A complex weight is a pair of real ones.

    Args:
        risk: The risk, at the weights to examine.
        workers: Number of threads; they share the data set's batches.
        names: Parameters that H is restricted to; by default all.
    """

    def __init__(self, risk: Risk, workers: int, names: Sequence[str] | None = None) -> None:
        verify(risk, derivatives=2)
        self._risk, self._workers = risk, workers
        self._names = list(risk.parameters if names is None else names)
        self.size = sum(as_real(risk.parameters[name].detach()).numel() for name in self._names)

    def __call__(self, vector: np.ndarray) -> np.ndarray:
        """Return H v, (size,)."""
        risk = self._risk
        direction, start = {}, 0
        for name in self._names:
            like = risk.parameters[name].detach()
            real = as_real(like)
            piece = torch.from_numpy(vector[start : start + real.numel()])
            values = piece.view(real.shape).to(real)
            direction[name] = torch.view_as_complex(values) if like.is_complex() else values
            start += real.numel()

        def multiply(risk: Risk, part: slice) -> dict[str, Tensor]:
            return risk.hessian_vector_product(direction, part)

        total = np.zeros(self.size)
        slices = risk.slices()
        results = map_copies(risk, slices, multiply, workers=min(self._workers, len(slices)))
        for part, product in zip(slices, results, strict=True):
            flat = torch.cat([as_real(product[name]).flatten() for name in self._names])
            total += flat.cpu().numpy() * ((part.stop - part.start) / len(risk))
        return total

    def rows(self, vectors: np.ndarray) -> np.ndarray:
        """Return H v for each row of (G, size), as `lanczos` wants it."""
        return np.stack([self(vector) for vector in vectors])


def _quadrature(diagonal: np.ndarray, off_diagonal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights: eigenvalues of the tridiagonal matrix, squared first components."""
    if not np.isfinite(diagonal).all():
        return np.full(len(diagonal), np.nan), np.full(len(diagonal), np.nan)
    values, vectors = eigh_tridiagonal(diagonal, off_diagonal)
    return values, vectors[0] ** 2
