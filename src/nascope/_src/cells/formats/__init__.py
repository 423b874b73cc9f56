"""Cells in the formats of other tools. Nothing that is read is evaluated."""
