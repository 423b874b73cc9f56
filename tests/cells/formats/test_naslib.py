"""NASLib's compact form."""

import pytest
from hypothesis import given

from nascope._src.cells.formats.reading import read, write
from nascope._src.cells.genotype import Cell
from nascope._src.cells.operation_names import DARTS_OPERATIONS
from tests.cells.formats.refusals import assert_refused
from tests.cells.strategies import genotypes, pair_cells


def _concat_all(cell: Cell) -> Cell:
    return Cell(nodes=cell.nodes, concat=range(2, 2 + cell.num_nodes))


@given(genotypes(pair_cells(operations=DARTS_OPERATIONS).map(_concat_all)))
def test_naslib_round_trip(genotype):
    reading = read(write(genotype, "naslib"))
    assert (reading.genotype, reading.format) == (genotype, "naslib")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[[0, 9], [1, 2]], [[0, 3], [1, 2]]]", "operation 9"),
        ("[[[0, 3], [2, 2]], [[0, 3], [1, 2]]]", "source 2"),
    ],
)
def test_refused_in_one_line(text, said):
    assert_refused(text, said)
