"""A drawn figure as the bytes of a picture, or as an element of a page."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

_METADATA = ("Creator", "Date", "Format", "Type")  # left out of drawings


def png(figure: Figure, *, dpi: float | Literal["figure"] = "figure") -> bytes:
    """The figure as a PNG."""
    buffer = io.BytesIO()
    with _missing_glyphs_ignored():
        figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def inline_svg(figure: Figure) -> Markup:
    """The figure as an element for a page; matplotlib escapes the texts in it."""
    buffer = io.StringIO()
    with (
        _missing_glyphs_ignored(),
        mpl.rc_context({"svg.hashsalt": "nascope"}),
    ):  # else ids differ by run
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(_METADATA))
    text = buffer.getvalue()
    return Markup(text[text.index("<svg") :])


@contextmanager
def _missing_glyphs_ignored() -> Iterator[None]:
    with warnings.catch_warnings():
        # a name may hold signs that the font lacks; the page shows them all
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield
