"""The two styles of figures, for the page and for the paper, and what all figures share."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from nascope._src.palette import FAINT, NOTE
from nascope._src.records.files import write_arrays, write_bytes
from nascope._src.results.text.numbers import readable

StyleName = Literal["page", "paper"]

_SETTINGS = {  # matplotlib's, of both styles
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
    "svg.hashsalt": "nascope",  # otherwise ids differ from run to run
}
_WIDE = 3000.0  # ratio of an axis' ends from which only powers of ten are named


@dataclass(frozen=True)
class Style:
    """How figures look in one place.

    Attributes:
        width: of a figure in inches.
        side: of a grid's panel in inches; None if the panels share the width.
        label: number of characters of a panel's name.
        small: size of small letters in points.
        inset: of the letters of a surface's axes, in points.
        title: size of the title in points.
        formats: of the files.
        settings: matplotlib's, such as font sizes.
    """

    width: float
    side: float | None
    label: int
    small: float
    inset: float
    title: float
    formats: tuple[str, ...]
    settings: Mapping[Any, Any]


STYLES: Mapping[StyleName, Style] = {
    "page": Style(
        width=10.5,
        side=2.3,
        label=26,
        small=6,
        inset=-8,
        title=10,
        formats=("png",),
        settings={**_SETTINGS, "font.size": 9, "axes.titlesize": 9, "figure.dpi": 200},
    ),
    "paper": Style(  # letters as large as on a page that is printed at this width
        width=7.2,  # two columns of text
        side=None,
        label=15,
        small=5,
        inset=-12,
        title=9,
        formats=("pdf", "svg", "png"),
        settings={
            **_SETTINGS,
            "font.size": 7.5,
            "axes.titlesize": 8,
            "legend.fontsize": 7.5,
            "figure.dpi": 300,
        },
    ),
}


@contextmanager
def new_figure(
    style: Style,
    size: tuple[float, float],
    title: str,
    note: str = "",
    *,
    layout: Literal["constrained"] | None = "constrained",
) -> Iterator[Figure]:
    """Yield a figure to draw in, with the style's settings.

    Args:
        size: in inches.
        note: a line below the title.
    """
    with mpl.rc_context(dict(style.settings)):
        figure = Figure(figsize=size, layout=layout)
        figure.suptitle(f"{title}\n{note}" if note else title, fontsize=style.title)
        yield figure


@dataclass(frozen=True)
class Drawing:
    """A figure in a style, with the numbers it shows as a table in CSV or as arrays."""

    figure: Figure
    style: Style
    table: bytes | None = None
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)

    def encode(self, image_format: str = "png", *, dpi: float | None = None) -> bytes:
        """Return the figure as a file of that format; the same bytes at any time.

        Args:
            dpi: resolution of a PNG; by default the style's.
        """
        if image_format == "svg":
            metadata: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        else:
            metadata = {"CreationDate": None} if image_format == "pdf" else {}
        buffer = io.BytesIO()
        with mpl.rc_context(dict(self.style.settings)), warnings.catch_warnings():
            # a name may hold characters that the font lacks; the page shows them all
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            self.figure.savefig(buffer, format=image_format, metadata=metadata, dpi=dpi or "figure")
        return buffer.getvalue()

    def inline_svg(self, name: str) -> Markup:
        """Return the figure as an element of a page, with ids that begin with ``name``."""
        text = self.encode("svg").decode("utf-8")
        return with_ids(text[text.index("<svg") :], name)

    def write(self, folder: Path, stem: str, *, with_data: bool = True) -> list[Path]:
        """Write the figure in the style's formats, and its numbers as CSV or npz.

        Returns:
            The paths; a figure's first.

        Raises:
            StudyError: the folder cannot be written.
        """
        with mpl.rc_context(dict(self.style.settings)):
            self.figure.draw_without_rendering()
            self.figure.set_layout_engine("none")  # all formats get the same layout
        contents = {f".{name}": self.encode(name) for name in self.style.formats}
        if self.table is not None and with_data:
            contents[".csv"] = self.table
        paths = []
        for ending, content in contents.items():
            paths.append(folder / f"{stem}{ending}")
            write_bytes(paths[-1], content)
        if self.arrays and with_data:
            paths.append(folder / f"{stem}.npz")
            write_arrays(paths[-1], self.arrays)
        return paths


def with_ids(svg: str, name: str) -> Markup:
    """Return an SVG for a page, where ids are unique; its writer has escaped the texts in it.

    >>> with_ids("<svg><path id='a'/><use href='#a'/></svg>", "plot")
    Markup("<svg><path id='plot-a'/><use href='#plot-a'/></svg>")
    """
    return Markup(re.sub(r"""(\bid=["']|href=["']#|url\(#)""", rf"\1{name}-", svg))


def legend_below(figure: Any, axes: Iterable[Any], *, columns: int = 6, **look: Any) -> int:
    """Name each label of some panels once, below a figure; return the number of lines."""
    handles: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if not handles:
        return 0
    columns = min(columns, len(handles))
    look = {"loc": "outside lower center", "ncols": columns, "frameon": False} | look
    figure.legend(list(handles.values()), list(handles), **look)
    return -(-len(handles) // columns)


def set_log_axis(ax: Any, which: Literal["x", "y"] = "y", *, name_between: bool = True) -> None:
    """Make an axis logarithmic, with numbers written out.

    Args:
        name_between: name 2 and 5 between the powers of ten too, unless the axis is long.
    """
    ax.set(**{f"{which}scale": "log"})
    axis = {"x": ax.xaxis, "y": ax.yaxis}[which]
    if name_between:
        low, high = axis.get_view_interval()
        subs = (1.0,) if high > _WIDE * low else (1.0, 2.0, 5.0)
        axis.set_major_locator(LogLocator(subs=subs, numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: readable(value)))
    axis.set_minor_formatter(NullFormatter())


def write_in_middle(ax: Any, words: str) -> None:
    """Leave a panel empty except for why there is nothing in it."""
    ax.text(0.5, 0.5, words, ha="center", va="center", transform=ax.transAxes, color=NOTE)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color(FAINT)
