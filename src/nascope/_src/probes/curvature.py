"""Curvature of a risk: the Hessian's eigenvalues, trace and spectral density.

All of it rests on Hessian-vector products over the whole data set at the risk's current weights;
no Hessian is ever built.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from nascope._src.errors import ProbeError, StudyError
from nascope._src.probes.grid import Progress
from nascope._src.probes.risk import Risk
from nascope._src.probes.settings import CurvatureSettings
from nascope._src.records.files import read_arrays, write_arrays
from nascope._src.records.identity import derived_seed
from nascope._src.runtime.threads import map_copies

logger = logging.getLogger(__name__)

Arrays = dict[str, np.ndarray]


def eigenvalues(
    risk: Risk,
    top: int = CurvatureSettings.top,
    *,
    tolerance: float = 1e-3,
    seed: int = 0,
    workers: int = 1,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> Arrays:
    """The Hessian's largest eigenvalues and its smallest, by Lanczos (ARPACK, through scipy).

    Args:
        top: how many of the largest.
        tolerance: relative, of ARPACK's stopping rule.
        seed: of the vector to start from.
        workers: threads over which the data set's batches are spread.
        chunks: a folder in which products are kept, so that a killed run goes on.
        progress: called after each product; their number is a guess.

    Returns:
        ``eigenvalues`` (top,), descending; ``smallest``; and ``residuals`` (top,) and
        ``smallest_residual``, ‖H v − λ v‖ with ‖v‖ = 1, recomputed: an eigenvalue of H lies
        within that distance of λ. Values that did not converge are NaN.

    Raises:
        ProbeError: more eigenvalues are wanted than the Hessian of the weights has.
    """
    product = HessianProduct(risk, workers)
    if not 1 <= top <= product.size - 2:
        raise ProbeError(
            f"{top} eigenvalues of a Hessian of {product.size} weights: need 1 … size − 2"
        )
    if not risk.is_finite:
        return _all_equal(np.nan, top)
    store = Store(chunks)
    expected = 8 * top + 40  # products; typical
    calls = 0

    def multiply(vector: np.ndarray) -> np.ndarray:
        nonlocal calls
        found = store.get(f"product-{calls:05d}", lambda: {"product": product(vector.ravel())})
        calls += 1
        if progress is not None:
            progress(min(0.99, calls / expected), f"{calls} Hessian-vector products")
        return found["product"]

    # LinearOperator would try a product of its own to find the dtype, if none were given.
    operator = LinearOperator((product.size,) * 2, matvec=multiply, dtype=np.float64)
    start = np.random.default_rng(derived_seed("eigenvalues", seed)).standard_normal(product.size)
    first = float(np.linalg.norm(multiply(start)))
    if first == 0 or not np.isfinite(first):  # H = 0, since a random vector meets all of it
        return _all_equal(0.0 if first == 0 else np.nan, top)
    largest, vectors = _arpack(operator, top, "LA", start, tolerance)
    least, vector = _arpack(operator, 1, "SA", start, tolerance)
    residuals = _residuals(operator, largest, vectors)
    last = _residuals(operator, least, vector)
    return {
        "eigenvalues": largest,
        "residuals": residuals,
        "smallest": np.array(least[0]),
        "smallest_residual": np.array(last[0]),
    }


def spectrum(
    risk: Risk,
    *,
    vectors: int = CurvatureSettings.vectors,
    steps: int = CurvatureSettings.steps,
    seed: int = 0,
    workers: int = 1,
    chunks: Path | None = None,
    progress: Progress | None = None,
) -> Arrays:
    """Trace and spectral density of the Hessian, by stochastic Lanczos quadrature.

    From a random vector v of signs, Lanczos yields nodes θ_k and weights τ_k with
    vᵀ f(H) v / vᵀ v ≈ Σ_k τ_k f(θ_k) (Ubaru, Chen and Saad 2017): the density of eigenvalues is
    Σ_k τ_k δ(λ − θ_k), and the mean of vᵀ H v the trace (Hutchinson 1990).

    Args:
        vectors: random ones.
        steps: of Lanczos, each a product.
        workers, chunks, progress: as in `eigenvalues`; a chunk is a vector's.

    Returns:
        ``nodes`` and ``weights`` (vectors, steps), weights of each vector adding up to 1;
        ``trace_samples`` (vectors,), independent and unbiased for the trace; ``dimension``, the
        number of weights. A vector's unused steps, after Lanczos has found all there is, have
        weight zero.
    """
    product = HessianProduct(risk, workers)
    if vectors < 1 or steps < 1:
        raise ProbeError(f"vectors and steps must be at least 1, not {vectors} and {steps}")
    steps = min(steps, product.size)
    size = np.array(product.size)
    if not risk.is_finite:
        nothing, none = np.full((vectors, steps), np.nan), np.full(vectors, np.nan)
        return {"nodes": nothing, "weights": nothing, "trace_samples": none, "dimension": size}
    store = Store(chunks)
    nodes, weights, samples = [], [], []
    for number in range(vectors):

        def run(number: int = number) -> Arrays:
            generator = np.random.default_rng(derived_seed("spectrum", seed, number))
            signs = generator.choice([-1.0, 1.0], product.size)

            def told(step: int) -> None:
                if progress is not None:
                    share = (number + step / steps) / vectors
                    progress(share, f"vector {number + 1}/{vectors}, step {step}/{steps}")

            diagonal, beside, _ = lanczos(product, signs, steps, told)
            return {"diagonal": diagonal, "beside": beside}

        found = store.get(f"vector-{number:04d}", run)
        values, tops = _quadrature(found["diagonal"], found["beside"][:-1])
        padding = (0, steps - len(values))
        nodes.append(np.pad(values, padding))
        weights.append(np.pad(tops, padding))
        samples.append(found["diagonal"][0] * product.size)
    return {
        "nodes": np.array(nodes),
        "weights": np.array(weights),
        "trace_samples": np.array(samples),
        "dimension": size,
    }


def lanczos(
    product: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    steps: int,
    told: Callable[[int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lanczos with full reorthogonalisation (Golub and Van Loan 2013, Section 10.1).

    Returns:
        The tridiagonal matrix's diagonal (m,) and the entries beside it (m,), of which the last
        stands for the residual; and the orthonormal basis (m, n). m is smaller than ``steps``
        where the start vector's space is exhausted.
    """
    basis = np.empty((steps, len(start)))
    diagonal, beside = [], []
    vector = start / np.linalg.norm(start)
    for step in range(steps):
        basis[step] = vector
        vector = product(vector)
        diagonal.append(basis[step] @ vector)
        if not np.isfinite(diagonal[-1]):
            beside.append(np.nan)
            break
        for _ in range(2):  # twice is enough (Parlett 1998, Section 6.9)
            vector = vector - basis[: step + 1].T @ (basis[: step + 1] @ vector)
        beside.append(float(np.linalg.norm(vector)))
        if told is not None:
            told(step + 1)
        scale = max(np.abs(diagonal).max(), *beside)
        if beside[-1] <= 1e-10 * scale or step + 1 == len(start):
            beside[-1] = 0.0
            break
        vector = vector / beside[-1]
    return np.array(diagonal), np.array(beside), basis[: len(diagonal)]


class HessianProduct:
    """v → H v for flat float64 vectors, H over some or all parameters; batches side by side."""

    def __init__(self, risk: Risk, workers: int, names: Sequence[str] | None = None) -> None:
        self._risk, self._workers = risk, workers
        self._names = list(risk.parameters if names is None else names)
        self.size = sum(risk.parameters[name].numel() for name in self._names)

    def __call__(self, vector: np.ndarray) -> np.ndarray:
        risk = self._risk
        parts, start = {}, 0
        for name in self._names:
            like = risk.parameters[name]
            piece = torch.from_numpy(vector[start : start + like.numel()])
            parts[name] = piece.view(like.shape).to(like)
            start += like.numel()

        def work(own: Risk, part: slice) -> dict[str, Tensor]:
            return own.hessian_vector_product(parts, part)

        total = np.zeros(self.size)
        slices = risk.slices()
        results = map_copies(risk, slices, work, workers=min(self._workers, len(slices)))
        for part, found in zip(slices, results, strict=True):
            flat = torch.cat([found[name].flatten() for name in self._names]).cpu().numpy()
            total += flat * ((part.stop - part.start) / len(risk))
        return total


class Store:
    """Finished pieces of work in a folder, read back where they are there and sound."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, name: str, work: Callable[[], Arrays]) -> Arrays:
        """What was kept under a name; else do the work, and keep it."""
        if self._folder is None:
            return work()
        path = self._folder / f"{name}.npz"
        if path.is_file():
            try:
                return dict(read_arrays(path))
            except StudyError:  # damaged: do it again
                logger.info("%s is damaged; computing it again", path.name)
        found = work()
        write_arrays(path, found)
        return found


def _all_equal(value: float, top: int) -> Arrays:
    """What `eigenvalues` returns where nothing is to be found."""
    many, one = np.full(top, value), np.array(value)
    return {"eigenvalues": many, "residuals": many, "smallest": one, "smallest_residual": one}


def _arpack(
    operator: LinearOperator, count: int, which: str, start: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues from the end that ``which`` names, and eigenvectors (n, count)."""
    size = len(start)
    basis = min(size, max(2 * count + 1, 20))
    try:
        values, vectors = eigsh(operator, count, which=which, v0=start, tol=tolerance, ncv=basis)
    except ArpackNoConvergence as error:
        values, vectors = error.eigenvalues, error.eigenvectors
        values = np.append(values, np.full(count - len(values), np.nan))
        vectors = np.pad(vectors, ((0, 0), (0, count - vectors.shape[1])))
    order = np.argsort(values)[::-1]
    return values[order], vectors[:, order]


def _residuals(operator: LinearOperator, values: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.array(
        [
            np.linalg.norm(operator.matvec(vector) - value * vector)
            if np.isfinite(value)
            else np.nan
            for value, vector in zip(values, vectors.T, strict=True)
        ]
    )


def _quadrature(diagonal: np.ndarray, beside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights: eigenvalues of the tridiagonal matrix, squared first components."""
    if not np.isfinite(diagonal).all():
        return np.full(len(diagonal), np.nan), np.full(len(diagonal), np.nan)
    values, vectors = eigh_tridiagonal(diagonal, beside)
    return values, vectors[0] ** 2
