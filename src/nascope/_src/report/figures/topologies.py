"""Drawings of normal cells, each with its width and depth: Figures 1, 2, 10 and 11."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon
from matplotlib.path import Path as Line

from nascope._src.cells.drawing import LETTERS, NODE, OPERATION, Scene, make_scene
from nascope._src.cells.genotype import Genotype
from nascope._src.cells.graph import plain_number, topology
from nascope._src.cells.layout import Route
from nascope._src.palette import GREY, INK, operation_fill
from nascope._src.records.tables import csv_bytes
from nascope._src.report.figures.style import STYLES, Drawing, StyleName, new_figure
from nascope._src.results.text.trials import shortened

_LEAST_ACROSS, _MOST_ACROSS = 800.0, 1020.0  # pixels: letters are 5 to 7 points high in print
_GAP, _CAPTION = 30.0, 46.0  # pixels: between columns; below a cell, with its two lines
_LETTER = 8.0  # pixels, the mean width of one in a caption
_TITLE = 0.45  # inches
_FAINT = 0.45

Named = tuple[str, Genotype]


def draw_topologies(
    cells: Sequence[Named], title: str, note: str = "", *, style: StyleName = "page"
) -> Drawing:
    """Draw the normal cells of some genotypes, row by row.

    Args:
        cells: names and genotypes.
    """
    scenes = [make_scene(genotype.normal, compact=True) for _, genotype in cells]
    captions = [_caption(*named) for named in cells]
    widths = [
        max(scene.size()[0], *(_LETTER * len(line) for line in caption))
        for scene, caption in zip(scenes, captions, strict=True)
    ]
    rows = _rows(widths)
    across = [sum(widths[k] for k in row) + _GAP * (len(row) - 1) for row in rows]
    total = max(*across, _LEAST_ACROSS)
    heights = [max(scenes[k].size()[1] for k in row) + _CAPTION for row in rows]
    look = STYLES[style]
    inches = look.width / total  # of a pixel
    height = sum(heights) * inches
    size = (look.width, height + _TITLE)
    with new_figure(look, size, title, note, layout=None) as figure:
        ax = figure.add_axes((0, 0, 1, height / (height + _TITLE)))
        ax.set(xlim=(0, total), ylim=(sum(heights), 0))
        ax.set_axis_off()
        top = 0.0
        for row, own, room in zip(rows, heights, across, strict=True):
            left = (total - room) / 2
            for k in row:
                width, down = scenes[k].size()
                shift = (left + (widths[k] - width) / 2, top + (own - _CAPTION - down) / 2)
                _draw_cell(ax, scenes[k], shift, 72 * inches)
                at = (left + widths[k] / 2, top + own - _CAPTION)
                _write_caption(ax, captions[k], at, 72 * inches)
                left += widths[k] + _GAP
            top += own
    return Drawing(figure, look, _table(cells))


def _rows(widths: Sequence[float]) -> list[list[int]]:
    """Which cells stand side by side: as many as there is room for."""
    rows: list[list[int]] = []
    room = 0.0
    for k, width in enumerate(widths):
        if not rows or width + _GAP > room:
            rows.append([])
            room = _MOST_ACROSS + _GAP
        rows[-1].append(k)
        room -= width + _GAP
    return rows


def _caption(name: str, genotype: Genotype) -> tuple[str, str]:
    found = topology(genotype.normal)
    width = plain_number(found.fractional_width)
    words = f"width {width:g}c"
    if width != found.strict_width:
        words += f" (strict {found.strict_width}c)"
    words += f", depth {found.depth}"
    if found.dead_nodes:
        words += f", dead: {', '.join(map(str, found.dead_nodes))}"
    return shortened(name), words


def _write_caption(
    ax: Any, caption: tuple[str, str], at: tuple[float, float], points: float
) -> None:
    look: dict[str, Any] = {"ha": "center", "va": "top", "color": INK}
    ax.text(at[0], at[1] + 2, caption[0], fontsize=13 * points, fontweight="bold", **look)
    ax.text(at[0], at[1] + 20, caption[1], fontsize=12 * points, **look)


def _draw_cell(ax: Any, scene: Scene, shift: tuple[float, float], points: float) -> None:
    """A cell with its top left corner at ``shift``; ``points`` are those of a pixel."""
    for route in scene.layout.routes:
        _draw_edge(ax, scene, route, shift, points)
    for number in range(scene.cell.num_inputs + scene.cell.num_nodes + 1):
        fill, faint = scene.node_fill(number), number in scene.dead
        _draw_box(ax, scene, number, shift, points, fill=fill, height=NODE, edge=INK, faint=faint)


def _draw_edge(
    ax: Any, scene: Scene, route: Route, shift: tuple[float, float], points: float
) -> None:
    right, down = shift
    places: list[tuple[float, float]] = []
    codes: list[Any] = []
    for stroke in scene.strokes(route):
        pairs = list(zip(stroke.points[::2], stroke.points[1::2], strict=True))
        places += [(x + right, y + down) for x, y in pairs]
        codes += [{"M": Line.MOVETO, "H": Line.LINETO, "C": Line.CURVE4}[stroke.command]] * len(
            pairs
        )
    faint = scene.is_faint(route)
    look: dict[str, Any] = {
        "edgecolor": GREY,
        "linewidth": 1.4 * points,
        "linestyle": (0, (3, 2)) if faint else "-",
        "alpha": _FAINT if faint else 1.0,
    }
    ax.add_patch(PathPatch(Line(places, codes), facecolor="none", zorder=1, **look))
    x, y = places[-1]
    head = [(x, y), (x - 7, y - 3.5), (x - 7, y + 3.5)]
    ax.add_patch(Polygon(head, facecolor=GREY, edgecolor="none", alpha=look["alpha"], zorder=2))
    if route.operation is not None:
        fill, number = operation_fill(route.operation), route.boxes[-2]
        _draw_box(
            ax, scene, number, shift, points, fill=fill, height=OPERATION, edge=GREY, faint=faint
        )


def _draw_box(
    ax: Any,
    scene: Scene,
    number: int,
    shift: tuple[float, float],
    points: float,
    *,
    fill: str,
    height: float,
    edge: str,
    faint: bool,
) -> None:
    x, y = (a + b for a, b in zip(scene.middle(number), shift, strict=True))
    half = scene.half(number)
    round_by = 5.0 if height == NODE else height / 2
    style = f"round,pad=0,rounding_size={round_by}"
    look: dict[str, Any] = {"linestyle": (0, (3, 2)) if faint else "-", "zorder": 3}
    if faint:
        look["alpha"] = _FAINT
    ax.add_patch(
        FancyBboxPatch(
            (x - half, y - height / 2),
            2 * half,
            height,
            boxstyle=style,
            facecolor=fill,
            edgecolor=edge,
            linewidth=points,
            **look,
        )
    )
    # Letters are drawn by their baseline, so that "skip" stands as high as "sep".
    ax.text(
        x, y + 0.36 * LETTERS, scene.labels[number], ha="center", va="baseline", color=INK,
        fontsize=0.92 * LETTERS * points, zorder=4, alpha=0.6 if faint else 1.0,
    )  # fmt: skip


def _table(cells: Sequence[Named]) -> bytes:
    """Widths and depths of normal and reduction cells."""
    rows = []
    for name, genotype in cells:
        for kind in ("normal", "reduce"):
            found = topology(getattr(genotype, kind), reduction=kind == "reduce").as_dict()
            found["dead_nodes"] = " ".join(map(str, found["dead_nodes"]))  # type: ignore[call-overload]
            rows.append([name, kind, *found.values()])
    names = topology(cells[0][1].normal).as_dict()
    return csv_bytes(["name", "cell", *names], rows)
