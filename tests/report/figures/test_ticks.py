"""Ticks of the page's axes: round, few, and written out."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascope._src.report.arrangement import arrange
from nascope._src.report.figures.curves import CellCurve, CurvePanel, curve_figure, curve_panel
from nascope._src.report.figures.ticks import at_ticks, round_ticks
from nascope._src.results.quantities import CURVES
from tests.report.figures.drawings import record_of


@given(st.floats(1e-6, 1e6), st.floats(1.05, 1e9), st.booleans())
def test_ticks_lie_within_and_are_few(low: float, factor: float, log: bool) -> None:
    ticks = round_ticks(low, low * factor, log=log)
    assert ticks == sorted(set(ticks))
    assert all(0.999 * low <= tick <= 1.001 * low * factor for tick in ticks)
    assert 3 <= len(ticks) <= 20


@given(st.floats(1e-2, 1e2), st.floats(1.05, 900.0))
def test_a_label_says_what_its_tick_means(low: float, factor: float) -> None:
    axis = at_ticks(round_ticks(low, low * factor, log=True))
    for value, text in zip(axis["tickvals"], axis["ticktext"], strict=True):
        assert float(text.replace(",", "")) == pytest.approx(value)


@pytest.mark.parametrize("values", [(2.3, 0.2, 0.05, 0.02), (math.nan, math.nan)])
def test_a_logarithmic_curve_names_its_ticks_itself(values, tmp_path) -> None:
    layout = arrange(record_of("single", tmp_path))
    (curve,) = curve_panel(layout.groups[0], layout, "train_loss").curves
    epochs = tuple(float(k) for k in range(1, len(values) + 1))
    curve = CellCurve(curve.cell, epochs, (values,), values, None, None, ())
    axis = curve_figure(CurvePanel(CURVES["train_loss"], (curve,), log=True))["layout"]["yaxis"]
    assert "dtick" not in axis  # plotly would write 2 for 0.2
    if values[0] > 0:
        assert "0.2" in axis["ticktext"]
