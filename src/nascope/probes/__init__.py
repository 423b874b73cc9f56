"""Probes of any torch model: loss landscapes and the variance of per-instance gradients."""

from nascope.probes.directions import random_directions
from nascope.probes.gradient_variance import gradient_variance
from nascope.probes.grid import Grid
from nascope.probes.landscape import landscape
from nascope.probes.risk import Risk

__all__ = ["Grid", "Risk", "gradient_variance", "landscape", "random_directions"]
