"""Rewire a cell to its widest and shallowest form (Table 1), or to its narrowest and deepest.

Operations, node order and concat are kept. If the concat does not name every node, nodes that no
other node reads any more are dead. The authors' adapted cells are in the catalogue
(``NASNet-adapted`` …). They follow no fixed rule: one node of their ENAS keeps both edges on
input 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from nascope._src.cells.genotype import CELL_KINDS, Cell, Genotype
from nascope._src.cells.wiring import check_kinds, rewire


def widest(cell: Cell) -> Cell:
    """Rewire every edge to an input; every node reads as many different inputs as it can.

    An edge keeps its source if this is an input that no earlier edge of its node reads. Each other
    edge, in order, gets the input that its node reads least so far; of equals, the lowest.

    >>> from nascope._src.cells.catalog import load
    >>> widest(load("DARTS").normal).sources
    ((0, 1), (0, 1), (1, 0), (0, 1))
    """
    return rewire(cell, [_spread(sources, cell.num_inputs) for sources in cell.sources])


def _spread(sources: Sequence[int], num_inputs: int) -> list[int]:
    reads = [0] * num_inputs
    chosen: list[int | None] = []
    for source in sources:
        keeps = source < num_inputs and not reads[source]
        if keeps:
            reads[source] += 1
        chosen.append(source if keeps else None)
    spread = []
    for choice in chosen:
        least = min(range(num_inputs), key=lambda node: (reads[node], node))
        if choice is None:
            reads[least] += 1
        spread.append(least if choice is None else choice)
    return spread


def narrowest(cell: Cell, *, distinct: bool = False) -> Cell:
    """Rewire a cell to a chain: the first node reads the inputs, every other the node before it.

    Args:
        cell: The cell.
        distinct: Whether the sources of a node must differ, as in DARTS' space. If so, its edges
            read the nodes before it, the nearest first.

    >>> from nascope._src.cells.catalog import load
    >>> narrowest(load("DARTS").normal).sources
    ((0, 1), (2, 2), (3, 3), (4, 4))
    >>> narrowest(load("DARTS").normal, distinct=True).sources
    ((0, 1), (2, 1), (3, 2), (4, 3))
    """
    first = _spread(cell.sources[0], cell.num_inputs)
    rest = [
        [max(node - 1 - (edge if distinct else 0), 0) for edge in range(len(sources))]
        for node, sources in zip(cell.intermediate[1:], cell.sources[1:], strict=True)
    ]
    return rewire(cell, [first, *rest])


def adapt(
    genotype: Genotype, *, cells: Sequence[str] = CELL_KINDS, to: Callable[[Cell], Cell] = widest
) -> Genotype:
    """Adapt the normal cell, the reduction cell or both cells of a genotype.

    Args:
        genotype: The genotype.
        cells: The cells to adapt: ``normal``, ``reduce`` or both.
        to: `widest` or `narrowest`.

    >>> from nascope._src.cells.catalog import load
    >>> adapt(load("DARTS"), cells=["reduce"]).name
    'DARTS-widest-r'
    """
    check_kinds(cells)
    label = "".join(kind[0] for kind in CELL_KINDS if kind in cells)
    return replace(
        genotype,
        **{kind: to(getattr(genotype, kind)) for kind in cells},
        name=f"{genotype.name or 'cell'}-{to.__name__}-{label}",
    )
