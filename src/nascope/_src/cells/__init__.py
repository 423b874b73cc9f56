"""Cells: genotypes, their topology, wiring and drawing. Loads no torch."""
