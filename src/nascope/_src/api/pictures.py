"""Pictures that show themselves in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nascope._src.report.figures.style import Drawing

_DPI = 110  # on a screen


def figure_of(drawing: Drawing) -> Figure:
    """Return the figure of a drawing, which shows itself as the value of a notebook's cell.

    Figures here are made without pyplot, so that none of them stays in memory. IPython shows such
    a figure only once its inline backend is loaded, or if the figure brings its own picture.
    """
    figure = drawing.figure
    figure._repr_png_ = lambda: as_png(drawing)  # type: ignore[attr-defined]
    return figure


def as_png(drawing: Drawing) -> bytes:
    """Return a drawing as PNG, at a screen's resolution."""
    return drawing.encode("png", dpi=_DPI)
