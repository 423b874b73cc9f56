"""The spaces that have names, and the one over edges, NAS-Bench-201's.

Two spaces that count wirings differently rank the same cell differently, so a rank names its space:

=================  =================================================================================
``darts``          two distinct sources a node, unordered; all nodes concatenated (Liu et al. 2019)
``independent``    two independent sources a node, ordered, concat kept: how the paper itself draws
                   its random cells (Appendix A.2)
``one-source``     one source a node: what A.2's formula (N−2)!/(M−1)! counts for M = 2
``nasnet``         as ``independent``, but the nodes that no other reads are concatenated
``nas-bench-201``  an operation or none on every edge between four nodes: 15,625 cells
=================  =================================================================================
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from nascope._src.cells.census import CONVENTIONS, Census, Point, Rank, point
from nascope._src.cells.genotype import Cell, Edge
from nascope._src.cells.rng import weighted
from nascope._src.cells.space import Space, Wiring
from nascope._src.errors import GenotypeError


@dataclass(frozen=True)
class EdgeSpace:
    """Cells with at most one edge between any two nodes, each with one of several operations.

    NAS-Bench-201 has one input, three more nodes of which the last is the output (here a node that
    the output alone concatenates), and four operations besides ``none``: 5⁶ = 15,625 cells, counted
    with their operations. Nodes that the input does not reach are no part of the cell; where the
    output is such a node, width and depth are 0.
    """

    name: str = "nas-bench-201"
    nodes: int = 3
    operations: tuple[str, ...] = ("skip_connect", "conv_1x1", "conv_3x3", "avg_pool_3x3")

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= 5:
            raise GenotypeError(
                f"the space {self.name} is counted edge by edge: nodes must be 1 to 5, not "
                f"{self.nodes}"
            )

    def count(self) -> int:
        """Number of cells, with their operations.

        >>> EdgeSpace().count()
        15625
        """
        return (len(self.operations) + 1) ** (self.nodes * (self.nodes + 1) // 2)

    def wirings(self) -> Iterator[Wiring]:
        """Every set of edges; `weight` says how many cells share it."""
        groups = [
            [tuple(itertools.compress(range(node), bits)) for bits in _bits(node)]
            for node in range(1, self.nodes + 1)
        ]
        return itertools.product(*groups)

    def weight(self, wiring: Wiring) -> int:
        """Number of ways to put operations on the edges."""
        return len(self.operations) ** sum(map(len, wiring))

    def cell(self, wiring: Wiring, operation: str = "conv_3x3") -> Cell | None:
        """The cell that the input reaches; None where the output is not reached."""
        place = {0: 0}
        nodes: list[tuple[Edge, ...]] = []
        for node, sources in enumerate(wiring, start=1):
            edges = [Edge(operation, place[source]) for source in sources if source in place]
            if edges:
                place[node] = len(nodes) + 1
                nodes.append(tuple(edges))
        if self.nodes not in place:
            return None
        return Cell(nodes=tuple(nodes), concat=(place[self.nodes],), num_inputs=1)

    @cached_property
    def _points(self) -> dict[Wiring, Point]:
        nowhere = Point(0, Fraction(0), 0)
        cells = {wiring: self.cell(wiring) for wiring in self.wirings()}
        return {wiring: point(cell) if cell else nowhere for wiring, cell in cells.items()}

    def census(self) -> Census:
        """How many cells have each strict width, fractional width and depth, by enumeration."""
        counts: Counter[Point] = Counter()
        for wiring, at in self._points.items():
            counts[at] += self.weight(wiring)
        return Census(self.name, self.nodes, counts)

    def of(self, cell: Cell) -> EdgeSpace:
        """This space, if it holds the cell.

        Raises:
            GenotypeError: it does not; the message says why.
        """
        reason = None
        if cell.num_inputs != 1:
            reason = f"it has {cell.num_inputs} inputs, not 1"
        elif cell.num_nodes > self.nodes:
            reason = f"it has {cell.num_nodes} nodes, more than {self.nodes}"
        elif cell.concat != (cell.num_nodes,):
            reason = f"its output is not the last node alone but {list(cell.concat)}"
        elif any(len(set(sources)) < len(sources) for sources in cell.sources):
            reason = "two edges join the same nodes"
        elif unknown := {edge.operation for edge in cell.edges} - set(self.operations):
            reason = f"it has the operation {min(unknown)}"
        if reason:
            raise GenotypeError(f"the space {self.name} does not hold this cell: {reason}")
        return self

    def sample(
        self,
        generator: random.Random,
        *,
        strict_width: int | None = None,
        fractional_width: Fraction | None = None,
        depth: int | None = None,
    ) -> Wiring:
        """The wiring of a cell drawn uniformly among those of a given width or depth."""
        wanted = (strict_width, fractional_width, depth)
        weights = {
            wiring: self.weight(wiring)
            for wiring, at in self._points.items()
            if all(want is None or want == has for want, has in zip(wanted, at, strict=True))
        }
        if not weights:
            raise GenotypeError(f"the space {self.name} has no cell with that width and depth")
        return list(weights)[weighted(generator, list(weights.values()))]


def _bits(length: int) -> Iterator[tuple[int, ...]]:
    return itertools.product((0, 1), repeat=length)


_NAMED: dict[str, Space | EdgeSpace] = {
    space.name: space
    for space in (
        Space("darts", nodes=4, distinct=True, ordered=False),
        Space("independent", nodes=4, concat="kept"),
        Space("one-source", nodes=4, in_degree=1, concat="kept"),
        Space("nasnet", nodes=5, concat="loose"),
        EdgeSpace(),
    )
}
SPACES = tuple(_NAMED)
"""Names of the spaces."""


def space(name: str, nodes: int | None = None) -> Space | EdgeSpace:
    """The space of that name.

    Args:
        nodes: number of intermediate nodes, if not the usual one.

    Raises:
        GenotypeError: no space has that name, or it cannot have so many nodes.

    >>> space("darts").count(), space("independent", 5).count(), space("one-source").count()
    (180, 518400, 120)
    """
    known = _NAMED.get(name.lower())
    if known is None:
        raise GenotypeError(f"unknown space {name!r}; known are {', '.join(SPACES)}")
    return known if nodes is None else replace(known, nodes=nodes)


def holding(cell: Cell) -> list[Space | EdgeSpace]:
    """The named spaces that hold a cell, with its number of nodes.

    >>> from nascope._src.cells.catalog import load
    >>> [space.name for space in holding(load("NASNet").normal)]
    ['independent', 'nasnet']
    """
    found = []
    for known in _NAMED.values():
        try:
            found.append(known.of(cell))
        except GenotypeError:
            continue
    return found


def ranks(cell: Cell, within: Space | EdgeSpace) -> dict[str, Rank]:
    """The exact shares of a space that are as wide and as shallow as a cell, by convention.

    Args:
        within: a space; its number of nodes (and a kept concat) is taken from the cell.

    Raises:
        GenotypeError: the space does not hold the cell.

    >>> from nascope._src.cells.catalog import load
    >>> ranks(load("SNAS").normal, space("darts"))["strict"].both
    Fraction(1, 180)
    """
    census = within.of(cell).census()
    at = point(cell)
    return {convention: census.rank(at, convention) for convention in CONVENTIONS}
