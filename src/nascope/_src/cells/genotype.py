"""Genotypes: immutable descriptions of a normal and a reduction cell.

A cell is a directed acyclic graph. Nodes 0 … M−1 are its inputs: the outputs of the M preceding
cells. The next nodes are intermediate nodes, each of which sums its edges. The output concatenates
the nodes in ``concat``. An edge applies an operation to an earlier node, its source.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from nascope._src.cells.checks import is_index, is_text, short
from nascope._src.cells.drawing import cell_svg, cells_html
from nascope._src.cells.operation_names import OPERATIONS, unknown_operation
from nascope._src.errors import GenotypeError

CELL_KINDS = ("normal", "reduce")
"""The attributes of a genotype that hold its cells."""

FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
"""The fields of a genotype in the exchange format of DARTS."""

MAX_NODES = 1_000  # intermediate nodes of one cell; the published ones have at most 12


class Edge(NamedTuple):
    """One edge: ``operation`` applied to the output of node ``source``."""

    operation: str
    source: int


@dataclass(frozen=True)
class Cell:
    """A cell: the edges into each intermediate node, and the nodes that the output concatenates.

    A notebook shows a drawing of it.

    Args:
        nodes: The incoming edges of each intermediate node, in order; an edge is
            ``(operation, source)``.
        concat: Indices of the nodes that the output concatenates. Input nodes are counted first.
        num_inputs: Number M of input nodes.

    Raises:
        GenotypeError: An edge does not point backwards, an operation is unknown, or ``concat``
            has a node twice or one that is not intermediate.

    >>> Cell(nodes=((("skip_connect", 0), ("sep_conv_3x3", 1)),), concat=(2,)).num_nodes
    1
    """

    nodes: tuple[tuple[Edge, ...], ...]
    concat: tuple[int, ...]
    num_inputs: int = 2

    def __post_init__(self) -> None:
        nodes = tuple(tuple(Edge(*edge) for edge in node) for node in self.nodes)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "concat", tuple(self.concat))
        _check_cell(self)

    @property
    def num_nodes(self) -> int:
        """Number of intermediate nodes, N − M − 1."""
        return len(self.nodes)

    @property
    def intermediate(self) -> range:
        """Indices of the intermediate nodes."""
        return range(self.num_inputs, self.num_inputs + self.num_nodes)

    @functools.cached_property
    def sources(self) -> tuple[tuple[int, ...], ...]:
        """The sources of each intermediate node's edges: the wiring without operations."""
        return tuple(tuple(edge.source for edge in node) for node in self.nodes)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """All edges, node by node."""
        return tuple(edge for node in self.nodes for edge in node)

    def _repr_svg_(self) -> str:
        return cell_svg(self)


@dataclass(frozen=True)
class Genotype:
    """A normal and a reduction cell.

    The name is a label only: equality ignores it. A notebook shows a drawing of both cells.

    Args:
        normal: The normal cell.
        reduce: The reduction cell.
        name: Label, or None.

    Raises:
        GenotypeError: The two cells have different numbers of inputs, or the name is not text.
    """

    normal: Cell
    reduce: Cell
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.name is not None and not is_text(self.name):
            raise GenotypeError(f"name: expected text, got {short(self.name)}")
        if self.normal.num_inputs != self.reduce.num_inputs:
            raise GenotypeError(
                "expected a normal and a reduction cell with the same number of inputs, but got "
                f"{self.normal.num_inputs} and {self.reduce.num_inputs}"
            )

    def __str__(self) -> str:
        return format_text(self)

    def named(self, name: str) -> Genotype:
        """Return the same genotype under another name."""
        return replace(self, name=name)

    def captioned(self) -> list[tuple[str, Cell]]:
        """Return both cells with the captions of a drawing.

        >>> from nascope._src.cells.catalog import load
        >>> [caption for caption, _ in load("DARTS").captioned()]
        ['DARTS: normal cell', 'DARTS: reduction cell']
        """
        prefix = f"{self.name}: " if self.name else ""
        return [(f"{prefix}normal cell", self.normal), (f"{prefix}reduction cell", self.reduce)]

    def _repr_html_(self) -> str:
        return cells_html(self.captioned())


def _check_cell(cell: Cell) -> None:
    if cell.num_inputs < 1:
        raise GenotypeError(f"a cell needs at least one input node, not {cell.num_inputs}")
    if not 1 <= cell.num_nodes <= MAX_NODES:
        raise GenotypeError(
            f"a cell needs 1 to {MAX_NODES} intermediate nodes, not {cell.num_nodes}"
        )
    for index, node in enumerate(cell.nodes, start=cell.num_inputs):
        if not node:
            raise GenotypeError(f"node {index} needs at least one incoming edge, but has none")
        for edge in node:
            _check_edge(edge, index)
    last = cell.num_inputs + cell.num_nodes - 1
    if not cell.concat:
        raise GenotypeError("concat is empty, but the output must concatenate at least one node")
    for node_index in cell.concat:
        if not is_index(node_index) or not cell.num_inputs <= node_index <= last:
            raise GenotypeError(
                f"concat names node {node_index!r}, but the intermediate nodes are "
                f"{cell.num_inputs} to {last}"
            )
    if len(set(cell.concat)) != len(cell.concat):
        raise GenotypeError(
            f"concat must name each node once, but names a node twice: {list(cell.concat)}"
        )


def _check_edge(edge: Edge, index: int) -> None:
    if edge.operation not in OPERATIONS:
        raise GenotypeError(f"node {index}: {unknown_operation(edge.operation)}")
    if not is_index(edge.source) or edge.source < 0:
        raise GenotypeError(
            f"node {index}: the source of an edge must be a node index, not {short(edge.source)}"
        )
    if edge.source >= index:
        raise GenotypeError(
            f"node {index} reads node {edge.source}, but an edge must come from an earlier node "
            f"(0 to {index - 1})"
        )


# ---------------------------------------------------------------- plain values and text


def to_dict(genotype: Genotype) -> dict[str, Any]:
    """Return the genotype's four fields as plain lists, which identify it.

    Edges are ``[operation, source]`` if every node has two, else ``[operation, source, node]``.
    ``num_inputs`` is included unless it is two.
    """
    pairs = all(map(_in_pairs, (genotype.normal, genotype.reduce)))
    fields: dict[str, Any] = {}
    for kind in CELL_KINDS:
        cell: Cell = getattr(genotype, kind)
        fields[kind] = [
            list(edge) if pairs else [*edge, index]
            for index, node in enumerate(cell.nodes, start=cell.num_inputs)
            for edge in node
        ]
        fields[f"{kind}_concat"] = list(cell.concat)
    if genotype.normal.num_inputs != 2:
        fields["num_inputs"] = genotype.normal.num_inputs
    return fields


def _in_pairs(cell: Cell) -> bool:
    """Return whether a reader would turn a list of pairs back into this cell."""
    sources = [edge.source for edge in cell.edges]
    return all(len(node) == 2 for node in cell.nodes) and not lists_all_edges(
        sources, cell.concat, cell.num_inputs
    )


def lists_all_edges(sources: Sequence[int], concat: Iterable[int], num_inputs: int) -> bool:
    """Return whether a list has one entry from each node to each later one, up to ``max(concat)``.

    Some genotypes list *every* possible edge, with ``none`` for the missing ones. Read as two
    entries per node, such a list would leave its last nodes dead, so no published cell is
    mistaken for one. `to_dict` avoids the ambiguity.
    """
    nodes = [node for node in concat if is_index(node)]
    if not nodes or not num_inputs < max(nodes) < num_inputs + MAX_NODES:
        return False
    start = 0
    for node in range(num_inputs, max(nodes) + 1):
        if sorted(map(str, sources[start : start + node])) != sorted(map(str, range(node))):
            return False
        start += node
    return start == len(sources)


def format_text(genotype: Genotype) -> str:
    """Return the genotype in DARTS' format, ``Genotype(normal=[…], normal_concat=[…], …)``.

    >>> from nascope._src.cells.catalog import load
    >>> format_text(load("SNAS"))[:47]
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_con"
    """
    parts = []
    for name, value in to_dict(genotype).items():
        if name in CELL_KINDS:
            edges = ", ".join(f"({', '.join(map(repr, edge))})" for edge in value)
            parts.append(f"{name}=[{edges}]")
        else:
            parts.append(f"{name}={value}")
    return f"Genotype({', '.join(parts)})"
