"""A cell rewired to its widest and shallowest form (Table 1), or to its narrowest and deepest.

Operations, node order and concat are kept. Where the concat does not name every node, nodes that
no other reads any more are dead. The authors' own adapted cells are in the catalogue
(``NASNet-adapted`` …); they follow no fixed rule, and one node of their ENAS keeps both edges on
input 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.cells.wiring import KINDS, check_kinds, rewire


def widest(cell: Cell) -> Cell:
    """Every edge reads an input, and every node as many different ones as it can.

    The rule: an edge that reads an input which no earlier edge of its node reads keeps it; each
    other edge, in order, gets the input that its node reads least so far, the lowest of equals.

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
    out = []
    for choice in chosen:
        if choice is None:
            choice = min(range(num_inputs), key=lambda node: (reads[node], node))  # noqa: PLW2901
            reads[choice] += 1
        out.append(choice)
    return out


def narrowest(cell: Cell, *, distinct: bool = False) -> Cell:
    """A chain: the first node reads the inputs, every other the node before it.

    Args:
        distinct: whether the sources of a node must differ, as in DARTS' space: then its edges
            read the nodes before it, nearest first.

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
    genotype: Genotype, *, cells: Sequence[str] = KINDS, to: Callable[[Cell], Cell] = widest
) -> Genotype:
    """A genotype with its normal cell, its reduction cell or both adapted.

    Args:
        cells: which, ``normal`` and ``reduce``.
        to: `widest` or `narrowest`.

    >>> from nascope._src.cells.catalog import load
    >>> adapt(load("DARTS"), cells=["reduce"]).name
    'DARTS-widest-r'
    """
    check_kinds(cells)
    label = "".join(kind[0] for kind in KINDS if kind in cells)
    return replace(
        genotype,
        **{kind: to(getattr(genotype, kind)) for kind in cells},
        name=f"{genotype.name or 'cell'}-{to.__name__}-{label}",
    )
