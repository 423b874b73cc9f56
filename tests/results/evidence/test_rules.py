"""The rule of each statement, at its limits."""

from __future__ import annotations

import math

import pytest

from nascope._src.results.evidence.rules import BETTER, DEPTH, FASTER, PREFERS, SELECTS, judge
from nascope._src.results.stats.rank_bootstrap import Estimate


@pytest.mark.parametrize(
    ("rule", "low", "high", "verdict"),
    [
        (FASTER, 0.01, 0.2, "supported"),
        (FASTER, -0.01, 0.2, "undecided"),
        (BETTER, -0.2, -0.01, "contradicted"),
        (PREFERS, 0.01, 0.2, "supported"),
        (DEPTH, -0.2, -0.05, "supported"),
        (DEPTH, 0.05, 0.2, "supported"),
        (DEPTH, -0.09, -0.05, "contradicted"),
        (DEPTH, -0.05, 0.09, "contradicted"),
        (DEPTH, -0.2, 0.01, "undecided"),
        (SELECTS, 0.51, 0.9, "supported"),
        (SELECTS, 0.2, 0.49, "contradicted"),
        (SELECTS, 0.4, 0.6, "undecided"),
    ],
)
def test_verdicts(rule, low, high, verdict):
    assert judge(rule, Estimate((low + high) / 2, low, high)).verdict == verdict


def test_without_an_interval_nothing_is_decided():
    missing = judge(FASTER, Estimate(math.nan), "the table has no early epochs")
    assert (missing.verdict, missing.reason) == ("undecided", "the table has no early epochs")
    assert judge(SELECTS, Estimate(0.9)).reason == "no interval"
