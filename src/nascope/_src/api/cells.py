"""Functions over cells that also take a cell's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from nascope._src.cells import designs, graph, wiring
from nascope._src.cells.genotype import CELL_KINDS, Cell, Genotype
from nascope._src.cells.resolve import as_genotype
from nascope._src.errors import GenotypeError


def load_cell(name: str) -> Genotype:
    """Return a cell by its name in the catalogue, or from a file.

    Args:
        name: A name such as "DARTS", in upper or lower case (``nascope cells`` lists them); a
            file, or "FILE:NAME" if the file holds several cells; or a genotype's text.

    Raises:
        GenotypeError: There is no such cell, or the file is invalid.

    >>> load_cell("darts").name
    'DARTS'
    """
    return as_genotype(name)


def topology(
    cell: Cell | Genotype | str, kind: Literal["normal", "reduce"] = "normal"
) -> graph.Topology:
    """Measure a cell's wiring: its width by each convention, its depth, its dead nodes.

    Widths are in units of c, the width of one node. See Section 3.1 of the paper.

    Args:
        cell: A `Cell`; or a `Genotype`, or the name of one, of which ``kind`` picks a cell. The
            paper's widths and depths are those of normal cells.
        kind: "normal" or "reduce". For a `Cell`, it says what the cell is: in a reduction cell, a
            skip from an input is not an identity, which matters to the effective numbers.

    Raises:
        GenotypeError: There is no such cell or kind.

    >>> topology("DARTS").fractional_width, topology("DARTS").depth
    (Fraction(7, 2), 3)
    >>> topology("DARTS", "reduce").depth
    3
    """
    if kind not in CELL_KINDS:
        raise GenotypeError(f"expected kind to be normal or reduce, but got {kind!r:.60}")
    chosen: Cell = cell if isinstance(cell, Cell) else getattr(as_genotype(cell), kind)
    return graph.topology(chosen, reduction=kind == "reduce")


def random_variant(
    cell: Genotype | str,
    seed: int = 0,
    *,
    cells: Sequence[str] = CELL_KINDS,
    level: tuple[float, int] | None = None,
) -> Genotype:
    """Return a variant with every edge's source redrawn (Appendix A.2 of the paper).

    Node order, operations and concatenation are kept; each edge's source is uniform over the
    earlier nodes.

    With a ``level``, return a designed variant instead: the normal cell's operations are allocated
    to its edges at random, and its wiring is uniform among those with that width and depth, two
    distinct sources per node and all nodes concatenated. Variants of one seed and several levels
    are matched: they have the same operations on the same edges and equal parameters.

    Args:
        cell: A cell by name, file or text, or a `Genotype`.
        seed: Random seed.
        cells: Which cells to redraw, "normal" and "reduce". A designed variant always keeps the
            reduction cell.
        level: Fractional width, in units of c, and depth of a designed variant.

    Raises:
        GenotypeError: There is no such cell, ``cells`` names something else, the seed is negative,
            or no wiring has that width and depth; the message lists those that exist.

    >>> random_variant("DARTS", 2).name
    'DARTS-r2'
    >>> [random_variant("DARTS", 2, level=level).name for level in ((4, 2), (1.5, 5))]
    ['DARTS-w4d2-2', 'DARTS-w1.5d5-2']
    """
    genotype = as_genotype(cell)
    if level is None:
        return wiring.random_variant(genotype, seed, cells=cells)
    return designs.designed_variant(genotype, seed, designs.read_level(level))


def published_variant(cell: Genotype | str, seed: int = 1) -> Genotype:
    """Return the variant that the authors' code draws with a seed; Figure 10 shows seeds 1 to 4.

    Args:
        cell: A cell by name, file or text, or a `Genotype`.
        seed: Seed of NumPy's legacy generator, as in the authors' code.

    Raises:
        GenotypeError: There is no such cell, its two cells have different numbers of edges, or the
            seed is out of range.

    >>> [topology(published_variant("AmoebaNet", seed)).depth for seed in (1, 2, 3, 4)]
    [5, 6, 4, 3]
    """
    return wiring.published_variant(as_genotype(cell), seed)
