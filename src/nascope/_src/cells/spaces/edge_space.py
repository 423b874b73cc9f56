"""The space of NAS-Bench-201: an operation, or none, on each edge."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from nascope._src.cells.genotype import Cell, Edge
from nascope._src.cells.rng import weighted
from nascope._src.cells.spaces.census import Census, Point, point
from nascope._src.cells.spaces.space import Space, Wiring
from nascope._src.errors import GenotypeError


@dataclass(frozen=True)
class EdgeSpace(Space):
    """Cells with at most one edge between any two nodes, each with one of several operations.

    NAS-Bench-201 has one input, three more nodes and four operations besides ``none``: 5⁶ = 15,625
    cells, counted with their operations. Its last node is its output; here the output concatenates
    that node alone. Nodes that the input does not reach do not belong to the cell. If the output is
    such a node, width and depth are 0.
    """

    name: str = "nas-bench-201"
    nodes: int = 3
    operations: tuple[str, ...] = ("skip_connect", "conv_1x1", "conv_3x3", "avg_pool_3x3")

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= 5:
            raise GenotypeError(
                f"nodes of the space {self.name} must be 1 to 5, not {self.nodes}: it is counted "
                "edge by edge"
            )

    def count(self) -> int:
        """Return the number of cells, counted with their operations.

        >>> EdgeSpace().count()
        15625
        """
        return (len(self.operations) + 1) ** (self.nodes * (self.nodes + 1) // 2)

    def wirings(self) -> Iterator[Wiring]:
        """Yield every set of edges once; `weight` is the number of cells that have it."""
        groups = [
            [tuple(itertools.compress(range(node), bits)) for bits in _bits(node)]
            for node in range(1, self.nodes + 1)
        ]
        return itertools.product(*groups)

    def weight(self, wiring: Wiring) -> int:
        """Return the number of ways to put operations on the edges."""
        return len(self.operations) ** sum(map(len, wiring))

    def cell(self, wiring: Wiring, operation: str = "conv_3x3") -> Cell | None:
        """Return the cell of the nodes that the input reaches; None if it misses the output."""
        number = {0: 0}  # of each node that is reached
        nodes: list[tuple[Edge, ...]] = []
        for node, sources in enumerate(wiring, start=1):
            edges = [Edge(operation, number[source]) for source in sources if source in number]
            if edges:
                number[node] = len(nodes) + 1
                nodes.append(tuple(edges))
        if self.nodes not in number:
            return None
        return Cell(nodes=tuple(nodes), concat=(number[self.nodes],), num_inputs=1)

    @cached_property
    def _points(self) -> dict[Wiring, Point]:
        nowhere = Point(0, Fraction(0), 0)
        cells = {wiring: self.cell(wiring) for wiring in self.wirings()}
        return {wiring: point(cell) if cell else nowhere for wiring, cell in cells.items()}

    def census(self) -> Census:
        """Count the cells at each strict width, fractional width and depth, by enumeration."""
        counts: Counter[Point] = Counter()
        for wiring, at in self._points.items():
            counts[at] += self.weight(wiring)
        return Census(self.name, self.nodes, counts)

    def for_cell(self, cell: Cell) -> EdgeSpace:
        """Return this space, if it holds the cell.

        Raises:
            GenotypeError: The space does not hold the cell; the message says why.
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
        """Draw a cell uniformly and return its wiring; see `Space.sample`.

        Raises:
            GenotypeError: The space has no such cell.
        """
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
