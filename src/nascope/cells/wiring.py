"""Operations on a cell's wiring: randomly connected variants.

Appendix A.2 of the paper: node order, operations and concat are kept, and the source of every
edge is redrawn uniformly from the nodes before its node, with replacement.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from nascope.cells.genotype import Cell, Edge, Genotype
from nascope.errors import GenotypeError


def rewire(cell: Cell, sources: Sequence[Sequence[int]]) -> Cell:
    """The cell with the sources of its edges replaced; operations and concat are kept.

    Args:
        sources: for each intermediate node the sources of its edges, in order.

    Raises:
        GenotypeError: the shape of ``sources`` differs from the cell's, or an edge points forward.
    """
    if [len(node) for node in sources] != [len(node) for node in cell.nodes]:
        raise GenotypeError("sources must name one source for each edge of the cell")
    nodes = tuple(
        tuple(Edge(edge.operation, source) for edge, source in zip(node, chosen, strict=True))
        for node, chosen in zip(cell.nodes, sources, strict=True)
    )
    return Cell(nodes=nodes, concat=cell.concat, num_inputs=cell.num_inputs)


def _regroup(cell: Cell, flat: Iterable[int]) -> list[list[int]]:
    draws = iter(flat)
    return [[next(draws) for _ in node] for node in cell.nodes]


def _choices(cell: Cell) -> list[int]:
    """For each edge the number of nodes that it may read."""
    return [
        index
        for index, node in enumerate(cell.nodes, start=cell.num_inputs)
        for _ in range(len(node))
    ]


def random_variant(genotype: Genotype, seed: int) -> Genotype:
    """Redraw every source of both cells (A.2) with nascope's own generator.

    The draws rest on ``random.Random(seed).random()``, whose sequence Python guarantees: the
    same seed gives the same variant on every version and system.

    Args:
        seed: a non-negative integer.

    Raises:
        GenotypeError: the seed is negative.

    >>> from nascope.cells.catalog import load
    >>> random_variant(load("DARTS"), 3) == random_variant(load("DARTS"), 3)
    True
    """
    _check_seed(seed)
    generator = random.Random(seed)

    def redraw(cell: Cell) -> Cell:
        draws = (int(generator.random() * choices) for choices in _choices(cell))
        return rewire(cell, _regroup(cell, draws))

    variant = Genotype(normal=redraw(genotype.normal), reduce=redraw(genotype.reduce))
    return variant.named(f"{genotype.name or 'cell'}-r{seed}")


def published_variant(genotype: Genotype, seed: int) -> Genotype:
    """The authors' own variant of that seed, as in Figure 10 of the paper.

    One legacy ``numpy.random.RandomState(seed)``; for edge k of the cell in order, first the
    normal cell's source is drawn, then the reduction cell's. Cells of equal size get equal wiring.

    Raises:
        GenotypeError: the seed is not in 0 … 2³²−1, or the two cells differ in their number of
            edges.
    """
    import numpy as np  # noqa: PLC0415  (only here: keeps the import of the layer fast)

    _check_seed(seed)
    if seed >= 2**32:
        raise GenotypeError(f"a published variant's seed must be below 2**32, not {seed}")
    choices = _choices(genotype.normal)
    if choices != _choices(genotype.reduce):
        raise GenotypeError("published variants need cells with the same number of edges a node")
    state = np.random.RandomState(seed)
    draws = [(int(state.randint(0, n)), int(state.randint(0, n))) for n in choices]
    variant = Genotype(
        normal=rewire(genotype.normal, _regroup(genotype.normal, (draw[0] for draw in draws))),
        reduce=rewire(genotype.reduce, _regroup(genotype.reduce, (draw[1] for draw in draws))),
    )
    return variant.named(f"{genotype.name or 'cell'}-p{seed}")


def _check_seed(seed: int) -> None:
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise GenotypeError(f"a seed must be a non-negative integer, not {seed!r}")
