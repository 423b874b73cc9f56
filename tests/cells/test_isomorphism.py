"""The canonical form, against networkx's isomorphism test."""

import time

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networkx.algorithms.isomorphism import categorical_multiedge_match, categorical_node_match

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.genotype import Cell
from nascope._src.cells.graph import topology
from nascope._src.cells.isomorphism import canonical
from tests.cells.strategies import cells


def _graph(cell: Cell, operations: bool, inputs: bool) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph()
    for node in range(cell.num_inputs):
        graph.add_node(node, kind=f"input {node}" if inputs else "input")
    for node in cell.intermediate:
        graph.add_node(node, kind="concat" if node in cell.concat else "node")
    for target, edges in zip(cell.intermediate, cell.nodes, strict=True):
        for operation, source in edges:
            graph.add_edge(source, target, operation=operation if operations else "")
    return graph


def _same(a: Cell, b: Cell, operations: bool, inputs: bool) -> bool:
    return nx.is_isomorphic(
        _graph(a, operations, inputs),
        _graph(b, operations, inputs),
        node_match=categorical_node_match("kind", None),
        edge_match=categorical_multiedge_match("operation", None),
    )


few = cells(max_nodes=4, max_inputs=2, max_degree=2, operations=("skip_connect", "conv_1x1"))


@given(few, few, st.booleans(), st.booleans())
def test_equal_exactly_where_networkx_says_so(a, b, operations, inputs):
    expected = a.num_inputs == b.num_inputs and _same(a, b, operations, inputs)
    forms = [canonical(cell, operations=operations, inputs=inputs) for cell in (a, b)]
    assert (forms[0] == forms[1]) == expected


@st.composite
def _shuffled(draw):
    """A cell, and the same with its nodes, edges and inputs in another valid order."""
    cell = draw(cells(max_nodes=7, operations=("skip_connect", "conv_1x1")))
    inputs = draw(st.permutations(range(cell.num_inputs)))
    place = dict(enumerate(inputs))
    left = list(cell.intermediate)
    nodes = []
    while left:  # any node whose sources are placed may come next
        ready = [n for n in left if all(s in place for s in cell.sources[n - cell.num_inputs])]
        node = draw(st.sampled_from(ready))
        left.remove(node)
        place[node] = cell.num_inputs + len(nodes)
        edges = draw(st.permutations(cell.nodes[node - cell.num_inputs]))
        nodes.append([(operation, place[source]) for operation, source in edges])
    concat = draw(st.permutations([place[node] for node in cell.concat]))
    other = Cell(nodes=nodes, concat=concat, num_inputs=cell.num_inputs)
    return cell, other, list(inputs) == sorted(inputs)


@given(_shuffled())
def test_the_order_of_nodes_does_not_matter(shuffled):
    cell, other, same_inputs = shuffled
    assert canonical(cell, inputs=False) == canonical(other, inputs=False)
    if same_inputs:
        assert canonical(cell) == canonical(other)


@given(cells())
def test_the_canonical_form_is_the_same_cell(cell):
    form = canonical(cell)
    assert canonical(form) == form
    assert _same(cell, form, True, True)
    a, b = topology(cell).as_dict(), topology(form).as_dict()
    a["dead_nodes"], b["dead_nodes"] = len(a["dead_nodes"]), len(b["dead_nodes"])
    assert a == b


@pytest.mark.parametrize("twins", [12, 60])
def test_symmetric_cells_cost_little(twins):
    """Twins, and chains that a symmetry exchanges: 12! orders if they were all tried."""
    start = time.perf_counter()
    canonical(Cell(nodes=[[("conv_1x1", 0)]] * twins, concat=range(1, twins + 1), num_inputs=1))
    chains = [[("conv_1x1", 0)]] * 12 + [[("conv_1x1", 1 + i)] for i in range(12)]
    canonical(Cell(nodes=chains, concat=range(13, 25), num_inputs=1))
    assert time.perf_counter() - start < 20  # a guard against n!, not a benchmark


def test_the_order_of_edges_and_concat_does_not_matter():
    darts = load_cell("DARTS").normal
    swapped = Cell(nodes=[reversed(node) for node in darts.nodes], concat=(5, 4, 3, 2))
    assert canonical(darts) == canonical(swapped) != canonical(load_cell("SNAS").normal)
