import dataclasses
import json
import math
import random
from collections import Counter

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.graph import topology
from nascope._src.cells.search_log import read_log, trace
from nascope._src.data.request import DataRequest
from nascope._src.errors import StudyError
from nascope._src.records.read import read_study
from nascope._src.study.engines.processes import ProcessEngine
from nascope._src.study.engines.serial import SerialEngine
from nascope._src.study.search.candidates import ScoredProposal, Search, propose
from nascope._src.study.search.rounds import run_search
from nascope._src.study.study_file import read_search_file
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


RECORDS = ("candidates.jsonl", "best.jsonl", "study.json")


def test_a_search_is_the_same_whatever_carries_it_out(tmp_path):
    rounds = []
    found = run_search(SEARCH, tmp_path / "a", SerialEngine(), device="cpu",
                       on_progress=lambda before, snapshot: rounds.append(before))  # fmt: skip
    assert sorted(set(rounds)) == [0, 2, 3, 5]  # the first population of three, then by two
    assert all(0 < c.accuracy < 1 for c in found)
    trials = read_study(tmp_path / "a").trials
    assert [t.label for t in trials] == [f"candidate-000{k}" for k in range(6)]
    assert [t.training.last.validation_accuracy for t in trials] == [c.accuracy for c in found]

    class Stopped(Exception):
        pass

    def stop(before, snapshot):
        if before == 3:
            raise Stopped

    engine = ProcessEngine(2)
    with pytest.raises(Stopped):
        run_search(SEARCH, tmp_path / "b", engine, device="cpu", on_progress=stop)
    again = run_search(SEARCH, tmp_path / "b", engine, device="cpu")
    engine.close()
    assert again == found
    for name in RECORDS:
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "a" / name).read_bytes()
    best = [json.loads(line) for line in (tmp_path / "a/best.jsonl").read_text().splitlines()]
    values = [line["validation_accuracy"] for line in best]
    assert values == sorted(values)
    assert values[-1] == max(c.accuracy for c in found)
    rows = trace(read_log(tmp_path / "a/candidates.jsonl"), "darts")
    assert [row["normal"]["fractional_width"] for row in rows] == [width(c.genotype) for c in found]


def test_the_records_of_a_search_never_shrink(tmp_path, monkeypatch):
    """Replayed, cut short and stopped, asked for fewer candidates, or beside another search."""
    loaded = []
    load = DataRequest.load

    def counted(self, data_dir=None):
        loaded.append(self)
        return load(self, data_dir)

    monkeypatch.setattr(DataRequest, "load", counted)
    four = dataclasses.replace(SEARCH, candidates=4)
    found = run_search(four, tmp_path, SerialEngine(), device="cpu")
    assert len(loaded) == 1  # not in each round
    records = {name: (tmp_path / name).read_bytes() for name in RECORDS}

    def unchanged():
        return {name: (tmp_path / name).read_bytes() for name in RECORDS} == records

    two = dataclasses.replace(SEARCH, candidates=2)
    assert run_search(two, tmp_path, SerialEngine(), device="cpu") == found[:2]
    assert unchanged()
    (tmp_path / "best.jsonl").write_text("damaged")
    sizes = []

    class Watched(SerialEngine):
        def run(self, tasks, progress):
            sizes.append(len(read_study(tmp_path).trials))
            yield from super().run(tasks, progress)

    assert run_search(four, tmp_path, Watched(), device="cpu") == found
    assert sizes == [4, 4, 4]
    assert unchanged()
    other = dataclasses.replace(SEARCH, candidates=1, population=1, sample=1, seed=1)

    class Meanwhile(SerialEngine):
        """Another search begins in the same folder after each of its rounds."""

        def run(self, tasks, progress):
            yield from super().run(tasks, progress)
            run_search(other, tmp_path, SerialEngine(), device="cpu")

    assert run_search(four, tmp_path, Meanwhile(), device="cpu") == found
    assert [trial.label for trial in read_study(tmp_path).trials] == ["candidate-0000"]
    assert run_search(four, tmp_path, SerialEngine(), device="cpu") == found
    assert unchanged()


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


FILE = """
cells = ["DARTS"]
[search]
algorithm = "random"
candidates = 5
[data]
name = "digits"
validation_size = 50
[training]
scale = "tiny"
seeds = [3]
learning_rates = [0.05]
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("candidates = 5", "candidate = 5", "search.candidate: unknown key; did you mean candid"),
        ("seeds = [3]", "seeds = [3, 4]", "training.seeds: a search has one, not 2"),
        ('["DARTS"]', '["DARTS", "SNAS"]', "cells: a search has one, not 2"),
        ("[search]", "landscape = { points = 3 }\n[search]", "landscape: a search probes nothing"),
        ("validation_size = 50", "", "data.validation_size"),
        ('"random"', '"random"\nspace = "dart"', "search.space: unknown space 'dart'; known are"),
        (
            '["DARTS"]',
            '["NASNet"]',
            "search: the normal cell to start from .cells.: .* another cell",
        ),
        ('"random"', '"luck"', "search.algorithm: input should be 'random' or 'evolution'"),
    ],
)
def test_a_search_file(tmp_path, old, new, message):
    path = tmp_path / "search.toml"
    path.write_text(FILE)
    search = read_search_file(path)
    assert (search.name, search.seed, search.recipe.learning_rate) == ("search", 3, 0.05)
    assert (search.algorithm, search.candidates) == ("random", 5)
    assert old in FILE
    path.write_text(FILE.replace(old, new, 1))
    with pytest.raises(StudyError, match=f"search.toml: .*{message}"):
        read_search_file(path)
