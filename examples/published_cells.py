"""A Markdown table of the 185 published cells: width, depth, and rank in the space of their search.

python examples/published_cells.py > published.md
"""

from nascope._src.cells import catalog
from nascope._src.cells.census import point
from nascope._src.cells.spaces import ranks, space
from nascope._src.errors import GenotypeError


def numbers(entry: catalog.Entry, kind: str) -> str:
    """Strict and fractional width, depth, and the percentage at least as wide and as shallow."""
    cell = getattr(entry.genotype, kind)
    at = point(cell)
    try:
        both = f"{100 * float(ranks(cell, space(entry.space))['fractional'].both):.3g}"
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
    for entry in catalog.entries("published"):
        print(
            f"| {entry.genotype.name} | {entry.algorithm} | {entry.space} | "
            f"{numbers(entry, 'normal')} | {numbers(entry, 'reduce')} |"
        )
    print("\nSources, as repository, file:line and commit:\n")
    for entry in catalog.entries("published"):
        print(f"- {entry.genotype.name}: {entry.source}")


if __name__ == "__main__":
    main()
