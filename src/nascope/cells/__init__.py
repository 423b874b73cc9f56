"""Cells: genotypes, their topology, wiring and drawing. Loads no torch."""

from nascope.cells.catalog import load as load_cell
from nascope.cells.catalog import names as cell_names
from nascope.cells.formats import parse
from nascope.cells.genotype import Cell, Edge, Genotype
from nascope.cells.resolve import resolve_cell
from nascope.cells.topology import topology
from nascope.cells.wiring import published_variant, random_variant

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
