"""The drawing: well-formed, complete, escaped, readable; and its layout."""

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.catalog import names as cell_names
from nascope._src.cells.drawing import (
    cell_svg,
    cells_html,
    cells_svg,
    make_scene,
    readable,
    scene_svg,
)
from nascope._src.cells.genotype import Cell
from nascope._src.cells.graph import dead_nodes
from nascope._src.cells.operation_names import OPERATIONS
from nascope._src.cells.wiring import published_variant, random_variant
from nascope._src.errors import GenotypeError
from nascope._src.palette import FILLS, INK, NOTE
from tests.cells.strategies import cells


def _texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [element.text or "" for element in root.iter() if element.tag.endswith("}text")]


@given(cells(max_nodes=7))
def test_every_node_and_operation_is_drawn_once(cell):
    texts = _texts(cell_svg(cell))
    expected = [readable(edge.operation) for edge in cell.edges]
    expected += [f"input {i}" for i in range(cell.num_inputs)]
    expected += [str(cell.num_inputs + i) for i in range(cell.num_nodes)] + ["output"]
    assert sorted(texts) == sorted(expected)


def test_dead_nodes_and_their_edges_are_faint():
    cell = published_variant(load_cell("AmoebaNet"), 3).normal
    assert dead_nodes(cell) == (3,)
    svg = cell_svg(cell)
    assert "node 3 is dead" in svg
    touching = 2 + sum(source == 3 for sources in cell.sources for source in sources)
    # all lines as one path; the box of the node, and of the operation on each of its edges
    assert svg.count("stroke-dasharray") == 1 + 1 + touching
    assert "dasharray" not in cell_svg(load_cell("AmoebaNet").normal)


def test_names_are_escaped():
    hostile = """<script>alert("1")</script> & 'x' \x00\x1b]"""
    genotype = load_cell("DARTS").named(hostile)
    cells = genotype.captioned()
    drawings = (cells_html(cells), cells_svg(cells), cell_svg(genotype.normal))
    for drawing in (*drawings, cell_svg(genotype.normal, title=hostile)):
        assert "<script" not in drawing
        ElementTree.fromstring(drawing)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_stands_out_on_every_fill():
    for fill in FILLS.values():
        assert (_luminance(fill) + 0.05) / (_luminance(INK) + 0.05) >= 7
    assert (_luminance(FILLS["node"]) + 0.05) / (_luminance(NOTE) + 0.05) >= 7  # dead nodes


@given(cells(max_nodes=7))
def test_an_upright_drawing_shows_the_same_apart_and_within_its_frame(cell):
    scene = make_scene(cell, upright=True)
    words = " ".join(_texts(scene_svg(scene)))
    for edge in cell.edges:
        assert readable(edge.operation).split()[-1] in words
    width, height = scene.size()
    boxes = []
    for number in scene.labels:
        down, across = scene.middle(number)
        half_width, half_height = (size / 2 for size in scene.box_size(number))
        boxes.append(
            (across - half_width, across + half_width, down - half_height, down + half_height)
        )
        assert 0 < boxes[-1][0] < boxes[-1][1] < width
        assert 0 < boxes[-1][2] < boxes[-1][3] < height
    for (left, right, top, bottom), other in combinations(boxes, 2):
        assert right < other[0] or other[1] < left or bottom < other[2] or other[3] < top


@pytest.mark.parametrize("name", cell_names())
def test_an_upright_drawing_of_a_known_cell_is_as_narrow_as_a_phone(name):
    genotype = load_cell(name)
    for cell in (genotype.normal, genotype.reduce, random_variant(genotype, 1).normal):
        assert make_scene(cell, upright=True).size()[0] < 345


def test_every_operation_has_a_fill():
    assert {operation.split("_")[0] for operation in OPERATIONS} <= set(FILLS)


def test_both_cells_show_in_one_drawing():
    texts = _texts(cells_svg(load_cell("NASNet").captioned()))
    assert texts.count("output") == 2
    assert "NASNet: reduction cell" in texts


def test_a_notebook_shows_cells_and_genotypes():
    genotype = load_cell("DARTS")
    assert genotype.normal._repr_svg_().startswith("<svg ")
    assert genotype._repr_html_().count("<svg ") == 2


def test_the_same_cell_gives_the_same_drawing():
    assert cell_svg(load_cell("ENAS").reduce) == cell_svg(load_cell("enas").reduce)


def test_huge_cells_are_refused_in_a_sentence():
    chain = Cell(nodes=[[("skip_connect", i)] for i in range(50)], concat=(50,), num_inputs=1)
    with pytest.raises(GenotypeError, match="50 nodes is too large to draw"):
        cell_svg(chain)


def test_coordinates_are_plain_numbers():
    assert not re.search(r"nan|inf|e-\d", cell_svg(load_cell("AmoebaNet").reduce))
