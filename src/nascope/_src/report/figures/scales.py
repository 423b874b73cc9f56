"""One scale for all grids of a kind: the same levels and colours in every panel."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nascope._src.results.text.numbers import SUPERSCRIPTS, readable

LOG_RATIO = 30.0
"""If the largest value exceeds the smallest by this factor, a linear scale hides small values."""

_OUTLYING = 3.0  # times the 95 % quantile: a larger value flattens the curves of the others

_OCTAVES = 10  # up to this range, levels of a logarithmic scale are powers of 2, beyond of 10
_BANDS = 14  # about; the step is rounded to a round number
_OUTLIER = 0.98  # quantile at which a scale ends if the largest value is far above it


@dataclass(frozen=True)
class LevelScale:
    """Levels at equal steps of a value, or of its logarithm if there is a ``base``.

    Attributes:
        base: 2 or 10 on a logarithmic scale, None on a linear one. A *place* on the scale is a
            logarithm to this base, or the value itself.
        step: distance of two levels' places.
        first: the lowest level's place, in steps.
        count: number of levels; bands of colour lie between them, and one beyond each end.
        clipped: whether some values lie above the scale, in the topmost band's colour.
    """

    base: int | None
    step: float
    first: int
    count: int
    clipped: bool = False

    def __post_init__(self) -> None:
        if not (0 < self.step < math.inf and self.count >= 2):
            raise ValueError(f"not a scale: {self}")

    @property
    def start(self) -> float:
        """Place of the lowest level."""
        return self.first * self.step

    @property
    def end(self) -> float:
        """Place of the highest level."""
        return (self.first + self.count - 1) * self.step

    @property
    def places(self) -> tuple[float, ...]:
        """The levels' places on the scale."""
        return tuple((self.first + k) * self.step for k in range(self.count))

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels as values."""
        return tuple(place if self.base is None else self.base**place for place in self.places)

    @property
    def labels(self) -> tuple[str, ...]:
        """The levels in writing; empty for those that a logarithmic scale leaves unnamed."""
        if self.base is None:  # as many digits as tell neighbours apart
            largest = max(abs(self.start), abs(self.end))
            digits = max(3, math.ceil(math.log10(largest / self.step)) + 2)
            return tuple(readable(level, digits) for level in self.levels)
        return tuple(
            _power(self.base, int(place)) if place.is_integer() else "" for place in self.places
        )

    def place(self, values: np.ndarray) -> np.ndarray:
        """Return the places of values; NaN for a value that has none."""
        values = np.asarray(values, dtype=np.float64)
        usable = np.isfinite(values) & ((values > 0) | (self.base is None))
        safe = np.where(usable, values, 1.0)
        places = safe if self.base is None else np.log(safe) / math.log(self.base)
        return np.where(usable, places, np.nan)


def shared_scale(grids: Iterable[np.ndarray]) -> LevelScale | None:
    """Return one scale for several grids; None if there is no grid.

    It is logarithmic if all values are positive and the largest is more than 30 times the smallest.
    A few values far above the others do not stretch it: it then ends at the 98 % quantile.

    >>> shared_scale([np.array([[0.0, 1.0], [2.0, 2.8]])]).levels[:3]
    (0.0, 0.2, 0.4)
    >>> shared_scale([np.array([[0.5, 1.0], [2.0, 31.0]])]).labels
    ('0.5', '', '1', '', '2', '', '4', '', '8', '', '16', '', '32')
    """
    flat = [np.ravel(grid).astype(np.float64) for grid in grids]
    if not flat:
        return None
    pooled = np.concatenate(flat)
    pooled = pooled[np.isfinite(pooled)]
    if pooled.size == 0:  # nothing will be drawn on it
        return LevelScale(None, 0.1, 0, 11)
    base = None
    if pooled.min() > 0:
        octaves = np.log2(pooled)  # not of a ratio: that may overflow
        if octaves.max() - octaves.min() > math.log2(LOG_RATIO):
            wide = float(np.quantile(octaves, _OUTLIER) - octaves.min()) > _OCTAVES
            base, pooled = (10, np.log10(pooled)) if wide else (2, octaves)
    low, high = float(pooled.min()), float(pooled.max())
    bulk = float(np.quantile(pooled, _OUTLIER))
    clipped = high - low > 3 * (bulk - low) > 0
    if clipped:
        high = bulk
    if high - low <= 1e-9 * abs(high):  # a constant: any scale around it will do
        margin = abs(high) / 10 or 0.5
        low, high = low - margin, high + margin
    step = _round_step((high - low) / _BANDS, binary=base is not None)
    first = math.floor(low / step)
    return LevelScale(base, step, first, max(2, math.ceil(high / step) - first + 1), clipped)


def _round_step(step: float, *, binary: bool) -> float:
    """Round a step up to 1, 2, 2.5 or 5 × 10ᵏ, or to a power of two."""
    if binary:  # quarters and halves of a logarithm meet its whole numbers
        return float(2.0 ** math.ceil(math.log2(step) - 1e-9))
    power = 10.0 ** math.floor(math.log10(step))
    return next(nice * power for nice in (1, 2, 2.5, 5, 10) if step <= nice * power * (1 + 1e-9))


def _power(base: int, exponent: int) -> str:
    if base == 10 and not -3 <= exponent <= 3:
        return f"10{str(exponent).translate(SUPERSCRIPTS)}"
    value = float(base) ** exponent
    return f"{value:,.0f}" if 1 <= value < 1e6 else readable(value)  # 1,024, not 1,020


def asks_for_log(values: Sequence[float]) -> bool:
    """Return whether curves need a logarithmic axis: all positive, and far apart or outlying.

    >>> asks_for_log([2.3, 1.0, 0.1]), asks_for_log([2.3, 1.0, 0.01])
    (False, True)
    >>> asks_for_log([2.0] * 50 + [29.0]), asks_for_log([2.0, 0.0])
    (True, False)
    """
    if not values or min(values) <= 0:
        return False
    high = max(values)
    return high / min(values) > LOG_RATIO or high > _OUTLYING * float(np.quantile(values, 0.95))
