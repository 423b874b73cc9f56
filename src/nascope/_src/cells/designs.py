"""Designed variants: the same operations and parameters in wirings of a chosen width and depth.

Random variants (Appendix A.2) differ from their original in more than width and depth: they have
dead nodes, and with them fewer multiply-adds. Designed variants do not. Of the normal cell,

- the operations are kept and allocated to the edges at random;
- the output concatenates all intermediate nodes, so that no node is dead;
- the sources of a node are distinct, as in DARTS' space;
- the wiring is uniform among those that have the width and the depth.

The reduction cell is kept. Every edge of a normal cell has stride 1, so all variants of a cell have
the same parameters and multiply-adds. Widths are fractional.
"""

from __future__ import annotations

import functools
import operator
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal, NamedTuple, get_args

from nascope._src.cells.checks import check_seed, is_index, short
from nascope._src.cells.genotype import Cell, Edge, Genotype
from nascope._src.cells.graph import plain_number
from nascope._src.cells.rng import shuffled
from nascope._src.cells.spaces.wiring_space import WiringSpace
from nascope._src.errors import GenotypeError

DesignKind = Literal["contrast", "factorial"]


class Level(NamedTuple):
    """A fractional width, in units of c, and a depth."""

    width: Fraction
    depth: int

    def __str__(self) -> str:
        return f"w{float(self.width):g}d{self.depth}"


@dataclass(frozen=True)
class DesignPlace:
    """The place of a designed variant in its design.

    Attributes:
        kind: "contrast": each pair has a widest, shallowest and a narrowest, deepest member;
            "factorial": each block has every combination of some widths and depths.
        allocation: number of the family's pair or block, from 1. Its members share the allocation
            of operations to edges.
        level: the variant's width and depth.
    """

    kind: DesignKind
    allocation: int
    level: Level

    def as_dict(self) -> dict[str, object]:
        """Return plain values, as `from_dict` reads them."""
        return {
            "kind": self.kind,
            "allocation": self.allocation,
            "width": plain_number(self.level.width),
            "depth": self.level.depth,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DesignPlace:
        """Read what `as_dict` returns.

        Raises:
            KeyError, TypeError, ValueError: the values describe no place.
        """
        if values["kind"] not in get_args(DesignKind) or not is_index(values["allocation"]):
            raise ValueError(f"no place in a design: {short(dict(values))}")
        level = _level(values["width"], int(values["depth"]))
        return cls(values["kind"], values["allocation"], level)


def read_level(values: Sequence[float]) -> Level:
    """Return a level that a user gave as a width and a depth.

    Raises:
        GenotypeError: They are not two finite numbers.
    """
    try:
        width, depth = values
        return _level(width, operator.index(depth))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise GenotypeError(
            f"expected a level as (width, depth), such as (3.5, 3), got {short(values)}"
        ) from None


def design_space(genotype: Genotype) -> WiringSpace:
    """Return the wirings that designed variants of a genotype are drawn from.

    Raises:
        GenotypeError: Nodes of the normal cell have different numbers of edges, or more edges than
            there are inputs.

    >>> from nascope._src.cells.catalog import load
    >>> design_space(load("DARTS")).count(), design_space(load("NASNet")).count()
    (180, 2700)
    """
    cell = genotype.normal
    edges = {len(node) for node in cell.nodes}
    if len(edges) > 1 or max(edges) > cell.num_inputs:
        raise GenotypeError(
            f"a designed variant needs as many edges at every node, at most {cell.num_inputs} "
            f"(one per input), but the normal cell has {[len(node) for node in cell.nodes]}"
        )
    return _space(cell.num_nodes, cell.num_inputs, edges.pop())


@functools.cache  # a space remembers what it has counted
def _space(nodes: int, inputs: int, in_degree: int) -> WiringSpace:
    return WiringSpace(
        "of designed variants",
        nodes=nodes,
        inputs=inputs,
        in_degree=in_degree,
        distinct=True,
        ordered=False,
    )


def levels(genotype: Genotype) -> dict[Level, int]:
    """Return the number of wirings at each width and depth that designed variants can have."""
    census = design_space(genotype).census()
    return {Level(*at): count for at, count in sorted(census.marginal("fractional").items())}


def contrast_levels(genotype: Genotype) -> tuple[Level, Level]:
    """Return the widest and shallowest level, and the narrowest and deepest.

    >>> from nascope._src.cells.catalog import load
    >>> [str(level) for level in contrast_levels(load("DARTS"))]
    ['w4d2', 'w1.5d5']
    """
    known = levels(genotype)
    wide = max(known, key=lambda level: (level.width, -level.depth))
    deep = min(known, key=lambda level: (level.width, -level.depth))
    if not (wide.depth < deep.depth and wide.width > deep.width):
        raise GenotypeError(
            f"a contrast needs a wide, shallow wiring and a narrow, deep one, but cells of "
            f"{genotype.normal.num_nodes} intermediate nodes have only {_listed(known)}"
        )
    return wide, deep


def factorial_levels(
    genotype: Genotype, widths: Sequence[float], depths: Sequence[int]
) -> tuple[Level, ...]:
    """Return every combination of these widths and depths.

    Raises:
        GenotypeError: No designed variant has one of them.

    >>> from nascope._src.cells.catalog import load
    >>> [str(level) for level in factorial_levels(load("DARTS"), [2, 3], [3, 4])]
    ['w2d3', 'w2d4', 'w3d3', 'w3d4']
    """
    chosen = tuple(_level(width, depth) for width in widths for depth in depths)
    known = levels(genotype)
    for level in chosen:
        _check_level(level, known, genotype)
    return chosen


def designed_variant(genotype: Genotype, seed: int, level: Level) -> Genotype:
    """Draw a designed variant of a width and depth.

    Variants of one seed have the same operations on the same edges (numbered by node), whatever
    their width and depth: they form a matched pair, or a block.

    Args:
        genotype: The genotype whose operations and reduction cell are kept.
        seed: Random seed of the allocation and of the wiring, a non-negative integer.
        level: Width and depth of the normal cell.

    Returns:
        The variant, named ``<name>-w<width>d<depth>-<seed>``.

    Raises:
        GenotypeError: No wiring has that width and depth, the seed is negative, or the cell's nodes
            have different numbers of edges.

    >>> from nascope._src.cells.catalog import load
    >>> designed_variant(load("DARTS"), 1, Level(Fraction(4), 2)).normal.sources
    ((0, 1), (0, 1), (0, 1), (0, 1))
    """
    check_seed(seed)
    space = design_space(genotype)
    _check_level(level, levels(genotype), genotype)
    cell = genotype.normal
    generator = random.Random(seed)
    operations = iter(shuffled(generator, [edge.operation for edge in cell.edges]))
    wiring = space.sample(generator, fractional_width=level.width, depth=level.depth)
    nodes = tuple(tuple(Edge(next(operations), source) for source in node) for node in wiring)
    return replace(
        genotype,
        normal=Cell(nodes=nodes, concat=tuple(cell.intermediate), num_inputs=cell.num_inputs),
        name=f"{genotype.name or 'cell'}-{level}-{seed}",
    )


def designed_block(
    genotype: Genotype, seed: int, chosen: Sequence[Level]
) -> tuple[tuple[Level, Genotype], ...]:
    """Draw a designed variant at each level, all with one seed.

    >>> from nascope._src.cells.catalog import load
    >>> darts = load("DARTS")
    >>> [cell.name for _, cell in designed_block(darts, 1, contrast_levels(darts))]
    ['DARTS-w4d2-1', 'DARTS-w1.5d5-1']
    """
    block = tuple((level, designed_variant(genotype, seed, level)) for level in chosen)
    assert all(same_size(block[0][1].normal, variant.normal) for _, variant in block)
    return block


def same_size(first: Cell, second: Cell) -> bool:
    """Return whether two normal cells have equal parameters and multiply-adds in any network.

    They do if they have the same operations, inputs and number of concatenated nodes, because each
    edge of a normal cell has stride 1 and as many channels as any other.
    """
    size: Callable[[Cell], object] = lambda cell: (  # noqa: E731
        sorted(edge.operation for edge in cell.edges),
        cell.num_inputs,
        len(cell.concat),
    )
    return size(first) == size(second)


def _level(width: float, depth: int) -> Level:
    return Level(Fraction(width).limit_denominator(1000), depth)  # ⅓ from 0.333333…


def _check_level(level: Level, known: dict[Level, int], genotype: Genotype) -> None:
    if level not in known:
        raise GenotypeError(
            f"no wiring of {genotype.normal.num_nodes} intermediate nodes has width "
            f"{plain_number(level.width)} and depth {level.depth}; there are {_listed(known)}"
        )


def _listed(known: dict[Level, int]) -> str:
    return ", ".join(str(level) for level in known)
