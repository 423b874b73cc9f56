"""Place the nodes of a cell for its drawing: columns, order within a column, coordinates.

The layout is layered (Sugiyama's method). An intermediate node is in column 2·h, where h is the
number of edges on the longest path from an input to it, so the columns *show* the depth. Each
edge's operation has its own box in the column before the edge's target, which keeps the labels
apart. An edge that crosses a column bends there, so it never runs through a box.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from nascope._src.cells.graph import CellGraph, heights

_SWEEPS = 24  # passes over the columns; the paper's cells converge after 4
_PLACINGS = 24  # passes that straighten the edges
_HEIGHTS = {"bend": 12.0, "operation": 24.0, "input": 44.0, "node": 44.0, "output": 44.0}

Distance = Callable[[int, int], float]
"""How far apart the middles of two neighbours in a column must be, by their numbers."""


@dataclass
class Box:
    """A node, the label of an operation, or a bend of an edge."""

    kind: str  # "input", "node", "output", "operation" or "bend"
    column: int
    before: list[int] = field(default_factory=list)  # neighbours one column to the left
    after: list[int] = field(default_factory=list)  # neighbours one column to the right
    y: float = 0.0


@dataclass(frozen=True)
class Route:
    """The boxes that an edge passes, from source to target.

    An edge into the output node has no operation.
    """

    source: int
    target: int
    operation: str | None
    boxes: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """Placed boxes and the routes between them. Box i is node i; the output follows the nodes."""

    boxes: list[Box]
    routes: list[Route]
    columns: list[list[int]]


def lay_out(cell: CellGraph, distance: Callable[[Layout], Distance] | None = None) -> Layout:
    """Place a cell's nodes and operations.

    Args:
        distance: of neighbours, given the layout without coordinates; by default, that of boxes of
            the usual heights.

    >>> from nascope._src.cells.catalog import load
    >>> layout = lay_out(load("DARTS").normal)
    >>> [layout.boxes[node].column for node in range(7)], crossings(layout)
    ([0, 0, 2, 2, 2, 4, 6], 4)
    """
    layout = _layers(cell)
    layout.columns[:] = map(list, _ordered_columns(cell))
    apart = _usual_distance(layout) if distance is None else distance(layout)
    for step in range(_PLACINGS):
        _straighten(layout, apart, forward=step % 2 == 0)
    top = min(box.y for box in layout.boxes)
    for box in layout.boxes:
        box.y -= top
    return layout


@functools.lru_cache(maxsize=1024)  # a page draws every cell twice
def _ordered_columns(cell: CellGraph) -> tuple[tuple[int, ...], ...]:
    layout = _layers(cell)
    _order(layout)
    return tuple(map(tuple, layout.columns))


def _layers(cell: CellGraph) -> Layout:
    """Put boxes into columns, with a bend or a label wherever an edge meets a column."""
    height = heights(cell)
    output = len(height)
    boxes = [
        Box("input" if node < cell.num_inputs else "node", 2 * h) for node, h in enumerate(height)
    ]
    boxes.append(Box("output", 2 * max(height) + 2))
    edges: list[tuple[int, int, str | None]] = [
        (source, target, operation)
        for target, node in enumerate(cell.nodes, start=cell.num_inputs)
        for operation, source in node
    ]
    edges += [(node, output, None) for node in cell.concat]
    routes = []
    for source, target, operation in edges:
        between = range(boxes[source].column + 1, boxes[target].column)
        kinds = ["bend"] * len(between)
        if operation is not None:
            kinds[-1] = "operation"
        path = [source, *range(len(boxes), len(boxes) + len(between)), target]
        boxes += [Box(kind, column) for kind, column in zip(kinds, between, strict=True)]
        for left, right in pairwise(path):
            boxes[left].after.append(right)
            boxes[right].before.append(left)
        routes.append(Route(source, target, operation, tuple(path)))
    columns: list[list[int]] = [[] for _ in range(boxes[output].column + 1)]
    for number, box in enumerate(boxes):
        columns[box.column].append(number)
    return Layout(boxes, routes, columns)


# ---------------------------------------------------------------- order: few crossings


def crossings(layout: Layout) -> int:
    """Count the pairs of edge segments that cross."""
    total = 0
    for left, right in pairwise(layout.columns):
        place = _places(right)
        seen: list[int] = []
        for box in left:
            ends = sorted(place[after] for after in layout.boxes[box].after)
            total += sum(earlier > end for end in ends for earlier in seen)
            seen += ends
    return total


def _order(layout: Layout) -> None:
    """Sort each column by the mean position of its neighbours, sweep by sweep; keep the best order.

    One series of sweeps starts from the order of the nodes, another from its reverse.
    """
    best, fewest = [list(column) for column in layout.columns], crossings(layout)
    for start in (1, -1):
        for column in layout.columns:
            column.sort(reverse=start < 0)
        for sweep in range(_SWEEPS):
            forward = sweep % 2 == 0
            for here, neighbours in _walk(layout.columns, forward):
                _sort_by_mean(layout.boxes, here, _places(neighbours), forward)
                _swap(layout.boxes, here, _places(neighbours), forward)
            count = crossings(layout)
            if count < fewest:
                best, fewest = [list(column) for column in layout.columns], count
            if fewest == 0:
                break
    layout.columns[:] = best


def _walk(columns: list[list[int]], forward: bool) -> Iterator[tuple[list[int], list[int]]]:
    """Yield each column with the column visited before it, from the left or from the right."""
    ordered = columns if forward else columns[::-1]
    for neighbours, here in pairwise(ordered):
        yield here, neighbours


def _places(column: Sequence[int]) -> dict[int, int]:
    return {box: place for place, box in enumerate(column)}


def _near(box: Box, forward: bool) -> list[int]:
    return box.before if forward else box.after


def _sort_by_mean(boxes: list[Box], here: list[int], place: dict[int, int], forward: bool) -> None:
    position = _places(here)
    scale = len(place) / max(len(here), 1)

    def mean_place(box: int) -> float:
        near = _near(boxes[box], forward)
        return _mean([place[other] for other in near]) if near else position[box] * scale

    here.sort(key=mean_place)


def _swap(boxes: list[Box], here: list[int], place: dict[int, int], forward: bool) -> None:
    """Swap adjacent boxes of a column wherever that removes crossings."""
    improved = True
    while improved:
        improved = False
        for i in range(len(here) - 1):
            upper = [place[box] for box in _near(boxes[here[i]], forward)]
            lower = [place[box] for box in _near(boxes[here[i + 1]], forward)]
            now = sum(a > b for a in upper for b in lower)
            then = sum(b > a for a in upper for b in lower)
            if then < now:
                here[i], here[i + 1] = here[i + 1], here[i]
                improved = True


# ---------------------------------------------------------------- coordinates: straight edges


def _usual_distance(layout: Layout) -> Distance:
    boxes = layout.boxes
    return lambda upper, lower: (_HEIGHTS[boxes[upper].kind] + _HEIGHTS[boxes[lower].kind]) / 2


def _straighten(layout: Layout, distance: Distance, *, forward: bool) -> None:
    """Move each box towards the mean height of its neighbours, keeping the order and the gaps.

    Within a column this is least squares under y[i+1] ≥ y[i] + gap: isotonic regression.
    """
    boxes = layout.boxes
    for column in layout.columns if forward else reversed(layout.columns):
        offsets, offset = [], 0.0
        for number, box in enumerate(column):
            if number:
                offset += distance(column[number - 1], box)
            offsets.append(offset)
        wanted = []
        for box, shift in zip(column, offsets, strict=True):
            near = boxes[box].before + boxes[box].after
            goal = _mean([boxes[other].y for other in near]) if near else boxes[box].y
            wanted.append(goal - shift)
        for box, level, shift in zip(column, _isotonic(wanted), offsets, strict=True):
            boxes[box].y = level + shift


def _isotonic(values: Sequence[float]) -> list[float]:
    """Return the non-decreasing sequence nearest to ``values`` (pool adjacent violators).

    >>> _isotonic([1.0, 3.0, 2.0])
    [1.0, 2.5, 2.5]
    """
    pools: list[tuple[float, int]] = []
    for value in values:
        pools.append((value, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (last, m), (previous, n) = pools.pop(), pools.pop()
            pools.append(((last * m + previous * n) / (m + n), m + n))
    return [level for level, count in pools for _ in range(count)]


def _mean(values: Collection[float]) -> float:
    """Return the mean; `statistics` would slow down every start of the command line."""
    return math.fsum(values) / len(values)
