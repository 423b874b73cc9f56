"""Cells: genotypes, their topology, wiring and drawing. Loads no torch."""

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.catalog import names as cell_names
from nascope._src.cells.formats import parse
from nascope._src.cells.genotype import Cell, Edge, Genotype
from nascope._src.cells.resolve import resolve_cell
from nascope._src.cells.topology import topology
from nascope._src.cells.wiring import published_variant, random_variant

__all__ = [
    "Cell",
    "Edge",
    "Genotype",
    "cell_names",
    "load_cell",
    "parse",
    "published_variant",
    "random_variant",
    "resolve_cell",
    "topology",
]
