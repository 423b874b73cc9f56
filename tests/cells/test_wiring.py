"""Variants: the authors', A.2's, and their invariants."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.cells.graph import depth, fractional_width, strict_width
from nascope._src.cells.isomorphism import canonical
from nascope._src.cells.operation_names import DARTS_OPERATIONS
from nascope._src.cells.spaces.named import named_space
from nascope._src.cells.wiring import (
    covering_variants,
    distinct_variants,
    every_rewiring,
    neighbours,
    published_operations,
    published_variant,
    random_operations,
    random_variant,
    rewire,
)
from nascope._src.errors import GenotypeError
from tests.cells.strategies import cells, genotypes

DARTS, AMOEBA = load_cell("DARTS"), load_cell("AmoebaNet")


def _operations(genotype: Genotype) -> list[str]:
    return [edge.operation for edge in (*genotype.normal.edges, *genotype.reduce.edges)]


@given(genotypes(), st.integers(0, 10**9))
def test_a_variant_keeps_all_but_the_sources(genotype, seed):
    variant = random_variant(genotype, seed)
    assert _operations(variant) == _operations(genotype)
    assert (variant.normal.concat, variant.reduce.concat) == (
        genotype.normal.concat,
        genotype.reduce.concat,
    )
    assert variant == random_variant(genotype, seed)
    only = random_variant(genotype, seed, cells=["normal"])
    assert (only.normal, only.reduce) == (variant.normal, genotype.reduce)


def test_golden_variant():
    """The sequence is part of every study's identity: it must not change."""
    assert random_variant(DARTS, 1).normal.sources == ((0, 1), (2, 0), (1, 1), (3, 3))
    assert random_variant(DARTS, 1).reduce.sources == ((0, 0), (2, 1), (3, 0), (2, 3))


def test_sources_are_uniform_with_replacement():
    seen = Counter(random_variant(DARTS, seed).normal.sources[1] for seed in range(3000))
    assert len(seen) == 9
    assert all(abs(count - 3000 / 9) < 5 * (3000 / 9) ** 0.5 for count in seen.values())


@pytest.mark.parametrize(("seed", "expected"), [(1, (2, 5)), (2, (1, 6)), (3, (2, 4)), (4, (3, 3))])
def test_figure_10(seed, expected):
    cell = published_variant(AMOEBA, seed).normal
    assert (strict_width(cell), depth(cell)) == expected
    others = {published_variant(load_cell(n), seed).normal.sources for n in ("NASNet", "ENAS")}
    assert others == {cell.sources}


@pytest.mark.parametrize("seed", [0, 1, 2, 10, 2**32 - 1])
def test_published_variants_follow_the_legacy_generator(seed):
    """One RandomState, uniform over the growing list of states, normal before reduction."""
    state, states = np.random.RandomState(seed), [0, 1]
    drawn: list[tuple[int, int]] = []
    for k in range(8):
        drawn.append((int(state.choice(states, 1)[0]), int(state.choice(states, 1)[0])))
        if k % 2:
            states.append(states[-1] + 1)
    variant = published_variant(DARTS, seed)
    assert [edge.source for edge in variant.normal.edges] == [normal for normal, _ in drawn]
    assert [edge.source for edge in variant.reduce.edges] == [reduce for _, reduce in drawn]


@pytest.mark.parametrize("seed", [1, 7])
def test_published_operations_follow_the_legacy_generator(seed):
    state = np.random.RandomState(seed)
    numbers = [*state.choice(7, 10), *state.choice(7, 10)]
    variant = published_operations(AMOEBA, seed)
    assert _operations(variant) == [DARTS_OPERATIONS[n] for n in numbers]
    assert variant.normal.sources == AMOEBA.normal.sources


def test_distinct_variants():
    drawn = list(distinct_variants(DARTS, 0, 30, cells=["normal"]))
    cells_seen = [DARTS.normal, *(variant.normal for variant in drawn)]
    assert not any(
        canonical(a) == canonical(b) for i, a in enumerate(cells_seen) for b in cells_seen[:i]
    )
    tiny = Cell(nodes=[[("conv_1x1", 0)], [("conv_1x1", 0)]], concat=(1, 2), num_inputs=1)
    with pytest.raises(GenotypeError, match="gave only 1"):
        list(distinct_variants(Genotype(tiny, tiny), 0, 2, cells=["normal"]))


@pytest.mark.parametrize("convention", ["fractional", "strict"])
def test_covering_variants_reach_everything_evenly(convention):
    width = fractional_width if convention == "fractional" else strict_width
    drawn = list(covering_variants(AMOEBA, 3, per_point=2, convention=convention))
    points = Counter((width(v.normal), depth(v.normal)) for v in drawn)
    reachable = named_space("independent").for_cell(AMOEBA.normal).census().marginal(convention)
    assert points == Counter(dict.fromkeys(reachable, 2))
    assert {v.reduce for v in drawn} == {AMOEBA.reduce}
    assert {v.normal.concat for v in drawn} == {AMOEBA.normal.concat}
    assert len({v.name for v in drawn}) == len(drawn)


def test_random_operations():
    variant = random_operations(DARTS, 5, cells=["reduce"])
    assert variant.normal == DARTS.normal
    assert variant.reduce.sources == DARTS.reduce.sources
    assert set(_operations(random_operations(DARTS, 1, operations=["conv_1x1"]))) == {"conv_1x1"}
    seen = Counter(op for seed in range(500) for op in _operations(random_operations(DARTS, seed)))
    assert set(seen) == set(DARTS_OPERATIONS)
    with pytest.raises(GenotypeError, match="no operations"):
        random_operations(DARTS, 1, operations=[])


@given(cells(max_nodes=4))
def test_neighbours_differ_in_one_source(cell):
    near = list(neighbours(cell))
    choices = [
        index - 1 for index, node in zip(cell.intermediate, cell.nodes, strict=True) for _ in node
    ]
    assert len(near) == len(set(near)) == sum(choices)
    for other in near:
        changed = [a != b for a, b in zip(cell.edges, other.edges, strict=True)]
        assert sum(changed) == 1
        assert other.concat == cell.concat


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: random_variant(DARTS, -1), "non-negative"),
        (lambda: random_variant(DARTS, 1.5), "non-negative"),
        (lambda: random_variant(DARTS, True), "non-negative"),
        (lambda: published_operations(DARTS, 2**32), "below"),
        (lambda: published_variant(Genotype(DARTS.normal, AMOEBA.reduce), 1), "same number"),
        (lambda: rewire(DARTS.normal, [[0, 1]]), "one source for each edge"),
        (lambda: rewire(DARTS.normal, [[0, 1], [0, 1], [0, 1], [0, 5]]), "earlier node"),
        (lambda: list(covering_variants(DARTS, -1)), "non-negative"),
    ],
)
def test_refusals(call, said):
    with pytest.raises(GenotypeError, match=said):
        call()


def test_figures_2_wants_monotone_seeds_that_darts_does_not_have():
    """The seeds of Figure 2 are unknown: DARTS' seeds 1 to 4 are not in its order."""
    drawn = [published_variant(DARTS, seed).normal for seed in range(1, 5)]
    assert [(strict_width(c), depth(c)) for c in drawn] == [(2, 4), (1, 5), (2, 3), (3, 3)]
    assert not all(strict_width(a) <= strict_width(b) for a, b in pairwise(drawn))


def test_every_rewiring_is_one_and_only_once():
    variants = list(every_rewiring(DARTS))
    assert len(variants) == 2880  # 2·1 · 3·2 · 4·3 · 5·4
    assert len({variant.normal.sources for variant in variants}) == 2880
    assert len({variant.name for variant in variants}) == 2880
    operations = [edge.operation for edge in DARTS.normal.edges]
    for variant in variants:
        assert variant.reduce is DARTS.reduce
        assert [edge.operation for edge in variant.normal.edges] == operations
        assert all(len(set(sources)) == 2 for sources in variant.normal.sources)
        assert (variant == DARTS) == (variant.name == "DARTS")
    assert sum(variant == DARTS for variant in variants) == 1


def test_every_rewiring_of_the_reduction_cell():
    variant = next(every_rewiring(DARTS, "reduce"))
    assert variant.name == "DARTS-01-01-01-01"
    assert variant.normal is DARTS.normal
    assert variant.reduce.sources == ((0, 1),) * 4


def test_cells_that_cannot_be_rewired_in_every_way():
    three = Cell(nodes=((("skip_connect", 0),) * 3,), concat=(2,))
    with pytest.raises(GenotypeError, match=r"at most 2 \(one per input\)"):
        next(every_rewiring(Genotype(three, three)))
