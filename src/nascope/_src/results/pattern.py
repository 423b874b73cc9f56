"""The common connection pattern as a statistic (Observation 3.1): are found cells wide and shallow?

Each cell is compared with a uniformly drawn wiring of the space that its algorithm searches:

    wider     = P(W < w) + ½ P(W = w)        shallower = P(D > d) + ½ P(D = d)

W and D are the width and depth of the uniform wiring, w and d the cell's. Both scores are exact,
from the space's census. Their expectation by chance is ½; 1 means wider (shallower) than every
wiring. Such a score is the effect size "probability of superiority", so it is comparable between
spaces. ``pattern`` is the mean of the two scores.

Cells of one paper come from runs of one method, so they are not independent. A group's statistic is
the mean over its *papers* of the mean over a paper's cells. Its p-value is the probability that the
mean over as many *single* uniform wirings, one per paper, is at least as large, by convolution of
the censuses. This treats all cells of a paper as copies of one, which is the most dependent case.
Intervals are for the mean over papers (`nascope._src.results.stats.intervals`).

The catalogue labels each cell with an algorithm, or with a paper's runs of one. A label *follows*
the pattern if the means of both scores over its cells are above ½. One uniform wiring of DARTS'
space does so with probability ¼, so most labels would not follow by chance. `count_following`
compares their number with chance: with uniform wirings, as many as each label has cells.
"""

from __future__ import annotations

import functools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from statistics import fmean
from typing import Literal

import numpy as np

from nascope._src.cells.catalog import CatalogCell, cells_in
from nascope._src.cells.genotype import Genotype
from nascope._src.cells.spaces.census import Census, Point, point
from nascope._src.cells.spaces.named import named_space
from nascope._src.cells.spaces.space import Space
from nascope._src.errors import GenotypeError, StudyError
from nascope._src.results.stats.exact import Null, tails
from nascope._src.results.stats.intervals import over_seeds
from nascope._src.results.stats.multiple import holm

Score = Literal["wider", "shallower", "pattern"]
SCORES: tuple[Score, ...] = ("wider", "shallower", "pattern")


@dataclass(frozen=True)
class ScoredCell:
    """A cell compared with uniform wirings of a space; widths are in units of c."""

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


def score_cells(
    cells: Iterable[CatalogCell],
    *,
    kind: str = "normal",
    convention: str = "fractional",
    within: str | None = None,
) -> tuple[list[ScoredCell], list[str]]:
    """Compare catalogue cells with uniform wirings of the space in which each was searched.

    Args:
        cells: cells of the catalogue.
        kind: ``normal`` or ``reduce``.
        convention: convention of width, ``strict`` or ``fractional``.
        within: name of a space to use for all cells instead of their own.

    Returns:
        The scored cells, and the names of the cells that are not in their space.

    Raises:
        StudyError: the kind is unknown.
    """
    if kind not in ("normal", "reduce"):
        raise StudyError(f"Expected kind to be normal or reduce, not {kind!r}")
    scored, outside = [], []
    for entry in cells:
        cell = getattr(entry.genotype, kind)
        try:
            space = named_space(within or entry.space).for_cell(cell)
        except GenotypeError:
            outside.append(str(entry.genotype.name))
            continue
        cell_point = point(cell)
        cell_width = cell_point.width(convention)
        wider, shallower = _scores(space, convention)[cell_width, cell_point.depth]
        expected_width, expected_depth = _expected(space, convention)
        scored.append(
            ScoredCell(
                str(entry.genotype.name),
                entry.algorithm,
                entry.paper,
                space,
                cell_width,
                cell_point.depth,
                expected_width,
                expected_depth,
                wider,
                shallower,
            )
        )
    return scored, outside


def find_in_catalog(genotype: Genotype, name: str) -> CatalogCell:
    """Return the catalogue's entry of a genotype, under a name.

    A genotype that is not in the catalogue becomes an entry of its own, in A.2's sampling space.
    """
    for group in ("paper", "published"):
        for entry in cells_in(group):
            if entry.genotype == genotype:
                return replace(entry, genotype=genotype.named(name))
    return CatalogCell(genotype.named(name), "", name, name, "independent", "")


@functools.cache
def _connected_census(within: Space) -> Census:
    census = within.census()
    connected: dict[Point, int] = {
        wiring: count for wiring, count in census.counts.items() if wiring.depth
    }
    return Census(census.space, census.nodes, connected)


@functools.cache
def _scores(
    within: Space, convention: str
) -> dict[tuple[Fraction, int], tuple[Fraction, Fraction]]:
    """Return both scores for every (width, depth) of a space."""
    counts = _connected_census(within).marginal(convention)
    total = sum(counts.values())
    scores = {}
    for width, depth in counts:
        wider = sum(count * _twice_score(width, other) for (other, _), count in counts.items())
        shallower = sum(count * _twice_score(other, depth) for (_, other), count in counts.items())
        scores[width, depth] = (Fraction(wider, 2 * total), Fraction(shallower, 2 * total))
    return scores


def _twice_score(a: Fraction | int, b: Fraction | int) -> int:
    """Return 2 if a > b, 1 if they are equal, else 0."""
    return 2 * (a > b) + (a == b)


@functools.cache
def _expected(within: Space, convention: str) -> tuple[Fraction, Fraction]:
    counts = _connected_census(within).marginal(convention)
    total = sum(counts.values())
    width = sum((count * width for (width, _), count in counts.items()), Fraction(0)) / total
    return width, Fraction(sum(count * depth for (_, depth), count in counts.items()), total)


@functools.cache
def _null(within: Space, convention: str, which: Score) -> Null:
    """Return the distribution of a score over uniform wirings: (score, number of wirings)."""
    counts = _connected_census(within).marginal(convention)
    distribution: Counter[Fraction] = Counter()
    for width_and_depth, count in counts.items():
        wider, shallower = _scores(within, convention)[width_and_depth]
        value = {"wider": wider, "shallower": shallower, "pattern": (wider + shallower) / 2}[which]
        distribution[value] += count
    return tuple(sorted(distribution.items()))


# ---------------------------------------------------------------- groups of cells


@dataclass(frozen=True)
class Effect:
    """A group's mean score: ½ by chance, 1 at most.

    Attributes:
        mean: the mean over papers.
        interval: its 95 % interval; None if there are fewer than three papers.
        p_greater, p_less: one-sided p-values, under one uniform wiring per paper.
    """

    mean: float
    interval: tuple[float, float] | None
    p_greater: float
    p_less: float


@dataclass(frozen=True)
class GroupPattern:
    """A group of cells compared with chance.

    Means are over clusters: papers, or single cells. Widths are in units of c.
    """

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


def measure_group(
    scored: Sequence[ScoredCell],
    *,
    label: str = "all",
    convention: str = "fractional",
    cluster: Literal["paper", "cell"] = "paper",
) -> GroupPattern:
    """Compare a group of scored cells with chance.

    Args:
        scored: the cells.
        label: name of the group.
        convention: convention of width under which they were scored.
        cluster: ``paper`` to count the cells of a paper as one; ``cell`` to count each cell, as if
            the runs were independent.

    Raises:
        StudyError: there are no cells.
    """
    if not scored:
        raise StudyError("Expected at least one cell to test, but there are none")
    groups: dict[tuple[object, ...], list[ScoredCell]] = defaultdict(list)
    for number, cell in enumerate(scored):
        groups[(cell.paper, cell.within) if cluster == "paper" else (number,)].append(cell)
    clusters = list(groups.values())

    def mean(name: str) -> float:
        return fmean(fmean(float(getattr(cell, name)) for cell in group) for group in clusters)

    effects = {which: _effect(clusters, which, convention) for which in SCORES}
    return GroupPattern(
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


def _effect(clusters: Sequence[Sequence[ScoredCell]], which: Score, convention: str) -> Effect:
    means = [
        sum((getattr(cell, which) for cell in group), Fraction(0)) / len(group)
        for group in clusters
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
    """Return the interval of the mean, cut to [0, 1]; None below three values or if all tie."""
    estimate = over_seeds(values)
    if estimate.low is None or estimate.high is None or len(set(values)) == 1:
        return None
    return max(0.0, estimate.low), min(1.0, estimate.high)


def measure_algorithms(
    scored: Sequence[ScoredCell], *, convention: str = "fractional"
) -> list[GroupPattern]:
    """Compare each label's cells with chance, as independent runs; strongest pattern first."""
    algorithms = [
        measure_group(group, label=algorithm, convention=convention, cluster="cell")
        for algorithm, group in _by_label(scored).items()
    ]
    return sorted(algorithms, key=lambda group: -group.pattern.mean)


def _by_label(scored: Sequence[ScoredCell]) -> dict[str, list[ScoredCell]]:
    cells_of: dict[str, list[ScoredCell]] = defaultdict(list)
    for cell in scored:
        cells_of[cell.algorithm].append(cell)
    return cells_of


CHANCE_DRAWS = 100_000
"""Number of draws from which the probability is computed that a label follows by chance."""


@dataclass(frozen=True)
class FollowCount:
    """How many labels follow the pattern, and how many would by chance.

    Attributes:
        labels: number of labels.
        following: number of those that follow.
        chance: by label, the probability that as many uniform wirings as it has cells follow.
        p_more, p_fewer: probability of at least, and of at most, that number by chance.
    """

    labels: int
    following: int
    chance: dict[str, float]
    p_more: float
    p_fewer: float

    @property
    def expected(self) -> float:
        """Number of labels that are expected to follow by chance."""
        return math.fsum(self.chance.values())

    def as_dict(self) -> dict[str, float]:
        """Return plain values, for JSON."""
        return {
            "labels": self.labels,
            "following": self.following,
            "expected": self.expected,
            "p_more": self.p_more,
            "p_fewer": self.p_fewer,
        }


def count_following(scored: Sequence[ScoredCell], *, convention: str = "fractional") -> FollowCount:
    """Count the labels that follow the pattern, and compare their number with chance.

    The probability that a label follows by chance is simulated with a fixed seed. The distribution
    of their number is the convolution over labels.
    """
    cells_of = _by_label(scored)
    hits = {
        label: _chance_hits(frozenset(Counter(cell.within for cell in cells).items()), convention)
        for label, cells in cells_of.items()
    }
    nulls = [((Fraction(0), CHANCE_DRAWS - count), (Fraction(1), count)) for count in hits.values()]
    following = sum(
        2 * min(sum(cell.wider for cell in cells), sum(cell.shallower for cell in cells))
        > len(cells)
        for cells in cells_of.values()
    )
    more, fewer = tails(nulls, Fraction(following))
    chance = {label: count / CHANCE_DRAWS for label, count in hits.items()}
    return FollowCount(len(cells_of), following, chance, more, fewer)


@functools.cache
def _chance_hits(cells: frozenset[tuple[Space, int]], convention: str) -> int:
    """Return in how many draws of uniform wirings both mean scores are above ½.

    Args:
        cells: spaces, with the number of wirings from each.
        convention: convention of width.
    """
    generator = np.random.default_rng(0)
    above = np.zeros((CHANCE_DRAWS, 2))  # sums of (score − ½)
    for within, number in sorted(cells, key=lambda pair: pair[0].name):
        counts = _connected_census(within).marginal(convention)
        shares = np.array(list(counts.values()), np.float64)
        scores = np.array([_scores(within, convention)[point] for point in counts], np.float64)
        drawn = generator.multinomial(number, shares / shares.sum(), size=CHANCE_DRAWS)
        above += drawn @ (scores - 0.5)
    return int((above > 1e-9).all(axis=1).sum())  # rounding lifts none above ½


# ---------------------------------------------------------------- the paper's cells and the others

CONTROL = "random sampling"  # algorithm of the cells that serve as a control
_IN_PAPER = ("NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS")  # algorithms that the paper examined


@dataclass(frozen=True)
class Survey:
    """Groups of the catalogue's cells, each compared with chance.

    Attributes:
        kind: ``normal`` or ``reduce``.
        convention: convention of width.
        groups: the groups that `survey_catalog` lists.
        algorithms: the cells of each label: an algorithm, or one paper's runs of it.
        adjusted: p-value of each label's pattern, adjusted by Holm's method.
        following: how many labels follow the pattern, compared with chance.
        others_following: how many of those that the paper did not examine.
        outside: names of cells that are not in their space.
    """

    kind: str
    convention: str
    groups: tuple[GroupPattern, ...]
    algorithms: tuple[GroupPattern, ...]
    adjusted: tuple[float, ...]
    following: FollowCount
    others_following: FollowCount
    outside: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        algorithms = [
            asdict(group)
            | {
                "follows": group.follows,
                "follows_by_chance": self.following.chance[group.label],
                "p_holm": p,
            }
            for group, p in zip(self.algorithms, self.adjusted, strict=True)
        ]
        return {
            "kind": self.kind,
            "convention": self.convention,
            "groups": [asdict(group) for group in self.groups],
            "algorithms": algorithms,
            "following": self.following.as_dict(),
            "others_following": self.others_following.as_dict(),
            "outside": list(self.outside),
        }


def survey_catalog(*, kind: str = "normal", convention: str = "fractional") -> Survey:
    """Test Observation 3.1 on the paper's five cells and on the published ones.

    The groups are the five cells in the spaces in which they were searched; the five under A.2's
    sampling; the published cells; those of algorithms that the paper did not examine, which is a
    replication; and cells that were sampled at random, as a control.
    """
    choice = {"kind": kind, "convention": convention}
    five, _ = score_cells(cells_in("paper"), **choice)
    sampled, _ = score_cells(cells_in("paper"), **choice, within="independent")
    every, outside = score_cells(cells_in("published"), **choice)
    published = [cell for cell in every if cell.algorithm != CONTROL]
    others = [cell for cell in published if not cell.algorithm.startswith(_IN_PAPER)]
    control = [cell for cell in every if cell.algorithm == CONTROL]
    groups = (
        measure_group(five, label="five cells, own spaces", convention=convention),
        measure_group(sampled, label="five cells, A.2's sampling", convention=convention),
        measure_group(published, label="published", convention=convention),
        measure_group(others, label="published, other algorithms", convention=convention),
        measure_group(control, label="control: random", convention=convention, cluster="cell"),
    )
    algorithms = measure_algorithms(published, convention=convention)
    adjusted = holm([group.pattern.p_greater for group in algorithms])
    return Survey(
        kind,
        convention,
        groups,
        tuple(algorithms),
        tuple(adjusted),
        count_following(published, convention=convention),
        count_following(others, convention=convention),
        tuple(outside),
    )
