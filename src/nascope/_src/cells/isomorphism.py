"""Which cells are the same up to the order of their nodes and edges.

Colours are refined until they are stable (a node's colour is what it reads and who reads it), then
one of the nodes that still look alike is singled out and the refinement goes on; of the orders
reached so, the one with the smallest certificate is canonical. Where a second choice leads at once
to a certificate already seen, the two nodes are exchanged by a symmetry of the cell and the rest of
that branch is skipped, so that symmetric cells cost little.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nascope._src.cells.genotype import Cell, Edge
from nascope._src.cells.graph import heights

Certificate = tuple[tuple[tuple[tuple[str, int], ...], ...], tuple[int, ...]]


def canonical(cell: Cell, *, operations: bool = True, inputs: bool = True) -> Cell:
    """The same cell for every cell that is isomorphic to this one.

    Args:
        operations: whether isomorphic cells must agree in their operations; if not, every edge of
            the result is a ``skip_connect``.
        inputs: whether input 0 must correspond to input 0; if not, inputs may be exchanged.

    >>> a = Cell(nodes=((("skip_connect", 0),), (("sep_conv_3x3", 1),)), concat=(2, 3))
    >>> b = Cell(nodes=((("sep_conv_3x3", 1),), (("skip_connect", 0),)), concat=(3, 2))
    >>> canonical(a) == canonical(b)
    True
    """
    graph = _Graph(cell, operations=operations)
    height = heights(cell)
    colours = [
        (height[node], node if inputs and node < cell.num_inputs else 0, node in cell.concat)
        for node in range(graph.size)
    ]
    search = _Search(graph)
    search.explore(graph.refined(_ranks(colours)))
    assert search.best is not None
    nodes, concat = search.best
    return Cell(
        nodes=tuple(tuple(Edge(*edge) for edge in node) for node in nodes),
        concat=concat,
        num_inputs=cell.num_inputs,
    )


def isomorphic(a: Cell, b: Cell, *, operations: bool = True, inputs: bool = True) -> bool:
    """Whether two cells are the same up to the order of nodes and edges; see `canonical`."""
    if (a.num_inputs, a.num_nodes, len(a.edges)) != (b.num_inputs, b.num_nodes, len(b.edges)):
        return False
    one, other = (canonical(cell, operations=operations, inputs=inputs) for cell in (a, b))
    return one == other


def distinct(cells: Iterable[Cell], *, operations: bool = True, inputs: bool = True) -> list[Cell]:
    """The first of each class of isomorphic cells, in order."""
    seen: dict[Cell, Cell] = {}
    for cell in cells:
        seen.setdefault(canonical(cell, operations=operations, inputs=inputs), cell)
    return list(seen.values())


def _ranks(colours: Sequence[Any]) -> list[int]:
    """Colours as numbers in the order of their values."""
    rank = {colour: number for number, colour in enumerate(sorted(set(colours)))}
    return [rank[colour] for colour in colours]


class _Graph:
    """A cell as lists of neighbours; inputs and intermediate nodes, without the output."""

    def __init__(self, cell: Cell, *, operations: bool) -> None:
        self.cell = cell
        self.size = cell.num_inputs + cell.num_nodes
        self.before: list[list[tuple[str, int]]] = [[] for _ in range(self.size)]
        self.after: list[list[tuple[str, int]]] = [[] for _ in range(self.size)]
        for node, edges in enumerate(cell.nodes, start=cell.num_inputs):
            for operation, source in edges:
                label = operation if operations else "skip_connect"
                self.before[node].append((label, source))
                self.after[source].append((label, node))

    def refined(self, colours: list[int]) -> list[int]:
        """The coarsest stable colouring that is at least as fine; the order is kept."""
        while True:
            finer = _ranks(
                [
                    (
                        colours[node],
                        tuple(sorted((label, colours[o]) for label, o in self.before[node])),
                        tuple(sorted((label, colours[o]) for label, o in self.after[node])),
                    )
                    for node in range(self.size)
                ]
            )
            if max(finer) == max(colours):
                return finer
            colours = finer

    def neighbourhood(self, node: int) -> tuple[tuple[tuple[str, int], ...], ...]:
        """What a node reads and who reads it: equal for twins, which may be exchanged."""
        return tuple(sorted(self.before[node])), tuple(sorted(self.after[node]))

    def certificate(self, place: list[int]) -> Certificate:
        """The cell written down in the order that discrete colours give."""
        order = sorted(range(self.cell.num_inputs, self.size), key=place.__getitem__)
        nodes = tuple(
            tuple(sorted((label, place[source]) for label, source in self.before[node]))
            for node in order
        )
        return nodes, tuple(sorted(place[node] for node in self.cell.concat))


@dataclass
class _Search:
    """The smallest certificate over all ways to break ties."""

    graph: _Graph
    best: Certificate | None = None
    seen: set[Certificate] = field(default_factory=set)

    def explore(self, colours: list[int]) -> None:
        """Visit every order that refines these colours, but for symmetric ones."""
        tied = _first_tie(colours)
        if not tied:
            certificate = self.graph.certificate(colours)
            self.seen.add(certificate)
            if self.best is None or certificate < self.best:
                self.best = certificate
            return
        tried: set[tuple[tuple[tuple[str, int], ...], ...]] = set()
        for node in tied:
            twin = self.graph.neighbourhood(node)
            if twin in tried:
                continue  # reads and is read exactly as an earlier choice
            finer = self.graph.refined(_singled_out(colours, node))
            if tried and self._first_leaf(finer) in self.seen:
                continue  # a symmetry maps an earlier choice to this one
            tried.add(twin)
            self.explore(finer)

    def _first_leaf(self, colours: list[int]) -> Certificate:
        while tied := _first_tie(colours):
            colours = self.graph.refined(_singled_out(colours, tied[0]))
        return self.graph.certificate(colours)


def _first_tie(colours: list[int]) -> list[int]:
    """The nodes of the first colour that several share."""
    members: dict[int, list[int]] = {}
    for node, colour in enumerate(colours):
        members.setdefault(colour, []).append(node)
    return next((nodes for _, nodes in sorted(members.items()) if len(nodes) > 1), [])


def _singled_out(colours: list[int], node: int) -> list[int]:
    """The colouring with this node before all others of its colour."""
    return _ranks([(colour, other != node) for other, colour in enumerate(colours)])
