"""Cells of the tabular benchmarks: NAS-Bench-201's string and NAS-Bench-101's matrix.

Both benchmarks have one cell with one input, so a genotype read from them has the same cell twice.
It has a topology and a drawing, but no network under DARTS' scheme.

Nodes that the input does not reach are left out, with the edges that leave them. NAS-Bench-201's
last node *is* its output. Here the output concatenates that node alone, so the last edge of a path
counts in the depth, as in the paper. NAS-Bench-101 puts operations on nodes; here each edge into
the node carries its operation. Its edge from input to output is left out, because the output is
not an intermediate node.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from nascope._src.cells.checks import is_index, short
from nascope._src.cells.genotype import Cell, Edge, Genotype
from nascope._src.cells.operation_names import (
    NO_OPERATION,
    OPERATIONS,
    normalised,
    unknown_operation,
)
from nascope._src.errors import DisconnectedCellError, GenotypeError

SHORTCUT = "left out the edge from input to output"
"""The note of NAS-Bench-101's reader on an edge that nascope's cells cannot hold."""

_MAX_VERTICES = 64  # NAS-Bench-101's cells have at most 7, NAS-Bench-201's 4


def _reached(nodes: Sequence[Sequence[Edge]], outputs: Sequence[int], notes: list[str]) -> Genotype:
    """Return the genotype of the nodes that the input reaches. Node 0 is the input."""
    number = {0: 0}  # new number of each node that is kept
    kept: list[list[Edge]] = []
    for node, edges in enumerate(nodes, start=1):
        live = [
            Edge(edge.operation, number[edge.source]) for edge in edges if edge.source in number
        ]
        if live:
            number[node] = len(kept) + 1
            kept.append(live)
    concat = [number[node] for node in outputs if number.get(node)]
    if not concat:
        raise DisconnectedCellError("no path of operations leads from the input to the output")
    if len(kept) < len(nodes):
        notes.append(f"left out {len(nodes) - len(kept)} nodes that the input does not reach")
    notes.append("the format holds one cell: it is used as normal and reduction cell")
    cell = Cell(nodes=kept, concat=concat, num_inputs=1)  # type: ignore[arg-type]
    return Genotype(normal=cell, reduce=cell)


def _only_cell(genotype: Genotype, form: str) -> Cell:
    cell = genotype.normal
    if cell.num_inputs != 1 or genotype.reduce != cell:
        raise GenotypeError(f"{form} holds one cell with one input only")
    if any(len({edge.source for edge in node}) < len(node) for node in cell.nodes):
        raise GenotypeError(f"{form} holds one edge between two nodes only")
    return cell


# ---------------------------------------------------------------- NAS-Bench-201


_INDICES = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
"""NASLib's operations by index (search_spaces/nasbench201/conversions.py, OP_NAMES_NB201)."""
_INDEXED_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))  # EDGE_LIST there, from 0


def is_nas_bench_201(value: Any) -> bool:
    """Return whether a value is ``|op~0|+|op~0|op~1|``, nested tuples of it, or six indices."""
    if isinstance(value, str):
        return value.strip().startswith("|")
    return isinstance(value, list) and (_is_nested(value) or _are_indices(value))


def _is_nested(value: list[Any]) -> bool:
    """Return whether a list has (operation, source) for each node, with one for the first."""
    return (
        1 < len(value) <= _MAX_VERTICES
        and all(isinstance(node, list) and node for node in value)
        and len(value[0]) == 1
        and all(
            isinstance(edge, list) and len(edge) == 2 and isinstance(edge[0], str)
            for node in value
            for edge in node
        )
    )


def _are_indices(value: list[Any]) -> bool:
    return (
        len(value) == len(_INDEXED_EDGES)
        and all(map(is_index, value))
        and all(0 <= index < len(_INDICES) for index in value)
    )


def read_nas_bench_201(value: Any, notes: list[str]) -> Genotype:
    """Read NAS-Bench-201's string: nodes joined by ``+``, each a list of ``operation~source``.

    The same as nested tuples is also read, and NASLib's six indices of operations.

    >>> text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|none~2|"
    >>> read_nas_bench_201(text, []).normal.sources
    ((0,), (1,), (0,))
    >>> read_nas_bench_201([2, 1, 0, 0, 1, 1], []) == read_nas_bench_201(text, [])
    True
    """
    if isinstance(value, list):
        value = _joined(value, notes)
    nodes: list[list[Edge]] = []
    parts = value.strip().split("+")
    if len(parts) > _MAX_VERTICES:
        raise GenotypeError(
            f"a NAS-Bench-201 string may have {_MAX_VERTICES} nodes at most, not {len(parts)}"
        )
    for node, part in enumerate(parts, start=1):
        if not re.fullmatch(r"\|(?:[^|]+\|)+", part.strip()):
            raise GenotypeError(f"node {node}: expected |operation~source|…|, got {short(part)}")
        edges = []
        for entry in part.strip()[1:-1].split("|"):
            match = re.fullmatch(r"([\w ]+)~([0-9]{1,3})", entry.strip())
            if match is None:
                raise GenotypeError(f"node {node}: expected operation~source, got {short(entry)}")
            operation, source = normalised(match[1]), int(match[2])
            if source >= node:
                raise GenotypeError(
                    f"node {node} reads node {source}, but an edge must come from an earlier node"
                )
            if operation in NO_OPERATION:
                continue
            if operation not in OPERATIONS:
                raise GenotypeError(f"node {node}: {unknown_operation(match[1])}")
            edges.append(Edge(operation, source))
        nodes.append(edges)
    return _reached(nodes, [len(nodes)], notes)


def _joined(value: list[Any], notes: list[str]) -> str:
    """Return the string of nested tuples or of six indices."""
    if _are_indices(value):
        notes.append(f"read as NASLib's indices: {', '.join(_INDICES)} are 0 to 4")
        chosen = dict(zip(_INDEXED_EDGES, value, strict=True))
        value = [
            [(_INDICES[chosen[source, node]], source) for source in range(node)]
            for node in (1, 2, 3)
        ]
    return "+".join("|" + "".join(f"{op}~{source}|" for op, source in node) for node in value)


_NAS_BENCH_201 = ("skip_connect", "conv_1x1", "conv_3x3", "avg_pool_3x3")


def write_nas_bench_201(genotype: Genotype) -> str:
    """Write NAS-Bench-201's string, with at least three nodes. Missing edges are ``none``."""
    cell = _only_cell(genotype, "a NAS-Bench-201 string")
    last = cell.num_nodes
    if cell.concat != (last,):
        raise GenotypeError("in a NAS-Bench-201 string the output is the last node alone")
    padding = max(0, 3 - last)  # nodes without an edge, which the reader leaves out
    groups = [
        "|" + "".join(f"none~{source}|" for source in range(node + 1)) for node in range(padding)
    ]
    for node in cell.nodes:
        operations = {}
        for edge in node:
            if edge.operation not in _NAS_BENCH_201:
                raise GenotypeError(f"a NAS-Bench-201 string cannot hold {edge.operation}")
            source = edge.source + padding if edge.source else 0
            operations[source] = re.sub("^conv", "nor_conv", edge.operation)
        entries = (
            f"{operations.get(source, 'none')}~{source}|" for source in range(len(groups) + 1)
        )
        groups.append("|" + "".join(entries))
    return "+".join(groups)


# ---------------------------------------------------------------- NAS-Bench-101

_NAS_BENCH_101 = {
    "conv1x1-bn-relu": "conv_1x1",
    "conv3x3-bn-relu": "conv_3x3",
    "maxpool3x3": "max_pool_3x3",
}
_MATRIX = ("matrix", "module_adjacency", "adjacency_matrix")
_OPS = ("ops", "module_operations", "operations")


def _named(value: dict[str, Any], names: Sequence[str]) -> Any:
    return next((value[name] for name in names if name in value), None)


_INDEXED_101 = ("input", "output", "maxpool3x3", "conv1x1-bn-relu", "conv3x3-bn-relu")
"""The operations by index (naslib/search_spaces/nasbench101/conversions.py)."""


def _order(numbers: int) -> int:
    """Return n if there are n² + n numbers, else 0."""
    size = (math.isqrt(1 + 4 * numbers) - 1) // 2
    return size if size * (size + 1) == numbers else 0


def _is_indexed_101(value: list[Any]) -> bool:
    """Return whether a list is a matrix, row by row, followed by indices of operations."""
    size = _order(len(value))
    if not 3 <= size <= _MAX_VERTICES or not all(map(is_index, value)):
        return False
    entries, ops = value[: size * size], value[size * size :]
    ends = (ops[0], ops[-1]) == (0, 1)
    return ends and set(ops[1:-1]) <= {2, 3, 4} and set(entries) <= {0, 1}


def is_nas_bench_101(value: Any) -> bool:
    """Return whether a value is an adjacency matrix and its operations, by name or in one list."""
    if isinstance(value, list):
        return _is_indexed_101(value)
    return (
        isinstance(value, dict)
        and _named(value, _MATRIX) is not None
        and _named(value, _OPS) is not None
    )


def read_nas_bench_101(value: dict[str, Any] | list[int], notes: list[str]) -> Genotype:
    """Read NAS-Bench-101's model: upper-triangular ``matrix``, and ``ops`` from input to output.

    NASLib's list, the matrix row by row followed by the indices of the operations, is read, too.

    >>> model = {"matrix": [[0, 1, 1], [0, 0, 1], [0, 0, 0]],
    ...          "ops": ["input", "conv3x3-bn-relu", "output"]}
    >>> read_nas_bench_101(model, []).normal.nodes
    ((Edge(operation='conv_3x3', source=0),),)
    """
    if isinstance(value, list):
        order = _order(len(value))
        rows = [value[row * order : (row + 1) * order] for row in range(order)]
        names = [_INDEXED_101[index] for index in value[order * order :]]
        value = {"matrix": rows, "ops": names}
    matrix, ops = _named(value, _MATRIX), _named(value, _OPS)
    size = len(ops) if isinstance(ops, list) else 0
    if not 3 <= size <= _MAX_VERTICES:
        raise GenotypeError(f"ops: expected input, operations and output, got {short(ops)}")
    if ops[0] != "input" or ops[-1] != "output":
        raise GenotypeError("ops: the first must be 'input' and the last 'output'")
    if (
        not isinstance(matrix, list)
        or len(matrix) != size
        or any(not isinstance(row, list) or len(row) != size for row in matrix)
    ):
        raise GenotypeError(f"matrix: expected {size} × {size} numbers, as there are {size} ops")
    for row in range(size):
        for column in range(size):
            entry = matrix[row][column]
            if entry not in (0, 1) or not isinstance(entry, int):
                raise GenotypeError(
                    f"matrix: entry ({row}, {column}) must be 0 or 1, not {short(entry)}"
                )
            if entry and column <= row:
                raise GenotypeError(
                    f"matrix: entry ({row}, {column}) is an edge to an earlier vertex"
                )
    nodes = []
    for vertex in range(1, size - 1):
        operation = _NAS_BENCH_101.get(ops[vertex]) if isinstance(ops[vertex], str) else None
        if operation is None:
            raise GenotypeError(
                f"ops, entry {vertex}: expected {', '.join(_NAS_BENCH_101)}, got "
                f"{short(ops[vertex])}"
            )
        nodes.append(
            [Edge(operation, source) for source in range(vertex) if matrix[source][vertex]]
        )
    if matrix[0][size - 1]:
        notes.append(SHORTCUT)
    return _reached(nodes, [v for v in range(1, size - 1) if matrix[v][size - 1]], notes)


def write_nas_bench_101(genotype: Genotype) -> str:
    """Write NAS-Bench-101's matrix and operations as JSON."""
    cell = _only_cell(genotype, "a NAS-Bench-101 matrix")
    names = {ours: theirs for theirs, ours in _NAS_BENCH_101.items()}
    size = cell.num_nodes + 2
    matrix = [[0] * size for _ in range(size)]
    ops = ["input"]
    for index, node in enumerate(cell.nodes, start=1):
        operations = {edge.operation for edge in node}
        if len(operations) > 1 or not operations <= set(names):
            raise GenotypeError(
                f"a NAS-Bench-101 matrix holds one of {', '.join(names)} for each node, but node "
                f"{index} has {', '.join(sorted(operations))}"
            )
        ops.append(names[operations.pop()])
        for edge in node:
            matrix[edge.source][index] = 1
    for index in cell.concat:
        matrix[index][size - 1] = 1
    return json.dumps({"matrix": matrix, "ops": [*ops, "output"]})
