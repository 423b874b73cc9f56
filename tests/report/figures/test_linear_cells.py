"""Figure 8: two linear cells and their blocks."""

from __future__ import annotations

from nascope._src.report.figures.linear_cells import draw_linear_cells
from nascope._src.theory.comparison_result import ExtremesOutcome, Quantiles
from tests.report.figures.drawings import words, written


def test_linear_cells(tmp_path):
    spread = (Quantiles(1.0, 2.0, 4.0), Quantiles(0.1, 0.2, 0.4))
    names = ("wide", "narrow", "bound", "published")
    names += ("wide_variance", "narrow_variance", "variance_bound")
    found = [
        ExtremesOutcome(scale=scale, broken=(0.5, 0.0), **dict.fromkeys(names, spread))
        for scale in (0.5, 2.0)
    ]
    drawing = draw_linear_cells(found, "Two cells", style="paper")
    rows = written(drawing, tmp_path)
    assert [(row["scale"], row["block"]) for row in rows] == [
        ("0.5", "1"), ("0.5", "2"), ("2.0", "1"), ("2.0", "2")
    ]  # fmt: skip
    assert (rows[1]["narrow_q10"], rows[1]["narrow_q90"]) == ("0.1", "0.4")
    assert "λ = 2 of every matrix" in words(drawing)
