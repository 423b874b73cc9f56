"""Random variants of a cell, as in Appendix A.2 of the paper, and its nearest neighbours.

A.2 keeps node order, operations and concat, and redraws the source of every edge uniformly from
the nodes before its node, with replacement. A redraw can leave dead nodes: they are part of the
method.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from nascope._src.cells.genotype import Cell, Edge, Genotype
from nascope._src.cells.isomorphism import canonical
from nascope._src.cells.rng import below
from nascope._src.cells.space import Space
from nascope._src.errors import GenotypeError

KINDS = ("normal", "reduce")

DARTS_OPERATIONS = (  # the order of the authors' list, which their seeds index
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)


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


def random_variant(genotype: Genotype, seed: int, *, cells: Sequence[str] = KINDS) -> Genotype:
    """Redraw every source of both cells (A.2) with nascope's own generator.

    The draws rest on ``random.Random(seed).random()``, whose sequence Python guarantees: the
    same seed gives the same variant on every version and system.

    Args:
        seed: a non-negative integer.
        cells: which cells are rewired, ``normal`` and ``reduce``; the other is kept.

    Raises:
        GenotypeError: the seed is negative, or a cell is unknown.

    >>> from nascope._src.cells.catalog import load
    >>> random_variant(load("DARTS"), 3) == random_variant(load("DARTS"), 3)
    True
    """
    _check_seed(seed)
    check_kinds(cells)
    generator = random.Random(seed)

    def redraw(cell: Cell) -> Cell:
        draws = [int(generator.random() * choices) for choices in _choices(cell)]
        return rewire(cell, _regroup(cell, draws))

    drawn = {kind: redraw(getattr(genotype, kind)) for kind in KINDS}  # both, so that the
    # normal cell of a seed is the same whichever cells are asked for
    return replace(
        genotype,
        **{kind: drawn[kind] for kind in cells},
        name=f"{genotype.name or 'cell'}-r{seed}",
    )


def distinct_variants(
    genotype: Genotype, seed: int, count: int, *, cells: Sequence[str] = KINDS
) -> Iterator[Genotype]:
    """Random variants of seeds ``seed``, ``seed + 1`` …, but none isomorphic to an earlier one.

    Nor to the original. Cells are compared with their operations, inputs told apart.

    Raises:
        GenotypeError: so many are not found in a thousand seeds a variant.
    """
    seen = {_key(genotype)}
    found = 0
    for number in range(seed, seed + 1000 * count):
        if found == count:
            return
        variant = random_variant(genotype, number, cells=cells)
        key = _key(variant)
        if key not in seen:
            seen.add(key)
            found += 1
            yield variant
    if found < count:
        raise GenotypeError(f"found only {found} distinct variants of this cell, not {count}")


def _key(genotype: Genotype) -> tuple[Cell, Cell]:
    return canonical(genotype.normal), canonical(genotype.reduce)


def covering_variants(
    genotype: Genotype, seed: int, per_point: int = 1, *, convention: str = "fractional"
) -> Iterator[Genotype]:
    """Variants whose normal cells cover every reachable (width, depth) evenly.

    For each pair of width and depth that rewiring can reach (A.2, concat kept), so many wirings
    drawn uniformly among those that have them; the reduction cell is kept. Names tell the pair.

    Args:
        convention: of width, ``fractional`` or ``strict``.

    Raises:
        GenotypeError: the normal cell's nodes differ in their number of edges, or are too many.

    >>> from nascope._src.cells.catalog import load
    >>> [v.name for v in covering_variants(load("DARTS"), 0)][:3]
    ['DARTS-w1d3', 'DARTS-w1d4', 'DARTS-w1d5']
    """
    _check_seed(seed)
    cell = genotype.normal
    within = Space(
        "independent",
        nodes=cell.num_nodes,
        inputs=cell.num_inputs,
        in_degree=len(cell.nodes[0]),
        concat="kept",
    )
    here = within.of(cell)
    generator = random.Random(seed)
    for width, depth in sorted(here.census().marginal(convention)):
        for number in range(per_point):
            strict = int(width) if convention == "strict" else None
            fractional = width if convention == "fractional" else None
            drawn = here.sample(
                generator, strict_width=strict, fractional_width=fractional, depth=depth
            )
            tag = f"-w{float(width):g}d{depth}" + (f"-{number + 1}" if per_point > 1 else "")
            yield replace(
                genotype,
                normal=rewire(cell, drawn),
                name=f"{genotype.name or 'cell'}{tag}",
            )


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


def random_operations(
    genotype: Genotype,
    seed: int,
    *,
    operations: Sequence[str] = DARTS_OPERATIONS,
    cells: Sequence[str] = KINDS,
) -> Genotype:
    """Redraw every operation uniformly, the wiring kept (the paper's other kind of variant).

    >>> from nascope._src.cells.catalog import load
    >>> variant = random_operations(load("DARTS"), 1)
    >>> variant.normal.sources == load("DARTS").normal.sources
    True
    """
    _check_seed(seed)
    check_kinds(cells)
    if not operations:
        raise GenotypeError("no operations to choose from")
    generator = random.Random(seed)
    drawn = {
        kind: [operations[below(generator, len(operations))] for _ in getattr(genotype, kind).edges]
        for kind in KINDS
    }
    return replace(
        genotype,
        **{kind: _with_operations(getattr(genotype, kind), drawn[kind]) for kind in cells},
        name=f"{genotype.name or 'cell'}-o{seed}",
    )


def published_operations(genotype: Genotype, seed: int) -> Genotype:
    """The authors' own variant with redrawn operations: first all of normal's, then reduction's.

    Raises:
        GenotypeError: the seed is not in 0 … 2³²−1.
    """
    import numpy as np  # noqa: PLC0415

    _check_seed(seed)
    if seed >= 2**32:
        raise GenotypeError(f"a published variant's seed must be below 2**32, not {seed}")
    state = np.random.RandomState(seed)
    new = {}
    for kind in KINDS:
        cell = getattr(genotype, kind)
        numbers = state.randint(0, len(DARTS_OPERATIONS), size=len(cell.edges))
        new[kind] = _with_operations(cell, [DARTS_OPERATIONS[number] for number in numbers])
    return Genotype(**new, name=f"{genotype.name or 'cell'}-po{seed}")


def _with_operations(cell: Cell, operations: Iterable[str]) -> Cell:
    new = iter(operations)
    nodes = tuple(tuple(Edge(next(new), edge.source) for edge in node) for node in cell.nodes)
    return replace(cell, nodes=nodes)


def neighbours(cell: Cell) -> Iterator[Cell]:
    """Every cell that differs from this one in the source of exactly one edge.

    >>> from nascope._src.cells.catalog import load
    >>> sum(1 for _ in neighbours(load("DARTS").normal))  # 2·(1 + 2 + 3 + 4)
    20
    """
    for position, choices in enumerate(_choices(cell)):
        flat = [edge.source for edge in cell.edges]
        for source in range(choices):
            if source != cell.edges[position].source:
                flat[position] = source
                yield rewire(cell, _regroup(cell, flat))


def neighbouring_variants(
    genotype: Genotype, *, cells: Sequence[str] = KINDS
) -> Iterator[Genotype]:
    """Every genotype that differs from this one in the source of exactly one edge."""
    check_kinds(cells)
    for kind in cells:
        for number, cell in enumerate(neighbours(getattr(genotype, kind)), start=1):
            name = f"{genotype.name or 'cell'}-{kind[0]}{number}"
            yield replace(genotype, **{kind: cell}, name=name)


def check_kinds(cells: Sequence[str]) -> None:
    """Raise unless these name one or both cells of a genotype."""
    if isinstance(cells, str) or not cells or not set(cells) <= set(KINDS):
        raise GenotypeError(f"cells must name {' or '.join(KINDS)}, not {cells!r}")


def _check_seed(seed: int) -> None:
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise GenotypeError(f"a seed must be a non-negative integer, not {seed!r}")
