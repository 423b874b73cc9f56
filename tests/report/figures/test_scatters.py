"""Small plots of the page: where what has no number is drawn, and round ticks."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascope._src.cells.catalog import load as load_cell
from nascope._src.palette import cell_look
from nascope._src.report.arrangement import ShownCell
from nascope._src.report.figures.scatters import (
    lines_figure,
    round_ticks,
    scatter_figure,
    selection_figure,
)

CELLS = {
    f"c{k}": ShownCell(
        f"c{k}", f"<b>C{k}</b>", "C0", "original" if k == 0 else f"random {k}",
        load_cell("DARTS"), cell_look(k),
    )
    for k in range(4)
}  # fmt: skip


def scatter(worst: str, *, log: bool = False) -> dict[str, Any]:
    points = [
        {"cell": f"c{k}", "family": "C0", "width": 2.0, "x": 2.0, "depth": 3, "seeds": 2, "y": y,
         "original": k == 0}
        for k, y in enumerate((1.0, 2.0, 8.0, None))
    ]  # fmt: skip
    points[3] |= {"lost": "diverged", "of": 1}
    return {"x_axis": "width (c)", "y_axis": "loss", "log": log, "worst": worst, "points": points}


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("worst", ["high", "low"])
def test_what_diverged_is_beyond_the_worse_edge(worst: str, log: bool) -> None:
    figure = scatter_figure(scatter(worst, log=log), CELLS)
    *finite, lost = figure["traces"]
    known = [trace["y"][0] for trace in finite]
    assert known == [1, 2, 8]
    assert lost["y"][0] > max(known) if worst == "high" else lost["y"][0] < min(known)
    assert "diverged in 1 of 2 seeds" in lost["hovertext"][0]
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["diverged"]
    assert len(figure["layout"]["shapes"]) == 1


def test_a_cell_is_hidden_with_its_point_and_names_are_text() -> None:
    traces = scatter_figure(scatter("high"), CELLS)["traces"]
    assert [trace["cell"] for trace in traces] == list(CELLS)
    assert all("&lt;b&gt;" in trace["hovertext"][0] for trace in traces)


def test_wirings_of_equal_width_do_not_hide_each_other() -> None:
    places = [trace["x"][0] for trace in scatter_figure(scatter("high"), CELLS)["traces"]]
    assert places == [2, 1.96, 2.04, 1.92]


@given(st.floats(1e-6, 1e6), st.floats(1.05, 1e9), st.booleans())
def test_ticks_lie_within_and_are_few(low: float, factor: float, log: bool) -> None:
    ticks = round_ticks(low, low * factor, log=log)
    assert ticks == sorted(set(ticks))
    assert all(0.999 * low <= tick <= 1.001 * low * factor for tick in ticks)
    assert 3 <= len(ticks) <= 20


def test_a_density_of_nothing_is_drawn_all_the_same(tmp_path: Path) -> None:
    line = {"cell": "c0", "x": [1, 2], "y": [None, None]}
    axes = {"x_axis": "λ", "y_axis": "density", "marks": False}
    figure = lines_figure({**axes, "lines": [line]}, CELLS)
    assert figure["layout"]["yaxis"]["dtick"] == 1


def test_what_a_search_picks_is_text() -> None:
    data = {"x": [1], "rho": [None], "regret": [0.2], "text": ["picks <i>"]}
    rho, regret = selection_figure(data)["traces"]
    assert rho["text"] == ["picks &lt;i&gt;"]
    assert regret["yaxis"] == "y2"
