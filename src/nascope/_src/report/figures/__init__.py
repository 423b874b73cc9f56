"""Figures, one file per kind, each in the style of the page or of the paper. Loads no torch."""
