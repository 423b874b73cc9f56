"""Loss landscapes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nascope._src.api.documented import takes_settings
from nascope._src.api.probe_result import GridResult
from nascope._src.errors import ProbeError
from nascope._src.probes.settings import LandscapeSettings
from nascope._src.results.metrics.smoothness import Smoothness, smoothness_of

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from nascope._src.api.subjects import Subject
    from nascope._src.probes.grid import Grid
    from nascope._src.probes.risk import Direction
    from nascope._src.runtime.types import Progress


class Landscape(GridResult):
    """A loss landscape s(α, β), as `landscape` returns it and `load` reads it.

    It is also a mapping of arrays (A, B), or (A,) on a line: ``loss`` and ``accuracy``, their
    standard errors ``loss_error`` and ``accuracy_error``, and the coordinates.

    Args:
        record: The arrays, and what was probed.
    """

    main = "loss"

    @property
    def loss(self) -> np.ndarray:
        """Mean loss per instance, in nats, (A, B) or (A,)."""
        return self["loss"]

    @property
    def accuracy(self) -> np.ndarray:
        """Share of correct instances in [0, 1], (A, B) or (A,); NaN if outputs are not logits."""
        return self["accuracy"]

    def smoothness(self, level: float | None = None, *, classes: int | None = None) -> Smoothness:
        """Return the smoothness of the landscape in numbers; see docs/guides/smoothness.md.

        Args:
            level: Loss in nats below which the area is measured. The default is the loss of a
                uniform guess, ln(classes).
            classes: Number of classes, if the result does not know it.

        Raises:
            ProbeError: The landscape is a line.
        """
        if self.betas is None:
            raise ProbeError("expected a landscape over a plane, but this one is a line")
        if level is None:
            classes = classes or self.settings.get("classes")
            level = math.log(classes) if classes else math.nan
        return smoothness_of(self.loss, self.alphas, self.betas, level)

    def to_frame(self) -> pd.DataFrame:
        """Return a pandas frame with one row per point: coordinates, loss, accuracy, and errors."""
        names = ("loss", "accuracy", "loss_error", "accuracy_error")
        return self._frame({name: self[name] for name in names})

    def _shown(self) -> tuple[str, np.ndarray]:
        return "loss", self.loss


@takes_settings(LandscapeSettings)
def landscape(
    subject: Subject,
    directions: Sequence[Direction] | None = None,
    grid: Grid | None = None,
    *,
    trajectory: Sequence[Mapping[str, Tensor]] | None = None,
    to: Subject | None = None,
    device: str = "auto",
    workers: int | None = None,
    chunks: str | Path | None = None,
    part: tuple[int, int] | None = None,
    progress: bool | Progress | None = True,
    **settings: Any,
) -> Landscape:
    """Compute a loss landscape, s(α, β) = E_i f_i(w* + α w₁ + β w₂), Section 4.2 of the paper.

    Args:
        subject: A trained network, the path of its checkpoint, or a `Risk` for any other model.
        directions: w₁ and w₂, or w₁ for a line, such as `random_directions` returns. By default
            they are drawn as the settings say.
        grid: The displacements; by default ``points`` along each direction.
        trajectory: For a `Risk`, the weights by name at some steps of a training: probe the plane
            through w* that holds most of that path. For a trained network, use ``along``.
        to: Another trained network or its path: probe the line from w* (0) to its weights (1),
            by default with ``batchnorm="recalibrated"``.
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
        The landscape: ``loss`` in nats and ``accuracy`` on the grid, its smoothness, a picture.

    Raises:
        NascopeError: A setting is unknown or out of range, weights were not kept, or the numbers
            of directions and axes differ.

    >>> import nascope, torch
    >>> risk = nascope.Risk(torch.nn.Linear(3, 2), torch.eye(3), torch.arange(3) % 2)
    >>> surface = nascope.landscape(risk, points=5, progress=False)
    >>> surface.loss.shape, surface["alphas"]
    ((5, 5), array([-1. , -0.5,  0. ,  0.5,  1. ]))
    """
    from nascope._src.api.subjects import Request, probe  # noqa: PLC0415  (loads torch)

    request = Request(
        LandscapeSettings(),
        settings,
        directions=directions,
        grid=grid,
        trajectory=trajectory,
        to=to,
        device=device,
        workers=workers,
        chunks=chunks,
        part=part,
        progress=progress,
    )
    return Landscape(probe(subject, request))
