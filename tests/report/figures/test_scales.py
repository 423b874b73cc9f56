"""Shared scales: nothing lost, levels that read well, the same for every grid."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascope._src.report.figures.scales import LevelScale, shared_scale

finite = st.floats(-1e300, 1e300, allow_nan=False)


@given(st.lists(finite, min_size=1, max_size=40))
def test_a_scale_holds_what_it_serves(values: list[float]) -> None:
    scale = shared_scale([np.array(values)])
    assert scale is not None
    assert 2 <= scale.count <= 40
    places = scale.place(np.array(values))
    reach = scale.end + scale.step
    assert (places >= scale.start - 1e-9 * scale.step).all()
    assert scale.clipped or (places <= reach).all()
    assert len(set(filter(None, scale.labels))) == len([x for x in scale.labels if x])


def test_a_wide_range_of_losses_gets_a_logarithmic_scale() -> None:
    scale = shared_scale([np.array([0.3, 20.0])])
    assert scale is not None
    assert scale.base == 2
    assert "1" in scale.labels
    assert "1,024" in LevelScale(2, 1.0, 8, 4).labels  # a power of two in full
    wider = shared_scale([np.array([0.01, 3e7])])
    assert wider is not None
    assert wider.base == 10
    assert "10⁴" in wider.labels


def test_zero_or_negative_values_stay_linear() -> None:
    scale = shared_scale([np.array([-1.0, 1000.0])])
    assert scale is not None
    assert scale.base is None


def test_an_outlier_does_not_stretch_the_scale() -> None:
    values = np.append(np.linspace(1, 2, 400), 25.0)
    scale = shared_scale([values])
    assert scale is not None
    assert scale.clipped
    assert scale.levels[-1] < 3


def test_constant_and_empty_grids() -> None:
    scale = shared_scale([np.full((3, 3), 1.5)])
    assert scale is not None
    assert scale.levels[0] <= 1.5 <= scale.levels[-1]
    assert shared_scale([np.full((3, 3), np.nan)]) is not None
    assert shared_scale([]) is None


def test_lost_values_have_no_place() -> None:
    scale = LevelScale(2, 0.5, -2, 5)
    places = scale.place(np.array([1.0, 0.0, -3.0, np.nan, np.inf]))
    assert places[0] == 0
    assert np.isnan(places[1:]).all()


@pytest.mark.parametrize("bad", [(0.0, 0, 5), (1.0, 0, 1), (math.nan, 0, 5)])
def test_what_is_no_scale(bad: tuple[float, int, int]) -> None:
    with pytest.raises(ValueError, match="not a scale"):
        LevelScale(None, *bad)
