"""The sweep that compares narrow with wide cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nascope._src.errors import TheoryError
from nascope._src.theory.blocks import Blocks
from nascope._src.theory.comparison_result import PUBLISHED, SweepSetting
from nascope._src.theory.linear import LinearCell
from nascope._src.theory.sweeping import MATRIX_KINDS, compare, settings, sweep_settings

SETTING = SweepSetting("coupled quadratic", "gaussian", 4, 4, 3, 0.5)


def test_a_cell_is_compared_with_the_widest_of_its_matrices(monkeypatch):
    seen = []

    def recorded(*arguments):
        seen.append(Blocks(*arguments))
        return seen[-1]

    monkeypatch.setattr("nascope._src.theory.sweeping.Blocks", recorded)
    found = compare(SETTING, cells=20)
    narrow, wide = seen
    assert wide.cell == LinearCell.widest(4)
    assert narrow.cell == LinearCell.narrowest(4)
    assert narrow.weights is wide.weights
    ratios = (narrow.curvatures / wide.curvatures).numpy()
    assert found.curvature[2][1] == pytest.approx(np.median(ratios[:, 2]))
    assert found.smoother[3] == (ratios[:, 3] < 1).mean()
    totals = narrow.variances.sum(1) / wide.variances.sum(1)
    assert found.total_variance[1] == pytest.approx(np.median(totals.numpy()))
    assert all(max(bound.ratios) <= 1 + 1e-9 for bound in found.bounds if not bound.published)


def test_the_claim_holds_where_matrices_amplify_and_reverses_where_they_shrink():
    shrinking = compare(replace(SETTING, kind="orthogonal", scale=0.25), cells=30)
    assert shrinking.smoother[1:] == (1.0, 1.0, 1.0)
    assert shrinking.quieter[3] == 1.0
    assert shrinking.total_variance[1] < 1
    amplifying = compare(replace(SETTING, kind="orthogonal", scale=4.0), cells=30)
    assert amplifying.smoother == (0.0, 0.0, 0.0, 0.0)
    assert amplifying.total_variance[1] > 100
    (published,) = [
        bound
        for bound in amplifying.bounds
        if (bound.quantity, bound.bound) == ("curvature", PUBLISHED)
    ]
    assert published.ratios[0] > 1


def test_the_widest_cell_is_itself():
    same = compare(replace(SETTING, depth=1), cells=5)
    assert set(np.ravel(same.curvature)) == set(np.ravel(same.variance)) == {1.0}
    assert same.smoother == same.quieter == (0.0,) * 4


def test_the_sweep_covers_what_it_names_and_repeats(monkeypatch):
    every = settings()
    assert len(set(every)) == len(every)
    assert {setting.kind for setting in every} == set(MATRIX_KINDS)
    monkeypatch.setattr("nascope._src.theory.sweeping.settings", lambda: every[::40])
    assert sweep_settings(cells=3) == sweep_settings(cells=3, workers=2)
    assert sweep_settings(cells=3, seed=1) != sweep_settings(cells=3)
    with pytest.raises(TheoryError, match="at least 1"):
        sweep_settings(cells=0)
