"""Which candidates a search proposes."""

import dataclasses
import math
import random
from collections import Counter

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.graph import topology
from nascope._src.data.request import DataRequest
from nascope._src.errors import StudyError
from nascope._src.study.search.candidates import ScoredProposal, Search, propose
from nascope._src.training.recipe import Recipe

SEARCH = Search(
    name="little",
    start=load_cell("DARTS"),
    recipe=Recipe(channels=2, layers=2, epochs=1, batch_size=50),
    data=DataRequest("digits", train_size=100, test_size=20, validation_size=50),
    candidates=6,
    population=3,
    sample=2,
    batch=2,
)


def played(search, fitness):
    """The search with an invented accuracy instead of training."""
    found = []
    while len(found) < search.candidates:
        for proposal in propose(search, found):
            number, genotype, parent = proposal.number, proposal.genotype, proposal.parent
            found.append(ScoredProposal(number, genotype, parent, fitness(genotype)))
    return found


def width(genotype):
    return float(topology(genotype.normal).fractional_width)


def edges(genotype):
    return [
        (kind, node, edge, source)
        for kind in ("normal", "reduce")
        for node, sources in enumerate(getattr(genotype, kind).sources)
        for edge, source in enumerate(sources)
    ]


@pytest.mark.parametrize("within", ["darts", "independent"])
def test_evolution_is_regularised_evolution(within):
    search = dataclasses.replace(
        SEARCH, candidates=120, population=12, sample=4, batch=3, within=within
    )
    found = played(search, width)
    assert [c.number for c in found] == list(range(120))
    assert all(c.parent is None for c in found[:12])
    for start in range(12, 120, 3):
        known = found[:start]  # of a round
        for child in found[start : start + 3]:
            assert child.parent in range(start - 12, start)  # the newest: older ones have died
            parent = known[child.parent].genotype
            assert len(set(edges(child.genotype)) - set(edges(parent))) == 1
            search.space_of("normal").for_cell(child.genotype.normal)  # raises if it lies outside
            search.space_of("reduce").for_cell(child.genotype.reduce)
    # Where width is what is chosen for, width is what is found.
    assert sum(c.score for c in found[-12:]) > sum(c.score for c in found[:12]) + 6
    # A sample's best is the parent: with one that looks at all, always the best there is.
    greedy = played(dataclasses.replace(search, sample=12, population=12, batch=1), width)
    parents = Counter()
    for child in greedy[12:]:
        newest = greedy[child.number - 12 : child.number]
        parents[greedy[child.parent].score == max(c.score for c in newest)] += 1
    assert parents[True] > 70  # draws are with replacement


def test_random_search_draws_uniformly_and_ignores_results():
    search = dataclasses.replace(SEARCH, algorithm="random", candidates=600, batch=50)
    found = played(search, width)
    assert [c.genotype for c in found] == [c.genotype for c in played(search, lambda _: math.nan)]
    assert all(c.parent is None for c in found)
    wirings = Counter(tuple(map(frozenset, c.genotype.normal.sources)) for c in found)
    assert len(wirings) > 160  # of 180
    other = played(dataclasses.replace(search, seed=1), width)
    assert [c.genotype for c in found] != [c.genotype for c in other]


def test_what_diverged_ranks_last():
    search = dataclasses.replace(SEARCH, candidates=40, population=4, sample=4, batch=1)
    chance = random.Random(0)
    found = played(search, lambda _: chance.choice([math.nan, 0.5]))
    assert all(c.score in {-math.inf, 0.5} for c in found)
    for child in found[4:]:
        newest = found[child.number - 4 : child.number]
        if sum(c.score == 0.5 for c in newest) == 4:
            assert found[child.parent].score == 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample": 4}, "search.sample must be at most the population, 3, not 4"),
        ({"batch": 0}, "search.batch: expected an integer of at least 1, got 0"),
        (
            {"data": DataRequest("digits")},
            "data.validation_size: a search ranks candidates by validation",
        ),
        (
            {"within": "nas-bench-201"},
            "search.space: expected a space with a fixed number .* got nas-bench-201",
        ),
        ({"start": load_cell("NASNet")}, "search: the normal cell to start from .cells.: .*darts"),
    ],
)
def test_a_search_that_cannot_be_is_refused(changes, message):
    with pytest.raises(StudyError, match=message):
        dataclasses.replace(SEARCH, **changes)
