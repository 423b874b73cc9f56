"""The candidates that a search proposes."""

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


def simulate(search, fitness):
    """Run the search with an invented accuracy instead of training."""
    candidates = []
    while len(candidates) < search.candidates:
        for proposal in propose(search, candidates):
            number, genotype, parent = proposal.number, proposal.genotype, proposal.parent
            candidates.append(ScoredProposal(number, genotype, parent, fitness(genotype)))
    return candidates


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
    candidates = simulate(search, width)
    assert [c.number for c in candidates] == list(range(120))
    assert all(c.parent is None for c in candidates[:12])
    for start in range(12, 120, 3):
        known = candidates[:start]  # before the round
        for child in candidates[start : start + 3]:
            assert child.parent in range(start - 12, start)  # among the newest twelve
            parent = known[child.parent].genotype
            assert len(set(edges(child.genotype)) - set(edges(parent))) == 1
            search.space_of("normal").for_cell(
                child.genotype.normal
            )  # raises if it is not in the space
            search.space_of("reduce").for_cell(child.genotype.reduce)
    # If wide cells are selected, the search finds wide cells.
    assert sum(c.score for c in candidates[-12:]) > sum(c.score for c in candidates[:12]) + 6
    # The best of the sample is the parent: with a large sample nearly always the best of all.
    greedy = simulate(dataclasses.replace(search, sample=12, population=12, batch=1), width)
    parents = Counter()
    for child in greedy[12:]:
        newest = greedy[child.number - 12 : child.number]
        parents[greedy[child.parent].score == max(c.score for c in newest)] += 1
    assert parents[True] > 70  # draws are with replacement


def test_random_search_draws_uniformly_and_ignores_results():
    search = dataclasses.replace(SEARCH, algorithm="random", candidates=600, batch=50)
    candidates = simulate(search, width)
    assert [c.genotype for c in candidates] == [
        c.genotype for c in simulate(search, lambda _: math.nan)
    ]
    assert all(c.parent is None for c in candidates)
    wirings = Counter(tuple(map(frozenset, c.genotype.normal.sources)) for c in candidates)
    assert len(wirings) > 160  # of 180
    other = simulate(dataclasses.replace(search, seed=1), width)
    assert [c.genotype for c in candidates] != [c.genotype for c in other]


def test_diverged_candidates_rank_last():
    search = dataclasses.replace(SEARCH, candidates=40, population=4, sample=4, batch=1)
    chance = random.Random(0)
    candidates = simulate(search, lambda _: chance.choice([math.nan, 0.5]))
    assert all(c.score in {-math.inf, 0.5} for c in candidates)
    for child in candidates[4:]:
        newest = candidates[child.number - 4 : child.number]
        if sum(c.score == 0.5 for c in newest) == 4:
            assert candidates[child.parent].score == 0.5


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
def test_invalid_searches_are_refused(changes, message):
    with pytest.raises(StudyError, match=message):
        dataclasses.replace(SEARCH, **changes)
