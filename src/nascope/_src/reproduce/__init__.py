"""Reproducing the paper: a figure or table → training runs and probes → figure, words and verdict.

The driver loads no torch.
"""
