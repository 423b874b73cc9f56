"""The picture of reliabilities: bars add up to the whole, and intervals lie where they should."""

from pathlib import Path

import pytest

from nascope._src.report.figures.reliability import draw_reliability, first_setting
from nascope._src.results.reliability import measure_reliability
from tests.report.figures.drawings import record_of, words


def test_bars_are_the_shares(tmp_path: Path) -> None:
    entries = first_setting(measure_reliability(record_of("rates", tmp_path)))
    assert len({entry.learning_rate for entry in entries}) == 1
    drawing = draw_reliability(entries)
    assert drawing.table is not None
    assert len(drawing.table.splitlines()) == len(entries) + 1
    text = words(drawing)
    assert all(group in text for group in ("smoothness", "variance", "speed"))
    rows = {}
    for ax in drawing.figure.axes:
        names = [label.get_text() for label in ax.get_yticklabels()]
        bars = [bar for bar in ax.patches if bar.get_width()]
        for place, name in enumerate(names):
            own = [bar for bar in bars if round(bar.get_y() + bar.get_height() / 2) == place]
            rows[name] = sum(bar.get_width() for bar in own)
    assert len(rows) == len(entries)
    assert all(total == pytest.approx(1) for total in rows.values())
    assert first_setting([]) == []
