"""Ticks of the page's axes, each written out: plotly writes 2 for 0.2 between decades."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import LogLocator, MaxNLocator

from nascope._src.report.figures.traces import numbers
from nascope._src.results.text.numbers import readable


def round_ticks(low: float, high: float, *, log: bool) -> list[float]:
    """Return round numbers between two, at least three.

    >>> round_ticks(0, 10, log=False), round_ticks(0.8, 30, log=True)
    ([0, 5, 10], [1, 2, 5, 10, 20])
    """
    ticks: list[float] = []
    ends = low - 1e-9 * abs(low), high + 1e-9 * abs(high)
    parts = [(1,)] if high > 1e4 * low else [(1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)]
    locators: list[Any] = [LogLocator(subs=subs) for subs in parts] if log else []
    locators += [MaxNLocator(count, steps=[1, 2, 5, 10]) for count in (4, 6, 8)]
    for locator in locators:
        ticks = [t for t in locator.tick_values(low, high) if ends[0] <= t <= ends[1]]
        if len(ticks) > 2:
            break
    return numbers(ticks)


def at_ticks(ticks: Sequence[float]) -> dict[str, Any]:
    """Return the settings of an axis with these ticks."""
    names = [readable(tick, 4) for tick in ticks]
    return {"tickmode": "array", "tickvals": list(ticks), "ticktext": names}
