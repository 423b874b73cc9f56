"""A cell as SVG."""

from __future__ import annotations

from nascope.cells.genotype import Cell, Genotype


def cell_svg(cell: Cell) -> str:
    """The cell as a drawing: inputs left, output right."""
    return "<svg xmlns='http://www.w3.org/2000/svg'/>"


def genotype_html(genotype: Genotype) -> str:
    """Both cells side by side, for a notebook."""
    return cell_svg(genotype.normal) + cell_svg(genotype.reduce)
