"""Figures of tables: with and without epochs, many cells, several tables."""

from __future__ import annotations

import dataclasses

import numpy as np

from nascope._src.report.figures import evidence as figures
from nascope._src.report.html.evidence_section import page_tables
from nascope._src.results.evidence.table_evidence import evidence_of
from tests.results.evidence import planted


def test_a_table_with_epochs_and_seeds(tmp_path, monkeypatch):
    found = evidence_of(planted.table(tmp_path, cells=30, late=0.02, seeds=2))
    axes = figures.draw_table(found).figure.axes
    titles = [ax.get_title() for ax in axes]
    assert titles[0] == "Normal cell: ρ by epoch"
    assert titles[1].startswith("Early and late: ρ = ")
    assert "points per c" in titles[2]
    tiles = [text.get_text().split("\n") for text in axes[3].texts]
    assert sum(int(count) for _, count in tiles) == 30
    monkeypatch.setattr(figures, "_MOST_DOTS", 10)
    assert figures.draw_table(found).encode("svg").startswith(b"<?xml")


def test_a_table_without_epochs(tmp_path):
    table = planted.table(tmp_path, cells=30, epochs=(1,))
    bare = dataclasses.replace(table, epochs=None)
    titles = [ax.get_title() for ax in figures.draw_table(evidence_of(bare)).figure.axes]
    assert titles[:2] == ["Final accuracy, raw ρ", "Final accuracy, adjusted ρ"]


def test_few_cells_and_missing_ends(tmp_path):
    table = planted.table(tmp_path, cells=4)
    accuracies = table.accuracies.copy()
    accuracies[0, :, -1] = np.nan
    figures.draw_table(evidence_of(dataclasses.replace(table, accuracies=accuracies)))


def test_several_tables(tmp_path):
    first = evidence_of(planted.table(tmp_path, cells=30))
    drawing = figures.draw_comparison([first, first], names=["A", "B"])
    assert [label.get_text() for label in drawing.figure.axes[0].get_yticklabels()] == ["A", "B"]
    assert drawing.table is not None
    assert drawing.table.startswith(b"table,cell,measure")


def test_on_the_page(tmp_path):
    (shown,) = page_tables([evidence_of(planted.table(tmp_path, cells=30))])
    assert shown.heading.startswith("planted-0.csv: 30 cells, 5 epochs")
    assert [one.verdict for one in shown.statements][3] == "supported"
    assert shown.svg.startswith("<svg")
