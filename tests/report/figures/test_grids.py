"""Landscapes and gradient variances in print."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from matplotlib.text import Text

from nascope._src.records.files import read_arrays
from nascope._src.records.read import read_study
from nascope._src.report.arrangement import arrange
from nascope._src.report.figures.grids import draw_grids
from nascope._src.report.figures.style import Drawing
from tests.report.figures.drawings import record_of, words, written
from tests.report.synthetic import family, write_study


@pytest.mark.parametrize(
    ("kind", "surfaces"), [("landscape", False), ("variance", False), ("variance", True)]
)
def test_grids_with_holes_and_without(kind, surfaces, tmp_path):
    record = record_of("hostile", tmp_path)
    drawing = draw_grids(arrange(record), kind, "Grids", surfaces=surfaces, style="paper")
    written(drawing, tmp_path)
    arrays = read_arrays(tmp_path / "paper" / "figure.npz")
    probed = [trial for trial in record.trials if trial.probe(kind) is not None]
    assert arrays["labels"].tolist() == [trial.label for trial in probed]
    found = probed[0].probe(kind).arrays["loss" if kind == "landscape" else "variance"]
    shown = arrays["values_0"] if kind == "landscape" else arrays["values_0"] ** 2
    np.testing.assert_allclose(shown[np.isfinite(shown)], found[np.isfinite(shown)])
    assert (~np.isfinite(shown)).any()  # what is not finite stays so
    text = words(drawing)
    assert "diverged at\nepoch 5" in text  # no grid, and why
    assert "not run yet" in text
    assert "failed" in text
    hatched = [
        p for p in drawing.figure.findobj(lambda a: getattr(a, "get_hatch", None)) if p.get_hatch()
    ]
    assert bool(hatched) != surfaces


def test_seeds_and_families_are_rows(tmp_path):
    three = [
        dataclasses.replace(fake, seed=seed) for seed in range(3) for fake in family(variants=2)
    ]
    record = read_study(write_study(tmp_path, three))
    drawing = draw_grids(arrange(record), "landscape", "Seeds", style="paper")
    labels = {ax.get_ylabel() for ax in drawing.figure.axes}
    assert {"seed 0\nβ", "seed 1\nβ", "seed 2\nβ"} <= labels
    record = record_of("families", tmp_path / "two")
    drawing = draw_grids(arrange(record), "landscape", "Families", style="paper")
    labels = {ax.get_ylabel() for ax in drawing.figure.axes}
    assert {"DARTS\nβ", "AmoebaNet\nβ"} <= labels


def test_all_panels_share_their_levels(tmp_path):
    record = record_of("plain", tmp_path)
    drawing = draw_grids(arrange(record), "variance", "Variance", style="paper")
    meshes = drawing.figure.findobj(lambda artist: type(artist).__name__ == "QuadMesh")
    limits = {mesh.get_clim() for mesh in meshes}
    assert len(meshes) >= 5
    assert len(limits) == 1


def bar_names(drawing: Drawing) -> list[Text]:
    """What stands at the levels of a figure's colour bars."""
    drawing.figure.draw_without_rendering()
    bars = [ax for ax in drawing.figure.axes if ax.get_label() == "<colorbar>"]
    assert bars
    return [text for ax in bars for text in ax.get_xticklabels() if text.get_text()]


@pytest.mark.parametrize("surfaces", [False, True])
def test_a_colour_bars_names_do_not_touch(surfaces, tmp_path):
    steep = np.geomspace(5, 4000, 121).reshape(11, 11) ** 2  # a name every octave, to 4,100
    fakes = [dataclasses.replace(fake, variance=steep) for fake in family(variants=2)]
    record = read_study(write_study(tmp_path, fakes))
    drawing = draw_grids(arrange(record), "variance", "Steep", surfaces=surfaces, style="paper")
    names = bar_names(drawing)
    boxes = [text.get_window_extent() for text in names]
    assert len(names) > 3
    gap = 0.4 * boxes[0].height
    assert all(before.x1 + gap < after.x0 for before, after in itertools.pairwise(boxes))


def test_maps_explain_their_signs(tmp_path):
    record = record_of("plain", tmp_path)
    landscape = words(draw_grids(arrange(record), "landscape", "Loss", "a note"))
    variance = words(draw_grids(arrange(record), "variance", "Variance"))
    surface = words(draw_grids(arrange(record), "variance", "Surface", surfaces=True))
    assert "heavy line: ln 10, the loss of a uniform guess among the classes" in landscape
    assert "Variance\n+ the trained weights" in variance
    assert "heavy" not in variance
    assert "+ the" not in surface


def test_the_heavy_line_is_what_it_is_called(tmp_path):
    flat = [dataclasses.replace(fake, landscape=5 + fake.landscape) for fake in family()]
    record = read_study(write_study(tmp_path, flat))  # nowhere below a guess's loss
    text = words(draw_grids(arrange(record), "landscape", "Loss"))
    assert "heavy line: the median of all finite losses on the grids" in text
    assert "guess" not in text


def test_no_grid_at_all_is_said(tmp_path):
    record = record_of("bare", tmp_path)
    drawing = draw_grids(arrange(record), "landscape", "Nothing", style="paper")
    assert "not run yet" in words(drawing)
    drawing.write(tmp_path, "nothing")
