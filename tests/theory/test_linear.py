"""Linear cells of any wiring: forward pass, maps around an edge, sums over paths."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nascope._src.cells.catalog import load as load_cell
from nascope._src.errors import TheoryError
from nascope._src.theory.linear import LinearCell, random_weights, spectral_norm

WIRINGS = st.tuples(
    st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(0, 10**6)
).map(lambda s: LinearCell.random(s[0], np.random.default_rng(s[3]), inputs=s[1], in_degree=s[2]))
PARALLEL = LinearCell(((0, 2), (0, 2), (1, 3), (2, 3), (2, 4)), inputs=2, outputs=(4, 2))


def drawn(cell, size=3, batch=2, instances=2, seed=0):
    generator = np.random.default_rng(seed)
    weights = random_weights(cell, batch, size, 1.3, generator)
    x = torch.from_numpy(generator.standard_normal((batch, instances, cell.inputs * size)))
    return weights, x


def by_recursion(cell, weights, x):
    """One cell, one instance, in plain Python."""
    size = weights.shape[-1]

    def value(node):
        if node < cell.inputs:
            return x[node * size : (node + 1) * size]
        return sum(
            weights[number] @ value(source)
            for number, (source, target) in enumerate(cell.edges)
            if target == node
        )

    return torch.stack([value(node) for node in cell.outputs])


@settings(max_examples=25, deadline=None)
@given(WIRINGS)
def test_forward_is_the_recursion(cell):
    weights, x = drawn(cell)
    z = cell.forward(weights, x)
    for b in range(2):
        for n in range(2):
            torch.testing.assert_close(z[b, n], by_recursion(cell, weights[b], x[b, n]))


@pytest.mark.parametrize("cell", [PARALLEL, LinearCell.from_cell(load_cell("NASNet").normal)])
def test_parallel_edges_and_chosen_outputs(cell):
    weights, x = drawn(cell)
    torch.testing.assert_close(
        cell.forward(weights, x)[1, 0], by_recursion(cell, weights[1], x[1, 0])
    )


@settings(max_examples=25, deadline=None)
@given(WIRINGS)
def test_an_output_is_affine_in_each_matrix(cell):
    weights, x = drawn(cell)
    maps = cell.maps(weights)
    z = cell.forward(weights, x)
    torch.testing.assert_close(z, torch.einsum("bkij,bnj->bnki", maps.effective, x))
    for edge in range(len(cell.edges)):
        change = torch.randn(3, 3, dtype=torch.float64)
        moved = weights.clone()
        moved[:, edge] += change
        expected = torch.einsum(
            "bkij,jl,blm,bnm->bnki", maps.after[:, edge], change, maps.before[:, edge], x
        )
        torch.testing.assert_close(cell.forward(moved, x) - z, expected)


def enumerated_paths(cell, norms):
    graph = networkx.MultiDiGraph()
    for number, (source, node) in enumerate(cell.edges):
        graph.add_edge(source, node, key=number)
    found = np.zeros((len(cell.edges), len(cell.outputs)))
    for k, output in enumerate(cell.outputs):
        for start in range(cell.inputs):
            if start not in graph:
                continue
            for path in networkx.all_simple_edge_paths(graph, start, output):
                numbers = [key for _, _, key in path]
                for edge in numbers:
                    found[edge, k] += np.prod([norms[n] for n in numbers if n != edge])
    return found


@settings(max_examples=40, deadline=None)
@given(WIRINGS)
def test_path_products_are_sums_over_paths(cell):
    norms = torch.linspace(0.3, 2.0, len(cell.edges), dtype=torch.float64)
    found = cell.path_products(norms).numpy()
    np.testing.assert_allclose(found, enumerated_paths(cell, norms.numpy()))
    np.testing.assert_array_equal(cell.reached(), found > 0)


def test_path_products_with_parallel_edges():
    norms = torch.tensor([2.0, 3.0, 5.0, 7.0, 11.0], dtype=torch.float64)
    found = PARALLEL.path_products(norms).numpy()
    np.testing.assert_allclose(found, enumerated_paths(PARALLEL, norms.numpy()))


def test_path_products_of_the_narrowest_cell_are_the_papers():
    norms = torch.tensor([2.0, 3.0, 5.0, 7.0], dtype=torch.float64)
    found = LinearCell.narrowest(4).path_products(norms)
    for i in range(4):
        for k in range(4):
            others = [float(norms[j]) for j in range(k + 1) if j != i]
            assert found[i, k] == (np.prod(others) if k >= i else 0)


def test_path_products_bound_the_maps():
    cell = LinearCell.random(5, np.random.default_rng(1), inputs=2, in_degree=2)
    weights, _ = drawn(cell, batch=50)
    maps = cell.maps(weights)
    norms = spectral_norm(maps.after) * spectral_norm(maps.before).unsqueeze(-1)
    assert (norms <= cell.path_products(spectral_norm(weights)) * (1 + 1e-12)).all()


def test_named_wirings():
    assert [LinearCell.of_depth(4, depth).depth for depth in range(1, 5)] == [1, 2, 3, 4]
    assert LinearCell.widest(3).edges == ((0, 1), (0, 2), (0, 3))
    assert LinearCell.narrowest(3).edges == ((0, 1), (1, 2), (2, 3))
    darts = load_cell("DARTS").normal
    cell = LinearCell.from_cell(darts)
    assert (cell.inputs, cell.outputs, len(cell.edges)) == (2, darts.concat, len(darts.edges))
    assert (PARALLEL.depth, PARALLEL.num_nodes) == (2, 3)


def test_weights_have_the_norm_asked_for():
    cell, generator = LinearCell.narrowest(3), np.random.default_rng(0)
    norms = torch.tensor([[0.5, 1.0, 2.0]] * 4, dtype=torch.float64)
    for kind in ("gaussian", "orthogonal"):
        weights = random_weights(cell, 4, 3, norms, generator, kind=kind)
        torch.testing.assert_close(spectral_norm(weights), norms)
    identity = weights.mT @ weights / norms[..., None, None] ** 2
    torch.testing.assert_close(identity, torch.eye(3, dtype=torch.float64).expand(4, 3, 3, 3))
    with pytest.raises(TheoryError, match="gaussian or orthogonal"):
        random_weights(cell, 1, 2, 1.0, generator, kind="uniform")


@pytest.mark.parametrize(
    ("edges", "options", "message"),
    [
        ((), {}, "an edge into each node"),
        (((0, 2),), {}, "an edge into each node"),
        (((0, 1),), {"inputs": 0}, "Expected an input"),
        (((1, 1),), {}, "an input or an earlier node"),
        (((-1, 1),), {}, "an input or an earlier node"),
        (((0, 2), (0, 1)), {}, "sorted"),
        (((0, 1),), {"outputs": (0,)}, "distinct nodes of the cell"),
        (((0, 1),), {"outputs": (1, 1)}, "distinct nodes of the cell"),
    ],
)
def test_bad_wirings_are_refused(edges, options, message):
    with pytest.raises(TheoryError, match=message):
        LinearCell(edges, **options)
    with pytest.raises(TheoryError, match="depth of 1 … 3 for a cell of 3 nodes, not 4"):
        LinearCell.of_depth(3, 4)
