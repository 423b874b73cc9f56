"""Rewire cells: random variants as in Appendix A.2 of the paper, and nearest neighbours.

A.2 keeps node order, operations and concat. It redraws the source of every edge uniformly from the
nodes before its node, with replacement. A redraw can leave dead nodes: they belong to the method.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from nascope._src.cells.checks import check_seed
from nascope._src.cells.genotype import CELL_KINDS, Cell, Edge, Genotype
from nascope._src.cells.isomorphism import canonical
from nascope._src.cells.operation_names import DARTS_OPERATIONS
from nascope._src.cells.rng import below
from nascope._src.cells.spaces.wiring_space import WiringSpace
from nascope._src.errors import GenotypeError


def rewire(cell: Cell, sources: Sequence[Sequence[int]]) -> Cell:
    """Replace the sources of a cell's edges; keep operations and concat.

    Args:
        cell: The cell.
        sources: For each intermediate node the sources of its edges, in order.

    Raises:
        GenotypeError: The shape of ``sources`` differs from the cell's, or an edge points forward.
    """
    if [len(node) for node in sources] != [len(node) for node in cell.nodes]:
        raise GenotypeError(
            f"sources must name one source for each edge of the cell: expected "
            f"{[len(node) for node in cell.nodes]} for its nodes, not "
            f"{[len(node) for node in sources]}"
        )
    nodes = tuple(
        tuple(Edge(edge.operation, source) for edge, source in zip(node, chosen, strict=True))
        for node, chosen in zip(cell.nodes, sources, strict=True)
    )
    return Cell(nodes=nodes, concat=cell.concat, num_inputs=cell.num_inputs)


def _regroup(cell: Cell, sources: Iterable[int]) -> list[list[int]]:
    """Group the sources of all edges by node."""
    draws = iter(sources)
    return [[next(draws) for _ in node] for node in cell.nodes]


def _choices(cell: Cell) -> list[int]:
    """Return, for each edge, the number of nodes that it may read."""
    return [
        index
        for index, node in enumerate(cell.nodes, start=cell.num_inputs)
        for _ in range(len(node))
    ]


def random_variant(genotype: Genotype, seed: int, *, cells: Sequence[str] = CELL_KINDS) -> Genotype:
    """Redraw the source of every edge, with nascope's generator (Appendix A.2).

    The draws use ``random.Random(seed).random()``, whose sequence Python guarantees, so a seed
    gives the same variant on every version and system.

    Args:
        genotype: The genotype to rewire.
        seed: Random seed, a non-negative integer.
        cells: The cells to rewire: ``normal``, ``reduce`` or both. The other cell is kept.

    Returns:
        The rewired genotype, named ``<name>-r<seed>``, or ``<name>-r<seed>n`` if only the normal
        cell is rewired, and ``r`` for the reduction cell.

    Raises:
        GenotypeError: The seed is negative, or ``cells`` names an unknown cell.

    >>> from nascope._src.cells.catalog import load
    >>> random_variant(load("DARTS"), 3) == random_variant(load("DARTS"), 3)
    True
    """
    check_seed(seed)
    check_kinds(cells)
    generator = random.Random(seed)

    def redraw(cell: Cell) -> Cell:
        draws = [int(generator.random() * choices) for choices in _choices(cell)]
        return rewire(cell, _regroup(cell, draws))

    only = "" if set(cells) == set(CELL_KINDS) else cells[0][0]
    drawn = {kind: redraw(getattr(genotype, kind)) for kind in CELL_KINDS}  # both, so that
    # a seed gives the same normal cell, whichever cells are rewired
    return replace(
        genotype,
        **{kind: drawn[kind] for kind in cells},
        name=f"{genotype.name or 'cell'}-r{seed}{only}",
    )


def distinct_variants(
    genotype: Genotype, seed: int, count: int, *, cells: Sequence[str] = CELL_KINDS
) -> Iterator[Genotype]:
    """Yield random variants of seeds ``seed``, ``seed + 1`` … that are not isomorphic.

    They differ from each other and from the original. Operations and the order of the inputs
    count.

    Raises:
        GenotypeError: There are fewer in a thousand seeds per variant.
    """
    seen = {_key(genotype)}
    yielded = 0
    for number in range(seed, seed + 1000 * count):
        if yielded == count:
            return
        variant = random_variant(genotype, number, cells=cells)
        key = _key(variant)
        if key not in seen:
            seen.add(key)
            yielded += 1
            yield variant
    if yielded < count:
        raise GenotypeError(
            f"expected {count} distinct variants, but {1000 * count:,} seeds gave only {yielded} "
            "distinct ones; ask for fewer"
        )


def _key(genotype: Genotype) -> tuple[Cell, Cell]:
    return canonical(genotype.normal), canonical(genotype.reduce)


def covering_variants(
    genotype: Genotype, seed: int, per_point: int = 1, *, convention: str = "fractional"
) -> Iterator[Genotype]:
    """Yield variants whose normal cells cover every reachable (width, depth) evenly.

    For each width and depth that rewiring can reach (A.2, concat kept), draw ``per_point`` wirings
    uniformly from those that have them. The reduction cell is kept. The name of a variant contains
    its width and depth.

    Args:
        genotype: The genotype to rewire.
        seed: Random seed.
        per_point: Number of variants for each width and depth.
        convention: Width convention, ``fractional`` or ``strict``.

    Raises:
        GenotypeError: The normal cell's nodes have different numbers of edges, or are too many.

    >>> from nascope._src.cells.catalog import load
    >>> [v.name for v in covering_variants(load("DARTS"), 0)][:3]
    ['DARTS-w1d3', 'DARTS-w1d4', 'DARTS-w1d5']
    """
    check_seed(seed)
    cell = genotype.normal
    space = WiringSpace(
        "independent",
        nodes=cell.num_nodes,
        inputs=cell.num_inputs,
        in_degree=len(cell.nodes[0]),
        concat="kept",
    )
    reachable = space.for_cell(cell)
    generator = random.Random(seed)
    for width, depth in sorted(reachable.census().marginal(convention)):
        for number in range(per_point):
            strict = int(width) if convention == "strict" else None
            fractional = width if convention == "fractional" else None
            drawn = reachable.sample(
                generator, strict_width=strict, fractional_width=fractional, depth=depth
            )
            tag = f"-w{float(width):g}d{depth}" + (f"-{number + 1}" if per_point > 1 else "")
            yield replace(
                genotype,
                normal=rewire(cell, drawn),
                name=f"{genotype.name or 'cell'}{tag}",
            )


def rewiring_space(cell: Cell) -> WiringSpace:
    """Return the rewirings of a cell that give each node distinct sources, in order.

    Raises:
        GenotypeError: Nodes have different numbers of edges, or more edges than there are inputs.

    >>> from nascope._src.cells.catalog import load
    >>> rewiring_space(load("DARTS").normal).count()
    2880
    """
    edges = {len(node) for node in cell.nodes}
    if len(edges) > 1 or max(edges) > cell.num_inputs:
        raise GenotypeError(
            f"expected as many edges at every node, at most {cell.num_inputs} (one per input), to "
            f"rewire it in every way, but the nodes have {[len(node) for node in cell.nodes]}"
        )
    return WiringSpace(
        "of rewirings",
        nodes=cell.num_nodes,
        inputs=cell.num_inputs,
        in_degree=edges.pop(),
        distinct=True,
    )


def every_rewiring(genotype: Genotype, kind: str = "normal") -> Iterator[Genotype]:
    """Yield every rewiring of a cell that keeps its operations and has distinct sources per node.

    Operations stay on their edges, so the sources of a node are ordered. Two rewirings are the same
    cell if a node has the same operation twice. The original is one of them and keeps its name; the
    name of every other has its sources, node by node.

    Args:
        genotype: The genotype. Its other cell is kept.
        kind: The cell to rewire, ``normal`` or ``reduce``.

    Raises:
        GenotypeError: Nodes have different numbers of edges, or more edges than there are inputs.

    >>> from nascope._src.cells.catalog import load
    >>> [variant.name for variant in every_rewiring(load("DARTS"))][:2]
    ['DARTS-01-01-01-01', 'DARTS-01-01-01-02']
    """
    check_kinds((kind,))
    cell: Cell = getattr(genotype, kind)
    name = genotype.name or "cell"
    for wiring in rewiring_space(cell).wirings():
        original = wiring == cell.sources
        sources = "-".join("".join(map(str, node)) for node in wiring)
        yield replace(
            genotype,
            **{kind: cell if original else rewire(cell, wiring)},
            name=name if original else f"{name}-{sources}",
        )


def published_variant(genotype: Genotype, seed: int) -> Genotype:
    """Return the authors' variant of that seed, as in Figure 10 of the paper.

    The draws come from one legacy ``numpy.random.RandomState(seed)``: for each edge, first the
    normal cell's source, then the reduction cell's. So cells of equal size get the same wiring.

    Args:
        genotype: The genotype to rewire.
        seed: Random seed, 0 to 2³²−1.

    Returns:
        The rewired genotype, named ``<name>-p<seed>``.

    Raises:
        GenotypeError: The seed is out of range, or the two cells have different numbers of edges.

    >>> from nascope._src.cells.catalog import load
    >>> published_variant(load("DARTS"), 1).normal.sources
    ((1, 0), (1, 0), (1, 3), (4, 2))
    """
    import numpy as np  # noqa: PLC0415  (slow to load)

    check_seed(seed)
    if seed >= 2**32:
        raise GenotypeError(f"a published variant's seed must be below 2**32, not {seed}")
    choices = _choices(genotype.normal)
    if choices != _choices(genotype.reduce):
        raise GenotypeError(
            "a published variant needs two cells with the same number of edges at each node"
        )
    state = np.random.RandomState(seed)
    draws = [(int(state.randint(0, n)), int(state.randint(0, n))) for n in choices]
    variant = Genotype(
        normal=rewire(genotype.normal, _regroup(genotype.normal, (draw[0] for draw in draws))),
        reduce=rewire(genotype.reduce, _regroup(genotype.reduce, (draw[1] for draw in draws))),
    )
    return variant.named(f"{genotype.name or 'cell'}-p{seed}")


def random_operations(
    genotype: Genotype,
    seed: int,
    *,
    operations: Sequence[str] = DARTS_OPERATIONS,
    cells: Sequence[str] = CELL_KINDS,
) -> Genotype:
    """Redraw every operation uniformly and keep the wiring (the paper's other kind of variant).

    >>> from nascope._src.cells.catalog import load
    >>> variant = random_operations(load("DARTS"), 1)
    >>> variant.normal.sources == load("DARTS").normal.sources
    True
    """
    check_seed(seed)
    check_kinds(cells)
    if not operations:
        raise GenotypeError("expected at least one operation to choose from, but got no operations")
    generator = random.Random(seed)
    drawn = {
        kind: [operations[below(generator, len(operations))] for _ in getattr(genotype, kind).edges]
        for kind in CELL_KINDS
    }
    return replace(
        genotype,
        **{kind: _with_operations(getattr(genotype, kind), drawn[kind]) for kind in cells},
        name=f"{genotype.name or 'cell'}-o{seed}",
    )


def published_operations(genotype: Genotype, seed: int) -> Genotype:
    """Return the authors' variant with redrawn operations: first the normal cell's, in order.

    Raises:
        GenotypeError: The seed is not in 0 … 2³²−1.
    """
    import numpy as np  # noqa: PLC0415  (slow to load)

    check_seed(seed)
    if seed >= 2**32:
        raise GenotypeError(f"a published variant's seed must be below 2**32, not {seed}")
    state = np.random.RandomState(seed)
    cells = {}
    for kind in CELL_KINDS:
        cell = getattr(genotype, kind)
        numbers = state.randint(0, len(DARTS_OPERATIONS), size=len(cell.edges))
        cells[kind] = _with_operations(cell, [DARTS_OPERATIONS[number] for number in numbers])
    return Genotype(**cells, name=f"{genotype.name or 'cell'}-po{seed}")


def _with_operations(cell: Cell, operations: Iterable[str]) -> Cell:
    redrawn = iter(operations)
    nodes = tuple(tuple(Edge(next(redrawn), edge.source) for edge in node) for node in cell.nodes)
    return replace(cell, nodes=nodes)


def neighbours(cell: Cell) -> Iterator[Cell]:
    """Yield every cell that differs from this one in the source of exactly one edge.

    >>> from nascope._src.cells.catalog import load
    >>> sum(1 for _ in neighbours(load("DARTS").normal))  # 2·(1 + 2 + 3 + 4)
    20
    """
    for position, choices in enumerate(_choices(cell)):
        sources = [edge.source for edge in cell.edges]
        for source in range(choices):
            if source != cell.edges[position].source:
                sources[position] = source
                yield rewire(cell, _regroup(cell, sources))


def neighbouring_variants(
    genotype: Genotype, *, cells: Sequence[str] = CELL_KINDS
) -> Iterator[Genotype]:
    """Yield every genotype that differs from this one in the source of exactly one edge."""
    check_kinds(cells)
    for kind in cells:
        for number, cell in enumerate(neighbours(getattr(genotype, kind)), start=1):
            name = f"{genotype.name or 'cell'}-{kind[0]}{number}"
            yield replace(genotype, **{kind: cell}, name=name)


def check_kinds(cells: Sequence[str]) -> None:
    """Raise an error unless these name one or both cells of a genotype."""
    if isinstance(cells, str) or not cells or not set(cells) <= set(CELL_KINDS):
        raise GenotypeError(f"cells must name {' or '.join(CELL_KINDS)}, not {cells!r}")
