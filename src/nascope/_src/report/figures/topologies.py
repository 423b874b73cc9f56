"""Drawings of normal cells, each with its width and depth: Figures 1, 2, 10 and 11."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
_LETTER = 8.0  # pixels, the mean width of a letter in a caption
_TITLE = 0.45  # inches
_FAINT, _DASHED = 0.45, (0, (3, 2))  # of dead nodes and their edges
_CODES = {"M": Line.MOVETO, "H": Line.LINETO, "C": Line.CURVE4}

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
    row_widths = [sum(widths[k] for k in row) + _GAP * (len(row) - 1) for row in rows]
    row_heights = [max(scenes[k].size()[1] for k in row) for row in rows]
    width = max(*row_widths, _LEAST_ACROSS)
    height = sum(row_heights) + _CAPTION * len(rows)
    look = STYLES[style]
    inches = look.width / width  # per pixel
    size = (look.width, height * inches + _TITLE)
    with new_figure(look, size, title, note, layout=None) as figure:
        ax = figure.add_axes((0, 0, 1, height * inches / size[1]))
        ax.set(xlim=(0, width), ylim=(height, 0))
        ax.set_axis_off()
        top = 0.0
        for row, row_width, row_height in zip(rows, row_widths, row_heights, strict=True):
            left = (width - row_width) / 2
            for k in row:
                scene_width, scene_height = scenes[k].size()
                right = left + (widths[k] - scene_width) / 2
                down = top + (row_height - scene_height) / 2
                _Pen(ax, scenes[k], right, down, 72 * inches).draw_cell()
                middle = left + widths[k] / 2
                for line, (below, letters, weight) in zip(
                    captions[k], ((2, 13, "bold"), (20, 12, "normal")), strict=True
                ):
                    ax.text(
                        middle, top + row_height + below, line, ha="center", va="top", color=INK,
                        fontsize=letters * 72 * inches, fontweight=weight,
                    )  # fmt: skip
                left += widths[k] + _GAP
            top += row_height + _CAPTION
    return Drawing(figure, look, _table(cells))


def _rows(widths: Sequence[float]) -> list[list[int]]:
    """Put as many cells side by side as there is room for."""
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
    numbers = topology(genotype.normal)
    width = plain_number(numbers.fractional_width)
    words = f"width {width:g}c"
    if width != numbers.strict_width:
        words += f" (strict {numbers.strict_width}c)"
    words += f", depth {numbers.depth}"
    if numbers.dead_nodes:
        words += f", dead: {', '.join(map(str, numbers.dead_nodes))}"
    return shortened(name), words


@dataclass(frozen=True)
class _Pen:
    """Draws a cell whose top left corner is at ``right`` and ``down``, in pixels.

    Attributes:
        points: per pixel.
    """

    ax: Any
    scene: Scene
    right: float
    down: float
    points: float

    def draw_cell(self) -> None:
        scene = self.scene
        for route in scene.layout.routes:
            self._draw_edge(route)
        for number in range(scene.cell.num_inputs + scene.cell.num_nodes + 1):
            fill, faint = scene.node_fill(number), number in scene.dead
            self._draw_box(number, fill=fill, height=NODE, edge=INK, faint=faint)

    def _draw_edge(self, route: Route) -> None:
        places: list[tuple[float, float]] = []
        codes: list[Any] = []
        for stroke in self.scene.strokes(route):
            pairs = list(zip(stroke.points[::2], stroke.points[1::2], strict=True))
            places += [(x + self.right, y + self.down) for x, y in pairs]
            codes += [_CODES[stroke.command]] * len(pairs)
        faint = self.scene.is_faint(route)
        alpha = _FAINT if faint else 1.0
        line = {"edgecolor": GREY, "linewidth": 1.4 * self.points, "alpha": alpha, "zorder": 1}
        line["linestyle"] = _DASHED if faint else "-"
        self.ax.add_patch(PathPatch(Line(places, codes), facecolor="none", **line))
        x, y = places[-1]
        head = [(x, y), (x - 7, y - 3.5), (x - 7, y + 3.5)]
        self.ax.add_patch(Polygon(head, facecolor=GREY, edgecolor="none", alpha=alpha, zorder=2))
        if route.operation is not None:
            fill = operation_fill(route.operation)
            self._draw_box(route.boxes[-2], fill=fill, height=OPERATION, edge=GREY, faint=faint)

    def _draw_box(self, number: int, *, fill: str, height: float, edge: str, faint: bool) -> None:
        x, y = self.scene.middle(number)
        x, y, half = x + self.right, y + self.down, self.scene.half(number)
        corner = 5.0 if height == NODE else height / 2
        box = FancyBboxPatch(
            (x - half, y - height / 2), 2 * half, height,
            boxstyle=f"round,pad=0,rounding_size={corner}",
            facecolor=fill, edgecolor=edge, linewidth=self.points, zorder=3,
            linestyle=_DASHED if faint else "-", alpha=_FAINT if faint else None,
        )  # fmt: skip
        self.ax.add_patch(box)
        # letters are placed by their baseline, so that "skip" is as high as "sep"
        self.ax.text(
            x, y + 0.36 * LETTERS, self.scene.labels[number], ha="center", va="baseline",
            color=INK, fontsize=0.92 * LETTERS * self.points, zorder=4,
            alpha=0.6 if faint else 1.0,
        )  # fmt: skip


def _table(cells: Sequence[Named]) -> bytes:
    """Widths and depths of normal and reduction cells."""
    names, rows = topology(cells[0][1].normal).as_dict(), []
    for name, genotype in cells:
        for kind in ("normal", "reduce"):
            numbers = topology(getattr(genotype, kind), reduction=kind == "reduce")
            dead = " ".join(map(str, numbers.dead_nodes))
            rows.append([name, kind, *{**numbers.as_dict(), "dead_nodes": dead}.values()])
    return csv_bytes(["name", "cell", *names], rows)
