"""Probes of any torch model: loss landscapes, gradient variance, curvature."""
