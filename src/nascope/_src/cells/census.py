"""A census: how many cells of a space have each width and depth; and a cell's rank in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from nascope._src.cells.genotype import Cell
from nascope._src.cells.graph import depth, fractional_width, plain_number, strict_width
from nascope._src.errors import GenotypeError

CONVENTIONS = ("strict", "fractional")
"""The conventions of width that a census counts; live and effective widths it cannot."""


class Point(NamedTuple):
    """A cell's coordinates in a census; widths in units of c."""

    strict_width: int
    fractional_width: Fraction
    depth: int

    def width(self, convention: str) -> Fraction:
        """The width under one of `CONVENTIONS`."""
        if convention not in CONVENTIONS:
            raise GenotypeError(f"a census knows {' and '.join(CONVENTIONS)}, not {convention!r}")
        return self.fractional_width if convention == "fractional" else Fraction(self.strict_width)


def point(cell: Cell) -> Point:
    """Where a cell stands in a census."""
    return Point(strict_width(cell), fractional_width(cell), depth(cell))


class Rank(NamedTuple):
    """Exact shares of a space: small numbers are remarkable."""

    as_wide: Fraction
    as_shallow: Fraction
    both: Fraction

    def as_dict(self) -> dict[str, float]:
        """As floating-point numbers, for JSON."""
        return {name: float(share) for name, share in self._asdict().items()}


@dataclass(frozen=True)
class Census:
    """Number of cells of a space at each point.

    Where a space holds cells whose output does not depend on their input (NAS-Bench-201), those
    stand at width 0 and depth 0; they count in ``total``, but no rank is taken among them.
    """

    space: str
    nodes: int
    counts: Mapping[Point, int]

    @cached_property
    def total(self) -> int:
        """Number of cells in the space."""
        return sum(self.counts.values())

    def rank(self, at: Point, convention: str = "fractional") -> Rank:
        """Which shares of the space are at least as wide, at least as shallow, and both.

        >>> from nascope._src.cells.catalog import load
        >>> from nascope._src.cells.spaces import space
        >>> space("darts").census().rank(point(load("DARTS").normal)).as_wide
        Fraction(13, 180)
        """
        wide = shallow = both = total = 0
        for other, count in self.counts.items():
            if not other.depth:
                continue
            as_wide = other.width(convention) >= at.width(convention)
            as_shallow = other.depth <= at.depth
            total += count
            wide += count * as_wide
            shallow += count * as_shallow
            both += count * (as_wide and as_shallow)
        return Rank(Fraction(wide, total), Fraction(shallow, total), Fraction(both, total))

    def marginal(self, convention: str) -> dict[tuple[Fraction, int], int]:
        """Number of cells at each (width, depth) under one convention."""
        table: dict[tuple[Fraction, int], int] = {}
        for at, count in self.counts.items():
            key = (at.width(convention), at.depth)
            table[key] = table.get(key, 0) + count
        return table

    def as_dict(self) -> dict[str, object]:
        """Plain numbers, for JSON."""
        return {
            "space": self.space,
            "intermediate_nodes": self.nodes,
            "total": self.total,
            "counts": [
                {
                    "strict_width": at.strict_width,
                    "fractional_width": plain_number(at.fractional_width),
                    "depth": at.depth,
                    "count": count,
                }
                for at, count in sorted(self.counts.items())
            ],
        }
