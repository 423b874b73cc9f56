"""Summaries of the theory's results: counts by bound, reversals, norms of networks."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nascope._src.theory.comparison_result import Quantiles, Sweep, SweepOutcome, SweepSetting
from nascope._src.theory.summaries import (
    norms_and_gains,
    reversals,
    summary,
    swept_chains,
    swept_over_depth,
    tallies_by_bound,
)
from tests.theory.checks import bound


def test_tallies_add_up_blocks_and_keep_the_largest_ratio():
    tallies = tallies_by_bound(
        [
            bound("curvature", "separable"),
            bound("curvature", "separable", violations=2, blocks=500),
            replace(bound("variance", "counted"), tightest=0.99),
        ]
    )
    assert [(row.quantity, row.bound, row.blocks, row.violations) for row in tallies] == [
        ("curvature", "separable", 1500, 2),
        ("variance", "counted", 1000, 0),
    ]
    assert [row.tightest for row in tallies] == [0.9, 0.99]


def outcome(scale, curvature, variance, *, depth=3, nodes=3, objective="coupled quadratic"):
    return SweepOutcome(
        SweepSetting(objective, "gaussian", nodes, depth, 2, scale),
        gain=scale / 2, curvature=(), variance=(), smoother=(), quieter=(), bounds=(),
        largest_curvature=Quantiles(0.0, curvature, 9.0),
        total_variance=Quantiles(0.0, variance, 9.0),
    )  # fmt: skip


SWEEP = Sweep(
    1,
    0,
    (
        outcome(0.5, 0.5, 2.0),
        outcome(2.0, 2.0, 3.0),
        outcome(0.5, 7.0, 7.0, depth=2),  # not the narrowest cell
        outcome(0.5, 0.1, 0.1, depth=4, nodes=4),  # not swept over every depth
    ),
)


def test_a_reversal_is_interpolated_in_logarithms():
    assert swept_over_depth(SWEEP) == (3, 2)
    assert swept_chains(SWEEP) == list(SWEEP.outcomes[:2])
    (reversal,) = reversals(SWEEP)
    assert (reversal.objective, reversal.kind) == ("coupled quadratic", "gaussian")
    assert reversal.curvature == pytest.approx((1.0, 0.5))  # halfway from 0.5 to 2
    assert reversal.variance is None  # the wide cell is the quieter one throughout


def test_norms_and_gains_of_a_network():
    weight = {"norm": 2.0, "gain": 0.5, "with_batchnorm": {"norm": 3.0, "gain": 1.5}}
    alone = {"norm": math.nan, "gain": 1.0, "with_batchnorm": None}
    edge = {"operation": "sep_conv_3x3", "norms": [0.25, 0.75], "gains": [1.0, 2.0]}
    skip = {"operation": "skip_connect", "norms": [1.0, 1.0], "gains": [1.0, 1.0]}
    measured = {"weights": [weight, alone], "edges": [edge, skip]}
    assert norms_and_gains(measured, "weights") == [(2.0, 0.5)]
    assert norms_and_gains(measured, "batchnorm") == [(3.0, 1.5)]
    assert norms_and_gains(measured, "edges") == [(0.5, 1.5)]
    assert summary(measured, "weights").above == 1.0
    assert summary(measured, "edges").above == 0.0
    assert math.isnan(summary({"weights": [], "edges": []}, "weights").norm)
