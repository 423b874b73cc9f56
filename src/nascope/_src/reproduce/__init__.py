"""Reproducing the paper: a figure or table → trainings and probes → figure, words and verdict.

The driver loads no torch.
"""
