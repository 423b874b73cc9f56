"""The theory on a page."""

from __future__ import annotations

from pathlib import Path

from nascope._src.report.write import write_report
from tests.report.synthetic import family, write_study


def test_theory_that_was_computed_is_on_the_page(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", family(variants=1))
    page = write_report(folder, figures=False).read_text(encoding="utf-8")
    assert "nascope reproduce theory" in page
    (folder / "theory").mkdir()
    (folder / "theory" / "check.json").write_text("{")  # damaged: as if it were not there
    page = write_report(folder, figures=False).read_text(encoding="utf-8")
    assert "nascope reproduce theory" in page
