"""What every search space can do: count, enumerate, draw, take a census, rank a cell."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from nascope._src.cells.genotype import Cell
from nascope._src.cells.spaces.census import CONVENTIONS, Census, Rank, point

Wiring = tuple[tuple[int, ...], ...]
"""For each intermediate node the nodes that it reads."""


@dataclass(frozen=True)
class Space(ABC):
    """A set of cells with the same number of intermediate nodes."""

    name: str
    nodes: int

    @abstractmethod
    def count(self) -> int:
        """Return the number of cells."""

    @abstractmethod
    def wirings(self) -> Iterator[Wiring]:
        """Yield every wiring once. There may be very many: look at `count` first."""

    def weight(self, wiring: Wiring) -> int:
        """Return how many cells of the space have this wiring."""
        return 1

    @abstractmethod
    def cell(self, wiring: Wiring) -> Cell | None:
        """Return the cell of a wiring; None if its output does not depend on its input."""

    @abstractmethod
    def for_cell(self, cell: Cell) -> Space:
        """Return this kind of space for the size of a cell.

        Raises:
            GenotypeError: The space does not hold the cell; the message says why.
        """

    @abstractmethod
    def census(self) -> Census:
        """Count the cells at each strict width, fractional width and depth, exactly."""

    @abstractmethod
    def sample(
        self,
        generator: random.Random,
        *,
        strict_width: int | None = None,
        fractional_width: Fraction | None = None,
        depth: int | None = None,
    ) -> Wiring:
        """Draw a wiring uniformly, from all or from those of a given width or depth.

        Raises:
            GenotypeError: The space has no such wiring.
        """

    def rank(self, cell: Cell) -> dict[str, Rank]:
        """Return the exact shares of the space that are as wide and as shallow as a cell.

        The number of nodes (and a kept concat) is the cell's.

        Returns:
            A `Rank` for each width convention, ``"strict"`` and ``"fractional"``.

        Raises:
            GenotypeError: The space does not hold the cell.

        >>> from nascope._src.cells.catalog import load
        >>> from nascope._src.cells.spaces.named import named_space
        >>> named_space("darts").rank(load("SNAS").normal)["strict"].both
        Fraction(1, 180)
        """
        census, at = self.for_cell(cell).census(), point(cell)
        return {convention: census.rank(at, convention) for convention in CONVENTIONS}
