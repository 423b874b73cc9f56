"""Search itself, in the small: over a space's wirings, by early validation accuracy.

Operations stay those of the cell that the search starts from; what is searched is the wiring of
its normal and reduction cell. Each candidate is a trial of a study in the search's folder, trained
under the study's recipe, whose epochs are the early-stopping budget. Candidates are proposed in
rounds from the results so far and a seed, so that a search yields the same whatever the engine and
however often it was interrupted: run again, it finds its trials and goes on.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
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

    ``evolution`` is regularised evolution (Real et al. 2019): of a population of the newest
    candidates a sample is drawn, its best is the parent, a child differs from it in the source of
    one edge, and the oldest leaves. ``random`` draws every candidate uniformly from the space.

    Args:
        name: of the search.
        start: the cell whose operations are used.
        within: the space's name, see `nascope._src.cells.spaces.named`.
        candidates: trained in all.
        population, sample: of evolution.
        batch: candidates proposed at a time, from the results before: as many can be trained side
            by side. 1 is evolution as published.
        recipe: of every candidate; its epochs are the budget of one.
        data: needs validation images, since they choose.
        seed: of all proposals; candidates are trained with it, too.

    Raises:
        StudyError: a number is out of range, or there are no validation images.
        GenotypeError: the space does not hold the cell.
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
                "data.validation_size: a search chooses by validation accuracy; hold some "
                "training images out"
            )
        for kind in CELL_KINDS:
            self.space_of(kind)

    def space_of(self, kind: str) -> WiringSpace:
        """The space that the start's normal or reduction cell lies in."""
        try:
            named = named_space(self.within)
        except GenotypeError as error:
            raise StudyError(f"search.space: {error}") from None
        if not isinstance(named, WiringSpace):
            raise StudyError(f"search.space: {self.within} has no fixed number of edges a node")
        try:
            return named.for_cell(getattr(self.start, kind))
        except GenotypeError as error:
            raise StudyError(
                f"search: the {kind} cell to start from (cells): {error}; start from another cell, "
                "or give another search.space"
            ) from None


@dataclass(frozen=True)
class Candidate:
    """A trained candidate.

    Attributes:
        parent: the number of the candidate that it was made from; None for one drawn at random.
        accuracy: on the validation images at the end of its budget; NaN where it diverged.
    """

    number: int
    genotype: Genotype
    parent: int | None
    accuracy: float

    @property
    def rank(self) -> float:
        """Its accuracy, one that diverged last."""
        return -math.inf if math.isnan(self.accuracy) else self.accuracy


def best_of(candidates: Iterable[Candidate]) -> Candidate:
    """The one of the highest rank, and of equals the earliest."""
    return max(candidates, key=lambda candidate: (candidate.rank, -candidate.number))


def propose(search: Search, found: list[Candidate]) -> list[tuple[int, Genotype, int | None]]:
    """The next round: number, genotype and parent of each. A function of its arguments alone."""
    proposed: list[tuple[int, Genotype, int | None]] = []
    first = search.algorithm == "random" or len(found) < search.population
    room = search.candidates - len(found)
    if first and search.algorithm == "evolution":  # the first population is drawn as a whole
        room = min(room, search.population - len(found))
    for number in range(len(found), len(found) + min(search.batch, room)):
        generator = random.Random(derived_seed("search", search.seed, number))
        if first:
            proposed.append((number, _drawn(search, generator), None))
            continue
        newest = found[-search.population :]
        sampled = [newest[below(generator, len(newest))] for _ in range(search.sample)]
        parent = best_of(sampled)
        proposed.append((number, _child(search, parent.genotype, generator), parent.number))
    return proposed


def _drawn(search: Search, generator: random.Random) -> Genotype:
    cells = {}
    for kind in CELL_KINDS:
        here = search.space_of(kind)
        cells[kind] = _with_concat(
            here, rewire(getattr(search.start, kind), here.sample(generator))
        )
    return replace(search.start, normal=cells["normal"], reduce=cells["reduce"])


def _child(search: Search, parent: Genotype, generator: random.Random) -> Genotype:
    """One edge of one of the cells reads another node."""
    kind = CELL_KINDS[below(generator, len(CELL_KINDS))]
    here, cell = search.space_of(kind), getattr(parent, kind)
    moves = [
        (node, edge, source)
        for node, sources in enumerate(cell.sources)
        for edge, old in enumerate(sources)
        for source in range(cell.num_inputs + node)
        if source != old and not (here.distinct and source in sources)
    ]
    if not moves:
        return parent
    node, edge, source = moves[below(generator, len(moves))]
    sources = [list(one) for one in cell.sources]
    sources[node][edge] = source
    cells = {other: getattr(parent, other) for other in CELL_KINDS}
    cells[kind] = _with_concat(here, rewire(cell, sources))
    return replace(parent, normal=cells["normal"], reduce=cells["reduce"])


def _with_concat(here: WiringSpace, cell: Cell) -> Cell:
    return replace(cell, concat=loose_ends(cell)) if here.concat == "loose" else cell


def label(number: int) -> str:
    """A candidate's label in the search's study."""
    return f"candidate-{number:04d}"
