"""Curvatures: the Hessian of a network's loss at its weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nascope._src.api.documented import takes_settings
from nascope._src.api.probe_result import ProbeResult, number
from nascope._src.errors import ProbeError
from nascope._src.probes.settings import CurvatureSettings
from nascope._src.results.metrics.spectrum import spectral_density
from nascope._src.results.stats.intervals import Estimate, over_seeds

if TYPE_CHECKING:
    import pandas as pd

    from nascope._src.api.subjects import Subject
    from nascope._src.runtime.types import Progress


class Curvature(ProbeResult):
    """The curvature at a network's weights, as `curvature` returns it and `load` reads it.

    It is also a mapping of arrays: ``eigenvalues``, ``residuals``, ``smallest``,
    ``smallest_residual``, ``nodes``, ``weights``, ``trace_samples``, ``dimension``, ``lipschitz``,
    ``lipschitz_residuals``, ``blocks``, ``along_first``, ``along_second`` and the coordinates of
    the grid, as far as the settings ask for them.

    Args:
        record: The arrays, and what was probed.
    """

    main = "eigenvalues"

    @property
    def eigenvalues(self) -> np.ndarray:
        """The largest eigenvalues λ of the Hessian, (top,), descending; NaN if not converged."""
        return self["eigenvalues"]

    @property
    def residuals(self) -> np.ndarray:
        """‖H v − λ v‖ for each, (top,): an eigenvalue of the Hessian is within that distance."""
        return self["residuals"]

    @property
    def trace(self) -> Estimate:
        """The trace of the Hessian, with a 95 % interval over the random vectors.

        Raises:
            ProbeError: No random vectors were used.
        """
        if "trace_samples" not in self:
            raise ProbeError("expected at least one random vector: set vectors to 1 or more")
        return over_seeds(self["trace_samples"].tolist())

    def density(self, points: int = 1000) -> pd.DataFrame:
        """Return the spectral density φ(λ) as a pandas frame with columns eigenvalue and density.

        φ(λ) = E_v Σ_k τ_k N(λ; θ_k, σ²) from Lanczos nodes θ_k and weights τ_k, where σ is one
        hundredth of the spectrum's extent (Ghorbani, Krishnan and Xiao 2019, eq. 4).

        Args:
            points: Number of rows.

        Raises:
            ProbeError: No random vectors were used, or the weights are not finite.
        """
        import pandas as pd  # noqa: PLC0415  (is slow)

        if "nodes" not in self:
            raise ProbeError("expected at least one random vector: set vectors to 1 or more")
        if not np.isfinite(self["nodes"]).all():
            raise ProbeError("the Hessian is not finite, so it has no spectral density")
        x, density, _ = spectral_density(self["nodes"], self["weights"], points=points)
        return pd.DataFrame({"eigenvalue": x, "density": density})

    def to_frame(self) -> pd.DataFrame:
        """Return a pandas frame of the eigenvalues, the smallest one last, with their residuals."""
        import pandas as pd  # noqa: PLC0415  (is slow)

        return pd.DataFrame(
            {
                "eigenvalue": [*self.eigenvalues, float(self["smallest"])],
                "residual": [*self.residuals, float(self["smallest_residual"])],
            }
        )

    def lipschitz(self) -> pd.DataFrame:
        """Return a pandas frame of the block-wise Lipschitz constants, with their residuals.

        Raises:
            ProbeError: The settings ask for no blocks.
        """
        import pandas as pd  # noqa: PLC0415  (is slow)

        if "lipschitz" not in self:
            raise ProbeError('expected blocks of weights: set blocks to "cells" or "matrices"')
        return pd.DataFrame(
            {
                "block": self["blocks"],
                "lipschitz": self["lipschitz"],
                "residual": self["lipschitz_residuals"],
            }
        )

    def _summary(self) -> str:
        largest, residual = number(float(self.eigenvalues[0])), number(float(self.residuals[0]))
        words = f"largest eigenvalue {largest} ± {residual}"
        words += f", smallest {number(float(self['smallest']))}"
        if "trace_samples" in self:
            trace = self.trace
            words += f", trace {number(trace.mean)}"
            if trace.low is not None and trace.high is not None:
                words += f" [{number(trace.low)}, {number(trace.high)}]"
        return words


@takes_settings(CurvatureSettings)
def curvature(
    subject: Subject,
    *,
    device: str = "auto",
    workers: int | None = None,
    chunks: str | Path | None = None,
    progress: bool | Progress | None = True,
    **settings: Any,
) -> Curvature:
    """Compute the curvature of the mean loss at a network's weights.

    Lanczos gives the largest eigenvalues of the Hessian and the smallest, stochastic Lanczos
    quadrature its trace and spectral density. For each block of weights, Lanczos gives L⁽ⁱ⁾, the
    Lipschitz constant of the gradient with respect to block i (Section 4.3 of the paper).

    Args:
        subject: A trained network, the path of its checkpoint, or a `Risk` for any other model.
        device: Where a trained network is probed: "cpu", "cuda", "mps"; "auto" takes CUDA if
            available. A `Risk` stays on its own device.
        workers: Number of threads; by default one per core on a CPU. It changes no number.
        chunks: Folder in which finished work is kept, so that an interrupted run resumes. Use it
            for this one computation.
        progress: Show a progress bar; or a function that is called with the share done and words.
    {settings}

    A `Risk` already has its instances, data, batchnorm and moment, so do not give these with it.

    Returns:
        Eigenvalues with residuals, the trace with an interval, the density, a picture.

    Raises:
        NascopeError: A setting is unknown or out of range, or weights were not kept.

    >>> import nascope, torch
    >>> risk = nascope.Risk(torch.nn.Linear(3, 2), torch.eye(3), torch.arange(3) % 2)
    >>> found = nascope.curvature(risk, top=2, points=0, progress=False)
    >>> len(found.to_frame())  # the two largest and the smallest
    3
    """
    from nascope._src.api.subjects import Request, probe  # noqa: PLC0415  (loads torch)

    request = Request(
        CurvatureSettings(),
        settings,
        device=device,
        workers=workers,
        chunks=chunks,
        progress=progress,
    )
    return Curvature(probe(subject, request))
