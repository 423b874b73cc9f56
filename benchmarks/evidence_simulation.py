"""Check the intervals of `nascope evidence` on planted data: error rates, power and coverage.

    python benchmarks/evidence_simulation.py [DRAWS]

Each draw takes 214 random cells of DARTS' space with made-up accuracies and bootstraps them. Four
populations:

- none: accuracy depends on operations and noise, not on wiring;
- width: accuracy also grows with the normal cell's fractional width;
- confounded: as none, but wide cells have more separable convolutions;
- clusters: 40 sources; width and accuracy differ between sources, independently of each other.

docs/guides/tables.md states the results of 500 draws.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

import numpy as np

from nascope._src.cells.formats.reading import Reading
from nascope._src.cells.genotype import Cell, Edge, Genotype
from nascope._src.cells.operation_names import DARTS_OPERATIONS
from nascope._src.results.external.facts import facts_of
from nascope._src.results.stats.rank_bootstrap import RankMoments, rank_moments

CELLS, SOURCES, RESAMPLES, POOL = 214, 40, 400, 4000
Array = np.ndarray


def random_cell(generator: random.Random) -> Cell:
    """Draw a cell of DARTS' space: two distinct sources per node, uniform operations."""
    nodes = tuple(
        tuple(Edge(generator.choice(DARTS_OPERATIONS), s) for s in generator.sample(range(node), 2))
        for node in range(2, 6)
    )
    return Cell(nodes, (2, 3, 4, 5))


class Pool:
    """Random genotypes in numbers: width, depth and controls."""

    def __init__(self, size: int = POOL, seed: int = 0) -> None:
        generator = random.Random(seed)
        facts = [
            facts_of(Reading(Genotype(random_cell(generator), random_cell(generator)), "", ()))
            for _ in range(size)
        ]
        self.width = np.array([fact.normal[1] for fact in facts])
        self.depth = np.array([fact.normal[4] for fact in facts])
        counts = [dict(fact.operations) for fact in facts]
        keys = sorted({key for count in counts for key in count})
        self.controls = np.array([[count.get(key, 0) for count in counts] for key in keys], float)
        sizes = [fact.size for fact in facts]
        assert all(size is not None for size in sizes)
        self.controls = np.vstack(
            [self.controls, [s.parameters for s in sizes], [s.multiply_adds for s in sizes]]
        )
        convolutions = [row for row, key in enumerate(keys) if key[1].startswith("sep")]
        self.convolutions = self.controls[convolutions].sum(axis=0)

    def uniform(self, generator: np.random.Generator) -> Array:
        """Draw cells."""
        return generator.integers(len(self.width), size=CELLS)

    def confounded(self, generator: np.random.Generator) -> Array:
        """Draw cells of which wide ones have more separable convolutions."""
        agreement = _scaled(self.width) * _scaled(self.convolutions)
        weights = np.exp(0.8 * agreement)
        return generator.choice(len(self.width), size=CELLS, p=weights / weights.sum())


def _scaled(values: Array) -> Array:
    return (values - values.mean()) / values.std()


def accuracy(pool: Pool, chosen: Array, generator: np.random.Generator, width: float) -> Array:
    """Return made-up accuracies: skewed, saturating, with a share that operations explain."""
    score = 0.8 * _scaled(pool.convolutions)[chosen] + width * _scaled(pool.width)[chosen]
    return 1 - np.exp(-1 - 0.3 * (score + generator.normal(size=len(chosen))))


def moments(pool: Pool, chosen: Array, outcome: Array, **options: object) -> RankMoments:
    """Return moments of width, depth, the controls and the outcome."""
    columns = [pool.width[chosen], pool.depth[chosen], *pool.controls[:, chosen], outcome]
    return rank_moments(columns, **options)  # type: ignore[arg-type]


def simulate(
    draw: Callable[[np.random.Generator], tuple[RankMoments, RankMoments]], draws: int
) -> dict[str, Array]:
    """Return the raw, the adjusted, and depth's estimates given width: value, low, high."""
    found: dict[str, list[tuple[float, float, float]]] = {"raw": [], "adjusted": [], "depth": []}
    for number in range(draws):
        raw, adjusted = draw(np.random.default_rng(number))
        last = raw.covariance.shape[1] - 1
        for name, estimate in (
            ("raw", raw.correlation(0, last)),
            ("adjusted", adjusted.correlation(0, last)),
            ("depth", adjusted.partial(1, last, 0)),
        ):
            assert estimate.low is not None
            assert estimate.high is not None
            found[name].append((estimate.value, estimate.low, estimate.high))
    return {name: np.array(values) for name, values in found.items()}


def with_controls(pool: Pool, raw: RankMoments) -> tuple[RankMoments, RankMoments]:
    """Return the moments, and those given the controls."""
    return raw, raw.given(range(2, 2 + len(pool.controls)))


def main() -> None:
    """Print error rates, power and coverage."""
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    pool = Pool()
    report("none", pool, pool.uniform, 0.0, draws)
    report("width", pool, pool.uniform, 0.4, draws)
    report("confounded", pool, pool.confounded, 0.0, draws)
    for clustered in (True, False):
        low_high = clusters(draws, clustered=clustered)
        covered = ((low_high[:, 0] <= 0) & (low_high[:, 1] >= 0)).mean()
        unit = "sources" if clustered else "cells"
        print(f"clusters, resampling {unit}: coverage of 0 {covered:.3f}", flush=True)


def report(
    name: str, pool: Pool, sample: Callable[[np.random.Generator], Array], width: float, draws: int
) -> None:
    """Print how often intervals exclude 0, and how often they cover the population's value."""

    def draw(generator: np.random.Generator) -> tuple[RankMoments, RankMoments]:
        chosen = sample(generator)
        outcome = accuracy(pool, chosen, generator, width)
        return with_controls(pool, moments(pool, chosen, outcome, resamples=RESAMPLES))

    generator = np.random.default_rng(10**6)
    chosen = np.concatenate([sample(generator) for _ in range(500)])
    population = with_controls(
        pool, moments(pool, chosen, accuracy(pool, chosen, generator, width), resamples=1)
    )
    last = population[0].covariance.shape[1] - 1
    truth = {
        "raw": population[0].correlation(0, last).value,
        "adjusted": population[1].correlation(0, last).value,
        "depth": population[1].partial(1, last, 0).value,
    }
    for kind, values in simulate(draw, draws).items():
        low, high = values[:, 1], values[:, 2]
        print(
            f"{name}, {kind}: population {truth[kind]:+.3f}, mean {values[:, 0].mean():+.3f}, "
            f"above 0 {(low > 0).mean():.3f}, below 0 {(high < 0).mean():.3f}, "
            f"coverage {((low <= truth[kind]) & (truth[kind] <= high)).mean():.3f}",
            flush=True,
        )


def clusters(draws: int, *, clustered: bool) -> Array:
    """Return intervals of ρ, whose true value is 0, if cells of one source resemble each other."""
    found = []
    for number in range(draws):
        generator = np.random.default_rng(number)
        source = np.sort(generator.integers(SOURCES, size=CELLS))
        source = np.unique(source, return_inverse=True)[1]
        count = int(source.max()) + 1
        x, y = (
            generator.normal(size=count)[source] + generator.normal(size=CELLS) for _ in range(2)
        )
        own = source if clustered else None
        estimate = rank_moments([x, y], clusters=own, resamples=RESAMPLES).correlation(0, 1)
        found.append((estimate.low, estimate.high))
    return np.array(found, dtype=float)


if __name__ == "__main__":
    main()
