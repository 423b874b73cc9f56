"""Choose the candidates of a search, at random or by evolution.

The search starts from a cell. It keeps the cell's operations and changes the wiring of its normal
and reduction cell. Candidates are proposed in rounds, from the results so far and a seed, so that
neither the engine nor interruptions change a search.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from annotated_types import Ge

from nascope._src.cells.genotype import CELL_KINDS, Cell, Genotype
from nascope._src.cells.graph import loose_ends
from nascope._src.cells.rng import below
from nascope._src.cells.spaces.named import named_space
from nascope._src.cells.spaces.wiring_space import WiringSpace
from nascope._src.cells.wiring import rewire
from nascope._src.data.request import DataRequest
from nascope._src.errors import GenotypeError, StudyError
from nascope._src.records.identity import derived_seed
from nascope._src.schema import check
from nascope._src.training.recipe import Recipe

Algorithm = Literal["random", "evolution"]


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search over the wirings of a space.

    "evolution" is regularised evolution (Real et al. 2019): sample from the population, which is
    the newest candidates; the best one of the sample is the parent; the child differs from it in
    the source of one edge. "random" draws every candidate uniformly from the space.

    Args:
        name: name of the study.
        start: cell whose operations are used.
        recipe: recipe of every candidate; its epochs are the budget of one candidate.
        data: data set with validation images, which rank the candidates.
        within: name of the space, see `nascope._src.cells.spaces.named`.
        candidates: number of candidates.
        population: size of the population of an evolution.
        sample: number of candidates that compete to be the parent.
        batch: number of candidates per round, which can be trained at the same time. 1 is evolution
            as published.
        seed: seed of all proposals, and of the training of each candidate.

    Raises:
        StudyError: a number is out of range, or there are no validation images.
        GenotypeError: the cell is not in the space.
    """

    name: str
    start: Genotype
    recipe: Recipe
    data: DataRequest
    algorithm: Algorithm = "evolution"
    within: str = "darts"
    candidates: Annotated[int, Ge(1), "Number of candidates to train."] = 48
    population: Annotated[int, Ge(1), "Size of evolution's population."] = 16
    sample: Annotated[int, Ge(1), "Number of candidates that compete to be a parent."] = 4
    batch: Annotated[int, Ge(1), "Number of candidates proposed at a time."] = 4
    seed: int = 0

    def __post_init__(self) -> None:
        check(self, "search")
        if self.sample > self.population:
            raise StudyError(
                f"search.sample must be at most the population, {self.population}, not "
                f"{self.sample}"
            )
        if self.data.validation_size < 1:
            raise StudyError(
                "data.validation_size: a search ranks candidates by validation accuracy; hold out "
                "some training images"
            )
        for kind in CELL_KINDS:
            self.space_of(kind)

    def space_of(self, kind: str) -> WiringSpace:
        """Return the space of the normal or the reduction cell."""
        try:
            named = named_space(self.within)
        except GenotypeError as error:
            raise StudyError(f"search.space: {error}") from None
        if not isinstance(named, WiringSpace):
            raise StudyError(
                f"search.space: expected a space with a fixed number of edges per node, but got "
                f"{self.within}"
            )
        try:
            return named.for_cell(getattr(self.start, kind))
        except GenotypeError as error:
            raise StudyError(
                f"search: the {kind} cell to start from (cells): {error}; start from another cell, "
                "or give another search.space"
            ) from None


@dataclass(frozen=True)
class Proposal:
    """A candidate to be trained.

    Attributes:
        number: its number, from 0.
        parent: number of the candidate that it was made from; None if it was drawn at random.
    """

    number: int
    genotype: Genotype
    parent: int | None

    @property
    def label(self) -> str:
        """Its label in the study of the search."""
        return candidate_label(self.number)


@dataclass(frozen=True)
class ScoredProposal(Proposal):
    """A trained candidate.

    Attributes:
        accuracy: validation accuracy after its training; NaN if it diverged.
    """

    accuracy: float

    @property
    def score(self) -> float:
        """What candidates are compared by: the accuracy, or −∞ if it diverged."""
        return -math.inf if math.isnan(self.accuracy) else self.accuracy


def candidate_label(number: int) -> str:
    """Return the label of a candidate in the study of the search."""
    return f"candidate-{number:04d}"


def best_of(candidates: Iterable[ScoredProposal]) -> ScoredProposal:
    """Return the candidate with the highest score; the earliest one of several."""
    return max(candidates, key=lambda candidate: (candidate.score, -candidate.number))


def propose(search: Search, scored: Sequence[ScoredProposal]) -> list[Proposal]:
    """Return the next round of candidates. The result depends on the arguments only."""
    proposals: list[Proposal] = []
    at_random = search.algorithm == "random" or len(scored) < search.population
    room = search.candidates - len(scored)
    if at_random and search.algorithm == "evolution":  # a round ends with the first population
        room = min(room, search.population - len(scored))
    for number in range(len(scored), len(scored) + min(search.batch, room)):
        generator = random.Random(derived_seed("search", search.seed, number))
        if at_random:
            proposals.append(Proposal(number, _draw(search, generator), None))
            continue
        population = scored[-search.population :]
        sample = [population[below(generator, len(population))] for _ in range(search.sample)]
        parent = best_of(sample)
        child = _mutate(search, parent.genotype, generator)
        proposals.append(Proposal(number, child, parent.number))
    return proposals


def _draw(search: Search, generator: random.Random) -> Genotype:
    """Draw a candidate uniformly from the space."""
    cells = {}
    for kind in CELL_KINDS:
        within = search.space_of(kind)
        cell = rewire(getattr(search.start, kind), within.sample(generator))
        cells[kind] = _with_concat(within, cell)
    return replace(search.start, normal=cells["normal"], reduce=cells["reduce"])


def _mutate(search: Search, parent: Genotype, generator: random.Random) -> Genotype:
    """Change the source of one edge of the normal or the reduction cell."""
    kind = CELL_KINDS[below(generator, len(CELL_KINDS))]
    within, cell = search.space_of(kind), getattr(parent, kind)
    moves = [
        (node, edge, source)
        for node, sources in enumerate(cell.sources)
        for edge, old in enumerate(sources)
        for source in range(cell.num_inputs + node)
        if source != old and not (within.distinct and source in sources)
    ]
    if not moves:
        return parent
    node, edge, source = moves[below(generator, len(moves))]
    wiring = [list(sources) for sources in cell.sources]
    wiring[node][edge] = source
    cells = {other: getattr(parent, other) for other in CELL_KINDS}
    cells[kind] = _with_concat(within, rewire(cell, wiring))
    return replace(parent, normal=cells["normal"], reduce=cells["reduce"])


def _with_concat(within: WiringSpace, cell: Cell) -> Cell:
    return replace(cell, concat=loose_ends(cell)) if within.concat == "loose" else cell
