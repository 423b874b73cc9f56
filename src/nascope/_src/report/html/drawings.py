"""The page's drawings of cells: upright, and all to the same scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from nascope._src.cells.drawing import Scene, make_scene, scene_svg
from nascope._src.cells.genotype import Cell
from nascope._src.cells.graph import topology
from nascope._src.errors import GenotypeError
from nascope._src.report.arrangement import ShownCell


@dataclass(frozen=True)
class CellDrawing:
    """A drawing of a normal or reduction cell.

    Attributes:
        width: in pixels; 0 if the cell is too large to be drawn, and ``markup`` says so.
    """

    markup: Markup
    width: int


@dataclass(frozen=True)
class CellDrawings:
    """The drawings of a page's cells.

    Attributes:
        normal, reduce: by the cell's key.
        widest: width of the widest, in pixels. If it does not fit, all are scaled down alike, so
            that a deep cell stays longer than a shallow one.
    """

    normal: Mapping[str, CellDrawing]
    reduce: Mapping[str, CellDrawing]
    widest: int


def draw_cells(cells: Sequence[ShownCell]) -> CellDrawings:
    """Draw the normal and the reduction cell of each cell."""
    normal = {
        cell.key: _draw(cell.genotype.normal, f"Normal cell of {cell.label}") for cell in cells
    }
    reduce = {
        cell.key: _draw(cell.genotype.reduce, f"Reduction cell of {cell.label}") for cell in cells
    }
    widest = max((drawing.width for drawing in (*normal.values(), *reduce.values())), default=0)
    return CellDrawings(normal, reduce, max(1, widest))


def _draw(cell: Cell, title: str) -> CellDrawing:
    numbers = topology(cell)
    try:
        scene: Scene = make_scene(cell, upright=True)
    except GenotypeError as error:  # the page still has its numbers and its text
        return CellDrawing(Markup("<p class='notice'>{}</p>").format(str(error)), 0)
    width = f"{float(numbers.fractional_width):g}c"
    svg = scene_svg(scene, title=f"{title}: width {width}, depth {numbers.depth}")
    return CellDrawing(Markup(svg), round(scene.size()[0]))
