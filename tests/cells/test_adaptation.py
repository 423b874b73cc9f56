"""Adaptation: the widest and the narrowest form, and the authors' adapted cells."""

import pytest
from hypothesis import given

from nascope._src.cells.adaptation import adapt, narrowest, widest
from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.genotype import Genotype
from nascope._src.cells.graph import dead_nodes, depth, fractional_width, strict_width
from nascope._src.cells.spaces.named import named_space
from nascope._src.errors import GenotypeError
from tests.cells.strategies import cells

DARTS, AMOEBA = load_cell("DARTS"), load_cell("AmoebaNet")


def _operations(genotype: Genotype) -> list[str]:
    return [edge.operation for edge in (*genotype.normal.edges, *genotype.reduce.edges)]


@given(cells())
def test_the_widest_form(cell):
    wide = widest(cell)
    assert strict_width(wide) == fractional_width(wide) == cell.num_nodes
    assert depth(wide) == 2
    if all(len(sources) <= cell.num_inputs for sources in cell.sources):
        assert widest(wide) == wide
    assert [edge.operation for edge in wide.edges] == [edge.operation for edge in cell.edges]
    for sources in wide.sources:  # as many different inputs as the node has edges for
        assert len(set(sources)) == min(len(sources), cell.num_inputs)


@given(cells())
def test_the_narrowest_form(cell):
    narrow = narrowest(cell)
    assert depth(narrow) == 2 + max(cell.concat) - cell.num_inputs
    assert strict_width(narrow) == fractional_width(narrow) == 1
    assert all(
        set(s) == {n - 1} for n, s in list(zip(cell.intermediate, narrow.sources, strict=True))[1:]
    )


def test_the_narrowest_form_with_distinct_sources():
    cell = narrowest(DARTS.normal, distinct=True)
    assert named_space("darts").for_cell(cell)
    deepest = max(at.depth for at in named_space("darts").census().counts)
    narrow = min(
        at.fractional_width for at in named_space("darts").census().counts if at.depth == deepest
    )
    assert (depth(cell), fractional_width(cell)) == (deepest, narrow)


@pytest.mark.parametrize("name", ["NASNet", "AmoebaNet", "SNAS"])
def test_the_authors_adapted_cells_have_the_strict_pattern_too(name):
    ours, theirs = adapt(load_cell(name)), load_cell(f"{name}-adapted")
    for a, b in ((ours.normal, theirs.normal), (ours.reduce, theirs.reduce)):
        assert [sorted(s) for s in a.sources] == [sorted(s) for s in b.sources]
    assert _operations(ours) == _operations(theirs)


def test_the_authors_enas_keeps_a_node_on_one_input():
    theirs = load_cell("ENAS-adapted").normal
    assert [set(sources) for sources in theirs.sources].count({0}) == 1
    assert all(set(s) == {0, 1} for s in widest(load_cell("ENAS").normal).sources)


def test_adapting_amoebanet_leaves_dead_nodes():
    assert dead_nodes(widest(AMOEBA.normal)) == (2, 3)


def test_one_cell_may_be_adapted_alone():
    assert adapt(DARTS, cells=["reduce"]).normal == DARTS.normal
    assert adapt(DARTS, cells=["normal"]).reduce == DARTS.reduce
    assert adapt(DARTS, to=narrowest).name == "DARTS-narrowest-nr"
    with pytest.raises(GenotypeError, match="cells must name"):
        adapt(DARTS, cells="normal")
    with pytest.raises(GenotypeError, match="cells must name"):
        adapt(DARTS, cells=["other"])
