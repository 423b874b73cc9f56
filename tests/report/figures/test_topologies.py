"""Drawings of normal cells."""

from __future__ import annotations

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.catalog import names as cell_names
from nascope._src.report.figures.topologies import draw_topologies
from tests.report.figures.drawings import words, written


def test_topologies_say_width_and_depth(tmp_path):
    drawing = draw_topologies(
        [(name, load_cell(name)) for name in cell_names()], "Five", style="paper"
    )
    rows = written(drawing, tmp_path)
    text = words(drawing)
    assert "width 3.5c (strict 3c), depth 3" in text
    assert text.count("depth 2") == 3
    assert [row["fractional_width"] for row in rows if row["cell"] == "normal"] == [
        "5", "4", "5", "3.5", "4"
    ]  # fmt: skip
    everything = sum(len(load_cell(name).normal.edges) for name in cell_names())
    operations = ("sep", "dil", "avg", "max", "skip")
    assert sum(line.startswith(operations) for line in text.split("\n")) == everything
