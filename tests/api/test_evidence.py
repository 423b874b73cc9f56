"""nascope.evidence: frames, figures, errors."""

from __future__ import annotations

import pytest

import nascope
from tests.results.evidence import planted


def test_frames_and_figures(tmp_path) -> None:
    path = planted.table(tmp_path, cells=30, late=0.02).path
    found = nascope.evidence(path, str(path), epochs=[1, 10])
    rows = found.rows()
    assert set(rows["epoch"]) == {1, 10, 50}
    assert list(found.statements()["statement"])[1] == "wide cells end better"
    assert found.as_dict()["tables"][0]["cells"] == 30
    assert found.plot().axes
    assert "wide cells end better" in found._repr_html_()
    written = {name.name for name in found.write_figures(tmp_path / "figures")}
    assert {"1-planted-0.png", "2-planted-0.svg", "comparison.csv"} <= written


def test_nothing_and_unknown_epochs(tmp_path) -> None:
    with pytest.raises(nascope.NascopeError, match="at least one table"):
        nascope.evidence()
    path = planted.table(tmp_path, cells=12).path
    with pytest.raises(nascope.NascopeError, match="has no epoch 7"):
        nascope.evidence(path, epochs=[7])
