"""Draw the topologies of the paper's Figures 1, 2, 10 and 11 as SVG files.

Figure 1 shows the five cells. Figures 10 and 11 show AmoebaNet, SNAS and the authors' variants of
seeds 1 to 4. The seeds of Figure 2 are unknown. Here it shows DARTS and the authors' variants of
seeds 4, 3, 1 and 2, so that the width falls and the depth grows as in the paper.

    python examples/topologies.py [FOLDER]
"""

import sys
from pathlib import Path

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.catalog import names as cell_names
from nascope._src.cells.drawing import cells_svg
from nascope._src.cells.genotype import Cell
from nascope._src.cells.graph import depth, fractional_width, strict_width
from nascope._src.cells.wiring import published_variant


def captioned(name: str, cell: Cell) -> tuple[str, Cell]:
    """Return a cell with its width and depth as its caption."""
    strict, fractional = strict_width(cell), float(fractional_width(cell))
    width = (
        f"{strict}c" if strict == fractional else f"strict {strict}c, fractional {fractional:g}c"
    )
    return f"{name}: width {width}, depth {depth(cell)}", cell


def with_variants(name: str, seeds: tuple[int, ...]) -> list[tuple[str, Cell]]:
    """Return a normal cell and the authors' variants of it."""
    genotype = load_cell(name)
    variants = [captioned(f"seed {s}", published_variant(genotype, s).normal) for s in seeds]
    return [captioned(name, genotype.normal), *variants]


def main(folder: Path) -> None:
    """Write the four figures."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "figure-01": [captioned(name, load_cell(name).normal) for name in cell_names()],
        "figure-02": with_variants("DARTS", (4, 3, 1, 2)),
        "figure-10": with_variants("AmoebaNet", (1, 2, 3, 4)),
        "figure-11": with_variants("SNAS", (1, 2, 3, 4)),
    }
    for name, cells in figures.items():
        drawing = cells_svg(cells, columns=2, title=f"Topologies of {name.replace('-0', ' ')}")
        (folder / f"{name}.svg").write_text(drawing + "\n", encoding="utf-8")
        print(folder / f"{name}.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "topologies"))
