"""Plot a census as a heat map with cells on it, and the genotypes of a search as curves, as SVG.

Importing this module loads matplotlib. Like the drawings of cells, the plots need no style sheet
and read on a light page, on a dark one and on paper.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from html import escape
from itertools import product
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import MaxNLocator

from nascope._src.cells.spaces.census import Census, Point
from nascope._src.errors import GenotypeError
from nascope._src.palette import CENSUS, DISC, GREY, INK, SEARCH, colours_at

_STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "nascope",  # the same plot has the same ids
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.titlecolor": GREY,
    "axes.titlesize": 14,
    "font.size": 12,
    "xtick.color": GREY,
    "ytick.color": GREY,
}
_FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
_TILE_WIDTH, _TILE_HEIGHT = 128, 50  # pixels, here and below
_PANEL_WIDTH, _PANEL_HEIGHT = 520, 130
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 84, 14, 44, 50, 28  # margins


def census_svg(
    census: Census,
    *,
    convention: str = "fractional",
    named: Mapping[str, Point] | None = None,
    crowd: Mapping[str, Point] | None = None,
    title: str | None = None,
) -> str:
    """Plot a census as a heat map of width and depth, with cells on it.

    Each tile shows its share of the space; a darker tile has more (on a logarithmic scale). The
    names of all cells on a tile are in its tooltip and in the label for screen readers.

    Args:
        census: The census.
        convention: Width convention, ``fractional`` or ``strict``.
        named: Cells whose names are written on their tile.
        crowd: Cells that are only counted: a tile shows a disc with their number.
        title: Title of the plot.

    Returns:
        An ``<svg>`` element, which works alone and inside HTML.

    Raises:
        GenotypeError: The census is empty.
    """
    table = {at: count for at, count in census.marginal(convention).items() if at[1]}
    if not table:
        raise GenotypeError(f"expected a space with cells, but {census.space} has no cell to draw")
    depths = sorted({depth for _, depth in table})
    widths = sorted({width for width, _ in table}, reverse=True)
    names, others = (_by_tile(cells or {}, convention) for cells in (named, crowd))
    total = sum(table.values())
    title = _printable(title or f"{census.space}, {census.nodes} nodes: share of {total:,} cells")
    size = (_TILE_WIDTH * len(depths), _TILE_HEIGHT * len(widths))
    with mpl.rc_context(_STYLE):
        figure, (ax,) = _figure(size, 1, title, _TOP)
        ax.set_xlim(0, len(depths))
        ax.set_ylim(len(widths), 0)
        ax.set_xticks([column + 0.5 for column in range(len(depths))], [str(d) for d in depths])
        ax.set_yticks([row + 0.5 for row in range(len(widths))], [_units(w) for w in widths])
        ax.set(xlabel="depth", ylabel=f"{convention} width")
        ax.tick_params(length=0)
        ax.set_facecolor("none")
        ax.spines[:].set_visible(False)
        hints: list[str] = []
        occupied: list[str] = []
        for (row, width), (column, depth) in product(enumerate(widths), enumerate(depths)):
            at, place = (width, depth), (column, row)
            if at not in table:
                continue
            _draw_tile(ax, place, _shade(table[at], table.values()), table[at] / total)
            _draw_cells(ax, place, ", ".join(names[at]), len(others[at]))
            cells = ", ".join(names[at] + others[at])
            where = f"width {_units(width)}, depth {depth}"
            ax.add_patch(Rectangle(place, 1, 1, alpha=0, gid=f"hint{len(hints)}", zorder=9))
            hints.append(f"{where}: {table[at]:,} wirings" + (f"; {cells}" if cells else ""))
            occupied += [f"{where}: {cells}"] if cells else []
        return _svg(figure, title, hints, label="; ".join([title, *occupied]))


def _by_tile(cells: Mapping[str, Point], convention: str) -> dict[tuple[Fraction, int], list[str]]:
    """Group the names of cells by width and depth."""
    tiles: dict[tuple[Fraction, int], list[str]] = defaultdict(list)
    for name, at in cells.items():
        tiles[at.width(convention), at.depth].append(_printable(name))
    return tiles


def _units(width: Fraction) -> str:
    return f"{float(width):.3g}c"


def _shade(count: int, counts: Collection[int]) -> str:
    """Return the colour of a tile."""
    rarest, commonest = min(counts), max(counts)
    scale = math.log(count / rarest) / math.log(commonest / rarest) if rarest < commonest else 1
    return colours_at(CENSUS, [0.75 * scale])[0]


def _draw_tile(ax: Any, place: tuple[int, int], colour: str, share: float) -> None:
    x, y = place
    inset_x, inset_y = 1 / _TILE_WIDTH, 1 / _TILE_HEIGHT
    ax.add_patch(
        FancyBboxPatch(
            (x + inset_x, y + inset_y),
            1 - 2 * inset_x,
            1 - 2 * inset_y,
            boxstyle="round,pad=0,rounding_size=0.025",
            mutation_aspect=_TILE_WIDTH / _TILE_HEIGHT,
            facecolor=colour,
            edgecolor=GREY,
            linewidth=0.5,
        )
    )
    _write(ax, place, (8, -17), f"{100 * share:.2g} %", fontsize=11)


def _draw_cells(ax: Any, place: tuple[int, int], names: str, others: int) -> None:
    """Write the names of cells on their tile, and the number of the others in a disc."""
    if names:
        size = min(12.0, (_TILE_WIDTH - 14) / (0.58 * len(names)))
        _write(ax, place, (8, 10 - _TILE_HEIGHT), names, fontsize=size, fontweight="bold")
    if others:
        x, y = place[0] + 1 - 18 / _TILE_WIDTH, place[1] + 17 / _TILE_HEIGHT
        diameter = 2 * (8 + min(6.0, math.sqrt(others)))
        ax.plot(x, y, "o", markersize=diameter, color=DISC, markeredgecolor=INK)
        ax.text(x, y, str(others), ha="center", va="center_baseline", fontsize=11, color=INK)


def _write(
    ax: Any, place: tuple[int, int], offset: tuple[float, float], text: str, **look: Any
) -> None:
    """Write a text at an offset, in pixels, from the top left corner of a tile."""
    ax.annotate(text, place, offset, textcoords="offset points", color=INK, **look)


# ---------------------------------------------------------------- the genotypes of a search


def trace_svg(rows: Sequence[Mapping[str, Any]], title: str = "width and depth of a search") -> str:
    """Plot the rows of `nascope._src.cells.search_log.trace` as curves over the epochs.

    There is a panel for the width, one for the depth and, if the rows have a rank, one for the
    share of the space that is at least as wide.

    Returns:
        An ``<svg>`` element, which works alone and inside HTML.
    """
    panels: dict[str, tuple[str, ...]] = {
        "fractional width (c)": ("fractional_width",),
        "depth": ("depth",),
    }
    if "rank" in rows[0]["normal"]:
        panels["share of the space at least as wide"] = ("rank", "fractional", "as_wide")
    epochs = [row["epoch"] for row in rows]
    edges = [*epochs, epochs[-1] + 1]  # an epoch's value lasts until the next one
    title = _printable(title)
    with mpl.rc_context(_STYLE):
        figure, axes = _figure((_PANEL_WIDTH, _PANEL_HEIGHT), len(panels), title, _TOP + 16)
        for ax, (label, keys) in zip(axes, panels.items(), strict=True):
            for kind, colour, dash in zip(("normal", "reduce"), SEARCH, ("-", "--"), strict=True):
                values = [row[kind] for row in rows]
                for key in keys:
                    values = [value[key] for value in values]
                steps = [*values, values[-1]]
                name = "reduction" if kind == "reduce" else kind
                ax.step(edges, steps, dash, where="post", color=colour, linewidth=2, label=name)
            ax.set_title(label, fontsize=12, loc="left")
            ax.margins(0, 0.1)
            ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
            ax.tick_params(labelbottom=ax is axes[-1])
        axes[0].legend(
            ncols=2, loc="lower right", bbox_to_anchor=(1, 1), frameon=False, labelcolor="linecolor"
        )
        axes[-1].set_xlabel("epoch of the search")
        return _svg(figure, title, [])


# ---------------------------------------------------------------- figures and SVG


def _figure(panel: tuple[int, int], panels: int, title: str, top: int) -> tuple[Figure, list[Any]]:
    """Return a figure with panels of a size in pixels, one below the other."""
    width = max(_LEFT + panel[0] + _RIGHT, _LEFT + 8 * len(title))
    height = top + panels * panel[1] + (panels - 1) * _GAP + _BOTTOM
    figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="none")
    figure.text(_LEFT / width, 1 - 26 / height, title, color=GREY, fontsize=14)
    axes = []
    for number in range(panels):
        bottom = height - top - panel[1] - number * (panel[1] + _GAP)
        place = (_LEFT / width, bottom / height, panel[0] / width, panel[1] / height)
        axes.append(figure.add_axes(place))
    return figure, axes


def _printable(text: str) -> str:
    """Drop the characters that XML forbids."""
    return "".join(c for c in text if c.isprintable())


def _svg(figure: Figure, title: str, hints: Sequence[str], label: str | None = None) -> str:
    """Return a figure as an ``<svg>`` element, without matplotlib's style sheet for the page.

    Args:
        hints: Tooltips; the n-th belongs to the element with the id ``hint<n>``.
        label: Text for screen readers, by default the title.
    """
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # matplotlib's font may lack characters of a name; the reader's fonts show them
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg")
    body = buffer.getvalue().partition("</style>")[2].partition("</defs>")[2]
    body = re.sub(r"'DejaVu Sans'[^;\"]*", _FONT, body)
    for number, hint in enumerate(hints):
        body = body.replace(f'<g id="hint{number}">', f"<g><title>{escape(hint)}</title>")
    body = re.sub('<g id="[^"]*">', "<g>", body)  # a page may show several plots
    width, height = (72 * inches for inches in figure.get_size_inches())
    return (
        "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' "
        f"width='{width:.0f}' height='{height:.0f}' viewBox='0 0 {width:.0f} {height:.0f}' "
        f"style='max-width:100%;height:auto' role='img' aria-label='{escape(label or title)}'>"
        f"<title>{escape(title)}</title>{body}"
    )
