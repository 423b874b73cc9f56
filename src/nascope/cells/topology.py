"""Topology of a cell: depth, width under its three conventions, dead nodes.

Definitions follow Section 3 of the paper. Widths are in units of c, the width of one node.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from nascope.cells.genotype import Cell


def heights(cell: Cell) -> tuple[int, ...]:
    """For each node, inputs first, the number of edges on the longest path from an input to it."""
    longest = [0] * cell.num_inputs
    for sources in cell.sources:
        longest.append(1 + max(longest[source] for source in sources))
    return tuple(longest)


def depth(cell: Cell) -> int:
    """Number of edges on the longest path from an input node to the output node.

    The last edge, from an intermediate node to the output, counts: the smallest depth is 2.

    >>> depth(Cell(nodes=((("skip_connect", 0),), (("skip_connect", 2),)), concat=(3,)))
    3
    """
    height = heights(cell)
    return 1 + max(height[node] for node in cell.concat)


def live_nodes(cell: Cell) -> tuple[int, ...]:
    """Indices of the intermediate nodes from which a path leads to the output."""
    live = set(cell.concat)
    for node in range(cell.num_inputs + cell.num_nodes - 1, cell.num_inputs - 1, -1):
        if node in live:
            live.update(cell.sources[node - cell.num_inputs])
    return tuple(sorted(node for node in live if node >= cell.num_inputs))


def dead_nodes(cell: Cell) -> tuple[int, ...]:
    """Indices of the intermediate nodes that the output does not depend on."""
    live = live_nodes(cell)
    intermediate = range(cell.num_inputs, cell.num_inputs + cell.num_nodes)
    return tuple(node for node in intermediate if node not in live)


def loose_ends(cell: Cell) -> tuple[int, ...]:
    """Indices of the intermediate nodes that no other node reads."""
    read = {source for sources in cell.sources for source in sources}
    intermediate = range(cell.num_inputs, cell.num_inputs + cell.num_nodes)
    return tuple(node for node in intermediate if node not in read)


def input_shares(cell: Cell) -> tuple[Fraction, ...]:
    """For each intermediate node the share of its edges that come from an input node."""
    return tuple(
        Fraction(sum(source < cell.num_inputs for source in sources), len(sources))
        for sources in cell.sources
    )


def strict_width(cell: Cell) -> int:
    """Number of intermediate nodes whose edges *all* come from input nodes (submission)."""
    return sum(share == 1 for share in input_shares(cell))


def fractional_width(cell: Cell) -> Fraction:
    """Sum over the intermediate nodes of the share of edges that come from inputs (published)."""
    return sum(input_shares(cell), Fraction(0))


def live_width(cell: Cell) -> Fraction:
    """Fractional width over those nodes only that reach the output."""
    shares = input_shares(cell)
    return sum((shares[node - cell.num_inputs] for node in live_nodes(cell)), Fraction(0))


@dataclass(frozen=True)
class Topology:
    """The numbers that describe a cell's wiring; widths in units of c."""

    strict_width: int
    fractional_width: Fraction
    live_width: Fraction
    depth: int
    intermediate_nodes: int
    dead_nodes: tuple[int, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain numbers, for JSON: a whole width is an integer."""
        return {
            "strict_width": self.strict_width,
            "fractional_width": plain_number(self.fractional_width),
            "live_width": plain_number(self.live_width),
            "depth": self.depth,
            "intermediate_nodes": self.intermediate_nodes,
            "dead_nodes": list(self.dead_nodes),
        }


def plain_number(value: Fraction) -> int | float:
    """A fraction as an integer where it is whole, else as a float."""
    return int(value) if value.denominator == 1 else float(value)


def topology(cell: Cell) -> Topology:
    """Measure a cell's wiring.

    >>> from nascope.cells.catalog import load
    >>> topology(load("DARTS").normal).as_dict()["fractional_width"]
    3.5
    """
    return Topology(
        strict_width=strict_width(cell),
        fractional_width=fractional_width(cell),
        live_width=live_width(cell),
        depth=depth(cell),
        intermediate_nodes=cell.num_nodes,
        dead_nodes=dead_nodes(cell),
    )
