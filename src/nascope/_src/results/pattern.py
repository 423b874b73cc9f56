"""The common connection pattern as a statistic (Observation 3.1): are found cells wide and shallow?

Each cell is compared with a uniformly drawn wiring of the space that its algorithm searches:

    wider     = P(W < w) + ½ P(W = w)        shallower = P(D > d) + ½ P(D = d)

with W, D the width and depth of the uniform wiring and w, d the cell's: exactly, from the space's
census. By chance both average ½; 1 means wider (shallower) than every wiring. Such a score is the
effect size "probability of superiority", comparable between spaces; ``pattern`` is the mean of the
two.

Cells of one paper come from one method's runs and are not independent. A group's statistic is the
mean over its *papers* of the mean over a paper's cells. Its p-value is the probability that the
mean over as many *single* uniform wirings, one a paper, is at least as large, by convolution of the
censuses: as if all cells of a paper were copies of one, the most dependent case. Intervals are
of the mean over papers (`nascope._src.results.stats.intervals`).
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from statistics import fmean

from nascope._src.cells.catalog import CatalogCell, cells_in
from nascope._src.cells.genotype import Genotype
from nascope._src.cells.spaces.census import Census, Point, point
from nascope._src.cells.spaces.named import named_space
from nascope._src.cells.spaces.space import Space
from nascope._src.errors import GenotypeError, StudyError
from nascope._src.results.stats.exact import Null, tails
from nascope._src.results.stats.intervals import over_seeds

SCORES = ("wider", "shallower", "pattern")


@dataclass(frozen=True)
class Scored:
    """A cell against uniform wirings of a space; widths in units of c."""

    name: str
    algorithm: str
    paper: str
    within: Space
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
    cells: Iterable[CatalogCell],
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
    for entry in cells:
        cell = getattr(entry.genotype, kind)
        try:
            here = named_space(within or entry.space).for_cell(cell)
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


def origin(genotype: Genotype, name: str) -> CatalogCell:
    """The catalogue's entry of a cell: by what and in which space it was found.

    A cell that no catalogue has stands for itself, in A.2's sampling.
    """
    for group in ("paper", "published"):
        for entry in cells_in(group):
            if entry.genotype == genotype:
                return replace(entry, genotype=genotype.named(name))
    return CatalogCell(genotype.named(name), "", name, name, "independent", "")


@functools.cache
def _census(within: Space) -> Census:
    census = within.census()
    connected: dict[Point, int] = {at: n for at, n in census.counts.items() if at.depth}
    return Census(census.space, census.nodes, connected)


@functools.cache
def _table(within: Space, convention: str) -> dict[tuple[Fraction, int], tuple[Fraction, Fraction]]:
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
def _expected(within: Space, convention: str) -> tuple[Fraction, Fraction]:
    counts = _census(within).marginal(convention)
    total = sum(counts.values())
    width = sum((n * w for (w, _), n in counts.items()), Fraction(0)) / total
    return width, Fraction(sum(n * d for (_, d), n in counts.items()), total)


@functools.cache
def _null(within: Space, convention: str, which: str) -> Null:
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
    interval: tuple[float, float] | None  # 95 % over papers; None for fewer than three
    p_greater: float  # one-sided, under one uniform wiring a cluster
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
) -> Pattern:
    """Test a group of scored cells.

    Args:
        convention: the one that they were scored under.
        cluster: ``paper``: cells of a paper count as one; ``cell``: each for itself, as if the
            runs were independent.

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

    effects = {which: _effect(clusters, which, convention) for which in SCORES}
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


def _effect(clusters: Sequence[Sequence[Scored]], which: str, convention: str) -> Effect:
    means = [
        sum((getattr(one, which) for one in group), Fraction(0)) / len(group) for group in clusters
    ]
    nulls = [_null(group[0].within, convention, which) for group in clusters]
    total = sum(means, Fraction(0))
    greater, less = tails(nulls, total)
    return Effect(
        mean=float(total / len(means)),
        interval=_interval([float(value) for value in means]),
        p_greater=greater,
        p_less=less,
    )


def _interval(values: Sequence[float]) -> tuple[float, float] | None:
    """`over_seeds`' of the mean, within [0, 1]; None below three values, or where all tie."""
    found = over_seeds(values)
    if found.low is None or found.high is None or len(set(values)) == 1:
        return None
    return max(0.0, found.low), min(1.0, found.high)


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


# ---------------------------------------------------------------- the paper's cells and the others

CONTROL = "random sampling"  # the algorithm whose cells are a control
_SEEN = ("NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS")  # algorithms that the paper looked at


@dataclass(frozen=True)
class Survey:
    """All groups of the catalogue's cells, each against chance."""

    kind: str
    convention: str
    groups: tuple[Pattern, ...]
    algorithms: tuple[Pattern, ...]
    adjusted: tuple[float, ...]  # Holm's p-value of each algorithm's pattern
    outside: tuple[str, ...]  # names of cells that are not in their space

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        algorithms = [
            asdict(group) | {"follows": group.follows, "p_holm": p}
            for group, p in zip(self.algorithms, self.adjusted, strict=True)
        ]
        return {
            "kind": self.kind,
            "convention": self.convention,
            "groups": [asdict(group) for group in self.groups],
            "algorithms": algorithms,
            "outside": list(self.outside),
        }


def survey(*, kind: str = "normal", convention: str = "fractional") -> Survey:
    """Test Observation 3.1 on the five cells of the paper and on the published ones.

    Groups: the five in the spaces that they were searched in; the five under A.2's sampling; the
    published ones; those of algorithms that the paper did not look at (a replication); and the
    control, cells that were sampled at random.
    """
    choice = {"kind": kind, "convention": convention}
    five, _ = score(cells_in("paper"), **choice)
    sampled, _ = score(cells_in("paper"), **choice, within="independent")
    every, outside = score(cells_in("published"), **choice)
    found = [one for one in every if one.algorithm != CONTROL]
    fresh = [one for one in found if not one.algorithm.startswith(_SEEN)]
    control = [one for one in every if one.algorithm == CONTROL]
    groups = (
        pattern(five, label="five cells, own spaces", convention=convention),
        pattern(sampled, label="five cells, A.2's sampling", convention=convention),
        pattern(found, label="published", convention=convention),
        pattern(fresh, label="published, other algorithms", convention=convention),
        pattern(control, label="control: random", convention=convention, cluster="cell"),
    )
    algorithms = by_algorithm(found, convention=convention)
    adjusted = holm([group.pattern.p_greater for group in algorithms])
    return Survey(kind, convention, groups, tuple(algorithms), tuple(adjusted), tuple(outside))
