"""The census as a heat map."""

from xml.etree import ElementTree

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.plots import census_svg
from nascope._src.cells.spaces.census import Census, point
from nascope._src.cells.spaces.named import SPACES, named_space
from nascope._src.errors import GenotypeError


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


def test_an_empty_census_is_refused():
    with pytest.raises(GenotypeError, match="no cell to draw"):
        census_svg(Census("none", 1, {}))
