"""ENAS' arcs and NASNet's lists."""

import pytest
from hypothesis import given

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.formats.hidden_states import ENAS_OPERATIONS
from nascope._src.cells.formats.reading import read, write
from nascope._src.cells.genotype import Cell, Genotype
from nascope._src.cells.graph import loose_ends
from tests.cells.formats.refusals import assert_refused
from tests.cells.strategies import genotypes, pair_cells


def _concat_loose(cell: Cell) -> Cell:
    return Cell(nodes=cell.nodes, concat=loose_ends(cell))


@given(genotypes(pair_cells(operations=ENAS_OPERATIONS, max_nodes=4).map(_concat_loose)))
def test_enas_round_trip(genotype):
    if genotype.normal.num_nodes != genotype.reduce.num_nodes:
        genotype = Genotype(normal=genotype.normal, reduce=genotype.normal)
    reading = read(write(genotype, "enas"))
    assert (reading.genotype, reading.format) == (genotype, "enas")


@given(genotypes(pair_cells().map(_concat_loose)))
def test_nasnet_round_trip(genotype):
    reading = read(write(genotype, "nasnet"))
    assert (reading.genotype, reading.format) == (genotype, "nasnet")


def test_the_enas_arc_of_the_published_script_reads():
    arc = "0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1 1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1"
    reading = read(arc)
    cell = reading.genotype.reduce
    assert (cell.num_nodes, cell.concat, reading.notes) == (5, (2, 4, 5, 6), ())


def test_nasnets_own_lists_are_darts_nasnet():
    """TensorFlow's NASNet-A also concatenates the older input; DARTS' transcription does not."""
    text = """
    operations = ['separable_5x5_2', 'separable_3x3_2', 'separable_5x5_2', 'separable_3x3_2',
                  'avg_pool_3x3', 'none', 'avg_pool_3x3', 'avg_pool_3x3', 'separable_3x3_2', 'none']
    hiddenstate_indices = [0, 1, 1, 1, 0, 1, 1, 1, 0, 0]
    used_hiddenstates = [1, 0, 0, 0, 0, 0, 0]
    """
    reading = read(text)
    assert reading.genotype.normal == load_cell("NASNet").normal
    assert reading.notes[0] == "normal: left out of the concatenation: input 0"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 0 1 4", "4 numbers a node"),
        ("0 0 1 9 0 0 1 4", "operation 9"),
        ("0 0 2 4 0 0 1 4", "hidden state 2"),
        ("operations = ['fly', 'none']\nhiddenstate_indices = [0, 1]", "unknown operation 'fly'"),
        ("operations = ['none', 'none']\nhiddenstate_indices = [0, 2]", "hidden state 2"),
        ("operations = ['separable_3x3_4', 'none']\nhiddenstate_indices = [0, 1]", "unknown"),
    ],
)
def test_refused_in_one_line(text, said):
    assert_refused(text, said)
