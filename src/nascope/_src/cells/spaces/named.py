"""The named search spaces.

Two spaces that count wirings differently rank the same cell differently, so a rank names its space:

=================  =================================================================================
``darts``          two distinct sources per node, unordered, all nodes concatenated (Liu et al.,
                   2019)
``independent``    two independent sources per node, ordered, concat kept: how the paper draws its
                   random cells (Appendix A.2)
``one-source``     one source per node: what A.2's formula (N−2)!/(M−1)! counts for M = 2
``nasnet``         as ``independent``, but the nodes that no other node reads are concatenated
``nas-bench-201``  an operation or none on every edge between four nodes: 15,625 cells
=================  =================================================================================
"""

from __future__ import annotations

from dataclasses import replace

from nascope._src.cells.genotype import Cell
from nascope._src.cells.spaces.edge_space import EdgeSpace
from nascope._src.cells.spaces.space import Space
from nascope._src.cells.spaces.wiring_space import WiringSpace
from nascope._src.errors import GenotypeError

_NAMED: dict[str, Space] = {
    space.name: space
    for space in (
        WiringSpace("darts", nodes=4, distinct=True, ordered=False),
        WiringSpace("independent", nodes=4, concat="kept"),
        WiringSpace("one-source", nodes=4, in_degree=1, concat="kept"),
        WiringSpace("nasnet", nodes=5, concat="loose"),
        EdgeSpace(),
    )
}
SPACES = tuple(_NAMED)
"""Names of the spaces."""


def named_space(name: str, nodes: int | None = None) -> Space:
    """Return the space of that name.

    Args:
        name: One of `SPACES`.
        nodes: Number of intermediate nodes, if it is not the usual one.

    Raises:
        GenotypeError: No space has that name, or it cannot have that number of nodes.

    >>> named_space("darts").count(), named_space("independent", 5).count()
    (180, 518400)
    """
    space = _NAMED.get(name.lower())
    if space is None:
        raise GenotypeError(f"unknown space {name!r}; known are {', '.join(SPACES)}")
    return space if nodes is None else replace(space, nodes=nodes)


def spaces_holding(cell: Cell) -> list[Space]:
    """Return the named spaces that hold a cell, with its number of nodes.

    >>> from nascope._src.cells.catalog import load
    >>> [space.name for space in spaces_holding(load("NASNet").normal)]
    ['independent', 'nasnet']
    """
    holding = []
    for space in _NAMED.values():
        try:
            holding.append(space.for_cell(cell))
        except GenotypeError:
            continue
    return holding
