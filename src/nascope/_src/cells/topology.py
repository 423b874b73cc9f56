"""Topology of a cell: depth, width under its conventions, dead nodes, paths.

Definitions follow Section 3 of the paper, for any in-degree and any number of inputs. Widths are
in units of c, the width of one node, unless they say channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from nascope._src.cells.genotype import Cell
from nascope._src.errors import GenotypeError

IDENTITY = "skip_connect"


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
    return tuple(node for node in cell.intermediate if node not in live)


def loose_ends(cell: Cell) -> tuple[int, ...]:
    """Indices of the intermediate nodes that no other node reads."""
    read = {source for sources in cell.sources for source in sources}
    return tuple(node for node in cell.intermediate if node not in read)


# ---------------------------------------------------------------- width


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


def channel_width(cell: Cell, channels: int | Sequence[int]) -> Fraction:
    """Fractional width in channels: each node's share times the channels of its operations.

    A convolution's width is its number of output channels, that of pooling and of a skip is what
    they pass on (Section 3.1). Under DARTS' scheme all are C, and this is C times the fractional
    width.

    Args:
        channels: of every node, or one number for each intermediate node.

    >>> from nascope._src.cells.catalog import load
    >>> channel_width(load("DARTS").normal, 36)
    Fraction(126, 1)
    """
    numbers = [channels] * cell.num_nodes if isinstance(channels, int) else list(channels)
    if len(numbers) != cell.num_nodes or any(number < 1 for number in numbers):
        raise GenotypeError(
            f"channels must be one positive number, or one for each of {cell.num_nodes} nodes"
        )
    shares = input_shares(cell)
    return sum((s * c for s, c in zip(shares, numbers, strict=True)), Fraction(0))


# ---------------------------------------------------------------- identities contracted


@dataclass(frozen=True)
class Effective:
    """Width and depth of a cell after its identity edges are contracted."""

    strict_width: int
    width: Fraction
    depth: int


def effective(cell: Cell, *, reduction: bool = False) -> Effective:
    """Width and depth with identity edges contracted: what many skips do to a cell (Figure 17).

    A node that reads another through an identity *adds that node's own edges* to its sum, so those
    edges take the identity's place; and a node that is a sum of inputs alone counts as an input to
    its readers. An identity edge from an input has length 0, every other edge length 1, the edge
    to the output too.

    Args:
        reduction: whether this is a reduction cell, where a skip from an input has stride 2 and is
            a factorised reduce, no identity.

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


# ---------------------------------------------------------------- paths


def path_lengths(cell: Cell) -> dict[int, int]:
    """How many paths from an input to the output have each length, in edges, shortest first.

    Two edges between the same nodes are two paths. The longest length is the depth.

    >>> from nascope._src.cells.catalog import load
    >>> path_lengths(load("DARTS").normal)
    {2: 7, 3: 2}
    """
    paths: list[dict[int, int]] = [{0: 1} for _ in range(cell.num_inputs)]
    for sources in cell.sources:
        here: dict[int, int] = {}
        for source in sources:
            for length, count in paths[source].items():
                here[length + 1] = here.get(length + 1, 0) + count
        paths.append(here)
    total: dict[int, int] = {}
    for node in cell.concat:
        for length, count in paths[node].items():
            total[length + 1] = total.get(length + 1, 0) + count
    return dict(sorted(total.items()))


# ---------------------------------------------------------------- all together


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
        """Plain numbers, for JSON: a whole width is an integer."""
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
    """A fraction as an integer where it is whole, else as a float."""
    return int(value) if value.denominator == 1 else float(value)


def topology(cell: Cell, *, reduction: bool = False) -> Topology:
    """Measure a cell's wiring.

    Args:
        reduction: whether this is a reduction cell; only the effective numbers depend on it.

    >>> from nascope._src.cells.catalog import load
    >>> topology(load("DARTS").normal).as_dict()["fractional_width"]
    3.5
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
