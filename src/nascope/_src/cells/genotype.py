"""Genotypes: the immutable description of a normal and a reduction cell, and its plain form.

A cell is a directed acyclic graph. Node 0 … M−1 are its inputs (the outputs of the M preceding
cells), the following are intermediate nodes, each of which sums its edges; the output concatenates
the nodes in ``concat``. An edge is an operation applied to an earlier node, its source.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from nascope._src.cells.drawing import cell_svg, cells_html
from nascope._src.cells.entries import (
    MAX_NODES,
    is_index,
    lists_all_edges,
    normalised,
    placed,
    short,
)
from nascope._src.errors import GenotypeError

OPERATIONS = (
    "skip_connect",
    "max_pool_3x3",
    "max_pool_5x5",
    "max_pool_7x7",
    "avg_pool_3x3",
    "avg_pool_5x5",
    "avg_pool_7x7",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "dil_conv_7x7",
    "conv_1x1",
    "conv_3x3",
    "conv_5x5",
    "conv_7x7",
    "conv_3x1_1x3",
    "conv_1x3_3x1",
    "conv_7x1_1x7",
    "conv_1x7_7x1",
)
"""Names of the operations that an edge may carry, as in the published genotypes."""

_KNOWN = "known are skip_connect, and conv, sep_conv, dil_conv, max_pool and avg_pool with _3x3 …"

NO_OPERATION = ("none", "null", "zero")
"""What published genotypes write for an edge that is not there; readers drop it."""


class Edge(NamedTuple):
    """One edge: ``operation`` applied to the output of node ``source``."""

    operation: str
    source: int


@dataclass(frozen=True)
class Cell:
    """A cell: the edges into each intermediate node, and the nodes that the output concatenates.

    Args:
        nodes: for each intermediate node, in order, its incoming edges.
        concat: indices of the nodes that the output concatenates, counted with the inputs first.
        num_inputs: number M of input nodes.

    Raises:
        GenotypeError: an edge does not point backwards, an operation is unknown, or ``concat``
            names a node that is not intermediate or names one twice.

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

    @property
    def sources(self) -> tuple[tuple[int, ...], ...]:
        """For each intermediate node the sources of its edges: the wiring without operations."""
        return tuple(tuple(edge.source for edge in node) for node in self.nodes)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """All edges, node by node."""
        return tuple(edge for node in self.nodes for edge in node)

    def _repr_svg_(self) -> str:
        return cell_svg(self)


@dataclass(frozen=True)
class Genotype:
    """A normal and a reduction cell. The name is a label only: equality ignores it."""

    normal: Cell
    reduce: Cell
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.normal.num_inputs != self.reduce.num_inputs:
            raise GenotypeError(
                "normal and reduction cell must read the same number of preceding cells, but read "
                f"{self.normal.num_inputs} and {self.reduce.num_inputs}"
            )

    def __str__(self) -> str:
        return format_text(self)

    def named(self, name: str) -> Genotype:
        """The same genotype under another name."""
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
            raise GenotypeError(f"node {index} has no incoming edge")
        for edge in node:
            _check_edge(edge, index)
    last = cell.num_inputs + cell.num_nodes - 1
    if not cell.concat:
        raise GenotypeError("concat is empty: the output must concatenate at least one node")
    for node_index in cell.concat:
        if not is_index(node_index) or not cell.num_inputs <= node_index <= last:
            raise GenotypeError(
                f"concat names node {node_index!r}, but the intermediate nodes are "
                f"{cell.num_inputs} to {last}"
            )
    if len(set(cell.concat)) != len(cell.concat):
        raise GenotypeError(f"concat names a node twice: {list(cell.concat)}")


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


def unknown_operation(name: object) -> str:
    """What is wrong with an operation's name, for an error."""
    near = difflib.get_close_matches(str(name)[:40], OPERATIONS, n=1)
    hint = f"the nearest known is {near[0]!r}" if near else _KNOWN
    return f"unknown operation {short(name)}; {hint}"


# ---------------------------------------------------------------- the field's plain form

FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
_LABELS = ("name", "source", "num_inputs")  # fields that a genotype may have besides


def from_dict(fields: dict[str, Any], notes: list[str] | None = None) -> Genotype:
    """A genotype from its four fields, as JSON holds them; an optional ``name`` is kept.

    ``normal`` and ``reduce`` list edges in one of the shapes that are found in public code:
    ``(operation, source)``, where entries 2i and 2i+1 belong to intermediate node i (or, in a list
    over *all* edges of a cell, as many as the node has predecessors); ``(operation, source, node)``
    with the last two in either order; ``(operation, source, weight)`` with a fractional weight;
    or one list of ``(operation, source)`` for each node. An edge whose operation is ``none`` (or
    ``null``, ``zero``) is dropped.

    Args:
        notes: what the reader left out is appended here, a sentence each.

    Raises:
        GenotypeError: a field is missing or malformed; the message names the entry.
    """
    notes = [] if notes is None else notes
    missing = [name for name in FIELDS if name not in fields]
    if missing:
        raise GenotypeError(f"genotype lacks {', '.join(missing)}; it needs {', '.join(FIELDS)}")
    unknown = [short(key) for key in fields if key not in (*FIELDS, *_LABELS)]
    if unknown:
        notes.append(f"ignored the fields {', '.join(unknown)}")
    name, num_inputs = fields.get("name"), fields.get("num_inputs", 2)
    if name is not None and not isinstance(name, str):
        raise GenotypeError(f"name: expected text, got {short(name)}")
    if not is_index(num_inputs) or not 1 <= num_inputs <= MAX_NODES:
        raise GenotypeError(f"num_inputs: expected a small number, got {short(num_inputs)}")
    normal, reduce = (
        cell_from_entries(
            fields[kind],
            fields[f"{kind}_concat"],
            num_inputs=num_inputs,
            what=kind,
            notes=notes,
        )
        for kind in ("normal", "reduce")
    )
    return Genotype(normal=normal, reduce=reduce, name=name)


def cell_from_entries(
    entries: Sequence[Any],
    concat: Iterable[int],
    *,
    num_inputs: int = 2,
    what: str = "cell",
    notes: list[str] | None = None,
) -> Cell:
    """A cell from a list of edges in any of the shapes that `from_dict` names.

    Args:
        concat: nodes that the output concatenates.
        what: how an error names the list ("normal", "reduce").
    """
    notes = [] if notes is None else notes
    if not isinstance(entries, (list, tuple)):
        raise GenotypeError(f"{what}: expected a list of (operation, source), got {short(entries)}")
    if not isinstance(concat, (list, tuple, range)):
        raise GenotypeError(f"{what}_concat: expected a list of node indices, got {short(concat)}")
    edges = placed(entries, concat, num_inputs, what, notes)
    last = max((node for node, _, _ in edges), default=num_inputs - 1)
    if last >= num_inputs + MAX_NODES:
        raise GenotypeError(f"{what}: node {last} is beyond the {MAX_NODES} that a cell may have")
    nodes: list[list[Edge]] = [[] for _ in range(num_inputs, last + 1)]
    dropped = set()
    for number, (node, operation, source) in enumerate(edges):
        operation_name = normalised(operation)
        if operation_name in NO_OPERATION:
            dropped.add((number, node))
            continue
        where = f"{what}, entry {number}"
        if operation_name not in OPERATIONS:
            raise GenotypeError(f"{where}: {unknown_operation(operation)}")
        if node < num_inputs:
            raise GenotypeError(f"{where}: node {node} is an input and cannot have an edge")
        if not is_index(source) or not 0 <= source < node:
            raise GenotypeError(
                f"{where}: node {node} reads node {short(source)}, but an edge must come from an "
                f"earlier node (0 to {node - 1})"
            )
        nodes[node - num_inputs].append(Edge(operation_name, source))
    for index, edges_in in enumerate(nodes, start=num_inputs):
        if not edges_in:
            gone = sorted(number for number, target in dropped if target == index)
            reason = f" but 'none' (entries {', '.join(map(str, gone))})" if gone else ""
            raise GenotypeError(f"{what}: node {index} has no edge{reason}, so it has no value")
    if dropped:
        notes.append(f"{what}: dropped the edges without an operation: {len(dropped)}")
    try:
        return Cell(nodes=nodes, concat=concat, num_inputs=num_inputs)  # type: ignore[arg-type]
    except GenotypeError as error:
        raise GenotypeError(f"{what} cell: {error}") from None


def to_dict(genotype: Genotype) -> dict[str, Any]:
    """The genotype's four fields as plain lists: the literal that identifies it.

    Edges are ``[operation, source]`` where every node has two, else ``[operation, source, node]``;
    ``num_inputs`` is there where it is not two.
    """
    pairs = all(map(_in_pairs, (genotype.normal, genotype.reduce)))
    fields: dict[str, Any] = {}
    for kind, cell in (("normal", genotype.normal), ("reduce", genotype.reduce)):
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
    """Whether a list of pairs would be read back as this cell."""
    sources = [edge.source for edge in cell.edges]
    return all(len(node) == 2 for node in cell.nodes) and not lists_all_edges(
        sources, cell.concat, cell.num_inputs
    )


def format_text(genotype: Genotype) -> str:
    """DARTS' exchange format, ``Genotype(normal=[…], normal_concat=[…], …)``.

    >>> from nascope._src.cells.catalog import load
    >>> format_text(load("SNAS"))[:47]
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_con"
    """
    parts = []
    for name, value in to_dict(genotype).items():
        if name in ("normal", "reduce"):
            edges = ", ".join(f"({', '.join(map(repr, edge))})" for edge in value)
            parts.append(f"{name}=[{edges}]")
        else:
            parts.append(f"{name}={value}")
    return f"Genotype({', '.join(parts)})"


def format_json(genotype: Genotype, *, indent: int | None = None) -> str:
    """The genotype as a JSON object with its fields, and its name if it has one."""
    named: dict[str, Any] = {"name": genotype.name} if genotype.name else {}
    return json.dumps(named | to_dict(genotype), indent=indent)
