"""A drawn figure as the bytes of a picture, or as an element of a page."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

PRINT: dict[Any, Any] = {
    "figure.dpi": 200,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.5,
    "text.parse_math": False,  # a name with a dollar sign is a name
    "grid.color": "#d8d8d8",
    "grid.linewidth": 0.4,
    "pdf.fonttype": 42,  # letters stay letters, which printers and editors can read
}
"""How figures for print are drawn: matplotlib's settings."""

_METADATA = ("Creator", "Date", "Format", "Type")  # left out of drawings


def png(figure: Figure, *, dpi: float | Literal["figure"] = "figure") -> bytes:
    """The figure as a PNG."""
    buffer = io.BytesIO()
    with _missing_glyphs_ignored():
        figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def pdf(figure: Figure) -> bytes:
    """The figure as a PDF, the same bytes at any time."""
    buffer = io.BytesIO()
    with _missing_glyphs_ignored():
        figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()


def svg(figure: Figure) -> str:
    """The figure as an SVG file; matplotlib escapes the texts in it."""
    buffer = io.StringIO()
    with (
        _missing_glyphs_ignored(),
        mpl.rc_context({"svg.hashsalt": "nascope"}),
    ):  # else ids differ by run
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(_METADATA))
    return buffer.getvalue()


def inline_svg(figure: Figure) -> Markup:
    """The figure as an element for a page."""
    text = svg(figure)
    return Markup(text[text.index("<svg") :])


@contextmanager
def _missing_glyphs_ignored() -> Iterator[None]:
    with warnings.catch_warnings():
        # a name may hold signs that the font lacks; the page shows them all
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield
