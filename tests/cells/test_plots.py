"""The census as a heat map, and a search as curves."""

from xml.etree import ElementTree

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.plots import census_svg, trace_svg
from nascope._src.cells.search_log import Step, trace
from nascope._src.cells.spaces.census import Census, point
from nascope._src.cells.spaces.named import SPACES, named_space
from nascope._src.errors import GenotypeError
from nascope._src.palette import SEARCH


def _texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [e.text or "" for e in root.iter() if e.tag.endswith("}text")]


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("convention", ["fractional", "strict"])
def test_a_tile_for_every_width_and_depth(name, convention):
    census = named_space(name).census()
    texts = _texts(census_svg(census, convention=convention))
    tiles = [at for at in census.marginal(convention) if at[1]]
    assert sum(text.endswith(" %") for text in texts) == len(tiles)


def test_cells_stand_on_their_tile():
    darts, snas = (point(load_cell(name).normal) for name in ("DARTS", "SNAS"))
    svg = census_svg(
        named_space("darts").census(),
        named={"DARTS": darts, "<i>": darts, "SNAS": snas},
        crowd={**{f"r{k}": darts for k in range(7)}, "<b>": snas},
        title="a & b",
    )
    texts = _texts(svg)
    assert "DARTS, <i>" in texts
    assert "7" in texts
    assert "a & b" in texts
    root = ElementTree.fromstring(svg)
    label = root.get("aria-label", "")
    titles = [e.text or "" for e in root.iter() if e.tag.endswith("}title")]
    for where in ("depth 3: DARTS, <i>, r0, r1, r2, r3, r4, r5, r6", "SNAS, <b>"):
        assert where in label
    assert any(
        title.endswith("wirings; DARTS, <i>, r0, r1, r2, r3, r4, r5, r6") for title in titles
    )


@pytest.mark.parametrize(("within", "panels"), [(None, 2), ("darts", 3)])
@pytest.mark.parametrize("epochs", [1, 2])
def test_a_search_has_two_curves_in_each_panel(within, panels, epochs):
    steps = [Step(epoch, load_cell(name)) for epoch, name in enumerate(["DARTS", "SNAS"][:epochs])]
    svg = trace_svg(trace(steps, within), title="<a> & b")
    assert {"<a> & b", "normal", "reduction", "depth"} <= set(_texts(svg))
    styles = [e.get("style", "") for e in ElementTree.fromstring(svg).iter() if e.get("clip-path")]
    for colour in SEARCH:
        assert sum(f"stroke: {colour}; stroke-width: 2" in style for style in styles) == panels


def test_plots_leave_the_page_around_them_alone():
    svg = census_svg(named_space("darts").census(), title="a\x00 $b$ 数")
    assert "a $b$ 数" in _texts(svg)
    assert "<style" not in svg
    assert svg == census_svg(named_space("darts").census(), title="a $b$ 数")


def test_an_empty_census_is_refused():
    with pytest.raises(GenotypeError, match="no cell to draw"):
        census_svg(Census("none", 1, {}))
