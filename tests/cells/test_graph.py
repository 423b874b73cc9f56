"""Width, depth and dead nodes: the fact table, and networkx on random cells."""

from fractions import Fraction

import networkx as nx
import pytest
from hypothesis import given

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.genotype import Cell
from nascope._src.cells.graph import (
    dead_nodes,
    depth,
    effective,
    fractional_width,
    input_shares,
    live_width,
    loose_ends,
    plain_number,
    strict_width,
    topology,
)
from nascope._src.cells.wiring import published_variant
from tests.cells.strategies import cells

# name: strict width, fractional width, depth (design facts, from both versions of the paper)
FACTS = {
    "NASNet": (5, 5, 2),
    "AmoebaNet": (3, 4, 4),
    "ENAS": (5, 5, 2),
    "DARTS": (3, 3.5, 3),
    "SNAS": (4, 4, 2),
}


@pytest.mark.parametrize("name", FACTS)
def test_the_papers_cells(name):
    measured = topology(load_cell(name).normal)
    assert (measured.strict_width, measured.fractional_width, measured.depth) == FACTS[name]
    assert measured.dead_nodes == ()


@pytest.mark.parametrize(("seed", "expected"), [(1, (2, 4)), (2, (1, 5)), (3, (2, 3)), (4, (3, 3))])
def test_darts_variants_of_the_authors_seeds(seed, expected):
    cell = published_variant(load_cell("DARTS"), seed).normal
    assert (strict_width(cell), depth(cell)) == expected


def _graph(cell: Cell) -> nx.MultiDiGraph:
    """The cell's nodes, a source that precedes the inputs, and the output."""
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(cell.num_inputs + cell.num_nodes))
    graph.add_edges_from(("source", i) for i in range(cell.num_inputs))
    for target, sources in zip(cell.intermediate, cell.sources, strict=True):
        graph.add_edges_from((source, target) for source in sources)
    graph.add_edges_from((node, "output") for node in cell.concat)
    return graph


@given(cells())
def test_against_networkx(cell):
    graph = _graph(cell)
    reaching = nx.ancestors(graph, "output")
    live = graph.subgraph({*reaching, "output"})
    assert depth(cell) == nx.dag_longest_path_length(live) - 1
    assert dead_nodes(cell) == tuple(n for n in cell.intermediate if n not in reaching)
    inside = graph.subgraph(range(cell.num_inputs + cell.num_nodes))
    assert loose_ends(cell) == tuple(n for n in cell.intermediate if not inside.out_degree(n))


@given(cells())
def test_widths_by_their_definitions(cell):
    strict, fractional, live = 0, Fraction(0), Fraction(0)
    for node, sources in zip(cell.intermediate, cell.sources, strict=True):
        share = Fraction(sum(s < cell.num_inputs for s in sources), len(sources))
        strict += all(s < cell.num_inputs for s in sources)
        fractional += share
        live += 0 if node in dead_nodes(cell) else share
    assert (strict_width(cell), fractional_width(cell), live_width(cell)) == (
        strict,
        fractional,
        live,
    )
    assert strict <= fractional <= cell.num_nodes
    assert live <= fractional


# ---------------------------------------------------------------- identities contracted


def _expanded(cell: Cell, reduction: bool) -> tuple[list[list[tuple[bool, int]]], list[int]]:
    """Slow reference: each node's edges as (is identity, source), identities replaced by hand."""
    edges: dict[int, list[tuple[bool, int]]] = {}
    for node, given_edges in zip(cell.intermediate, cell.nodes, strict=True):
        out: list[tuple[bool, int]] = []
        for operation, source in given_edges:
            skip = operation == "skip_connect"
            if skip and source >= cell.num_inputs:
                out += edges[source]
            else:
                out.append((skip and not reduction, source))
        edges[node] = out
    height = dict.fromkeys(range(cell.num_inputs), 0)
    for node in cell.intermediate:
        height[node] = max(height[s] + (not skip) for skip, s in edges[node])
    return [edges[n] for n in cell.intermediate], [height[n] for n in sorted(height)]


@given(cells(max_nodes=5, operations=("skip_connect", "sep_conv_3x3")))
def test_effective_numbers_against_expansion_by_hand(cell):
    for reduction in (False, True):
        edges, height = _expanded(cell, reduction)
        shares = [Fraction(sum(height[s] == 0 for _, s in node), len(node)) for node in edges]
        got = effective(cell, reduction=reduction)
        assert got.width == sum(shares)
        assert got.strict_width == sum(share == 1 for share in shares)
        assert got.depth == 1 + max(height[node] for node in cell.concat)


@given(cells(operations=("sep_conv_3x3", "max_pool_3x3")))
def test_without_identities_nothing_changes(cell):
    got = effective(cell)
    assert (got.width, got.strict_width) == (fractional_width(cell), strict_width(cell))
    assert got.depth == depth(cell)


def test_skips_widen_snas():
    """Figure 17's remark: the reduction cell's skips from node 2 read the inputs in effect."""
    cell = load_cell("SNAS").reduce
    assert (fractional_width(cell), effective(cell, reduction=True).width) == (2.5, 3.5)


def test_a_chain_of_skips_is_as_shallow_as_can_be():
    nodes = [[("skip_connect", i)] * 2 for i in range(200)]
    chain = Cell(nodes=nodes, concat=(200,), num_inputs=1)
    assert (depth(chain), effective(chain).depth, effective(chain).width) == (201, 1, 200)


def test_plain_numbers():
    assert [plain_number(Fraction(7, 2)), plain_number(Fraction(4))] == [3.5, 4]
    assert input_shares(load_cell("DARTS").normal) == (1, 1, 1, Fraction(1, 2))
