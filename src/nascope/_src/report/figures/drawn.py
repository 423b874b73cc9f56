"""A drawn figure with its data, and writing both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from nascope._src.records.files import write_arrays, write_bytes
from nascope._src.report.figures.pictures import PRINT, pdf, png, svg

WIDTH = 7.2  # inches: two columns of text, or a page's
_SIZES = {  # of letters, where a figure is printed as wide as it is drawn
    "font.size": 7.5,
    "axes.titlesize": 8,
    "legend.fontsize": 7.5,
    "figure.titlesize": 9,
    "figure.dpi": 300,
}


@dataclass(frozen=True)
class Drawn:
    """A figure and the numbers in it: a table as CSV, or arrays."""

    figure: Figure
    table: bytes | None = None
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


@contextmanager
def in_print() -> Iterator[None]:
    """Within it, figures are drawn for a printed page."""
    with mpl.rc_context(PRINT | _SIZES):
        yield


def write(drawn: Drawn, folder: Path, stem: str) -> list[Path]:
    """Write a figure as PDF, SVG and PNG, and its data beside it as CSV or npz.

    Returns:
        The paths, the PDF's first.

    Raises:
        StudyError: the folder cannot be written.
    """
    with in_print():
        drawn.figure.draw_without_rendering()
        drawn.figure.set_layout_engine("none")  # the places found hold for every format
        contents = {
            ".pdf": pdf(drawn.figure),
            ".svg": svg(drawn.figure).encode("utf-8"),
            ".png": png(drawn.figure),
        }
    if drawn.table is not None:
        contents[".csv"] = drawn.table
    paths = []
    for ending, content in contents.items():
        paths.append(folder / f"{stem}{ending}")
        write_bytes(paths[-1], content)
    if drawn.arrays:
        paths.append(folder / f"{stem}.npz")
        write_arrays(paths[-1], drawn.arrays)
    return paths


def titled(figure: Figure, title: str, note: str) -> None:
    """Set a figure's title, and under it, smaller, at what scale it was made."""
    figure.suptitle(f"{title}\n{note}" if note else title, fontsize=9)
