"""The registry of the numbers of a probe: every number of a landscape, a variance or a curvature.

A number is defined once, with its unit and the scale on which it is compared. To add one, add it to
`PROBE_MEASURES`; `nascope reliability` then reports it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from nascope._src.records.read import ProbeRecord
from nascope._src.results.metrics.smoothness import Smoothness, chance_loss
from nascope._src.results.planes import smoothness_in, std_at_centre, summary_of

Group = Literal["smoothness", "variance", "steadiness", "speed"]
Scale = Literal["linear", "log", "log1p"]

Number = Callable[[ProbeRecord, int | None], float]
"""Computes a number from a probe, and the number of classes of its data set if it is known."""


@dataclass(frozen=True)
class ProbeMeasure:
    """A number of one probe.

    Attributes:
        key: short name, unique among these measures.
        title: what it measures, without the unit.
        unit: empty for a plain number.
        kind: of the probe: "landscape", "variance" or "curvature".
        group: what the paper would use it for.
        number: computes it; NaN if the probe has none.
        scale: on which it is compared: as it is, its logarithm, or ln(1 + x) if 0 is a value too.
        better: which end of the scale is better; None if neither is.
    """

    key: str
    title: str
    unit: str
    kind: str
    group: Group
    number: Number
    scale: Scale = "linear"
    better: Literal["lower", "higher"] | None = "lower"


def compare(value: float, scale: Scale) -> float:
    """Return a number on the scale on which it is compared; NaN if it has no place there.

    >>> compare(1.0, "log"), compare(0.0, "log1p"), compare(-1.0, "log")
    (0.0, 0.0, nan)
    """
    if not math.isfinite(value) or scale == "linear":
        return value
    if scale == "log":
        return math.log(value) if value > 0 else math.nan
    return math.log1p(value) if value >= 0 else math.nan


def _level(classes: int | None) -> float:
    return math.nan if classes is None else chance_loss(classes)


def _of_landscape(name: str) -> Number:
    assert name in {field.name for field in fields(Smoothness)}
    return lambda probe, classes: float(getattr(smoothness_in(probe, _level(classes)), name))


def _of_grid(statistic: str) -> Number:
    return lambda probe, classes: float(getattr(summary_of(probe), statistic))


def _of_arrays(name: str, reduce: Callable[[np.ndarray], float], probe: ProbeRecord) -> float:
    values = probe.arrays.get(name)
    return float(reduce(values)) if values is not None and values.size else math.nan


def largest_eigenvalue(curvature: ProbeRecord) -> float:
    """Return the largest eigenvalue of the Hessian, the paper's L at these weights."""
    return _of_arrays("eigenvalues", np.max, curvature)


def trace(curvature: ProbeRecord) -> float:
    """Return the mean of Hutchinson's samples of the trace; NaN if none was drawn."""
    return _of_arrays("trace_samples", np.mean, curvature)


_landscape = functools.partial(ProbeMeasure, kind="landscape", group="smoothness")
_variance = functools.partial(ProbeMeasure, kind="variance", group="variance")
_curvature = functools.partial(ProbeMeasure, kind="curvature", group="smoothness")
_CURVED = "nats per displacement²"

PROBE_MEASURES = {
    measure.key: measure
    for measure in (
        _landscape("convex_radius", "Near-convex radius", "displacement",
                   number=_of_landscape("convex_radius"), better="higher"),
        _landscape("convex_area", "Near-convex area", "", number=_of_landscape("convex_area"),
                   better="higher"),
        _landscape("area_below", "Area below the loss of a random guess", "",
                   number=_of_landscape("area_below"), better="higher"),
        _landscape("concavity", "Concavity", "", number=_of_landscape("concavity")),
        _landscape("roughness", "Roughness", _CURVED, number=_of_landscape("roughness"),
                   scale="log"),
        _landscape("largest_curvature", "Largest curvature in the plane", _CURVED,
                   number=_of_landscape("largest_curvature"), scale="log"),
        _landscape("sharpness", "Worst-case sharpness", "", number=_of_landscape("sharpness"),
                   scale="log1p"),
        _landscape("smad", "SMAD, saddle–minimum average distance", "nats",
                   number=_of_landscape("smad"), scale="log1p"),
        _landscape("persistence", "Total persistence of minima", "nats",
                   number=_of_landscape("persistence"), scale="log1p"),
        _landscape("median_loss", "Median loss over the plane", "nats", number=_of_grid("median"),
                   scale="log"),
        _landscape("mean_loss", "Mean loss over the plane", "nats", number=_of_grid("mean"),
                   scale="log"),
        _landscape("non_finite_share", "Share of non-finite losses", "",
                   number=_of_landscape("non_finite_share")),
        _curvature("eigenvalue", "Largest Hessian eigenvalue", "",
                   number=lambda probe, classes: largest_eigenvalue(probe), scale="log"),
        _curvature("trace", "Trace of the Hessian", "", number=lambda probe, classes: trace(probe),
                   scale="log"),
        _variance("std", "√g, median over the plane", "", number=_of_grid("median"), scale="log"),
        _variance("std_mean", "√g, mean over the plane", "", number=_of_grid("mean"), scale="log"),
        _variance("std_low", "√g, 10 % quantile", "", number=_of_grid("lower_decile"),
                  scale="log"),
        _variance("std_high", "√g, 90 % quantile", "", number=_of_grid("upper_decile"),
                  scale="log"),
        _variance("std_centre", "√g at the network", "",
                  number=lambda probe, classes: std_at_centre(probe), scale="log"),
    )
}  # fmt: skip
