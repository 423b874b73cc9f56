"""Draw cells as SVG, laid out like the paper's figures: inputs left, output right.

The drawing needs no style sheet. It uses filled boxes with dark text and mid-grey edges, so it
reads on a light page, on a dark one and on paper. Families of operations differ in colour, and
every operation is written out. A dead node, from which no path leads to the output, is faint and
dashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import accumulate
from typing import NamedTuple

from nascope._src.cells.graph import CellGraph, dead_nodes
from nascope._src.cells.layout import Layout, Route, lay_out
from nascope._src.errors import GenotypeError
from nascope._src.palette import FILLS, GREY, INK, operation_fill

MAX_DRAWN = 40  # intermediate nodes; the published cells have at most 8

_MARGIN, _CHANNEL, NODE = 14.0, 40.0, 32.0  # pixels: margin, between columns, height of a node
_COMPACT_CHANNEL = 26.0
OPERATION, LETTERS = 20.0, 11.5  # pixels: height of an operation, size of letters
_CHARACTER = 6.4  # pixels, mean width of a character at 11.5 px
_CAPTION = 28.0  # pixels, below a cell
_FONT = "font-family='Helvetica,Arial,DejaVu Sans,sans-serif'"

Captioned = Sequence[tuple[str, CellGraph]]
"""Cells, each with its caption."""


def cell_svg(cell: CellGraph, *, title: str = "cell") -> str:
    """Draw one cell as an ``<svg>`` element, which works alone and inside HTML.

    Args:
        title: Text for screen readers and tooltips; it is escaped here.

    Raises:
        GenotypeError: The cell has more than 40 intermediate nodes.

    >>> from nascope._src.cells.catalog import load
    >>> cell_svg(load("DARTS").normal).startswith("<svg ")
    True
    """
    width, height, body = _body(cell)
    return _svg(width, height, body, title)


def cells_svg(cells: Captioned, *, columns: int = 1, title: str = "cells") -> str:
    """Draw several cells row by row, with a caption below each, in one ``<svg>`` element.

    >>> from nascope._src.cells.catalog import load
    >>> cells_svg([("DARTS", load("DARTS").normal), ("SNAS", load("SNAS").normal)])[:4]
    '<svg'
    """
    bodies = [(caption, *_body(cell)) for caption, cell in cells]
    rows = [bodies[start : start + columns] for start in range(0, len(bodies), columns)]
    widths = [
        max(
            max(row[i][1], 2 * _MARGIN + 1.2 * _CHARACTER * len(row[i][0]))
            for row in rows
            if i < len(row)
        )
        for i in range(min(columns, len(bodies)))
    ]
    parts, top = [], 0.0
    for row in rows:
        left = 0.0
        row_height = max(height for _, _, height, _ in row)
        for (caption, _, height, body), width in zip(row, widths, strict=False):
            parts.append(
                f"<g transform='translate({left:g} {top + (row_height - height) / 2:g})'>{body}</g>"
                f"<text x='{left + _MARGIN:g}' y='{top + row_height + 8:g}' font-size='13' "
                f"fill='{GREY}'>{_clean(caption)}</text>"
            )
            left += width + _MARGIN
        top += row_height + _CAPTION
    return _svg(sum(widths) + _MARGIN * (len(widths) - 1), top, "".join(parts), title)


def cells_html(cells: Captioned) -> str:
    """Draw several cells next to each other, for a notebook or a page."""
    figures = "".join(
        f"<figure style='margin:0'>{cell_svg(cell, title=caption)}"
        f"<figcaption>{_clean(caption)}</figcaption></figure>"
        for caption, cell in cells
    )
    return f"<div style='display:flex;flex-wrap:wrap;gap:1.5em'>{figures}</div>"


def _svg(width: float, height: float, body: str, title: str) -> str:
    title = _clean(title)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0f}' height='{height:.0f}' "
        f"viewBox='0 0 {width:.0f} {height:.0f}' style='max-width:100%;height:auto' role='img' "
        f"aria-label='{title}' {_FONT}><title>{title}</title>{body}</svg>"
    )


def _clean(text: str) -> str:
    """Escape text for an element or an attribute, and drop the characters that XML forbids."""
    return escape("".join(c for c in text if c.isprintable()))


# ---------------------------------------------------------------- geometry


class Stroke(NamedTuple):
    """A segment of a line: "M" moves, "H" draws a level line, "C" draws a Bézier curve."""

    command: str
    points: tuple[float, ...]  # x, y, …; the segment ends at the last two


class Scene(NamedTuple):
    """The geometry of a cell's drawing, in pixels from the top left corner."""

    cell: CellGraph
    layout: Layout
    labels: dict[int, str]  # text of each box; a bend has none
    centres: list[float]  # x of the middle of each column
    widths: list[float]  # width of each column
    dead: frozenset[int]

    def size(self) -> tuple[float, float]:
        """Return the width and height of the drawing."""
        height = max(box.y for box in self.layout.boxes) + 2 * (_MARGIN + NODE / 2)
        return self.centres[-1] + self.widths[-1] / 2 + _MARGIN, height

    def middle(self, number: int) -> tuple[float, float]:
        """Return the x and y of the middle of a box."""
        box = self.layout.boxes[number]
        return self.centres[box.column], box.y + _MARGIN + NODE / 2

    def half(self, number: int) -> float:
        """Return half the width of a box. A bend is as wide as its column, to clear the boxes."""
        if number not in self.labels:
            return self.widths[self.layout.boxes[number].column] / 2
        return _width(self.labels[number]) / 2

    def strokes(self, route: Route) -> list[Stroke]:
        """Return an edge's line through its bends, with a gap at its operation's box."""
        strokes: list[Stroke] = []
        x = y = 0.0
        for number in route.boxes:
            centre, middle = self.middle(number)
            left, right = centre - self.half(number), centre + self.half(number)
            if number != route.boxes[0]:
                strokes.append(_curve(x, y, left, middle))
            if number != route.boxes[-1]:
                strokes.append(Stroke("M" if number in self.labels else "H", (right, middle)))
            x, y = (right if number != route.boxes[-1] else left), middle
        return strokes

    def is_faint(self, route: Route) -> bool:
        """Return whether the edge starts or ends at a dead node."""
        return route.source in self.dead or route.target in self.dead

    def node_fill(self, number: int) -> str:
        """Return the fill of a node's box."""
        return FILLS["node" if self.layout.boxes[number].kind == "node" else "end"]


def make_scene(cell: CellGraph, *, compact: bool = False) -> Scene:
    """Compute the geometry of a cell's drawing.

    Args:
        compact: Whether to shorten the names and narrow the gaps, for a printed page.

    Raises:
        GenotypeError: The cell has more than 40 intermediate nodes.
    """
    if cell.num_nodes > MAX_DRAWN:
        raise GenotypeError(
            f"a cell of {cell.num_nodes} nodes is too large to draw: the limit is {MAX_DRAWN}"
        )
    layout = lay_out(cell)
    labels = _labels(cell, layout)
    channel = _CHANNEL
    if compact:
        channel = _COMPACT_CHANNEL
        labels = {box: _shortened(label) for box, label in labels.items()}
    widths = [
        max((_width(labels[box]) for box in column if box in labels), default=0.0)
        for column in layout.columns
    ]
    lefts = accumulate((width + channel for width in widths[:-1]), initial=_MARGIN)
    centres = [left + width / 2 for left, width in zip(lefts, widths, strict=True)]
    return Scene(cell, layout, labels, centres, widths, frozenset(dead_nodes(cell)))


def _labels(cell: CellGraph, layout: Layout) -> dict[int, str]:
    """Return the text of every box that shows one."""
    output = cell.num_inputs + cell.num_nodes
    labels = {
        node: str(node) if node >= cell.num_inputs else f"input {node}" for node in range(output)
    }
    labels[output] = "output"
    for route in layout.routes:
        if route.operation is not None:
            labels[route.boxes[-2]] = readable(route.operation)
    return labels


def readable(operation: str) -> str:
    """Return an operation's name as a drawing shows it.

    >>> readable("sep_conv_3x3"), readable("conv_7x1_1x7"), readable("skip_connect")
    ('sep conv 3×3', 'conv 7×1 1×7', 'skip')
    """
    words = operation.removesuffix("_connect").split("_")
    return " ".join(word.replace("x", "×") if word[0].isdigit() else word for word in words)


def _shortened(label: str) -> str:
    words = {"input ": "in ", "output": "out", " conv": "", " pool": ""}
    for long, short in words.items():
        label = label.replace(long, short)
    return label


def _width(label: str) -> float:
    return max(NODE, len(label) * _CHARACTER + 14)


def _curve(x0: float, y0: float, x1: float, y1: float) -> Stroke:
    """Connect one box to the next; the curve is level at both ends."""
    if y0 == y1:
        return Stroke("H", (x1, y1))
    middle = (x0 + x1) / 2
    return Stroke("C", (middle, y0, middle, y1, x1, y1))


# ---------------------------------------------------------------- SVG elements


def _body(cell: CellGraph) -> tuple[float, float, str]:
    """Return the width and height in pixels, and the elements."""
    scene = make_scene(cell)
    edges = [_edge(scene, route) for route in scene.layout.routes]
    nodes = [_node(scene, number) for number in range(cell.num_inputs + cell.num_nodes + 1)]
    return *scene.size(), "".join((*edges, *nodes))


def _edge(scene: Scene, route: Route) -> str:
    """Draw the line of an edge through its bends, with its operation's box on top."""
    strokes = scene.strokes(route)
    path = "".join(_svg_stroke(stroke) for stroke in strokes)
    x, y = strokes[-1].points[-2:]
    faint = scene.is_faint(route)
    style = " opacity='.45' stroke-dasharray='4 3'" if faint else ""
    line = f"<path d='{path}' fill='none' stroke='{GREY}' stroke-width='1.4'{style}/>"
    head = f"<path d='M{x:.1f} {y:.1f}l-7 -3.5v7z' fill='{GREY}'{style}/>"
    if route.operation is None:
        return line + head
    fill = operation_fill(route.operation)
    hint = f"{route.operation}: {route.source} → {route.target}"
    box = _box(
        scene, route.boxes[-2], fill=fill, height=OPERATION, edge=GREY, faint=faint, hint=hint
    )
    return line + head + box


def _svg_stroke(stroke: Stroke) -> str:
    points = stroke.points[:1] if stroke.command == "H" else stroke.points
    return stroke.command + " ".join(f"{point:.1f}" for point in points)


def _node(scene: Scene, number: int) -> str:
    faint = number in scene.dead
    kind = scene.layout.boxes[number].kind
    if kind == "input":
        back = scene.cell.num_inputs - number
        hint = f"input {number}: the output of the cell {back} before this one"
    elif kind == "output":
        hint = f"the output concatenates {', '.join(map(str, scene.cell.concat))}"
    elif faint:
        hint = f"node {number} is dead: the output does not depend on it"
    else:
        hint = f"node {number}: the sum of its edges"
    fill = scene.node_fill(number)
    return _box(scene, number, fill=fill, height=NODE, edge=INK, faint=faint, hint=hint)


def _box(
    scene: Scene, number: int, *, fill: str, height: float, edge: str, faint: bool, hint: str
) -> str:
    x, y = scene.middle(number)
    half = scene.half(number)
    radius = 5 if height == NODE else height / 2
    dashes, opacity = (" stroke-dasharray='4 3'", " opacity='.45'") if faint else ("", "")
    return (
        f"<g{opacity}><title>{escape(hint)}</title>"
        f"<rect x='{x - half:.1f}' y='{y - height / 2:.1f}' width='{2 * half:.1f}' "
        f"height='{height:g}' rx='{radius:g}' fill='{fill}' stroke='{edge}'{dashes}/>"
        f"<text x='{x:.1f}' y='{y + 4:.1f}' font-size='{LETTERS:g}' text-anchor='middle' "
        f"fill='{INK}'>{escape(scene.labels[number])}</text></g>"
    )
