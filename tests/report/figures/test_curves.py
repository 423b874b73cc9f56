"""Training curves: what is drawn of seeds, of what diverged, and of what is missing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from nascope._src.records.read import read_study
from nascope._src.report.arrangement import arrange
from nascope._src.report.figures.curves import (
    curve_columns,
    curve_figure,
    curve_panel,
    draw_curves,
    draw_panel,
)
from nascope._src.results.quantities import CURVES
from tests.report.figures.drawings import DIGITS, LACKING, RATES, record_of, words, written
from tests.report.synthetic import HOSTILE_NAME, family, write_study


def paper_curves(arrangement, columns, title):
    return draw_curves(curve_columns(arrangement, columns), arrangement, title, style="paper")


def test_curves_of_learning_rates_and_of_what_diverged(tmp_path):
    record = record_of("rates", tmp_path)
    drawing = paper_curves(arrange(record), RATES, "Convergence")
    rows = written(drawing, tmp_path)
    points = sum(len(trial.training.curve) for trial in record.trials)
    assert len(rows) == points
    shown = words(drawing)
    assert "digits, learning rate 0.25" in shown
    assert "diverged" in shown
    losses = drawing.figure.subfigs[0].get_axes()[:3]
    assert len({ax.get_ylim() for ax in losses}) == 1  # rates can be compared
    bands = [len(ax.collections) for ax in losses]
    assert bands == [5, 5, 5]  # of three seeds


def test_a_data_set_that_is_not_there_says_so(tmp_path):
    record = record_of("families", tmp_path)
    drawing = paper_curves(arrange(record), [DIGITS, LACKING], "Convergence")
    rows = written(drawing, tmp_path)
    assert words(drawing).count("no data: CIFAR-100") == 4  # two families, loss and accuracy
    assert {row["setting"] for row in rows} == {"digits"}


@pytest.mark.parametrize("name", ["hostile", "planned", "single"])
def test_any_study_has_curves(name, tmp_path):
    record = record_of(name, tmp_path)
    drawing = paper_curves(arrange(record), [DIGITS], "Anything")
    rows = written(drawing, tmp_path)
    assert all(row["cell"] for row in rows)
    if name == "hostile":
        assert "diverged" in words(drawing)
        assert HOSTILE_NAME in {row["cell"] for row in rows}
    if name == "planned":
        assert "not run yet" in words(drawing)


def test_both_styles_show_the_same_curves(tmp_path):
    arrangement = arrange(record_of("plain", tmp_path))
    shown = []
    for style in ("page", "paper"):
        columns = curve_columns(arrangement, [DIGITS])
        figure = draw_curves(columns, arrangement, "Curves", style=style).figure
        axes = next(ax for ax in figure.findobj(Axes) if ax.get_ylabel().startswith("test loss"))
        shown.append([(line.get_label(), line.get_ydata()) for line in axes.get_lines()])
    for (name, page), (same_name, paper) in zip(*shown, strict=True):
        assert name == same_name
        np.testing.assert_array_equal(page, paper)


def test_a_mean_stops_where_a_seed_diverged(tmp_path):
    arrangement = arrange(record_of("rates", tmp_path))
    curve = curve_panel(arrangement.groups[2], arrangement, "train_loss").curves[4]
    assert [len(values) for values in curve.seeds] == [14, 5, 14]  # two are early
    assert len(curve.mean) == 5
    assert [(one.seed, one.epoch) for one in curve.diverged] == [(1, 4)]


def test_no_interval_without_three_seeds(tmp_path):
    arrangement = arrange(record_of("plain", tmp_path))
    for quantity in CURVES:
        panel = curve_panel(arrangement.groups[0], arrangement, quantity)
        assert all(curve.low is curve.high is None for curve in panel.curves)
        assert not any("fill" in trace for trace in curve_figure(panel)["traces"])


def test_the_pages_curves_are_those_in_print(tmp_path):
    arrangement = arrange(record_of("rates", tmp_path))
    panel = curve_panel(arrangement.groups[2], arrangement, "train_loss")
    figure = curve_figure(panel)
    means = [trace for trace in figure["traces"] if "name" in trace]
    assert [trace["name"] for trace in means] == [curve.cell.label for curve in panel.curves]
    for trace, curve in zip(means, panel.curves, strict=True):
        np.testing.assert_allclose(trace["y"], curve.mean, rtol=1e-4)
        np.testing.assert_allclose(figure["x"][trace["x"]], curve.epochs)
    assert sum("fill" in trace for trace in figure["traces"]) == 5  # of three seeds
    (lost,) = (trace for trace in figure["traces"] if "text" in trace)
    assert (lost["x"], lost["text"]) == ([4], ["DARTS-r4, seed 1: diverged at epoch 4"])


def test_what_diverged_at_once_has_a_cross(tmp_path):
    fakes = family(variants=1, landscape=None, variance=None)
    fakes[1] = dataclasses.replace(fakes[1], label="_odd", diverged_at=1)
    arrangement = arrange(read_study(write_study(tmp_path, fakes)))
    panel = curve_panel(arrangement.groups[0], arrangement, "test_loss")
    nothing = dataclasses.replace(
        panel.curves[1],
        epochs=(),
        seeds=((),),
        mean=(),
        diverged=(dataclasses.replace(panel.curves[1].diverged[0], value=None),),
    )
    without = dataclasses.replace(panel, curves=(nothing,))
    axes = Figure().subplots()
    draw_panel(axes, without)
    assert [text.get_text() for text in axes.texts] == ["diverged"]
    crosses = [one for one in axes.lines if one.get_marker() == "x"]
    assert [one.get_ydata().tolist() for one in crosses] == [[1.0]]  # the panel's upper edge
    both = dataclasses.replace(panel, curves=(panel.curves[0], nothing))
    (lost,) = (trace for trace in curve_figure(both)["traces"] if "text" in trace)
    assert lost["y"] == pytest.approx([max(panel.curves[0].seeds[0])], rel=1e-4)
    drawing = paper_curves(arrangement, [DIGITS], "Curves")
    legend = [text.get_text().strip() for text in drawing.figure.findobj(Legend)[0].get_texts()]
    assert legend == ["DARTS", "_odd"]
