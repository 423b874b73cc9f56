"""Grids on the page: nothing lost, nothing turned, and the same colours as in print."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from nascope._src.palette import COLOUR_MAPS
from nascope._src.report.arrangement import arrange
from nascope._src.report.figures.grid_panels import GridPanel, scale_of
from nascope._src.report.figures.grid_traces import grid_figure, grid_kind
from nascope._src.report.html.payload import page_grids
from tests.report.figures.drawings import record_of


def figures_of(kind: str, folder: Path) -> list[tuple[GridPanel, dict[str, Any]]]:
    """The hostile study's grids, and what plotly is given of each."""
    arrangement = arrange(record_of("hostile", folder))
    scale = scale_of(arrangement, kind)
    assert scale is not None
    panels = [grid.panel for grid in page_grids(arrangement.groups[0], arrangement, kind)]
    return [(panel, grid_figure(panel, kind, scale, math.log(10))) for panel in panels]


def test_values_that_are_not_finite_are_named_not_replaced(tmp_path: Path) -> None:
    data = figures_of("landscape", tmp_path)[0][1]["data"]
    flat = [value for row in data["text"] for value in row]
    assert flat.count("infinite") == 12
    assert flat.count("not a number") == 1
    assert data["text"][17][10] == "not a number"  # rows are the second axis, beta
    assert data["z"][17][10] is None
    places = [place for row in data["z"] for place in row]
    assert [place is None for place in places] == [isinstance(value, str) for value in flat]


def test_points_without_a_value_are_hatched(tmp_path: Path) -> None:
    for kind in ("landscape", "variance"):
        for panel, figure in figures_of(kind, tmp_path / kind):
            lost = sum(place is None for row in figure["data"]["z"] for place in row)
            patches = [trace for trace in figure["traces"] if trace.get("fill") == "toself"]
            assert len(patches) == (lost > 0)
            assert sum(trace["x"].count(None) for trace in patches) == lost
            assert lost >= (~np.isfinite(panel.values)).sum()  # a variance below 0 is lost, too


def test_a_map_colours_all_around_a_point_and_contours_reach_its_neighbours(
    tmp_path: Path,
) -> None:
    def patch(kind: str) -> list[float]:
        figure = figures_of(kind, tmp_path / kind)[0][1]
        x: list[float] = figure["traces"][0]["x"][:2]
        return x

    assert patch("landscape") == [-1, -0.9]  # 21 points from -1 to 1: the rim, and a step
    assert patch("variance") == [-1.1, -0.9]  # 11 points: half a step to both sides


def test_a_grid_keeps_its_orientation(tmp_path: Path) -> None:
    oblong = [
        figure for panel, figure in figures_of("landscape", tmp_path) if len(panel.alphas) == 9
    ]
    assert [len(row) for row in oblong[0]["data"]["z"]] == [9] * 25
    assert len(oblong[0]["data"]["y"]) == 25


def test_places_and_levels_are_the_scales(tmp_path: Path) -> None:
    arrangement = arrange(record_of("plain", tmp_path))
    scale = scale_of(arrangement, "landscape")
    assert scale is not None
    panel = page_grids(arrangement.groups[0], arrangement, "landscape")[0].panel
    figure = grid_figure(panel, "landscape", scale, 2.0)
    np.testing.assert_allclose(figure["data"]["z"], scale.place(panel.values).T, rtol=1e-4)
    lines = [trace["contours"]["start"] for trace in figure["traces"] if trace["like"] == "level"]
    assert lines == [scale.place(np.array(2.0))] * 2
    shared = grid_kind("landscape", scale)["traces"]["map"]
    assert (shared["contours"]["start"], shared["contours"]["end"]) == (scale.start, scale.end)
    assert [colour for _, colour in shared["colorscale"]] == list(COLOUR_MAPS["landscape"])
