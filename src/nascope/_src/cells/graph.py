"""A cell as a graph: its width under each convention, its depth, its dead nodes.

Definitions follow Section 3 of the paper, for any in-degree and any number of inputs. Widths are
in units of c, the width of one node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

IDENTITY = "skip_connect"


class CellGraph(Protocol):
    """The attributes of a `genotype.Cell` that this module and the drawing read.

    `Cell` imports the drawing to show itself in a notebook, so neither may import `Cell`.
    """

    def __hash__(self) -> int: ...
    @property
    def nodes(self) -> Sequence[Sequence[tuple[str, int]]]: ...
    @property
    def concat(self) -> tuple[int, ...]: ...
    @property
    def num_inputs(self) -> int: ...
    @property
    def num_nodes(self) -> int: ...
    @property
    def intermediate(self) -> range: ...
    @property
    def sources(self) -> tuple[tuple[int, ...], ...]: ...


def heights(cell: CellGraph) -> tuple[int, ...]:
    """Return, for each node, the number of edges on the longest path from an input to it.

    Input nodes come first, with height 0.
    """
    longest = [0] * cell.num_inputs
    for sources in cell.sources:
        longest.append(1 + max(longest[source] for source in sources))
    return tuple(longest)


def depth(cell: CellGraph) -> int:
    """Return the number of edges on the longest path from an input node to the output node.

    The last edge, from an intermediate node to the output, counts: the smallest depth is 2.

    >>> from nascope._src.cells.genotype import Cell
    >>> depth(Cell(nodes=((("skip_connect", 0),), (("skip_connect", 2),)), concat=(3,)))
    3
    """
    height = heights(cell)
    return 1 + max(height[node] for node in cell.concat)


def live_nodes(cell: CellGraph) -> tuple[int, ...]:
    """Return the indices of the intermediate nodes from which a path leads to the output."""
    live = set(cell.concat)
    for node in range(cell.num_inputs + cell.num_nodes - 1, cell.num_inputs - 1, -1):
        if node in live:
            live.update(cell.sources[node - cell.num_inputs])
    return tuple(sorted(node for node in live if node >= cell.num_inputs))


def dead_nodes(cell: CellGraph) -> tuple[int, ...]:
    """Return the indices of the intermediate nodes that the output does not depend on."""
    live = live_nodes(cell)
    return tuple(node for node in cell.intermediate if node not in live)


def loose_ends(cell: CellGraph) -> tuple[int, ...]:
    """Return the indices of the intermediate nodes that no other node reads."""
    read = {source for sources in cell.sources for source in sources}
    return tuple(node for node in cell.intermediate if node not in read)


# ---------------------------------------------------------------- width


def input_shares(cell: CellGraph) -> tuple[Fraction, ...]:
    """Return, for each intermediate node, the share of its edges that come from input nodes."""
    return tuple(
        Fraction(sum(source < cell.num_inputs for source in sources), len(sources))
        for sources in cell.sources
    )


def strict_width(cell: CellGraph) -> int:
    """Return the number of intermediate nodes that read input nodes only (submission)."""
    return sum(share == 1 for share in input_shares(cell))


def fractional_width(cell: CellGraph) -> Fraction:
    """Return the sum of `input_shares` over the intermediate nodes (published version)."""
    return sum(input_shares(cell), Fraction(0))


def live_width(cell: CellGraph) -> Fraction:
    """Return the sum of `input_shares` over the nodes that reach the output."""
    shares = input_shares(cell)
    return sum((shares[node - cell.num_inputs] for node in live_nodes(cell)), Fraction(0))


# ---------------------------------------------------------------- identities contracted


@dataclass(frozen=True)
class Effective:
    """Width and depth of a cell after its identity edges are contracted."""

    strict_width: int
    width: Fraction
    depth: int


def effective(cell: CellGraph, *, reduction: bool = False) -> Effective:
    """Contract the identity edges and measure width and depth (see the paper's Figure 17).

    If a node reads another node through an identity, it adds that node's own edges to its sum, so
    those edges replace the identity. A node that is a sum of inputs counts as an input to its
    readers. An identity edge from an input has length 0; every other edge, including the edge to
    the output, has length 1.

    Args:
        reduction: Whether this is a reduction cell. There a skip from an input has stride 2: it is
            a factorised reduce, not an identity.

    >>> from nascope._src.cells.catalog import load
    >>> float(effective(load("SNAS").reduce, reduction=True).width)  # 2.5 without contraction
    3.5
    """
    height = [0] * cell.num_inputs
    direct = [0] * cell.num_inputs  # edges from inputs, after contraction
    total = [0] * cell.num_inputs
    for node in cell.nodes:
        tallest = from_inputs = edges = 0
        for operation, source in node:
            identity = operation == IDENTITY and not (reduction and source < cell.num_inputs)
            tallest = max(tallest, height[source] + (not identity))
            if identity and source >= cell.num_inputs:
                from_inputs += direct[source]
                edges += total[source]
            else:
                from_inputs += height[source] == 0
                edges += 1
        height.append(tallest)
        direct.append(from_inputs)
        total.append(edges)
    shares = [Fraction(direct[node], total[node]) for node in cell.intermediate]
    return Effective(
        strict_width=sum(share == 1 for share in shares),
        width=sum(shares, Fraction(0)),
        depth=1 + max(height[node] for node in cell.concat),
    )


# ---------------------------------------------------------------- all measures


@dataclass(frozen=True)
class Topology:
    """The numbers that describe a cell's wiring; widths in units of c."""

    strict_width: int
    fractional_width: Fraction
    live_width: Fraction
    effective_width: Fraction
    depth: int
    effective_depth: int
    intermediate_nodes: int
    dead_nodes: tuple[int, ...]

    def as_dict(self) -> dict[str, object]:
        """Return plain numbers for JSON: a whole width is an integer."""
        return {
            "strict_width": self.strict_width,
            "fractional_width": plain_number(self.fractional_width),
            "live_width": plain_number(self.live_width),
            "effective_width": plain_number(self.effective_width),
            "depth": self.depth,
            "effective_depth": self.effective_depth,
            "intermediate_nodes": self.intermediate_nodes,
            "dead_nodes": list(self.dead_nodes),
        }


def plain_number(value: Fraction) -> int | float:
    """Return a whole fraction as an integer, any other as a float."""
    return int(value) if value.denominator == 1 else float(value)


def topology(cell: CellGraph, *, reduction: bool = False) -> Topology:
    """Measure a cell's wiring: widths, depth, dead nodes.

    Args:
        cell: A `Cell`: ``genotype.normal`` or ``genotype.reduce``.
        reduction: Whether this is a reduction cell. Only the effective numbers depend on it,
            because there a skip from an input is not an identity.

    Returns:
        A `Topology`; its widths are in units of c, the width of one node.

    >>> import nascope
    >>> nascope.topology(nascope.load_cell("DARTS").normal).fractional_width
    Fraction(7, 2)
    """
    contracted = effective(cell, reduction=reduction)
    return Topology(
        strict_width=strict_width(cell),
        fractional_width=fractional_width(cell),
        live_width=live_width(cell),
        effective_width=contracted.width,
        depth=depth(cell),
        effective_depth=contracted.depth,
        intermediate_nodes=cell.num_nodes,
        dead_nodes=dead_nodes(cell),
    )
