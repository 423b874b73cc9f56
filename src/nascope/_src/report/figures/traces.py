"""What all interactive figures of the page share: plain numbers, colours, and escaped names.

A figure of the page is a dictionary: ``traces`` and ``layout`` as plotly takes them, and ``kind``,
which names what figures of its kind share. A trace's ``cell`` hides it with that cell, and its
``x`` may be the place of a list in the figure's ``x``. A colour that begins with "@" belongs to the
page's theme: the key of a cell, or a name in its style sheet; "/" and an opacity may follow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from nascope._src.report.arrangement import ShownCell


def cell_colour(cell: ShownCell, opacity: float = 1.0) -> str:
    """Return a cell's colour in the page's theme."""
    return f"@{cell.key}" + (f"/{opacity:g}" if opacity < 1 else "")


def escaped(text: str) -> str:
    """Return a text that plotly draws as it is written: it reads a few tags.

    >>> escaped("<b>bold & proud</b>")
    '&lt;b&gt;bold &amp; proud&lt;/b&gt;'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def numbers(values: Iterable[float]) -> list[Any]:
    """Return numbers for JSON."""
    return [number(value) for value in values]


def number(value: float, digits: int = 5) -> Any:
    """Return a number for JSON, with five significant digits; None if it is not finite.

    >>> number(1 / 3), number(2.0), number(math.inf)
    (0.33333, 2, None)
    """
    value = float(value)
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e9 else rounded
