"""The connection pattern: exact p-values against enumeration and simulation; what the data say."""

import doctest
import functools
import itertools
import random
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from statistics import fmean

import pytest

from nascope._src.cells.catalog import CatalogCell, cells_in
from nascope._src.cells.genotype import Genotype
from nascope._src.cells.spaces.named import named_space
from nascope._src.errors import GenotypeError, StudyError
from nascope._src.results import pattern as module
from nascope._src.results.pattern import (
    count_following,
    measure_algorithms,
    measure_group,
    score_cells,
    survey_catalog,
)
from nascope._src.results.stats.exact import tails

survey = functools.cache(survey_catalog)  # takes seconds


def test_docstrings():
    assert doctest.testmod(module).failed == 0


def test_scores_by_their_definition():
    (darts,) = [one for one in score_cells(cells_in("paper"))[0] if one.name == "DARTS"]
    table = named_space("darts").census().marginal("fractional")
    wider = sum(n * ((w < 3.5) + Fraction(w == 3.5, 2)) for (w, _), n in table.items())
    shallower = sum(n * ((d > 3) + Fraction(d == 3, 2)) for (_, d), n in table.items())
    assert (darts.wider, darts.shallower) == (wider / 180, shallower / 180)
    assert (darts.width, darts.depth) == (3.5, 3)


@pytest.mark.parametrize("name", ["darts", "independent", "nasnet"])
def test_scores_are_a_half_on_average_over_their_space(name):
    within = named_space(name)
    for which in module.SCORES:
        null = module._null(within, "strict", which)
        assert sum(value * n for value, n in null) / sum(n for _, n in null) == Fraction(1, 2)


def test_tails_against_enumeration():
    a = ((Fraction(0), 2), (Fraction(1, 3), 5), (Fraction(1), 1))
    b = ((Fraction(1, 4), 3), (Fraction(1, 2), 1))
    totals: Counter[Fraction] = Counter()
    for draws in itertools.product(a, b, a):
        weight = draws[0][1] * draws[1][1] * draws[2][1]
        totals[sum((value for value, _ in draws), Fraction(0))] += weight
    every = sum(totals.values())
    for total in (*totals, Fraction(1, 7), Fraction(-1), Fraction(9)):
        greater, less = tails([a, b, a], total)
        assert greater == pytest.approx(sum(n for t, n in totals.items() if t >= total) / every)
        assert less == pytest.approx(sum(n for t, n in totals.items() if t <= total) / every)


def _entry(name: str, paper: str, cell) -> CatalogCell:
    return CatalogCell(Genotype(cell, cell, name), "published", "made up", paper, "darts", "test")


def test_p_values_are_calibrated():
    """Uniform cells, six papers of them: p ≤ 0.2 in a fifth of the cases, as exact p-values are."""
    generator = random.Random(0)
    within = named_space("darts")
    found = []
    for _ in range(300):
        cells = [
            _entry(f"{paper}", f"paper {paper}", within.cell(within.sample(generator)))
            for paper in range(6)
        ]
        scored, _ = score_cells(cells)
        clusters = [[one] for one in scored]
        means = sum((one.pattern for one in scored), Fraction(0))
        nulls = [module._null(group[0].within, "fractional", "pattern") for group in clusters]
        found.append(tails(nulls, means)[0])
    share = fmean(p <= 0.2 for p in found)
    assert 0.12 < share < 0.27
    assert 0.42 < fmean(found) < 0.60


@pytest.mark.parametrize("which", module.SCORES)
@pytest.mark.parametrize("papers", [3, 5, 10])
def test_coverage_of_the_interval(papers: int, which: str) -> None:
    """Of uniform wirings, one a paper: their mean score is ½. Scores of depth are coarse."""
    null = module._null(named_space("nasnet"), "fractional", which)
    scores, counts = [float(value) for value, _ in null], [n for _, n in null]
    generator = random.Random(2)
    draws, held, none = 1000, 0, 0
    for _ in range(draws):
        found = module._interval(generator.choices(scores, counts, k=papers))
        none += found is None
        held += found is not None and 0 <= found[0] <= 0.5 <= found[1] <= 1
    assert held / (draws - none) >= 0.95 - 0.03
    assert none / draws < 0.2


def test_no_interval_of_two_papers_nor_of_equal_scores() -> None:
    assert module._interval([0.2, 0.9]) is None
    assert module._interval([0.9, 0.9, 0.9]) is None
    assert module._interval([0.9, 1.0, 1.0])[1] == 1


def test_copies_within_a_paper_add_no_evidence():
    wide = named_space("darts").cell(((0, 1), (0, 1), (0, 1), (0, 1)))
    one, _ = score_cells([_entry("a", "one paper", wide)])
    many, _ = score_cells([_entry(f"a{i}", "one paper", wide) for i in range(40)])
    assert measure_group(many).pattern.p_greater == measure_group(one).pattern.p_greater
    assert measure_group(many, cluster="cell").pattern.p_greater < 1e-50
    assert measure_group(one).pattern.interval is None


def test_the_common_connection_pattern_in_the_five_cells():
    """Observation 3.1, as docs/results/wiring.md reports it."""
    found = survey()
    own, sampled, published, fresh, control = found.groups
    assert own.wider.p_greater < 1e-7
    assert own.shallower.p_greater < 2e-4
    assert sampled.follows
    assert 0.65 < published.wider.mean < 0.75
    assert published.cells == 175
    # a replication on algorithms that the paper did not look at: wider, but not shallower
    assert fresh.wider.p_greater < 0.01
    assert fresh.shallower.p_greater > 0.1
    assert control.pattern.p_greater > 0.1
    names = {group.label for group in found.algorithms if not group.follows}
    assert {"GDAS", "XNAS", "PR-DARTS", "SDARTS-RS", "NoisyDARTS"} <= names


def test_reduction_cells_show_it_less():
    normal, reduction = survey().groups[0], survey(kind="reduce").groups[0]
    assert reduction.wider.mean < normal.wider.mean
    assert survey(kind="reduce").outside == (
        "ENAS_fairdarts_repo",
        "SNAS_moderate_Analysis_copy",
    )


def test_the_chance_that_a_label_follows():
    """One wiring: exact, from the census. Ten: simulated again, wiring by wiring."""
    within, darts = named_space("darts"), module._connected_census(named_space("darts"))
    scores, table = module._scores(within, "fractional"), darts.marginal("fractional")
    half = Fraction(1, 2)
    one = sum(n for place, n in table.items() if min(scores[place]) > half) / sum(table.values())
    assert one == 0.25
    found = module._chance_hits(((within, 1),), "fractional") / module.CHANCE_DRAWS
    assert found == pytest.approx(one, abs=0.005)  # more than three standard errors
    generator, draws = random.Random(1), 2_000
    places, weights = list(table), list(table.values())
    follows = 0
    for _ in range(draws):
        drawn = [scores[place] for place in generator.choices(places, weights, k=10)]
        follows += all(sum(each) > 5 for each in zip(*drawn, strict=True))
    ten = module._chance_hits(((within, 10),), "fractional") / module.CHANCE_DRAWS
    assert ten == pytest.approx(follows / draws, abs=0.033)


def test_labels_that_follow_are_compared_with_chance():
    """By chance about nine would; of cells that were drawn at random, no more than that do."""
    count, others = survey().following, survey().others_following
    assert count.following == sum(group.follows for group in survey().algorithms)
    assert (count.labels, count.following) == (29, 16)
    assert count.expected == pytest.approx(9.2, abs=0.05)
    assert count.p_more == pytest.approx(0.007, abs=0.001)
    assert (others.labels, others.following) == (25, 12)
    assert others.p_more == pytest.approx(0.055, abs=0.002)
    generator, within = random.Random(3), named_space("darts")
    cells = [within.cell(within.sample(generator)) for _ in range(300)]
    pool, _ = score_cells([_entry(f"{i}", "", cell) for i, cell in enumerate(cells)])
    p_values = []
    for _ in range(100):
        drawn = generator.choices(pool, k=30)
        labelled = [replace(cell, algorithm=f"{i % 12}") for i, cell in enumerate(drawn)]
        p_values.append(count_following(labelled).p_more)
    assert fmean(p <= 0.05 for p in p_values) <= 0.115  # 5 % and 3 standard errors
    assert 0.4 < fmean(p_values) < 0.75  # a few integers, so that p is large on average


def test_algorithms_are_apart():
    scored, _ = score_cells(cells_in("published"))
    groups = measure_algorithms(scored)
    assert sum(group.cells for group in groups) == len(scored) == 185


@pytest.mark.parametrize(
    "call",
    [
        lambda: measure_group([]),
        lambda: score_cells(cells_in("paper"), kind="both"),
    ],
)
def test_refusals(call):
    with pytest.raises(StudyError):
        call()
    with pytest.raises(GenotypeError):
        score_cells(cells_in("paper"), convention="live")
