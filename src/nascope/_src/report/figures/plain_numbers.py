"""Numbers as plain data, for the script of a page."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any


def numbers(values: Iterable[float]) -> list[Any]:
    return [number(value) for value in values]


def number(value: float, *, name_lost: bool = False) -> Any:
    """Five significant digits; what is not finite becomes null, or its name."""
    value = float(value)
    if math.isfinite(value):
        rounded = float(f"{value:.5g}")
        return int(rounded) if rounded.is_integer() and abs(rounded) < 1e9 else rounded
    if not name_lost:
        return None
    return "not a number" if math.isnan(value) else "infinite"
