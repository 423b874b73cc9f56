"""Gradient variances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nascope._src.api.documented import takes_settings
from nascope._src.api.probe_result import GridResult
from nascope._src.probes.settings import VarianceSettings
from nascope._src.results.metrics.smoothness import gradient_std

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from nascope._src.api.subjects import Subject
    from nascope._src.probes.grid import Grid
    from nascope._src.probes.risk import Direction
    from nascope._src.runtime.types import Progress


class GradientVariance(GridResult):
    """A gradient variance g(α, β), as `gradient_variance` returns it and `load` reads it.

    It is also a mapping of arrays (A, B), or (A,) on a line: ``variance``,
    ``mean_gradient_norm``, ``loss``, the coordinates, and ``block_variance`` (A, B, blocks) with
    the names ``blocks``.

    Args:
        record: The arrays, and what was probed.
    """

    main = "variance"

    @property
    def variance(self) -> np.ndarray:
        """g = E_i ‖∇f_i − E_j ∇f_j‖², (A, B) or (A,): the trace of the covariance."""
        return self["variance"]

    @property
    def std(self) -> np.ndarray:
        """√g, (A, B) or (A,), which the paper plots."""
        return gradient_std(self.variance)

    def to_frame(self) -> pd.DataFrame:
        """Return a pandas frame with one row per point.

        Its columns are the coordinates, variance, std, mean_gradient_norm and loss, and for each
        block its part of the variance, such as "variance of cells.0".
        """
        columns = {"variance": self.variance, "std": self.std}
        columns |= {name: self[name] for name in ("mean_gradient_norm", "loss")}
        for index, block in enumerate(self["blocks"]):
            columns[f"variance of {block}"] = self["block_variance"][..., index]
        return self._frame(columns)

    @staticmethod
    def norms(subject: Subject, *, device: str = "auto", **settings: Any) -> np.ndarray:
        """Compute ‖∇f_i‖ of each instance at a network's weights, all parameters as one vector.

        Args:
            subject: A trained network, the path of its checkpoint, or a `Risk` for any other model.
            device: Where a trained network is probed: "cpu", "cuda", "mps"; "auto" takes CUDA if
                available. A `Risk` stays on its own device.
            **settings: Of a trained network, any of ``data``, ``instances``, ``batchnorm`` and
                ``at``; see `landscape`.

        Returns:
            The norms, (n,), in the order of the instances.

        Raises:
            ProbeError: An instance's loss depends on the others in its batch.

        >>> import nascope, torch
        >>> risk = nascope.Risk(torch.nn.Linear(3, 2), torch.eye(3), torch.arange(3) % 2)
        >>> nascope.GradientVariance.norms(risk).shape
        (3,)
        """
        from nascope._src.api.subjects import as_risk  # noqa: PLC0415  (loads torch)
        from nascope._src.probes import per_instance  # noqa: PLC0415

        risk = as_risk(subject, device=device, **settings)
        return per_instance.gradient_norms(risk).numpy()

    def _shown(self) -> tuple[str, np.ndarray]:
        return "√g", self.std


@takes_settings(VarianceSettings)
def gradient_variance(
    subject: Subject,
    directions: Sequence[Direction] | None = None,
    grid: Grid | None = None,
    *,
    trajectory: Sequence[Mapping[str, Tensor]] | None = None,
    device: str = "auto",
    workers: int | None = None,
    chunks: str | Path | None = None,
    part: tuple[int, int] | None = None,
    progress: bool | Progress | None = True,
    **settings: Any,
) -> GradientVariance:
    """Compute the variance of per-instance gradients, Section 4.2 of the paper.

    g(α, β) = E_i ‖∇f_i − E_j ∇f_j‖² at w* + α w₁ + β w₂: the trace of the covariance of the
    gradients, with all parameters as one vector and i uniform over the instances.

    Args:
        subject: A trained network, the path of its checkpoint, or a `Risk` for any other model.
        directions: w₁ and w₂, or w₁ for a line, such as `random_directions` returns. By default
            they are drawn as the settings say.
        grid: The displacements; by default ``points`` along each direction.
        trajectory: For a `Risk`, the weights by name at some steps of a training: probe the plane
            through w* that holds most of that path. For a trained network, use ``along``.
        device: Where a trained network is probed: "cpu", "cuda", "mps"; "auto" takes CUDA if
            available. A `Risk` stays on its own device.
        workers: Number of threads; by default one per core on a CPU. It changes no number.
        chunks: Folder in which finished points are kept, so that an interrupted run resumes. Use
            it for this one computation.
        part: (k, n): compute only part k of n (from 0) and keep it in ``chunks``; the result is
            then empty. A call without ``part`` puts all parts together.
        progress: Show a progress bar; or a function that is called with the share done and words.
    {settings}

    A `Risk` already has its instances, data, batchnorm and moment, so do not give these with it.

    Returns:
        The variance on the grid, its root ``std``, its parts by block of layers, a picture.

    Raises:
        ProbeError: An instance's loss depends on the others in its batch.
        NascopeError: A setting is unknown or out of range, weights were not kept, or the numbers
            of directions and axes differ.

    >>> import nascope, torch
    >>> risk = nascope.Risk(torch.nn.Linear(3, 2), torch.eye(3), torch.arange(3) % 2)
    >>> spread = nascope.gradient_variance(risk, points=3, dimensions=1, progress=False)
    >>> spread.variance.shape, spread["blocks"].tolist()
    ((3,), ['weight', 'bias'])
    """
    from nascope._src.api.subjects import Request, probe  # noqa: PLC0415  (loads torch)

    request = Request(
        VarianceSettings(),
        settings,
        directions=directions,
        grid=grid,
        trajectory=trajectory,
        device=device,
        workers=workers,
        chunks=chunks,
        part=part,
        progress=progress,
    )
    return GradientVariance(probe(subject, request))
