"""The tables of the contrast hold matched pairs, and their numbers follow from the curves."""

from __future__ import annotations

import pytest

from nascope._src.cells.graph import depth, fractional_width
from nascope._src.results.blocks import blocks_in
from nascope._src.results.design import settings_of
from nascope._src.results.measures import AREA
from tests.results.committed import committed_study, rows_of

ROWS = rows_of("contrast", "trials")


def test_members_of_a_pair_have_equal_parameters():
    sizes: dict[tuple[str, str], set[str]] = {}
    for row in ROWS:
        sizes.setdefault((row["family"], row["design_allocation"]), set()).add(row["parameters"])
    assert {len(counts) for counts in sizes.values()} == {1}
    study = committed_study("contrast")
    (setting, *_) = settings_of(study)
    pairs = [block for block in blocks_in(study, setting, "contrast") if len(block.members) == 2]
    assert len(pairs) >= 6
    for block in pairs:
        operations = {
            tuple(edge.operation for edge in member.genotype.normal.edges)
            for member in block.members.values()
        }
        assert len(operations) == 1


def test_rows_are_about_the_cells_that_they_name():
    for trial, row in zip(committed_study("contrast").trials, ROWS, strict=True):
        cell = trial.genotype.normal
        assert float(fractional_width(cell)) == float(row["normal_width"])
        assert trial.design.level == (fractional_width(cell), depth(cell))


def test_areas_follow_from_the_curves():
    for trial, row in zip(committed_study("contrast").trials, ROWS, strict=True):
        assert AREA.value(trial) == pytest.approx(float(row["area_under_loss"]), rel=2e-5)
