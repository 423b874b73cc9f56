"""Spaces: the census against brute force, exact counts of the design facts, sampling, ranks."""

import math
import random
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.catalog import names as cell_names
from nascope._src.cells.formats.reading import parse
from nascope._src.cells.genotype import Cell
from nascope._src.cells.graph import dead_nodes, loose_ends
from nascope._src.cells.rng import below, shuffled, subset, weighted
from nascope._src.cells.spaces.census import CONVENTIONS, Point, point
from nascope._src.cells.spaces.named import SPACES, named_space, spaces_holding
from nascope._src.cells.spaces.wiring_space import WiringSpace
from nascope._src.cells.wiring import published_variant
from nascope._src.errors import GenotypeError


@st.composite
def small_spaces(draw):
    inputs = draw(st.integers(1, 3))
    nodes = draw(st.integers(1, 3 if inputs == 3 else 4))
    distinct = draw(st.booleans())
    in_degree = draw(st.integers(1, inputs if distinct else 2))
    concat = draw(st.sampled_from(["all", "loose", "kept", "some"]))
    if concat == "some":
        members = st.integers(inputs, inputs + nodes - 1)
        concat = tuple(draw(st.lists(members, min_size=1, unique=True)))
    return WiringSpace(
        "small",
        nodes=nodes,
        inputs=inputs,
        in_degree=in_degree,
        distinct=distinct,
        ordered=draw(st.booleans()),
        concat=concat,
    )


@settings(deadline=None, max_examples=60)
@given(small_spaces())
def test_the_census_is_what_enumeration_counts(within):
    wirings = list(within.wirings())
    assert len(wirings) == len(set(wirings)) == within.count()
    assert within.census().counts == Counter(point(within.cell(wiring)) for wiring in wirings)
    assert within.census().total == within.count()


@pytest.mark.parametrize("name", SPACES)
def test_named_spaces_against_brute_force(name):
    within = named_space(name, 3)
    counts: Counter = Counter()
    for wiring in within.wirings():
        cell = within.cell(wiring)
        weight = within.weight(wiring)
        counts[point(cell) if cell else Point(0, Fraction(0), 0)] += weight
    assert within.census().counts == counts


def test_the_counts_of_the_design_facts():
    assert [named_space("one-source", n).count() for n in (4, 5)] == [120, 720]
    assert [named_space("independent", n).count() for n in (4, 5)] == [14_400, 518_400]
    assert [named_space("darts", n).count() for n in (4, 5)] == [180, 2_700]
    assert (
        named_space("nas-bench-201").count()
        == named_space("nas-bench-201").census().total
        == 15_625
    )
    four, five, darts = (named_space(*key).census().counts for key in KEYS)
    assert four[Point(4, Fraction(4), 2)] == 256
    assert five[Point(5, Fraction(5), 2)] == 1_024
    assert {at: n for at, n in darts.items() if at.fractional_width >= 3.5} == {
        Point(4, Fraction(4), 2): 1,
        Point(3, Fraction(7, 2), 3): 12,
    }


KEYS = (("independent", 4), ("independent", 5), ("darts", 4))


def test_one_source_is_the_formula_for_two_inputs_only():
    """A.2's (N−2)!/(M−1)! with N nodes in all, M inputs; M = 3 has more wirings than that."""
    n = 8
    assert named_space("one-source", n - 3).count() == math.factorial(n - 2) // math.factorial(1)
    three = WiringSpace("three", nodes=4, inputs=3, in_degree=1)
    assert three.count() == math.factorial(n - 2) // math.factorial(2)


@pytest.mark.parametrize("nodes", [9, 11])
def test_large_censuses_are_whole(nodes):
    for name in ("darts", "independent", "nasnet"):
        census = named_space(name, nodes).census()
        assert census.total == named_space(name, nodes).count()
        assert sum(census.marginal("strict").values()) == census.total
        widest = [n for at, n in census.counts.items() if at.strict_width == nodes]
        assert widest == [1 if name == "darts" else 4**nodes]


# ---------------------------------------------------------------- sampling


@settings(deadline=None, max_examples=40)
@given(small_spaces(), st.integers(0, 10**6))
def test_samples_meet_their_conditions(within, seed):
    generator = random.Random(seed)
    wanted = point(within.cell(within.sample(generator)))
    for given_ in (
        {"strict_width": wanted.strict_width},
        {"fractional_width": wanted.fractional_width},
        {"depth": wanted.depth},
        wanted._asdict(),
    ):
        got = point(within.cell(within.sample(generator, **given_)))
        assert all(getattr(got, key) == value for key, value in given_.items())


@pytest.mark.parametrize(
    "within",
    [
        named_space("darts", 3),
        named_space("independent", 2),
        WiringSpace("u", nodes=2, ordered=False),
        WiringSpace("d", nodes=2, inputs=3, in_degree=3, distinct=True),
        WiringSpace("u3", nodes=2, in_degree=3, ordered=False),
        named_space("nas-bench-201", 2),
    ],
    ids=lambda s: s.name,
)
@pytest.mark.parametrize("depth", [None, 3])
def test_samples_are_uniform(within, depth):
    """Pearson's χ² over all wirings, at a fixed seed: within 4.5 standard deviations."""
    expected = {
        wiring: within.weight(wiring)
        for wiring in within.wirings()
        if depth is None or ((cell := within.cell(wiring)) and point(cell).depth == depth)
    }
    generator = random.Random(5)
    draws = 40 * len(expected)
    seen = Counter(within.sample(generator, depth=depth) for _ in range(draws))
    assert set(seen) <= set(expected)
    scale = draws / sum(expected.values())
    chi2 = sum((seen[w] - n * scale) ** 2 / (n * scale) for w, n in expected.items())
    freedom = len(expected) - 1
    assert abs(chi2 - freedom) < 4.5 * math.sqrt(2 * freedom)


def test_an_impossible_condition_is_an_error():
    generator = random.Random(0)
    for conditions in ({"strict_width": 4, "depth": 3}, {"fractional_width": Fraction(1, 3)}):
        with pytest.raises(GenotypeError, match="no wiring"):
            named_space("darts").sample(generator, **conditions)
    for impossible in ({"depth": 1}, {"depth": 99}, {"strict_width": -1}, {"strict_width": 5}):
        with pytest.raises(GenotypeError, match="no wiring"):
            named_space("darts").sample(generator, **impossible)
    with pytest.raises(GenotypeError, match="no cell"):
        named_space("nas-bench-201").sample(generator, depth=5)


def test_chance():
    generator = random.Random(3)
    assert {below(generator, 3) for _ in range(100)} == {0, 1, 2}
    assert below(generator, 1) == 0
    assert 0 <= below(generator, 10**100) < 10**100
    assert {weighted(generator, [0, 2, 0, 1]) for _ in range(100)} == {1, 3}
    assert subset(generator, 5, 5) == [0, 1, 2, 3, 4]
    pairs = Counter(tuple(subset(generator, 4, 2)) for _ in range(3000))
    assert len(pairs) == 6
    assert min(pairs.values()) > 400
    assert sorted(shuffled(generator, range(6))) == [0, 1, 2, 3, 4, 5]
    # the sequence is part of the interface: the same on every version of Python
    assert [below(random.Random(7), n) for n in (10, 10**6, 10**30)] == EXPECTED


EXPECTED = [5, 339563, 410506798714325354520440623410]


# ---------------------------------------------------------------- ranks


def test_ranks_of_the_papers_cells():
    rank = named_space("darts").rank(load_cell("DARTS").normal)
    assert rank["fractional"].as_wide == Fraction(13, 180)
    assert rank["strict"].as_wide == Fraction(17, 180)
    nasnet = named_space("nasnet").rank(load_cell("NASNet").normal)["strict"]
    assert nasnet.both == nasnet.as_wide == Fraction(1024, 518_400)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6))
def test_a_rank_is_a_share_of_the_enumeration(seed):
    within = named_space("independent", 3)
    cell = within.cell(within.sample(random.Random(seed)))
    here = point(cell)
    for convention in CONVENTIONS:
        wide = shallow = both = 0
        for wiring in within.wirings():
            at = point(within.cell(wiring))
            wide += at.width(convention) >= here.width(convention)
            shallow += at.depth <= here.depth
            both += at.width(convention) >= here.width(convention) and at.depth <= here.depth
        shares = [Fraction(n, within.count()) for n in (wide, shallow, both)]
        assert list(within.rank(cell)[convention]) == shares


def test_a_kept_concat_enters_the_rank():
    """A.2 keeps AmoebaNet's concat, so its depth is compared under the same concat."""
    cell = load_cell("AmoebaNet").normal
    within = named_space("independent").for_cell(cell)
    assert within.concat == (4, 5, 6)
    shallow = sum(n for at, n in within.census().counts.items() if at.depth <= point(cell).depth)
    assert named_space("independent").rank(cell)["strict"].as_shallow == Fraction(shallow, 518_400)
    generator = random.Random(1)
    draws = [point(published_variant(load_cell("AmoebaNet"), s).normal).depth for s in range(2000)]
    assert abs(sum(d <= 4 for d in draws) / 2000 - shallow / 518_400) < 0.04
    assert point(within.cell(within.sample(generator, depth=3))).depth == 3


def test_which_spaces_hold_which_cells():
    names = {
        name: [s.name for s in spaces_holding(load_cell(name).normal)] for name in cell_names()[:5]
    }
    assert names == {
        "NASNet": ["independent", "nasnet"],
        "AmoebaNet": ["independent", "nasnet"],
        "ENAS": ["independent", "nasnet"],
        "DARTS": ["darts", "independent"],
        "SNAS": ["darts", "independent", "nasnet"],
    }
    tabular = parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|none~2|")
    assert [s.name for s in spaces_holding(tabular.normal)] == ["nas-bench-201"]
    assert dead_nodes(tabular.normal) == (1, 2)
    assert named_space("nas-bench-201").rank(tabular.normal)["strict"].as_shallow < 1


@pytest.mark.parametrize(
    ("name", "cell", "said"),
    [
        ("darts", load_cell("NASNet").normal, "node 3 reads node 0 twice"),
        ("nasnet", load_cell("DARTS").normal, "concatenates"),
        ("darts", load_cell("AmoebaNet").reduce, "concatenates"),
        ("one-source", load_cell("DARTS").normal, "reads 2 nodes, not 1"),
        ("nas-bench-201", load_cell("DARTS").normal, "2 inputs, not 1"),
        ("darts", parse("|nor_conv_3x3~0|").normal, "of 2 inputs, not 1"),
        (
            "nas-bench-201",
            Cell(nodes=[[("max_pool_3x3", 0)]], concat=(1,), num_inputs=1),
            "operation max_pool_3x3",
        ),
        (
            "nas-bench-201",
            Cell(nodes=[[("conv_1x1", i)] for i in range(4)], concat=(4,), num_inputs=1),
            "4 nodes, more than 3",
        ),
        (
            "nas-bench-201",
            Cell(nodes=[[("conv_1x1", 0)]] * 2, concat=(1, 2), num_inputs=1),
            "last node alone",
        ),
        (
            "nas-bench-201",
            Cell(nodes=[[("conv_1x1", 0)] * 2], concat=(1,), num_inputs=1),
            "two edges join",
        ),
    ],
)
def test_a_cell_that_the_space_does_not_hold(name, cell, said):
    with pytest.raises(GenotypeError, match=said):
        named_space(name).rank(cell)


@pytest.mark.parametrize(
    "make",
    [
        lambda: named_space("imagenet"),
        lambda: named_space("darts", 0),
        lambda: named_space("darts", 17),
        lambda: named_space("nas-bench-201", 6),
        lambda: WiringSpace("x", nodes=True),
        lambda: WiringSpace("x", nodes=3, inputs=1, distinct=True),
        lambda: WiringSpace("x", nodes=3, in_degree=9),
        lambda: WiringSpace("x", nodes=3, concat="most"),
        lambda: WiringSpace("x", nodes=3, concat=(1,)),
        lambda: WiringSpace("x", nodes=3, concat=()),
        lambda: point(load_cell("DARTS").normal).width("live"),
    ],
)
def test_impossible_spaces_are_refused(make):
    with pytest.raises(GenotypeError):
        make()


def test_loose_ends_are_concatenated():
    within = named_space("nasnet", 3)
    for wiring in within.wirings():
        cell = within.cell(wiring)
        assert cell.concat == loose_ends(cell)
        assert within.for_cell(cell) == within
