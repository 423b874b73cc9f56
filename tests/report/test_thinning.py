"""A page about many trials stays small, and says what it leaves out."""

import dataclasses

import pytest

from nascope._src.records.read import read_study
from nascope._src.report import arrangement as arrangements
from nascope._src.report import thinning
from nascope._src.report.arrangement import arrange
from nascope._src.report.figures.curves import curve_figure, curve_panel
from nascope._src.report.html.payload import page_grids
from nascope._src.report.thinning import thinning_of
from nascope._src.report.write import write_report
from tests.report import synthetic


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three cells with four seeds."""
    fakes = [
        dataclasses.replace(fake, seed=seed)
        for fake in synthetic.family(variants=2)
        for seed in range(4)
    ]
    return synthetic.write_study(tmp_path_factory.mktemp("large"), fakes)


def test_nothing_is_left_out_of_a_small_study(folder):
    made = arrange(read_study(folder))
    assert thinning_of(made) == thinning.Thinning(True, None, 1, ())
    assert made.shown_cells == made.cells
    assert made.shown_seeds == made.probed_seeds


def test_a_page_over_its_limits_says_what_it_leaves_out(folder, tmp_path, monkeypatch):
    whole = write_report(folder, output=tmp_path / "whole.html", figures=False).read_text()
    monkeypatch.setattr(thinning, "MAX_ROWS", 5)
    monkeypatch.setattr(thinning, "_MAX_POINTS", 600)
    monkeypatch.setattr(arrangements, "MAX_CELLS", 2)
    monkeypatch.setattr(arrangements, "MAX_GRIDS", 12)
    made = arrange(read_study(folder))
    left = thinning_of(made)
    assert (left.rows, left.seeds) == (False, 0)
    assert left.stride > 1
    assert [cell.label for cell in made.shown_cells] == ["DARTS", "DARTS-r1"]
    assert made.shown_seeds == (0, 1)
    page = write_report(folder, output=tmp_path / "page.html", figures=False).read_text()
    assert "This page leaves out some of its 12 trials" in page
    for words in (
        "a row for each of the 12 trials",
        "of the single seeds, none are drawn",
        f"Curves show one in {left.stride} points",
        "2 of 3 cells",
        "drawn for the first 2 of 4 seeds",
    ):
        assert words in page
    assert "Every trial" not in page
    assert "This page leaves out" not in whole
    assert len(page) < len(whole)
    assert len(page_grids(made.groups[0], made, "landscape")) == 4


def test_thinned_curves_keep_their_last_point(folder):
    made = arrange(read_study(folder))
    panel = curve_panel(made.groups[0], made, "test_loss")
    whole, thinned = curve_figure(panel), curve_figure(panel, seeds=2, stride=4)
    assert thinned["x"][0] == whole["x"][0][::-1][::4][::-1]
    assert len(whole["traces"]) - len(thinned["traces"]) == 6  # two seeds of three cells
    assert thinned["traces"][-1]["y"][-1] == whole["traces"][-1]["y"][-1]
