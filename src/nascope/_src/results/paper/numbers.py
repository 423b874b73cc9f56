"""Numbers that the paper publishes: widths and depths, and the test errors of Table 1."""

from __future__ import annotations

WIDTHS: dict[str, dict[str, tuple[int, float | None, int]]] = {
    "fig1": {
        "NASNet": (5, 5.0, 2),
        "AmoebaNet": (3, 4.0, 4),
        "ENAS": (5, 5.0, 2),
        "DARTS": (3, 3.5, 3),
        "SNAS": (4, 4.0, 2),
    },
    "fig10": {
        "AmoebaNet-p1": (2, None, 5),
        "AmoebaNet-p2": (1, None, 6),
        "AmoebaNet-p3": (2, None, 4),
        "AmoebaNet-p4": (3, None, 3),
    },
    "fig11": {"SNAS": (4, 4.0, 2)},
}
"""Strict and fractional width and depth, from the figures' captions; None if not given."""

TABLE_1 = {
    "cifar10": {
        "NASNet": (2.65, 2.80),
        "AmoebaNet": (2.76, 2.91),
        "ENAS": (2.64, 2.76),
        "DARTS": (2.67, 2.73),
        "SNAS": (2.88, 2.69),
    },
    "cifar100": {
        "NASNet": (17.06, 16.86),
        "AmoebaNet": (17.55, 17.28),
        "ENAS": (16.67, 16.04),
        "DARTS": (16.41, 16.15),
        "SNAS": (17.78, 17.20),
    },
}
"""Test errors in percent, original and adapted."""

TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "digits": "digits"}
"""Data sets as the paper writes them."""
