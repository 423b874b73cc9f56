"""The census of a space: how many of its cells have each width and depth; and a cell's rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from nascope._src.cells.graph import (
    CellGraph,
    depth,
    fractional_width,
    plain_number,
    strict_width,
)
from nascope._src.errors import GenotypeError

CONVENTIONS = ("strict", "fractional")
"""The width conventions of a census. It does not count live or effective widths."""


class Point(NamedTuple):
    """A cell's coordinates in a census; widths in units of c."""

    strict_width: int
    fractional_width: Fraction
    depth: int

    def width(self, convention: str) -> Fraction:
        """Return the width under one of `CONVENTIONS`."""
        if convention not in CONVENTIONS:
            raise GenotypeError(
                f"expected the width convention {' or '.join(CONVENTIONS)}, not {convention!r}"
            )
        return self.fractional_width if convention == "fractional" else Fraction(self.strict_width)


def point(cell: CellGraph) -> Point:
    """Return a cell's coordinates in a census."""
    return Point(strict_width(cell), fractional_width(cell), depth(cell))


class Rank(NamedTuple):
    """The exact shares of a space that match or exceed a cell. A small share is remarkable."""

    as_wide: Fraction
    as_shallow: Fraction
    both: Fraction

    def as_dict(self) -> dict[str, float]:
        """Return floating-point numbers, for JSON."""
        return {name: float(share) for name, share in self._asdict().items()}


@dataclass(frozen=True)
class Census:
    """The number of cells of a space at each point.

    NAS-Bench-201 has cells whose output does not depend on their input. They have width 0 and
    depth 0 here; ``total`` includes them, but a rank does not.
    """

    space: str
    nodes: int
    counts: Mapping[Point, int]

    @cached_property
    def total(self) -> int:
        """Number of cells in the space."""
        return sum(self.counts.values())

    def rank(self, at: Point, convention: str = "fractional") -> Rank:
        """Return the shares of the space at least as wide, at least as shallow, and both.

        >>> from nascope._src.cells.catalog import load
        >>> from nascope._src.cells.spaces.named import named_space
        >>> named_space("darts").census().rank(point(load("DARTS").normal)).as_wide
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
        """Return the number of cells at each (width, depth) under one convention."""
        table: dict[tuple[Fraction, int], int] = {}
        for at, count in self.counts.items():
            key = (at.width(convention), at.depth)
            table[key] = table.get(key, 0) + count
        return table

    def as_dict(self) -> dict[str, object]:
        """Return plain numbers, for JSON."""
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
