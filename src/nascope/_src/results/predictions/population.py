"""Each published cell against all of its rewirings, by predicted accuracy.

docs/guides/predicting.md states the rules.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from statistics import fmean

import numpy as np

from nascope._src.cells.catalog import CatalogCell, cells_in
from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.cells.graph import depth, fractional_width
from nascope._src.cells.wiring import every_rewiring
from nascope._src.errors import GenotypeError
from nascope._src.results.pattern import CONTROL
from nascope._src.results.stats.intervals import cluster_bootstrap
from nascope._src.runtime.types import Progress
from nascope._src.surrogate.model import Surrogate

Array = np.ndarray


def population(surrogate: Surrogate) -> list[CatalogCell]:
    """Return the catalogue's cells in a surrogate's space, each genotype once.

    The authors' adapted cells are left out: no search found them.
    """
    found: dict[Genotype, CatalogCell] = {}
    for group in ("paper", "published"):
        for cell in cells_in(group):
            try:
                surrogate.encode(cell.genotype)
            except GenotypeError:
                continue
            found.setdefault(cell.genotype, cell)
    return list(found.values())


@dataclass(frozen=True)
class Standing:
    """A cell among its rewirings at one epoch, by predicted accuracy.

    Attributes:
        name, algorithm, paper: of the cell.
        control: whether it was sampled at random.
        epoch: the epoch of the predictions.
        width, depth: fractional width and depth of its normal cell.
        rewirings: number of rewirings, itself included.
        accuracy: its predicted accuracy, in [0, 1].
        median: the median of the predicted accuracies of its rewirings.
        quantile: share of rewirings with a lower predicted accuracy, plus half of those with an
            equal one.
        quantile_given_topology: the same among rewirings of its width and depth; NaN if all of
            them are the same cell.
        rho_width, rho_depth: Spearman's correlation with predicted accuracy over the rewirings.
        rho_width_given_depth, rho_depth_given_width: partial rank correlations.
        slope_width, slope_depth: of the least-squares plane of predicted accuracy on both, per c
            and per level, in [0, 1].
    """

    name: str
    algorithm: str
    paper: str
    control: bool
    epoch: int
    width: float
    depth: int
    rewirings: int
    accuracy: float
    median: float
    quantile: float
    quantile_given_topology: float
    rho_width: float
    rho_depth: float
    rho_width_given_depth: float
    rho_depth_given_width: float
    slope_width: float
    slope_depth: float


MEASURES = tuple(
    f.name for f in fields(Standing) if f.name.startswith(("quantile", "rho", "slope"))
)
"""The attributes of a standing that are averaged over cells."""


@dataclass(frozen=True)
class Rewirings:
    """All rewirings of a genotype's normal cell.

    Attributes:
        genotypes: the rewirings.
        original: index of the genotype itself.
        width, depth: (rewirings,) fractional width and depth of the normal cells.
    """

    genotypes: tuple[Genotype, ...]
    original: int
    width: Array
    depth: Array


def rewirings_of(genotype: Genotype) -> Rewirings:
    """Return all rewirings of a genotype's normal cell, with its sources in any order."""
    every = tuple(every_rewiring(genotype))
    measured = [_measured(variant.normal.sources) for variant in every]
    original = next(k for k, variant in enumerate(every) if variant == genotype)
    width, deep = np.array(measured, dtype=np.float64).T
    return Rewirings(every, original, width, deep)


@functools.cache
def _measured(sources: tuple[tuple[int, ...], ...]) -> tuple[float, int]:
    """Return width and depth of a wiring whose nodes are all concatenated."""
    nodes = tuple(tuple(("skip_connect", source) for source in node) for node in sources)
    cell = Cell(nodes=nodes, concat=tuple(range(2, 2 + len(nodes))))  # type: ignore[arg-type]
    return float(fractional_width(cell)), depth(cell)


def standing(cell: CatalogCell, rewirings: Rewirings, epoch: int, accuracies: Array) -> Standing:
    """Compare a cell with its rewirings.

    Args:
        cell: the cell.
        rewirings: its rewirings.
        epoch: the epoch of the predictions.
        accuracies: (rewirings,) predicted accuracies in [0, 1].
    """
    width, deep, at = rewirings.width, rewirings.depth, rewirings.original
    same = (width == width[at]) & (deep == deep[at])
    alike = accuracies[same]
    rho_width, rho_depth, between = _correlations(width, deep, accuracies)
    plane = np.stack([np.ones(len(width)), width, deep], axis=1)
    _, slope_width, slope_depth = np.linalg.lstsq(plane, accuracies, rcond=None)[0]
    return Standing(
        str(cell.genotype.name),
        cell.algorithm,
        cell.paper,
        cell.algorithm == CONTROL,
        epoch,
        float(width[at]),
        int(deep[at]),
        len(accuracies),
        float(accuracies[at]),
        float(np.median(accuracies)),
        quantile(accuracies[at], accuracies),
        quantile(accuracies[at], alike) if np.ptp(alike) > 0 else math.nan,
        rho_width,
        rho_depth,
        _partial(rho_width, rho_depth, between),
        _partial(rho_depth, rho_width, between),
        float(slope_width),
        float(slope_depth),
    )


def stand_in_population(
    surrogate: Surrogate,
    epochs: Sequence[int],
    *,
    cells: Sequence[CatalogCell] | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[Standing]:
    """Compare each cell with all of its rewirings, at each epoch.

    Args:
        surrogate: what predicts.
        epochs: the epochs, in increasing order.
        cells: the cells; by default `population`.
        workers: number of threads.
        progress: called after every few predictions.
    """
    chosen = population(surrogate) if cells is None else cells
    standings = []
    for number, cell in enumerate(chosen):
        rewirings = rewirings_of(cell.genotype)
        words = f"{cell.genotype.name}, {number + 1} of {len(chosen)} cells"
        predictions = surrogate.predict(
            rewirings.genotypes,
            epochs,
            workers=workers,
            progress=progress and _part(progress, number, len(chosen), words),
        )
        standings += [
            standing(cell, rewirings, epoch, accuracies)
            for epoch, accuracies in zip(epochs, predictions.accuracies.T, strict=True)
        ]
    return standings


def _part(progress: Progress, number: int, count: int, words: str) -> Progress:
    """Return the progress of one of several equal parts."""
    return lambda share, _: progress((number + share) / count, words)


def quantile(value: float, values: Array) -> float:
    """Return the share of values below one, plus half of those equal to it.

    >>> quantile(2.0, np.array([1.0, 2.0, 2.0, 3.0]))
    0.5
    """
    return float((values < value).mean() + (values == value).mean() / 2)


def _correlations(width: Array, deep: Array, accuracies: Array) -> tuple[float, float, float]:
    """Return ρ of width and of depth with accuracy, and of width with depth; NaN if undefined."""
    from scipy.stats import rankdata  # noqa: PLC0415  (slow to import)

    ranks = np.stack([rankdata(values) for values in (width, deep, accuracies)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    norms = np.sqrt((ranks**2).sum(axis=1))
    if not norms.all():
        return math.nan, math.nan, math.nan
    unit = ranks / norms[:, None]
    return float(unit[0] @ unit[2]), float(unit[1] @ unit[2]), float(unit[0] @ unit[1])


def _partial(rho: float, other: float, between: float) -> float:
    """Return a partial correlation from three correlations."""
    norm = math.sqrt(max((1 - other**2) * (1 - between**2), 0))
    return (rho - other * between) / norm if norm > 0 else math.nan


@dataclass(frozen=True)
class PopulationMean:
    """The mean of a measure over cells at one epoch.

    Attributes:
        measure: one of `MEASURES`.
        epoch: the epoch of the predictions.
        cells, papers: number of cells, and of papers that published them.
        mean: the mean over cells.
        interval: its 95 % percentile interval, with papers resampled; None below ten papers.
        paper_mean: the mean over papers of the means within papers.
        paper_interval: its interval.
        above: share of the cells above the value by chance: ½ for quantiles, 0 otherwise; a cell
            at that value counts half.
    """

    measure: str
    epoch: int
    cells: int
    papers: int
    mean: float
    interval: tuple[float, float] | None
    paper_mean: float
    paper_interval: tuple[float, float] | None
    above: float

    def as_row(self) -> dict[str, object]:
        """Return plain values, for a table."""
        ends = {
            f"{name}{end}": None if interval is None else interval[place]
            for name, interval in (("", self.interval), ("paper_", self.paper_interval))
            for place, end in enumerate(("low", "high"))
        }
        values = asdict(self)
        return {k: v for k, v in values.items() if "interval" not in k} | ends


def by_chance(measure: str) -> float:
    """Return the value of a measure by chance."""
    return 0.5 if measure.startswith("quantile") else 0.0


def population_means(standings: Sequence[Standing]) -> list[PopulationMean]:
    """Return the mean of each measure at each epoch. Cells without a value are left out."""
    means = []
    for epoch in sorted({each.epoch for each in standings}):
        at = [each for each in standings if each.epoch == epoch]
        for measure in MEASURES:
            known = [(value, s.paper) for s in at if math.isfinite(value := getattr(s, measure))]
            if known:
                means.append(_mean(measure, epoch, known))
    return means


def _mean(measure: str, epoch: int, known: Sequence[tuple[float, str]]) -> PopulationMean:
    values, papers = [value for value, _ in known], [paper for _, paper in known]
    names = dict.fromkeys(papers)
    within = [fmean(value for value, paper in known if paper == name) for name in names]
    return PopulationMean(
        measure,
        epoch,
        len(values),
        len(names),
        fmean(values),
        cluster_bootstrap(values, papers),
        fmean(within),
        cluster_bootstrap(values, papers, each_once=True),
        1 - quantile(by_chance(measure), np.array(values)),
    )
