"""Levels in words."""

from __future__ import annotations

from nascope._src.results.levels import DataLevels
from nascope._src.results.text.levels import rule_in_words


def test_each_rule_has_words() -> None:
    def words(rule: str) -> str:
        return rule_in_words(DataLevels("digits", None, 2.3, rule, 10))

    assert words("chance") == "ln 10, the loss of a uniform guess among the classes"
    assert words("median") == "the median of all finite losses on the grids"
    assert words("none") == "no landscape was measured"
