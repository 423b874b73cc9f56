"""Draw cells as SVG, laid out like the paper's figures: inputs left, output right.

The drawing needs no style sheet. It uses filled boxes with dark text and mid-grey edges, so it
reads on a light page, on a dark one and on paper. Families of operations differ in colour, and
every operation is written out. A dead node, from which no path leads to the output, and its edges
are white and dashed. An upright drawing has the inputs at the top, which fits a narrow screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import accumulate
from typing import NamedTuple

from nascope._src.cells.graph import CellGraph, dead_nodes
from nascope._src.cells.layout import Box, Distance, Layout, Route, lay_out
from nascope._src.errors import GenotypeError
from nascope._src.palette import FILLS, GREY, INK, NOTE, operation_fill

MAX_DRAWN = 40  # intermediate nodes; the published cells have at most 8

_MARGIN, _CHANNEL, NODE = 14.0, 40.0, 32.0  # pixels: margin, between columns, height of a node
_SIDE = 4.0  # pixels, the margin beside an upright drawing
_COMPACT_CHANNEL, _UPRIGHT_CHANNEL = 26.0, 20.0
OPERATION, LETTERS = 20.0, 11.5  # pixels: height of an operation, size of letters
_CHARACTER, _LINE = 6.4, 12.0  # pixels: mean width of a character at 11.5 px; between two lines
_UPRIGHT_GAP, _BEND = 4.0, 12.0  # pixels: between boxes of a row, the place of a bend
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
    return scene_svg(make_scene(cell), title=title)


def scene_svg(scene: Scene, *, title: str = "cell") -> str:
    """Draw a cell whose geometry is known; see `cell_svg`."""
    width, height, body = _body(scene)
    return _svg(width, height, body, title)


def cells_svg(cells: Captioned, *, columns: int = 1, title: str = "cells") -> str:
    """Draw several cells row by row, with a caption below each, in one ``<svg>`` element.

    >>> from nascope._src.cells.catalog import load
    >>> cells_svg([("DARTS", load("DARTS").normal), ("SNAS", load("SNAS").normal)])[:4]
    '<svg'
    """
    bodies = [(caption, *_body(make_scene(cell))) for caption, cell in cells]
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
    """The geometry of a cell's drawing, in pixels from the top left corner.

    All of it runs from left to right; an upright drawing exchanges x and y at the end.
    """

    cell: CellGraph
    layout: Layout
    labels: dict[int, str]  # text of each box, line by line; a bend has none
    centres: list[float]  # x of the middle of each column
    widths: list[float]  # width of each column
    dead: frozenset[int]
    upright: bool = False
    inset: float = _MARGIN + NODE / 2  # y of a box whose place in the layout is 0

    def size(self) -> tuple[float, float]:
        """Return the width and height of the drawing."""
        height = max(box.y for box in self.layout.boxes) + self.inset + _MARGIN + NODE / 2
        length = self.centres[-1] + self.widths[-1] / 2 + _MARGIN
        if not self.upright:
            return length, height
        halves = _halves_abreast(self.layout, self.labels)
        reach = max(box.y + half for box, half in zip(self.layout.boxes, halves, strict=True))
        return reach + self.inset + _SIDE, length

    def box_size(self, number: int) -> tuple[float, float]:
        """Return the width and height of a box with a label, as they are drawn."""
        return _box_size(self.labels[number], self.layout.boxes[number], upright=self.upright)

    def middle(self, number: int) -> tuple[float, float]:
        """Return the x and y of the middle of a box."""
        box = self.layout.boxes[number]
        return self.centres[box.column], box.y + self.inset

    def half(self, number: int) -> float:
        """Return half the width of a box. A bend is as wide as its column, to clear the boxes."""
        if number not in self.labels:
            return self.widths[self.layout.boxes[number].column] / 2
        return self.box_size(number)[self.upright] / 2

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


def make_scene(cell: CellGraph, *, compact: bool = False, upright: bool = False) -> Scene:
    """Compute the geometry of a cell's drawing.

    Args:
        compact: Whether to shorten the names and narrow the gaps, for a printed page.
        upright: Whether to draw from top to bottom, with short names on several lines.

    Raises:
        GenotypeError: The cell has more than 40 intermediate nodes.
    """
    if cell.num_nodes > MAX_DRAWN:
        raise GenotypeError(
            f"a cell of {cell.num_nodes} nodes is too large to draw: the limit is {MAX_DRAWN}"
        )
    channel = _UPRIGHT_CHANNEL if upright else _COMPACT_CHANNEL if compact else _CHANNEL

    def labels_of(layout: Layout) -> dict[int, str]:
        labels = _labels(cell, layout)
        if upright or compact:
            labels = {box: _shortened(label) for box, label in labels.items()}
        if upright:
            operations = {k for k in labels if layout.boxes[k].kind == "operation"}
            labels |= {k: labels[k].replace(" ", "\n") for k in operations}
        return labels

    layout = lay_out(cell, (lambda made: _abreast(made, labels_of(made))) if upright else None)
    labels = labels_of(layout)
    sizes = {k: _box_size(label, layout.boxes[k], upright=upright) for k, label in labels.items()}
    widths = [
        max((sizes[box][upright] for box in column if box in sizes), default=0.0)
        for column in layout.columns
    ]
    lefts = accumulate((width + channel for width in widths[:-1]), initial=_MARGIN)
    centres = [left + width / 2 for left, width in zip(lefts, widths, strict=True)]
    scene = Scene(cell, layout, labels, centres, widths, frozenset(dead_nodes(cell)), upright)
    if not upright:
        return scene
    halves = _halves_abreast(layout, labels)
    edge = min(box.y - half for box, half in zip(layout.boxes, halves, strict=True))
    return scene._replace(inset=_SIDE - edge)


def _abreast(layout: Layout, labels: dict[int, str]) -> Distance:
    """Return how far apart boxes and bends of an upright drawing are."""
    halves = _halves_abreast(layout, labels)

    def distance(left: int, right: int) -> float:
        gap = _UPRIGHT_GAP if left in labels or right in labels else 0.0
        return halves[left] + halves[right] + gap

    return distance


def _halves_abreast(layout: Layout, labels: dict[int, str]) -> list[float]:
    """Return half of every box's width in an upright drawing."""
    return [
        _box_size(labels[k], box, upright=True)[0] / 2 if k in labels else _BEND / 2
        for k, box in enumerate(layout.boxes)
    ]


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


def _box_size(label: str, box: Box, *, upright: bool) -> tuple[float, float]:
    """Return the width and height of a box."""
    lines = label.split("\n")
    longest, is_operation = max(map(len, lines)), box.kind == "operation"
    if upright and is_operation:
        return longest * _CHARACTER + 9, len(lines) * _LINE + 6
    width = max(NODE, longest * _CHARACTER + (8 if upright else 14))
    return width, OPERATION if is_operation else NODE


def _curve(x0: float, y0: float, x1: float, y1: float) -> Stroke:
    """Connect one box to the next; the curve is level at both ends."""
    if y0 == y1:
        return Stroke("H", (x1, y1))
    middle = (x0 + x1) / 2
    return Stroke("C", (middle, y0, middle, y1, x1, y1))


# ---------------------------------------------------------------- SVG elements


def _body(scene: Scene) -> tuple[float, float, str]:
    """Return the width and height in pixels, and the elements: lines first, boxes above them."""
    routes = scene.layout.routes
    lines = ["", ""]  # of live edges, of those at dead nodes
    for route in routes:
        lines[scene.is_faint(route)] += "".join(
            _svg_stroke(stroke, upright=scene.upright) for stroke in scene.strokes(route)
        )
    heads = "".join(_head(scene, route) for route in routes)
    boxes = [_operation(scene, route) for route in routes if route.operation is not None]
    ends = scene.cell.num_inputs + 1
    boxes += [_node(scene, number) for number in range(scene.cell.num_nodes + ends)]
    dashed = f"<path d='{lines[1]}' stroke-dasharray='4 3'/>" if lines[1] else ""
    return *scene.size(), (
        f"<g fill='none' stroke='{GREY}' stroke-width='1.4'><path d='{lines[0]}'/>{dashed}</g>"
        f"<path d='{heads}' fill='{GREY}'/>"
        f"<g font-size='{LETTERS:g}' text-anchor='middle' fill='{INK}'>{''.join(boxes)}</g>"
    )


def _svg_stroke(stroke: Stroke, *, upright: bool) -> str:
    xs, ys = stroke.points[::2], stroke.points[1::2]
    if stroke.command == "H":
        return ("V" if upright else "H") + _number(xs[0])
    pairs = zip(ys, xs, strict=True) if upright else zip(xs, ys, strict=True)
    return stroke.command + " ".join(f"{_number(x)} {_number(y)}" for x, y in pairs)


def _number(value: float) -> str:
    return f"{round(value, 1):g}"


def _head(scene: Scene, route: Route) -> str:
    x, y = scene.strokes(route)[-1].points[-2:]
    if scene.upright:
        return f"M{_number(y)} {_number(x)}l-3.5 -7h7z"
    return f"M{_number(x)} {_number(y)}l-7 -3.5v7z"


def _operation(scene: Scene, route: Route) -> str:
    assert route.operation is not None
    hint = f"{route.operation}: {route.source} → {route.target}"
    fill, faint = operation_fill(route.operation), scene.is_faint(route)
    return _box(scene, route.boxes[-2], fill=fill, edge=GREY, faint=faint, hint=hint)


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
    return _box(scene, number, fill=fill, edge=INK, faint=faint, hint=hint)


def _box(scene: Scene, number: int, *, fill: str, edge: str, faint: bool, hint: str) -> str:
    x, y = scene.middle(number)
    if scene.upright:
        x, y = y, x
    width, height = scene.box_size(number)
    radius = 5 if height == NODE else 10
    look, ink = f"fill='{fill}' stroke='{edge}'", ""
    if faint:
        ink = f" fill='{NOTE}'"
        look = f"fill='{FILLS['node']}' stroke='{NOTE}' stroke-dasharray='4 3'"
    lines = scene.labels[number].split("\n")
    first = y + 4 - (len(lines) - 1) * _LINE / 2
    texts = "".join(
        f"<text x='{_number(x)}' y='{_number(first + k * _LINE)}'{ink}>{escape(line)}</text>"
        for k, line in enumerate(lines)
    )
    return (
        f"<g><title>{escape(hint)}</title>"
        f"<rect x='{_number(x - width / 2)}' y='{_number(y - height / 2)}' "
        f"width='{_number(width)}' height='{_number(height)}' rx='{radius}' {look}/>{texts}</g>"
    )
