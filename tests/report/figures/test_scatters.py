"""Small plots of the page: where what has no number is drawn, and round ticks."""

import math
from typing import Literal

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.palette import cell_look
from nascope._src.report.arrangement import ShownCell
from nascope._src.report.figures.scatters import (
    WiringPoint,
    lines_figure,
    scatter_figure,
    selection_figure,
)
from nascope._src.results.selection.early_stopping import Choice

CELLS = [
    ShownCell(
        f"c{k}", f"<b>C{k}</b>", "C0", "original" if k == 0 else f"random {k}",
        load_cell("DARTS"), cell_look(k),
    )
    for k in range(4)
]  # fmt: skip
POINTS = [
    WiringPoint(cell, 2.0, 3, 2, value, "" if value else "diverged in 1 of 2 seeds")
    for cell, value in zip(CELLS, (1.0, 2.0, 8.0, None), strict=True)
]


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("worst", ["high", "low"])
def test_what_diverged_is_beyond_the_worse_edge(worst: Literal["low", "high"], log: bool) -> None:
    figure = scatter_figure(POINTS, "width", log=log, worst=worst)
    *finite, lost = figure["traces"]
    known = [trace["y"][0] for trace in finite]
    assert known == [1, 2, 8]
    assert lost["y"][0] > max(known) if worst == "high" else lost["y"][0] < min(known)
    assert "diverged in 1 of 2 seeds" in lost["hovertext"][0]
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["diverged"]
    assert len(figure["layout"]["shapes"]) == 1


def test_a_cell_is_hidden_with_its_point_and_names_are_text() -> None:
    traces = scatter_figure(POINTS, "width", log=False, worst="high")["traces"]
    assert [trace["cell"] for trace in traces] == [cell.key for cell in CELLS]
    assert all("&lt;b&gt;" in trace["hovertext"][0] for trace in traces)


def test_wirings_of_equal_width_do_not_hide_each_other() -> None:
    traces = scatter_figure(POINTS, "width", log=False, worst="high")["traces"]
    assert [trace["x"][0] for trace in traces] == [2, 1.96, 2.04, 1.92]


def test_a_density_of_nothing_is_drawn_all_the_same() -> None:
    figure = lines_figure([(CELLS[0], [1, 2], [None, None])], "λ", "density")
    assert figure["layout"]["yaxis"]["dtick"] == 1


def test_what_a_search_picks_is_text() -> None:
    choice = Choice(
        epoch=1, rho=math.nan, low=None, high=None, picked="<i>", width=3.5, depth=3.0,
        regret=0.002, regret_low=None, regret_high=None, blind=0.1, candidates=5, seeds=1, other_seeds=False, held_out=None,
    )  # fmt: skip
    rho, regret = selection_figure([choice])["traces"]
    assert rho["y"] == [None]
    assert rho["text"] == ["picks &lt;i&gt;: width 3.5 c, depth 3"]
    assert (regret["y"], regret["yaxis"]) == ([0.2], "y2")
