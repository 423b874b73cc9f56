"""A canonical form: equal for cells that differ only in the order of their nodes and edges.

The search colours the nodes. A node's colour depends on the nodes that it reads and the nodes that
read it, and colours are refined until they are stable. Then the search singles out one of the
nodes that still look alike and refines again. Of all orders found in this way, the one with the
smallest certificate is canonical. If a second choice leads straight to a known certificate, a
symmetry of the cell exchanges the two nodes, and the rest of that branch is skipped. So symmetric
cells take little time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nascope._src.cells.genotype import Cell, Edge
from nascope._src.cells.graph import heights

Certificate = tuple[tuple[tuple[tuple[str, int], ...], ...], tuple[int, ...]]


def canonical(cell: Cell, *, operations: bool = True, inputs: bool = True) -> Cell:
    """Return the same cell for all cells that are isomorphic.

    Args:
        cell: The cell.
        operations: Whether isomorphic cells must have the same operations. If not, every edge of
            the result is a ``skip_connect``.
        inputs: Whether input 0 must correspond to input 0. If not, inputs may be exchanged.

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
    search.explore(graph.refined(_numbered(colours)))
    assert search.best is not None
    nodes, concat = search.best
    return Cell(
        nodes=tuple(tuple(Edge(*edge) for edge in node) for node in nodes),
        concat=concat,
        num_inputs=cell.num_inputs,
    )


def _numbered(colours: Sequence[Any]) -> list[int]:
    """Replace colours by numbers, in the order of their values."""
    numbers = {colour: number for number, colour in enumerate(sorted(set(colours)))}
    return [numbers[colour] for colour in colours]


class _Graph:
    """A cell as lists of neighbours, for inputs and intermediate nodes, without the output."""

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
        """Return the coarsest stable refinement of a colouring, in the same order of colours."""
        while True:
            finer = _numbered(
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
        """Return what a node reads and what reads it. Twins have the same and may be exchanged."""
        return tuple(sorted(self.before[node])), tuple(sorted(self.after[node]))

    def certificate(self, place: list[int]) -> Certificate:
        """Write down the cell in the order of its colours, which all differ."""
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
        """Visit every order that refines these colours, except symmetric ones."""
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
                continue  # a twin of an earlier choice
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
    """Return the nodes of the first colour that several nodes have."""
    members: dict[int, list[int]] = {}
    for node, colour in enumerate(colours):
        members.setdefault(colour, []).append(node)
    return next((nodes for _, nodes in sorted(members.items()) if len(nodes) > 1), [])


def _singled_out(colours: list[int], node: int) -> list[int]:
    """Put this node before all others of its colour."""
    return _numbered([(colour, other != node) for other, colour in enumerate(colours)])
