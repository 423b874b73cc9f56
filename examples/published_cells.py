"""Print a Markdown table of the 185 published cells: width, depth, and rank in their space.

python examples/published_cells.py > published.md
"""

from nascope._src.cells.catalog import CatalogCell, cells_in
from nascope._src.cells.spaces.census import point
from nascope._src.cells.spaces.named import named_space
from nascope._src.errors import GenotypeError


def numbers(published: CatalogCell, kind: str) -> str:
    """Return the widths, the depth, and the percentage of the space that is as wide and shallow."""
    cell = getattr(published.genotype, kind)
    at = point(cell)
    try:
        both = f"{100 * float(named_space(published.space).rank(cell)['fractional'].both):.3g}"
    except GenotypeError:
        both = "–"
    return f"{at.strict_width}c | {float(at.fractional_width):g}c | {at.depth} | {both}"


def main() -> None:
    """Print the table."""
    print("# The published cells\n")
    print(
        "Strict and fractional width, depth, and the share (in %) of the space that is at least as"
    )
    print("wide, by fractional width, *and* at least as shallow; normal cell, then reduction cell.")
    print("A dash: the cell is not in the space that its algorithm searches.\n")
    each = "strict | frac. | depth | share"
    print(f"| cell | algorithm | space | {each} | {each} |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for published in cells_in("published"):
        print(
            f"| {published.genotype.name} | {published.algorithm} | {published.space} | "
            f"{numbers(published, 'normal')} | {numbers(published, 'reduce')} |"
        )
    print("\nSources, as repository, file:line and commit:\n")
    for published in cells_in("published"):
        print(f"- {published.genotype.name}: {published.source}")


if __name__ == "__main__":
    main()
