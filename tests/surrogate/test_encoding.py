"""Cells as the inputs of a surrogate."""

from __future__ import annotations

import doctest
import json

import numpy as np
import pytest

from nascope._src.cells.catalog import load
from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.errors import GenotypeError, SurrogateError
from nascope._src.surrogate import encoding, model
from nascope._src.surrogate.encoding import ABSENT, categories, read_encoding
from tests.surrogate.linear import codes

DARTS = load("DARTS")


@pytest.mark.parametrize("module", [encoding, model])
def test_examples_run(module):
    assert doctest.testmod(module).failed == 0


def decode(values: dict[str, str]) -> Genotype:
    """Return the genotype of a configuration, from the definition of the edges' numbers."""
    cells = {}
    for kind in ("normal", "reduce"):
        nodes, edge = [], 0
        for node in range(2, 6):
            present = []
            for source in range(node):
                operation = values[f"edge_{kind}_{edge}"]
                edge += 1
                if operation != ABSENT:
                    present.append((operation, source))
            if node > 2:
                named = values[f"inputs_node_{kind}_{node}"]
                assert named == "_".join(str(source) for _, source in present)
            nodes.append(tuple(present))
        cells[kind] = Cell(nodes=tuple(nodes), concat=(2, 3, 4, 5))
    return Genotype(**cells)


def in_order(genotype: Genotype) -> Genotype:
    """Return the genotype with each node's edges in the order of their sources."""
    return Genotype(
        *(
            Cell(
                nodes=tuple(
                    tuple(sorted(node, key=lambda edge: edge.source)) for node in cell.nodes
                ),
                concat=(2, 3, 4, 5),
            )
            for cell in (genotype.normal, genotype.reduce)
        )
    )


@pytest.mark.parametrize("name", ["DARTS", "SNAS", "PDARTS", "PC_DARTS_cifar"])
def test_categories_hold_the_whole_cell(name):
    values = categories(load(name))
    assert len(values) == 34
    assert decode(values) == in_order(load(name))


def test_the_order_of_a_nodes_edges_does_not_matter():
    assert categories(in_order(DARTS)) == categories(DARTS)


def with_edge(position: int, operation: str | None = None, source: int | None = None) -> Genotype:
    nodes = [list(node) for node in DARTS.normal.nodes]
    edge = nodes[position // 2][position % 2]
    nodes[position // 2][position % 2] = (
        operation or edge.operation,
        edge.source if source is None else source,
    )
    cell = Cell(nodes=tuple(tuple(node) for node in nodes), concat=(2, 3, 4, 5))
    return Genotype(cell, DARTS.reduce, "mine")


@pytest.mark.parametrize(
    ("genotype", "words"),
    [
        (with_edge(2, source=1), "mine: its normal cell cannot be predicted: .* node 3 reads node 1 twice"),
        (load("AmoebaNet"), "AmoebaNet: its normal cell"),
        (load("NASNet"), "NASNet: its normal cell"),
        (Genotype(Cell(DARTS.normal.nodes, (4, 5)), DARTS.reduce, "ends"), r"ends: .* concatenates \[4, 5\]"),
        (
            Genotype(Cell(DARTS.normal.nodes[:3], (2, 3, 4)), DARTS.reduce, "small"),
            "small: .* it has 3 intermediate nodes, not 4",
        ),
    ],
)  # fmt: skip
def test_a_cell_outside_the_space_is_refused_by_name(genotype, words):
    with pytest.raises(GenotypeError, match=words):
        categories(genotype)


@pytest.fixture
def file(tmp_path):
    def write(value: object) -> object:
        path = tmp_path / "codes.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    return write


def test_codes_are_in_the_files_order(file):
    value = codes()
    value["x_cat"].reverse()
    numbers = read_encoding(file(value)).encode(DARTS)
    assert np.array_equal(numbers[::-1], read_encoding(file(codes())).encode(DARTS))
    assert numbers.dtype == np.int32


def test_an_operation_without_a_code_is_named(file):
    with pytest.raises(
        GenotypeError, match="mine: its normal cell .* 'conv_3x3', only avg_pool_3x3"
    ):
        read_encoding(file(codes())).encode(with_edge(0, operation="conv_3x3"))


def without(place: int) -> dict[str, object]:
    value = codes()
    del value["x_cat"][place]
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{", "not JSON"),
        ("[" * 10_000, "not JSON"),
        ([], "expected an object with the list x_cat"),
        ({"x_cat": [1]}, "expected a name and integer codes"),
        ({"x_cat": [{"name": "edge_normal_0", "codes": {ABSENT: 0.5}}]}, "integer codes"),
        ({"x_cat": []}, "got 0"),
        (without(0), "got 33; they differ in edge_normal_0"),
        ({"x_cat": [*codes()["x_cat"], codes()["x_cat"][0]]}, "got 35; .* appears twice"),
    ],
    ids=str,
)
def test_codes_that_cannot_be_read(file, value, words):
    with pytest.raises(SurrogateError, match=words):
        read_encoding(file(value))


def test_a_missing_file(tmp_path):
    with pytest.raises(SurrogateError, match="none.json: No such file"):
        read_encoding(tmp_path / "none.json")
