"""The layout of a drawing: columns, order, distances."""

from itertools import pairwise

import pytest
from hypothesis import given

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.catalog import names as cell_names
from nascope._src.cells.graph import heights
from nascope._src.cells.layout import _layers, crossings, lay_out
from tests.cells.strategies import cells


@given(cells(max_nodes=7))
def test_edges_lead_rightwards_and_boxes_keep_apart(cell):
    layout = lay_out(cell)
    for node, height in enumerate(heights(cell)):
        assert layout.boxes[node].column == 2 * height
    for route in layout.routes:
        columns = [layout.boxes[box].column for box in route.boxes]
        assert columns == list(range(columns[0], columns[-1] + 1))
    for column in layout.columns:
        ys = [layout.boxes[box].y for box in column]
        assert all(below - above >= 12 - 1e-6 for above, below in pairwise(ys))


@pytest.mark.parametrize("name", cell_names())
def test_the_order_never_has_more_crossings_than_the_naive_one(name):
    for cell in (load_cell(name).normal, load_cell(name).reduce):
        assert crossings(lay_out(cell)) <= crossings(_layers(cell))
        assert crossings(lay_out(cell)) <= 7
