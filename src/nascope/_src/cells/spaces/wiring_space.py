"""Spaces in which every node reads the same number of earlier nodes, with an exact census.

The census goes over the nodes in order. Later nodes depend on earlier ones only through the number
of nodes at each height (edges on the longest path from an input). n nodes have only 2ⁿ⁻¹ such
states. For each state, count the wirings with each (strict width, fractional width): the counts are
the coefficients of a polynomial, stored in *one* Python integer with a fixed number of bits per
coefficient (Kronecker substitution). Adding and shifting such integers is exact. Sampling under a
condition reads the same coefficients from the last node to the first, with the depth.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

from nascope._src.cells.checks import is_index
from nascope._src.cells.genotype import Cell, Edge
from nascope._src.cells.graph import loose_ends
from nascope._src.cells.rng import below, shuffled, subset, weighted
from nascope._src.cells.spaces.census import Census, Point
from nascope._src.cells.spaces.space import Space, Wiring
from nascope._src.errors import GenotypeError

MAX_SPACE_NODES = 16  # intermediate nodes; each one doubles the time of a census
_MAX_BYTES = 500_000_000  # of the polynomials of a node, at most, in a census
_State = tuple[tuple[int, ...], int]  # nodes with height ≤ 1, 2, …; largest height in concat


@dataclass(frozen=True)
class WiringSpace(Space):
    """Wirings in which every intermediate node reads ``in_degree`` earlier nodes.

    Args:
        name: Name of the space.
        nodes: Number of intermediate nodes.
        inputs: Number M of input nodes.
        in_degree: Number of edges into each intermediate node.
        distinct: Whether the sources of a node must differ.
        ordered: Whether the order of a node's sources counts.
        concat: Which nodes the output concatenates: ``"all"``; ``"loose"``: those that no other
            node reads; ``"kept"``: those of the cell that is ranked, or all without such a cell;
            or a tuple of indices.

    Raises:
        GenotypeError: An argument is out of range.

    >>> space = WiringSpace("mine", nodes=4, distinct=True, ordered=False)
    >>> space.count(), space.census().counts[Point(4, Fraction(4), 2)]
    (180, 1)
    """

    inputs: int = 2
    in_degree: int = 2
    distinct: bool = False
    ordered: bool = True
    concat: str | tuple[int, ...] = "all"
    _memo: dict[tuple[int, _State], int] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        for name, value, most in (
            ("nodes", self.nodes, MAX_SPACE_NODES),
            ("inputs", self.inputs, 100),
            ("in_degree", self.in_degree, 8),
        ):
            if not is_index(value) or not 1 <= value <= most:
                raise GenotypeError(f"a space's {name} must be 1 to {most}, not {value}")
        if self.distinct and self.in_degree > self.inputs:
            raise GenotypeError(
                f"in_degree must be at most the {self.inputs} inputs if sources are distinct, not "
                f"{self.in_degree}"
            )
        if isinstance(self.concat, str):
            if self.concat not in ("all", "loose", "kept"):
                raise GenotypeError(
                    f"concat must be 'all', 'loose', 'kept' or indices, not {self.concat!r}"
                )
        elif not self.concat or not set(self.concat) <= set(self._intermediate):
            raise GenotypeError(f"concat must name intermediate nodes, not {self.concat}")

    @property
    def _intermediate(self) -> range:
        return range(self.inputs, self.inputs + self.nodes)

    # ------------------------------------------------------------ counting

    def choices(self, available: int) -> int:
        """Return the number of ways in which a node can read ``available`` earlier nodes."""
        d = self.in_degree
        if self.distinct:
            return math.perm(available, d) if self.ordered else math.comb(available, d)
        return available**d if self.ordered else math.comb(available + d - 1, d)

    def count(self) -> int:
        """Return the number of wirings.

        >>> WiringSpace("A.2", nodes=5).count()
        518400
        """
        return math.prod(self.choices(available) for available in self._intermediate)

    def _with_inputs(self, k: int, intermediate: int) -> int:
        """Count the ways to read k inputs, and other edges from ``intermediate`` nodes."""
        d, m = self.in_degree, self.inputs
        if self.distinct:
            ways = math.comb(m, k) * math.comb(intermediate, d - k)
            return ways * math.factorial(d) if self.ordered else ways
        if self.ordered:
            return math.comb(d, k) * m**k * intermediate ** (d - k)
        return _multisets(m, k) * _multisets(intermediate, d - k)

    # ------------------------------------------------------------ enumerating

    def wirings(self) -> Iterator[Wiring]:
        """Yield every wiring once. There may be very many: look at `count` first."""
        yield from self._from(self.inputs)

    def _from(self, available: int) -> Iterator[Wiring]:
        if available == self.inputs + self.nodes:
            yield ()
            return
        for sources in self._sources(range(available)):
            for rest in self._from(available + 1):
                yield (sources, *rest)

    def _sources(self, nodes: range) -> Iterator[tuple[int, ...]]:
        if self.distinct:
            every = itertools.permutations if self.ordered else itertools.combinations
            return every(nodes, self.in_degree)
        if self.ordered:
            return itertools.product(nodes, repeat=self.in_degree)
        return itertools.combinations_with_replacement(nodes, self.in_degree)

    def cell(self, wiring: Wiring, operation: str = "sep_conv_3x3") -> Cell:
        """Return the cell of a wiring, with the same operation on every edge."""
        nodes = tuple(tuple(Edge(operation, source) for source in node) for node in wiring)
        concat = tuple(self._intermediate) if isinstance(self.concat, str) else self.concat
        cell = Cell(nodes=nodes, concat=concat, num_inputs=self.inputs)
        return replace(cell, concat=loose_ends(cell)) if self.concat == "loose" else cell

    # ------------------------------------------------------------ membership

    def for_cell(self, cell: Cell) -> WiringSpace:
        """Return this kind of space with the cell's number of nodes (and its concat, if kept).

        Raises:
            GenotypeError: The space does not hold the cell; the message says why.
        """
        if cell.num_inputs != self.inputs:
            raise GenotypeError(
                f"the space {self.name} has cells of {self.inputs} inputs, not {cell.num_inputs}"
            )
        for node, sources in zip(cell.intermediate, cell.sources, strict=True):
            if len(sources) != self.in_degree:
                raise GenotypeError(
                    f"the space {self.name} does not hold this cell: node {node} reads "
                    f"{len(sources)} nodes, not {self.in_degree}"
                )
            if self.distinct and len(set(sources)) < len(sources):
                raise GenotypeError(
                    f"the space {self.name} does not hold this cell: node {node} reads node "
                    f"{sources[0]} twice"
                )
        resized = replace(self, nodes=cell.num_nodes)
        if self.concat == "kept":
            return replace(resized, concat=tuple(sorted(cell.concat)))
        expected = resized.cell(cell.sources).concat
        if set(cell.concat) != set(expected):
            raise GenotypeError(
                f"the space {self.name} does not hold this cell: it concatenates "
                f"{sorted(cell.concat)}, not {list(expected)}"
            )
        return resized

    # ------------------------------------------------------------ the recursion

    @cached_property
    def _bits(self) -> int:
        return self.count().bit_length() + 1

    def _place(self, depth: int, strict: int, shares: int) -> int:
        """Return the first bit of a coefficient; ``shares`` is fractional width × in-degree."""
        most = self.nodes * self.in_degree + 1
        return ((depth * (self.nodes + 1) + strict) * most + shares) * self._bits

    def _completions(self, number: int, state: _State) -> int:
        """Count the ways to wire node ``number`` and all later ones, packed into one integer."""
        if number == self.nodes:
            return 1 << self._place(1 + state[1], 0, 0)
        known = self._memo.get((number, state))
        if known is None:
            known = 0
            for k, height, ways in self._steps(state[0]):
                rest = self._completions(number + 1, self._after(number, state, height))
                known += ways * rest << self._place(0, k == self.in_degree, k)
            self._memo[number, state] = known
        return known

    def _steps(self, below: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
        """Yield what a new node can be: (inputs that it reads, its height, number of ways)."""
        for k in range(self.in_degree + 1):
            before = 0
            for height in range(len(below) + 1):
                upto = self._with_inputs(k, below[height - 1] if height else 0)
                if upto > before:
                    yield k, height + 1, upto - before
                before = upto

    def _after(self, number: int, state: _State, height: int) -> _State:
        """Return the state after node ``number`` gets that height."""
        below, tallest = state
        grown = (*below, below[-1] if below else 0) if height > len(below) else below
        counts = tuple(c + (h >= height) for h, c in enumerate(grown, start=1))
        concatenated = isinstance(self.concat, str) or self.inputs + number in self.concat
        return counts, max(tallest, height) if concatenated else tallest

    def census(self) -> Census:
        """Count the wirings at each strict width, fractional width and depth.

        The deepest node is always a loose end, so concatenating the loose ends gives the same
        depth as concatenating all nodes.

        Raises:
            GenotypeError: The space is too large to be counted within a minute.
        """
        self._check_effort()
        counts = {}
        mask = (1 << self._bits) - 1
        for (_, tallest), packed in self._ended().items():
            for strict in range(self.nodes + 1):
                for shares in range(strict * self.in_degree, self.nodes * self.in_degree + 1):
                    if count := packed >> self._place(0, strict, shares) & mask:
                        at = Point(strict, Fraction(shares, self.in_degree), 1 + tallest)
                        counts[at] = count
        by_depth = sorted(counts.items(), key=lambda item: (item[0].depth, item[0]))
        return Census(self.name, self.nodes, dict(by_depth))  # draws depend on this order

    def _ended(self) -> dict[_State, int]:
        """Return the polynomial of the wirings for each height of the tallest node in concat.

        Unlike `_completions`, this goes from the first node to the last, and keeps the polynomials
        of two nodes only. They are smaller, too, because the depth is in the state.
        """
        level: dict[_State, int] = {((), 0): 1}
        for number in range(self.nodes):
            after: dict[_State, int] = {}
            for state, packed in level.items():
                for k, height, ways in self._steps(state[0]):
                    reached = self._after(number, state, height)
                    if number == self.nodes - 1:
                        reached = (), reached[1]
                    term = packed * ways << self._place(0, k == self.in_degree, k)
                    after[reached] = after.get(reached, 0) + term
            level = after
        return level

    def _check_effort(self) -> None:
        """Raise an error if a census would take minutes."""
        size = self._place(0, self.nodes + 1, 0) // 8  # bytes of a polynomial, at most
        if size << max(0, self.nodes - 2) > _MAX_BYTES:
            raise GenotypeError(
                f"a census of {self.nodes} nodes that read {self.in_degree} others would take too "
                "long: choose fewer nodes or a smaller in-degree"
            )

    # ------------------------------------------------------------ sampling

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

        >>> wide = WiringSpace("mine", nodes=4).sample(random.Random(0), strict_width=4)
        >>> sorted({source for sources in wide for source in sources})
        [0, 1]
        """
        strict = strict_width
        shares = None if fractional_width is None else Fraction(fractional_width) * self.in_degree
        if shares is not None and shares.denominator != 1:
            raise GenotypeError(f"no wiring of {self.name} has the width {fractional_width}")
        state: _State = ((), 0)
        height: list[int] = []
        wiring = []
        for number in range(self.nodes):
            steps = list(self._steps(state[0]))
            weights = []
            for k, h, ways in steps:
                rest = self._completions(number + 1, self._after(number, state, h))
                full = int(k == self.in_degree)
                left = None if strict is None else strict - full
                share_left = None if shares is None else int(shares) - k
                weights.append(ways * self._matching(rest, left, share_left, depth))
            if not any(weights):
                raise GenotypeError(
                    f"the space {self.name} has no wiring of {self.nodes} nodes with that width "
                    "and depth"
                )
            k, h, _ = steps[weighted(generator, weights)]
            wiring.append(self._draw(generator, k, h, height))
            state = self._after(number, state, h)
            height.append(h)
            strict = None if strict is None else strict - int(k == self.in_degree)
            shares = None if shares is None else shares - k
        return tuple(wiring)

    def _matching(
        self, packed: int, strict: int | None, shares: int | None, depth: int | None
    ) -> int:
        """Sum the coefficients that meet the conditions."""
        mask = (1 << self._bits) - 1
        depths = range(2, self.nodes + 2) if depth is None else [depth]
        stricts = range(self.nodes + 1) if strict is None else [strict]
        every = range(self.nodes * self.in_degree + 1) if shares is None else [shares]
        return sum(
            packed >> self._place(d, s, f) & mask
            for d, s, f in itertools.product(depths, stricts, every)
            if 1 < d <= self.nodes + 1 and 0 <= s <= self.nodes and f >= 0
        )

    def _draw(
        self, generator: random.Random, k: int, height: int, heights: list[int]
    ) -> tuple[int, ...]:
        """Draw the sources of a node of a given height: k inputs, and lower nodes."""
        lower = [self.inputs + i for i, h in enumerate(heights) if h < height]
        while True:
            others = self._pick(generator, lower, self.in_degree - k)
            if not others or max(heights[o - self.inputs] for o in others) == height - 1:
                break
        picked = self._pick(generator, range(self.inputs), k)
        if not self.ordered:
            return tuple(sorted((*picked, *others)))
        if self.distinct:
            return tuple(shuffled(generator, [*picked, *others]))
        places = set(subset(generator, self.in_degree, k))
        parts = (iter(picked), iter(others))
        return tuple(next(parts[place not in places]) for place in range(self.in_degree))

    def _pick(self, generator: random.Random, pool: Sequence[int], number: int) -> list[int]:
        """Draw ``number`` nodes uniformly, in the way that the space counts choices."""
        if self.distinct:
            return [pool[i] for i in subset(generator, len(pool), number)]
        if self.ordered:
            return [pool[below(generator, len(pool))] for _ in range(number)]
        if not number:
            return []
        stars = subset(generator, len(pool) + number - 1, number)
        return [pool[star - i] for i, star in enumerate(stars)]


def _multisets(size: int, chosen: int) -> int:
    return math.comb(size + chosen - 1, chosen) if size else int(chosen == 0)
