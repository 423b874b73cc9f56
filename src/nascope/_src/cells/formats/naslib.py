"""NASLib's compact form of a DARTS cell: two lists of (source, index of the operation)."""

from __future__ import annotations

from typing import Any

from nascope._src.cells.entries import is_index, short
from nascope._src.cells.genotype import Cell, Edge, Genotype
from nascope._src.errors import GenotypeError

NASLIB_OPERATIONS = (  # search_spaces/nasbench301/conversions.py of NASLib, by index
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)


def is_naslib(value: Any) -> bool:
    """Two lists of pairs of integers."""
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
    """The compact form; every intermediate node is concatenated.

    >>> read_naslib([[[0, 3], [1, 2]], [[0, 0], [1, 0]]], []).normal.edges[0]
    Edge(operation='sep_conv_3x3', source=0)
    """
    cells = []
    for what, pairs in zip(("normal", "reduce"), value, strict=True):
        if len(pairs) % 2:
            raise GenotypeError(f"{what}: {len(pairs)} edges, but every node needs two")
        edges = []
        for number, (source, operation) in enumerate(pairs):
            if not 0 <= operation < len(NASLIB_OPERATIONS):
                raise GenotypeError(
                    f"{what}, entry {number}: operation {short(operation)} is not in 0 to 6"
                )
            if not 0 <= source < 2 + number // 2:
                raise GenotypeError(
                    f"{what}, entry {number}: source {short(source)} is not in 0 to "
                    f"{1 + number // 2}"
                )
            edges.append(Edge(NASLIB_OPERATIONS[operation], source))
        nodes = tuple(zip(edges[::2], edges[1::2], strict=True))
        cells.append(Cell(nodes=nodes, concat=tuple(range(2, 2 + len(nodes)))))
    return Genotype(normal=cells[0], reduce=cells[1])


def write_naslib(genotype: Genotype) -> str:
    """The compact form, as the Python tuple that NASLib takes."""
    value = []
    for what, cell in (("normal", genotype.normal), ("reduce", genotype.reduce)):
        if cell.num_inputs != 2 or any(len(node) != 2 for node in cell.nodes):
            raise GenotypeError(f"{what} cell: the compact form holds two edges a node only")
        if cell.concat != tuple(range(2, 2 + cell.num_nodes)):
            raise GenotypeError(f"{what} cell: the compact form concatenates all nodes, in order")
        for edge in cell.edges:
            if edge.operation not in NASLIB_OPERATIONS:
                raise GenotypeError(f"{what} cell: the compact form cannot hold {edge.operation}")
        value.append(
            tuple((edge.source, NASLIB_OPERATIONS.index(edge.operation)) for edge in cell.edges)
        )
    return repr(tuple(value))
