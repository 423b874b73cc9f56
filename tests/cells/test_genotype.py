"""Cells and genotypes: plain values identify them, invalid ones are refused."""

import json

import pytest
from hypothesis import given

from nascope._src.cells.formats.fields import from_dict
from nascope._src.cells.genotype import Cell, Genotype, to_dict
from nascope._src.errors import GenotypeError
from tests.cells.strategies import genotypes


@given(genotypes())
def test_the_plain_form_identifies_a_cell(genotype):
    assert from_dict(to_dict(genotype)) == genotype
    assert from_dict(json.loads(json.dumps(to_dict(genotype)))) == genotype


@given(genotypes())
def test_a_genotype_is_its_wiring_not_its_name(genotype):
    assert genotype.named("another") == genotype
    assert hash(genotype.named("another")) == hash(genotype)


EDGES = (("skip_connect", 0), ("sep_conv_3x3", 1))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"nodes": ()}, "1 to 1000 intermediate nodes, not 0"),
        ({"nodes": ((),)}, "node 2 needs at least one incoming edge"),
        ({"nodes": ((("fly", 0),),)}, "node 2: unknown operation 'fly'"),
        ({"nodes": ((("skip_connect", 2),),)}, "node 2 reads node 2"),
        ({"nodes": ((("skip_connect", -1),),)}, "must be a node index, not -1"),
        ({"nodes": ((("skip_connect", True),),)}, "must be a node index, not True"),
        ({"concat": ()}, "concat is empty"),
        ({"concat": (1,)}, "concat names node 1"),
        ({"concat": (2, 2)}, "names a node twice"),
        ({"num_inputs": 0}, "at least one input node, not 0"),
    ],
)
def test_an_invalid_cell_is_refused(arguments, said):
    with pytest.raises(GenotypeError, match=said):
        Cell(**({"nodes": (EDGES,), "concat": (2,)} | arguments))


def test_the_two_cells_read_the_same_number_of_inputs():
    one = Cell(nodes=((("skip_connect", 0),),), concat=(1,), num_inputs=1)
    with pytest.raises(GenotypeError, match="but got 2 and 1"):
        Genotype(normal=Cell(nodes=(EDGES,), concat=(2,)), reduce=one)
