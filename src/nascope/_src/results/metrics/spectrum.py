"""The density of a Hessian's eigenvalues, from stochastic Lanczos quadrature."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def spectral_density(
    nodes: Array, weights: Array, *, points: int = 1000
) -> tuple[Array, Array, float]:
    """Return the density φ(λ) = mean over vectors of Σ_k τ_k N(λ; θ_k, σ²) on equally spaced λ.

    This is equation 4 of Ghorbani, Krishnan and Xiao (2019). σ is a hundredth of the spectrum's
    extent; if it were smaller, single nodes would show.

    Args:
        nodes: θ, (vectors, steps).
        weights: τ, (vectors, steps); they sum to 1 for each vector, and are 0 without a node.
        points: number of values of λ.

    Returns:
        λ (points,), φ (points,) which integrates to about 1, and σ.

    >>> x, y, width = spectral_density(np.array([[0.0, 1.0]]), np.array([[0.75, 0.25]]))
    >>> round(float(y.sum() * (x[1] - x[0])), 2), width
    (1.0, 0.01)
    """
    theta, tau = nodes.ravel(), weights.ravel() / len(nodes)
    low, high = theta[tau > 0].min(), theta[tau > 0].max()
    width = float(max((high - low) / 100, 1e-12))
    x = np.linspace(low - 5 * width, high + 5 * width, points)
    bumps = np.exp(-0.5 * ((x[:, None] - theta) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return x, bumps @ tau, width
