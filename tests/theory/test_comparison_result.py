"""sweep.json and extremes.json: what is written is read again."""

from __future__ import annotations

import json

from nascope._src.records.files import from_json, plain
from nascope._src.theory.comparison_result import (
    PUBLISHED_AT_WEIGHTS,
    BoundRatio,
    Extremes,
    ExtremesOutcome,
    Quantiles,
    Sweep,
    SweepOutcome,
    SweepSetting,
    read_extremes,
    read_sweep,
)

RATIOS = (Quantiles(0.5, 1.0, 2.0), Quantiles(0.25, 0.5, 1.0))


def written_and_read(plain_data):
    return from_json(json.dumps(plain(plain_data)))


def test_a_sweep_is_read_as_it_was_written():
    bounds = (
        BoundRatio("convex, counted", "curvature", (0.5, 1.0)),
        BoundRatio(PUBLISHED_AT_WEIGHTS, "curvature", (2.0, 1.0)),
        BoundRatio("squared sum", "variance", (0.5, float("inf"))),
    )
    outcome = SweepOutcome(
        SweepSetting("coupled quadratic", "gaussian", 2, 2, 3, 0.5),
        gain=0.25,
        curvature=RATIOS,
        variance=RATIOS,
        smoother=(0.0, 1.0),
        quieter=(0.5, 0.5),
        largest_curvature=RATIOS[0],
        total_variance=RATIOS[1],
        bounds=bounds,
    )
    sweep = Sweep(cells=4, seed=1, outcomes=(outcome,))
    data = written_and_read(sweep.as_dict())
    assert read_sweep(data) == sweep
    assert list(data["outcomes"][0]["bounds"]) == [
        "curvature: convex, counted",
        "curvature: as published, at the weights",
        "variance: squared sum",
    ]
    assert [bound.published for bound in bounds] == [False, True, False]
    assert outcome.is_chain


def test_extremes_are_read_as_they_were_written():
    names = ("wide", "narrow", "bound", "published")
    names += ("wide_variance", "narrow_variance", "variance_bound")
    outcome = ExtremesOutcome(scale=2.0, broken=(0.0, 0.5), **dict.fromkeys(names, RATIOS))
    extremes = Extremes(cells=4, seed=1, outcomes=(outcome,))
    assert read_extremes(written_and_read(extremes.as_dict())) == extremes
