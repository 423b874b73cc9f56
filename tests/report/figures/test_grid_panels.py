"""Which grids a figure shows."""

from __future__ import annotations

from nascope._src.report.figures.grid_panels import in_mode
from tests.report.figures.drawings import record_of


def test_a_mode_keeps_its_own_probes(tmp_path):
    record = record_of("plain", tmp_path)
    assert in_mode(record, "frozen") == record
    assert not any(trial.probes for trial in in_mode(record, "recalibrated").trials)
