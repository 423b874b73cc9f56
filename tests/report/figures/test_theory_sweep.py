"""Figures of the theory's sweep: their numbers are in their tables, and a bound looks the same in
every panel."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, replace

import numpy as np
import pytest

from nascope._src.report.figures.theory_sweep import draw_sweep
from nascope._src.theory.comparison_result import (
    BoundRatio,
    Quantiles,
    Sweep,
    SweepOutcome,
    SweepSetting,
)
from nascope._src.theory.sweeping import settings

CURVATURE = {
    "separable quadratic": ["separable", "convex", "convex, counted", "as published"],
    "coupled quadratic": ["convex", "convex, counted", "as published"],
    "softmax cross-entropy": ["convex", "convex, counted", "as published, at the weights"],
    "nonlinear network": ["coupled", "as published, at the weights"],
}
VARIANCE = ["squared sum", "counted", "as published"]


@pytest.fixture(scope="module")
def sweep():
    """Every setting of a sweep, with invented numbers that all differ."""
    draw = np.random.default_rng(0).lognormal
    outcomes = []
    for setting in settings():
        nodes = setting.nodes
        names = [("curvature", name) for name in CURVATURE[setting.objective]]
        names += [("variance", name) for name in VARIANCE]
        outcomes.append(
            SweepOutcome(
                setting,
                gain=0.5,
                curvature=tuple(Quantiles(*row) for row in np.sort(draw(size=(nodes, 3))).tolist()),
                variance=tuple(Quantiles(*row) for row in np.sort(draw(size=(nodes, 3))).tolist()),
                smoother=tuple(draw(size=nodes).tolist()),
                quieter=tuple(draw(size=nodes).tolist()),
                largest_curvature=Quantiles(*np.sort(draw(size=3)).tolist()),
                total_variance=Quantiles(*np.sort(draw(size=3)).tolist()),
                bounds=tuple(
                    BoundRatio(name, quantity, tuple(draw(size=nodes).tolist()))
                    for quantity, name in names
                ),
            )
        )
    return Sweep(cells=1, seed=0, outcomes=tuple(outcomes))


@pytest.fixture(scope="module")
def drawings(sweep):
    return draw_sweep(sweep, style="paper")


@pytest.fixture(scope="module")
def figures(drawings):
    return {name: drawing.figure for name, drawing in drawings.items()}


@pytest.fixture(scope="module")
def tables(drawings):
    return {
        name: list(csv.DictReader(io.StringIO(drawing.table.decode())))
        for name, drawing in drawings.items()
    }


def numbers(rows, *names):
    return sorted(float(row[name]) for row in rows for name in names)


def lines_of(figure):
    """The heights of what is drawn as lines, those at 1 aside."""
    return [line for ax in figure.axes for line in ax.get_lines() if len(line.get_ydata()) > 2]


def test_every_figure_has_its_table(figures, tables):
    assert list(figures) == list(tables) == ["regimes", "blocks", "bounds", "sizes"]


def test_what_lines_show_stands_in_the_table_and_nothing_else(figures, tables):
    medians = ("largest_curvature_median", "total_variance_median")
    drawn = sorted(y for line in lines_of(figures["regimes"]) for y in line.get_ydata())
    widest = [row for row in tables["regimes"] if row["depth"] == "1"]  # 1 by its own definition
    assert len(widest) == len(tables["regimes"]) / 4
    others = [row for row in tables["regimes"] if row["depth"] != "1"]
    assert drawn == numbers(others, *medians)
    drawn = sorted(y for line in lines_of(figures["bounds"]) for y in line.get_ydata())
    assert drawn == numbers(tables["bounds"], "measured_by_bound_median")
    shown = {y for line in lines_of(figures["sizes"]) for y in line.get_ydata()}
    assert sorted(shown) == numbers(tables["sizes"], *medians)


def test_a_maps_numbers_stand_in_its_table(figures, tables):
    shown = [image.get_array() for ax in figures["blocks"].axes for image in ax.get_images()]
    logs = np.sort(np.concatenate([np.ravel(values) for values in shown]))
    own = np.log10(numbers(tables["blocks"], "curvature_median")).clip(-3, 3)
    np.testing.assert_allclose(logs, own)


def test_tables_say_what_they_are_of(sweep, tables):
    first = sweep.outcomes[0]
    row = tables["regimes"][0]
    setting = asdict(first.setting)
    assert {name: str(value) for name, value in setting.items()} == {
        name: row[name] for name in setting
    }
    quantiles = [float(row[f"largest_curvature_{part}"]) for part in ("q10", "median", "q90")]
    assert quantiles == list(first.largest_curvature)
    (bound,) = [
        row for row in tables["bounds"]
        if (row["objective"], row["scale"], row["of"], row["bound"])
        == ("coupled quadratic", "2.0", "curvature", "convex, counted")
    ]  # fmt: skip
    (ratios,) = [
        row.ratios
        for outcome in sweep.outcomes
        if outcome.setting == SweepSetting("coupled quadratic", "gaussian", 4, 4, 6, 2.0)
        for row in outcome.bounds
        if (row.quantity, row.bound) == ("curvature", "convex, counted")
    ]
    largest = ratios[int(bound["block"]) - 1]
    assert float(bound["measured_by_bound_median"]) == largest == max(ratios)


def test_a_bound_looks_alike_in_every_panel(figures):
    looks: dict[str, set[tuple[str, str]]] = {}
    for line in lines_of(figures["bounds"]):
        looks.setdefault(line.get_label(), set()).add((line.get_color(), line.get_marker()))
    assert set(looks) == {name for own in CURVATURE.values() for name in own} | set(VARIANCE)
    assert all(len(own) == 1 for own in looks.values())
    (legend,) = figures["bounds"].legends  # below, where it hides no line
    assert sorted(text.get_text() for text in legend.get_texts()) == sorted(looks)
    assert not any(ax.get_legend() for ax in figures["bounds"].axes)


def test_what_lies_beyond_an_axis_is_said(sweep):
    def texts(factor):
        outcomes = tuple(
            replace(
                outcome,
                largest_curvature=Quantiles(*(factor * v for v in outcome.largest_curvature)),
            )
            for outcome in sweep.outcomes
        )
        figure = draw_sweep(replace(sweep, outcomes=outcomes))["regimes"].figure
        return [text.get_text() for ax in figure.axes for text in ax.texts]

    assert texts(1.0) == []
    assert texts(1e-9) == ["some below 0.0001"] * 4
    assert texts(1e12) == ["some above 10⁸"] * 4
