"""The widest and the narrowest cell of Figure 8."""

from __future__ import annotations

import numpy as np
import pytest

from nascope._src.errors import TheoryError
from nascope._src.theory.extremes import NODES, SCALES, compare_extremes


def test_measured_values_stay_below_the_proved_bounds():
    extremes = compare_extremes(cells=20)
    assert [outcome.scale for outcome in extremes.outcomes] == list(SCALES)
    for outcome in extremes.outcomes:
        assert len(outcome.wide) == NODES
        assert (np.array(outcome.narrow) <= np.array(outcome.bound) * (1 + 1e-9)).all()
        variances, bounds = np.array(outcome.narrow_variance), np.array(outcome.variance_bound)
        assert (variances <= bounds * (1 + 1e-9)).all()


def test_the_published_bound_is_broken_and_its_conclusion_reverses():
    shrinking, _, amplifying = compare_extremes(cells=20).outcomes
    assert max(amplifying.broken) > 0.9
    last = NODES - 1
    assert shrinking.narrow[last].median < shrinking.wide[last].median
    assert amplifying.narrow[0].median > amplifying.wide[0].median


def test_the_seed_decides():
    assert compare_extremes(cells=2) == compare_extremes(cells=2)
    assert compare_extremes(cells=2, seed=1) != compare_extremes(cells=2)
    with pytest.raises(TheoryError, match="at least 1"):
        compare_extremes(cells=0)
