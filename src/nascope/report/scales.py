"""One scale for all grids of a kind: the same levels and colours in every panel."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

_LOG_RATIO = 30.0  # from this ratio of largest to smallest on, a linear scale hides the basin
_BANDS = 14  # aimed at; the step is rounded to a number that reads well
_OUTLIER = 0.98  # quantile that the scale covers where the largest value is far above it


@dataclass(frozen=True)
class Scale:
    """Equally spaced levels, in the values or, where ``log`` is set, in their decimal logarithms.

    Attributes:
        log: whether ``start``, ``step`` and ``end`` are logarithms.
        start: the lowest level.
        step: distance of two levels.
        count: number of levels; bands of colour lie between them, and one beyond each end.
        clipped: whether some values lie above the scale, in the topmost band's colour.
    """

    log: bool
    start: float
    step: float
    count: int
    clipped: bool = False

    def __post_init__(self) -> None:
        if not (self.step > 0 and self.count >= 2 and math.isfinite(self.start)):
            raise ValueError(f"not a scale: {self}")

    @property
    def end(self) -> float:
        """The highest level, on the scale itself."""
        return self.start + self.step * (self.count - 1)

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels as values."""
        return tuple(self.value(self.start + self.step * k) for k in range(self.count))

    def value(self, place: float) -> float:
        """The value at a place on the scale."""
        return float(10**place) if self.log else float(place)

    def place(self, values: np.ndarray) -> np.ndarray:
        """Where values lie on the scale; NaN for those that cannot be on it."""
        values = np.asarray(values, dtype=np.float64)
        usable = np.isfinite(values) & ((values > 0) | (not self.log))
        safe = np.where(usable, values, 1.0)
        return np.where(usable, np.log10(safe) if self.log else safe, np.nan)


def shared_scale(grids: Iterable[np.ndarray]) -> Scale | None:
    """The scale that serves all grids together; None where no value is finite.

    Logarithmic where all values are positive and the largest is more than 30 times the smallest.
    A few values far above the rest don't stretch it: it then ends at the 98 % quantile.

    >>> shared_scale([np.array([[0.0, 1.0], [2.0, 2.8]])]).levels[:3]
    (0.0, 0.2, 0.4)
    """
    pooled = np.concatenate([np.ravel(grid).astype(np.float64) for grid in grids] or [np.empty(0)])
    pooled = pooled[np.isfinite(pooled)]
    if pooled.size == 0:
        return None
    low, high = float(pooled.min()), float(pooled.max())
    log = low > 0 and high / low > _LOG_RATIO
    if log:
        pooled = np.log10(pooled)
        low, high = math.log10(low), math.log10(high)
    bulk = float(np.quantile(pooled, _OUTLIER))
    clipped = high - low > 3 * (bulk - low) > 0
    if clipped:
        high = bulk
    if high - low <= 1e-9 * max(1.0, abs(high)):  # constant: any scale around it will do
        low, high = low - 0.5, high + 0.5
    step = _round_step((high - low) / _BANDS)
    start = step * math.floor(low / step)
    count = max(2, math.ceil((high - start) / step - 1e-9) + 1)
    return Scale(log, round(start, 12), step, count, clipped)


def _round_step(step: float) -> float:
    """The number of the form 1, 2, 2.5 or 5 × 10ᵏ that is nearest from above."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(nice * power for nice in (1, 2, 2.5, 5, 10) if step <= nice * power * (1 + 1e-9))


def readable(value: float) -> str:
    """A number as people write it: three digits, no trailing noise.

    >>> [readable(x) for x in (0.00012, 2.30258, 12345.0)]
    ['0.00012', '2.3', '12,300']
    """
    if not math.isfinite(value):
        return "not finite"
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.1e}".replace("e+0", "e").replace("e-0", "e−").replace("e+", "e")
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.6f}".rstrip("0").rstrip(".")
