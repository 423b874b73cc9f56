"""NASLib's compact form of a DARTS cell: two lists of (source, index of the operation).

The index counts in `DARTS_OPERATIONS`.
"""

from __future__ import annotations

from typing import Any

from nascope._src.cells.checks import is_index, short
from nascope._src.cells.genotype import CELL_KINDS, Cell, Edge, Genotype
from nascope._src.cells.operation_names import DARTS_OPERATIONS
from nascope._src.errors import GenotypeError


def is_naslib(value: Any) -> bool:
    """Return whether a value is two lists of pairs of integers."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(
            isinstance(cell, list)
            and cell
            and all(
                isinstance(pair, list) and len(pair) == 2 and all(map(is_index, pair))
                for pair in cell
            )
            for cell in value
        )
    )


def read_naslib(value: list[list[list[int]]], notes: list[str]) -> Genotype:
    """Read the compact form. The output concatenates every intermediate node.

    >>> read_naslib([[[0, 3], [1, 2]], [[0, 0], [1, 0]]], []).normal.edges[0]
    Edge(operation='sep_conv_3x3', source=0)
    """
    cells = []
    for kind, pairs in zip(CELL_KINDS, value, strict=True):
        if len(pairs) % 2:
            raise GenotypeError(f"{kind}: {len(pairs)} edges, but every node needs two")
        edges = []
        for number, (source, operation) in enumerate(pairs):
            if not 0 <= operation < len(DARTS_OPERATIONS):
                raise GenotypeError(
                    f"{kind}, entry {number}: operation {short(operation)} must be 0 to 6"
                )
            if not 0 <= source < 2 + number // 2:
                raise GenotypeError(
                    f"{kind}, entry {number}: source {short(source)} must be 0 to {1 + number // 2}"
                )
            edges.append(Edge(DARTS_OPERATIONS[operation], source))
        nodes = tuple(zip(edges[::2], edges[1::2], strict=True))
        cells.append(Cell(nodes=nodes, concat=tuple(range(2, 2 + len(nodes)))))
    return Genotype(normal=cells[0], reduce=cells[1])


def write_naslib(genotype: Genotype) -> str:
    """Write the compact form, as the Python tuple that NASLib takes."""
    value = []
    for kind in CELL_KINDS:
        cell: Cell = getattr(genotype, kind)
        if cell.num_inputs != 2 or any(len(node) != 2 for node in cell.nodes):
            raise GenotypeError(
                f"{kind} cell: the compact form holds two inputs and two edges per node only"
            )
        if cell.concat != tuple(range(2, 2 + cell.num_nodes)):
            raise GenotypeError(f"{kind} cell: the compact form concatenates all nodes, in order")
        for edge in cell.edges:
            if edge.operation not in DARTS_OPERATIONS:
                raise GenotypeError(f"{kind} cell: the compact form cannot hold {edge.operation}")
        value.append(
            tuple((edge.source, DARTS_OPERATIONS.index(edge.operation)) for edge in cell.edges)
        )
    return repr(tuple(value))
