"""Cells in tables."""

from nascope._src.cells.catalog import load
from nascope._src.cells.wiring import published_variant
from nascope._src.results.external.facts import read_cell


def test_a_table_may_name_cells_and_their_variants():
    assert read_cell("darts").genotype == load("DARTS")
    assert read_cell(" DARTS-p1 ").genotype == published_variant(load("DARTS"), 1)
