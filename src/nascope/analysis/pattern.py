"""The common connection pattern as a statistic (Observation 3.1): are found cells wide and shallow?

Each cell is compared with a uniformly drawn wiring of the space that its algorithm searches:

    wider     = P(W < w) + ½ P(W = w)        shallower = P(D > d) + ½ P(D = d)

with W, D the width and depth of the uniform wiring and w, d the cell's: exactly, from the space's
census. By chance both average ½; 1 means wider (shallower) than every wiring. Such a score is the
effect size "probability of superiority", comparable between spaces; ``pattern`` is the mean of the
two.

Cells of one paper come from one method's runs and are not independent. A group's statistic is the
mean over its *papers* of the mean over a paper's cells, and its p-value is the exact probability
that the mean over as many *single* uniform wirings, one a paper, is at least as large: as if all
cells of a paper were copies of one, the most dependent case. Intervals resample papers.
"""

from __future__ import annotations

import functools
import math
import random
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from statistics import fmean

from nascope.cells.catalog import Entry
from nascope.cells.census import Census, Point, point
from nascope.cells.space import Space
from nascope.cells.spaces import EdgeSpace, space
from nascope.errors import GenotypeError, StudyError

SCORES = ("wider", "shallower", "pattern")
_RESAMPLES, _LEVEL = 10_000, 0.95

Within = Space | EdgeSpace


@dataclass(frozen=True)
class Scored:
    """A cell against uniform wirings of a space; widths in units of c."""

    name: str
    algorithm: str
    paper: str
    within: Within
    width: Fraction
    depth: int
    expected_width: Fraction
    expected_depth: Fraction
    wider: Fraction
    shallower: Fraction

    @property
    def pattern(self) -> Fraction:
        """Mean of the two scores."""
        return (self.wider + self.shallower) / 2


def score(
    entries: Iterable[Entry],
    *,
    kind: str = "normal",
    convention: str = "fractional",
    within: str | None = None,
) -> tuple[list[Scored], list[str]]:
    """Compare catalogue cells with uniform wirings of the space that each was searched in.

    Args:
        kind: ``normal`` or ``reduce``.
        convention: of width, ``strict`` or ``fractional``.
        within: a space to use for all of them instead.

    Returns:
        The scored cells, and the names of those that are not in their space.
    """
    if kind not in ("normal", "reduce"):
        raise StudyError(f"kind must be normal or reduce, not {kind!r}")
    scored, outside = [], []
    for entry in entries:
        cell = getattr(entry.genotype, kind)
        try:
            here = space(within or entry.space).of(cell)
        except GenotypeError:
            outside.append(str(entry.genotype.name))
            continue
        at = point(cell)
        wider, shallower = _table(here, convention)[at.width(convention), at.depth]
        width, depth = _expected(here, convention)
        scored.append(
            Scored(
                str(entry.genotype.name),
                entry.algorithm,
                entry.paper,
                here,
                at.width(convention),
                at.depth,
                width,
                depth,
                wider,
                shallower,
            )
        )
    return scored, outside


@functools.cache
def _census(within: Within) -> Census:
    census = within.census()
    connected: dict[Point, int] = {at: n for at, n in census.counts.items() if at.depth}
    return Census(census.space, census.nodes, connected)


@functools.cache
def _table(
    within: Within, convention: str
) -> dict[tuple[Fraction, int], tuple[Fraction, Fraction]]:
    """For every (width, depth) of a space its two scores."""
    counts = _census(within).marginal(convention)
    total = sum(counts.values())
    table = {}
    for width, depth in counts:
        wider = sum(n * _half(width, w) for (w, _), n in counts.items())
        shallower = sum(n * _half(d, depth) for (_, d), n in counts.items())
        table[width, depth] = (Fraction(wider, 2 * total), Fraction(shallower, 2 * total))
    return table


def _half(a: Fraction | int, b: Fraction | int) -> int:
    """2 where a > b, 1 where they are equal: twice the score of one comparison."""
    return 2 * (a > b) + (a == b)


@functools.cache
def _expected(within: Within, convention: str) -> tuple[Fraction, Fraction]:
    counts = _census(within).marginal(convention)
    total = sum(counts.values())
    width = sum((n * w for (w, _), n in counts.items()), Fraction(0)) / total
    return width, Fraction(sum(n * d for (_, d), n in counts.items()), total)


@functools.cache
def _null(within: Within, convention: str, which: str) -> tuple[tuple[Fraction, int], ...]:
    """The distribution of a score over uniform wirings: (score, number of wirings)."""
    counts = _census(within).marginal(convention)
    found: Counter[Fraction] = Counter()
    for at, n in counts.items():
        wider, shallower = _table(within, convention)[at]
        value = {"wider": wider, "shallower": shallower, "pattern": (wider + shallower) / 2}[which]
        found[value] += n
    return tuple(sorted(found.items()))


# ---------------------------------------------------------------- groups of cells


@dataclass(frozen=True)
class Effect:
    """A group's mean score: ½ by chance, 1 at most."""

    mean: float
    interval: tuple[float, float] | None  # 95 %, papers resampled; None for fewer than three
    p_greater: float  # exact, under one uniform wiring a cluster
    p_less: float


@dataclass(frozen=True)
class Pattern:
    """A group of cells against chance; means are over clusters, widths in units of c."""

    label: str
    convention: str
    cells: int
    clusters: int
    width: float
    expected_width: float
    depth: float
    expected_depth: float
    wider: Effect
    shallower: Effect
    pattern: Effect

    @property
    def follows(self) -> bool:
        """Whether the group is wider *and* shallower than chance on average."""
        return self.wider.mean > 0.5 and self.shallower.mean > 0.5


def pattern(
    scored: Sequence[Scored],
    *,
    label: str = "all",
    convention: str = "fractional",
    cluster: str = "paper",
    seed: int = 0,
) -> Pattern:
    """Test a group of scored cells.

    Args:
        convention: the one that they were scored under.
        cluster: ``paper``: cells of a paper count as one; ``cell``: each for itself, as if the
            runs were independent.
        seed: of the resampling.

    Raises:
        StudyError: there are no cells.
    """
    if not scored:
        raise StudyError("no cells to test")
    groups: dict[tuple[object, ...], list[Scored]] = defaultdict(list)
    for number, one in enumerate(scored):
        groups[(one.paper, one.within) if cluster == "paper" else (number,)].append(one)
    clusters = list(groups.values())

    def mean(name: str) -> float:
        return fmean(fmean(float(getattr(one, name)) for one in group) for group in clusters)

    effects = {which: _effect(clusters, which, convention, random.Random(seed)) for which in SCORES}
    return Pattern(
        label,
        convention,
        len(scored),
        len(clusters),
        mean("width"),
        mean("expected_width"),
        mean("depth"),
        mean("expected_depth"),
        **effects,
    )


def _effect(
    clusters: Sequence[Sequence[Scored]], which: str, convention: str, generator: random.Random
) -> Effect:
    means = [
        sum((getattr(one, which) for one in group), Fraction(0)) / len(group) for group in clusters
    ]
    nulls = [_null(group[0].within, convention, which) for group in clusters]
    total = sum(means, Fraction(0))
    greater, less = tails(nulls, total)
    return Effect(
        mean=float(total / len(means)),
        interval=_interval([float(value) for value in means], generator),
        p_greater=greater,
        p_less=less,
    )


def _interval(values: Sequence[float], generator: random.Random) -> tuple[float, float] | None:
    """Percentile bootstrap of the mean."""
    if len(values) < 3:
        return None
    means = sorted(fmean(generator.choices(values, k=len(values))) for _ in range(_RESAMPLES))
    cut = round(_RESAMPLES * (1 - _LEVEL) / 2)
    return means[cut], means[-cut - 1]


def tails(
    nulls: Sequence[tuple[tuple[Fraction, int], ...]], total: Fraction
) -> tuple[float, float]:
    """P(S ≥ total) and P(S ≤ total) for a sum S of independent discrete variables, exactly.

    Args:
        nulls: of each variable, its values with integer weights.

    >>> coin = ((Fraction(0), 1), (Fraction(1), 1))
    >>> tails([coin] * 10, Fraction(9))  # 11/1024, 1023/1024
    (0.0107421875, 0.9990234375)
    """
    unit = math.lcm(total.denominator, *(value.denominator for null in nulls for value, _ in null))
    sums: list[dict[int, int]] = []
    for null, times in Counter(nulls).items():
        one = {int(value * unit): weight for value, weight in null}
        power = {0: 1}
        for _ in range(times):
            power = _convolved(power, one)
        sums.append(power)
    sums.sort(key=len)
    small: dict[int, int] = {0: 1}
    for other in sums[:-1]:
        small = _convolved(small, other)
    large = sorted(sums[-1].items())
    values = [value for value, _ in large]
    upto = [0, *accumulate(weight for _, weight in large)]
    goal = int(total * unit)
    less = greater = 0
    for value, weight in small.items():
        less += weight * upto[bisect_left(values, goal - value + 1)]
        greater += weight * (upto[-1] - upto[bisect_left(values, goal - value)])
    every = upto[-1] * sum(small.values())
    return float(Fraction(greater, every)), float(Fraction(less, every))


def _convolved(a: dict[int, int], b: dict[int, int]) -> dict[int, int]:
    out: dict[int, int] = defaultdict(int)
    for x, m in a.items():
        for y, n in b.items():
            out[x + y] += m * n
    return out


def by_algorithm(scored: Sequence[Scored], *, convention: str = "fractional") -> list[Pattern]:
    """Each algorithm's cells, taken as independent runs, the strongest pattern first."""
    groups: dict[str, list[Scored]] = defaultdict(list)
    for one in scored:
        groups[one.algorithm].append(one)
    found = [
        pattern(group, label=algorithm, convention=convention, cluster="cell")
        for algorithm, group in groups.items()
    ]
    return sorted(found, key=lambda group: -group.pattern.mean)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjustment of p-values for their number (1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted
