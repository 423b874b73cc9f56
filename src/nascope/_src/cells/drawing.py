"""A cell as SVG, laid out like the paper's figures: inputs left, output right.

The drawing holds its own colours: filled boxes with dark text and mid-grey edges, so that it reads
on a light page, on a dark one and on paper, without a style sheet. Families of operations differ
in colour (Okabe and Ito's palette, which colour-blind readers can tell apart) and every operation
is written out. A dead node, from which no path leads to the output, is faint and dashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import accumulate
from typing import NamedTuple

from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.cells.layout import Layout, Route, layout
from nascope._src.cells.topology import dead_nodes
from nascope._src.errors import GenotypeError

MAX_DRAWN = 40  # intermediate nodes; the published cells have at most 8

FILLS = {  # Okabe & Ito (2008), lightened so that dark text stands out on each by 7:1 or more
    "sep": "#8cc4e8",
    "dil": "#7fd0b4",
    "conv": "#e9b3d2",
    "max": "#f3c164",
    "avg": "#f4e98c",
    "skip": "#e4e4e4",
    "node": "#ffffff",
    "end": "#cfcfcf",  # inputs and output
}
EDGE, INK = "#7b7b7b", "#111111"  # the grey has a contrast of 4.2:1 on white and on near-black
_MARGIN, _CHANNEL, NODE = 14.0, 40.0, 32.0  # pixels: rim, between columns, a node's height
_COMPACT_CHANNEL = 26.0
OPERATION, LETTERS = 20.0, 11.5  # pixels: an operation's height, and the size of letters
_CHARACTER = 6.4  # pixels, the mean width of one at 11.5 px
_FONT = "font-family='Helvetica,Arial,DejaVu Sans,sans-serif'"


def cell_svg(cell: Cell, *, title: str | None = None) -> str:
    """The cell as a drawing, an ``<svg>`` element that stands alone or inline in HTML.

    Args:
        title: what a screen reader and a mouse pointer say; any text, escaped here.

    Raises:
        GenotypeError: the cell has more than 40 intermediate nodes.

    >>> from nascope._src.cells.catalog import load
    >>> cell_svg(load("DARTS").normal).startswith("<svg ")
    True
    """
    width, height, body = _body(cell)
    return _svg(width, height, body, title or "cell")


def genotype_svg(genotype: Genotype) -> str:
    """Both cells of a genotype, the normal one above, in one ``<svg>`` element."""
    parts, top, widest = [], 0.0, 0.0
    for kind, cell in (("normal", genotype.normal), ("reduction", genotype.reduce)):
        width, height, body = _body(cell)
        name = f"{genotype.name}: {kind} cell" if genotype.name else f"{kind} cell"
        heading = (
            f"<text x='{_MARGIN:g}' y='{top + 20:g}' font-size='13' fill='{EDGE}'>"
            f"{_text(name)}</text>"
        )
        parts.append(f"{heading}<g transform='translate(0 {top + 24:g})'>{body}</g>")
        widest = max(widest, width, 2 * _MARGIN + _CHARACTER * 1.2 * len(name))
        top += height + 24
    return _svg(widest, top, "".join(parts), genotype.name or "genotype")


def gallery_svg(cells: Sequence[tuple[str, Cell]], *, columns: int = 2, title: str = "") -> str:
    """Several cells with a caption each, row by row, in one ``<svg>`` element.

    >>> from nascope._src.cells.catalog import load
    >>> gallery_svg([("DARTS", load("DARTS").normal), ("SNAS", load("SNAS").normal)])[:4]
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
        height = max(height for _, _, height, _ in row)
        for (caption, _, own, body), width in zip(row, widths, strict=False):
            parts.append(
                f"<g transform='translate({left:g} {top + (height - own) / 2:g})'>{body}</g>"
                f"<text x='{left + _MARGIN:g}' y='{top + height + 8:g}' font-size='13' "
                f"fill='{EDGE}'>{_text(caption)}</text>"
            )
            left += width + _MARGIN
        top += height + 28
    return _svg(sum(widths) + _MARGIN * (len(widths) - 1), top, "".join(parts), title or "cells")


def genotype_html(genotype: Genotype) -> str:
    """Both cells side by side, for a notebook or a page."""
    figures = []
    for kind, cell in (("normal", genotype.normal), ("reduction", genotype.reduce)):
        name = f"{genotype.name}: {kind} cell" if genotype.name else f"{kind} cell"
        drawing = cell_svg(cell, title=name)
        figures.append(
            f"<figure style='margin:0'>{drawing}<figcaption>{_text(name)}</figcaption></figure>"
        )
    return f"<div style='display:flex;flex-wrap:wrap;gap:1.5em'>{''.join(figures)}</div>"


def _svg(width: float, height: float, body: str, title: str) -> str:
    title = _text(title)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0f}' height='{height:.0f}' "
        f"viewBox='0 0 {width:.0f} {height:.0f}' style='max-width:100%;height:auto' role='img' "
        f"aria-label='{title}' {_FONT}><title>{title}</title>{body}</svg>"
    )


def _text(text: str) -> str:
    """Text from outside, safe inside an element or an attribute; XML forbids control characters."""
    return escape("".join(c for c in text if c.isprintable()))


class Stroke(NamedTuple):
    """A piece of a line: "M" to a new place, "H" level to one, or "C", a Bézier curve to one."""

    command: str
    points: tuple[float, ...]  # x, y, …; the last two are where it ends


class Scene(NamedTuple):
    """What every element is drawn from, in pixels from the top left corner."""

    cell: Cell
    layout: Layout
    labels: dict[int, str]  # box → its text; a bend has none
    centres: list[float]  # x of each column's middle
    widths: list[float]  # of each column
    dead: frozenset[int]

    def size(self) -> tuple[float, float]:
        """Width and height of the drawing, in pixels."""
        height = max(box.y for box in self.layout.boxes) + 2 * (_MARGIN + NODE / 2)
        return self.centres[-1] + self.widths[-1] / 2 + _MARGIN, height

    def middle(self, number: int) -> tuple[float, float]:
        """Of a box."""
        box = self.layout.boxes[number]
        return self.centres[box.column], box.y + _MARGIN + NODE / 2

    def half(self, number: int) -> float:
        """Half a box's width. A bend is level across its column, to clear the boxes there."""
        if number not in self.labels:
            return self.widths[self.layout.boxes[number].column] / 2
        return _width(self.labels[number]) / 2

    def strokes(self, route: Route) -> list[Stroke]:
        """An edge's line through its bends. It leaves a gap at its operation's box."""
        found: list[Stroke] = []
        x = y = 0.0
        for number in route.boxes:
            centre, middle = self.middle(number)
            left, right = centre - self.half(number), centre + self.half(number)
            if number != route.boxes[0]:
                found.append(_curve(x, y, left, middle))
            if number != route.boxes[-1]:
                found.append(Stroke("M" if number in self.labels else "H", (right, middle)))
            x, y = (right if number != route.boxes[-1] else left), middle
        return found

    def is_faint(self, route: Route) -> bool:
        """Whether the output does not depend on an edge."""
        return route.source in self.dead or route.target in self.dead

    def kind(self, number: int) -> str:
        """What a node's box is filled as, a key of `FILLS`."""
        return "node" if self.layout.boxes[number].kind == "node" else "end"


def scene_of(cell: Cell, *, compact: bool = False) -> Scene:
    """What a drawing of the cell is made from.

    Args:
        compact: whether names are shortened and columns moved together, for a printed page.

    Raises:
        GenotypeError: the cell has more than 40 intermediate nodes.
    """
    if cell.num_nodes > MAX_DRAWN:
        raise GenotypeError(
            f"a cell of {cell.num_nodes} nodes is too large to draw (at most {MAX_DRAWN})"
        )
    placed = layout(cell)
    labels = _labels(cell, placed)
    channel = _CHANNEL
    if compact:
        channel = _COMPACT_CHANNEL
        labels = {box: _shortened(label) for box, label in labels.items()}
    widths = [
        max((_width(labels[box]) for box in column if box in labels), default=0.0)
        for column in placed.columns
    ]
    lefts = accumulate((width + channel for width in widths[:-1]), initial=_MARGIN)
    centres = [left + width / 2 for left, width in zip(lefts, widths, strict=True)]
    return Scene(cell, placed, labels, centres, widths, frozenset(dead_nodes(cell)))


def _body(cell: Cell) -> tuple[float, float, str]:
    """Width and height in pixels, and the elements."""
    scene = scene_of(cell)
    edges = [_edge(scene, route) for route in scene.layout.routes]
    nodes = [_node(scene, number) for number in range(cell.num_inputs + cell.num_nodes + 1)]
    return *scene.size(), "".join((*edges, *nodes))


def _labels(cell: Cell, placed: Layout) -> dict[int, str]:
    """The text of every box that shows one."""
    output = cell.num_inputs + cell.num_nodes
    labels = {
        node: str(node) if node >= cell.num_inputs else f"input {node}" for node in range(output)
    }
    labels[output] = "output"
    for route in placed.routes:
        if route.operation is not None:
            labels[route.boxes[-2]] = readable(route.operation)
    return labels


def readable(operation: str) -> str:
    """An operation's name as a drawing shows it.

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


def _edge(scene: Scene, route: Route) -> str:
    """The line of an edge through its bends, and its operation's box upon it."""
    strokes = scene.strokes(route)
    path = "".join(_svg_stroke(stroke) for stroke in strokes)
    x, y = strokes[-1].points[-2:]
    faint = scene.is_faint(route)
    style = " opacity='.45' stroke-dasharray='4 3'" if faint else ""
    line = f"<path d='{path}' fill='none' stroke='{EDGE}' stroke-width='1.4'{style}/>"
    head = f"<path d='M{x:.1f} {y:.1f}l-7 -3.5v7z' fill='{EDGE}'{style}/>"
    if route.operation is None:
        return line + head
    fill = operation_fill(route.operation)
    hint = f"{route.operation}: {route.source} → {route.target}"
    box = _box(
        scene, route.boxes[-2], fill=fill, height=OPERATION, edge=EDGE, faint=faint, hint=hint
    )
    return line + head + box


def operation_fill(operation: str) -> str:
    """The colour of an operation's box."""
    return FILLS[operation.split("_", maxsplit=1)[0]]


def _curve(x0: float, y0: float, x1: float, y1: float) -> Stroke:
    """From one box to the next, level at both ends."""
    if y0 == y1:
        return Stroke("H", (x1, y1))
    middle = (x0 + x1) / 2
    return Stroke("C", (middle, y0, middle, y1, x1, y1))


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
    fill = FILLS[scene.kind(number)]
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
