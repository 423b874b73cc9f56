"""Ranks in words."""

from __future__ import annotations

import pytest

from nascope._src.results.stats.contrasts import contrast
from nascope._src.results.text.standings import rank_in_words


@pytest.mark.parametrize(
    ("values", "higher", "expected"),
    [
        ([50.0, 60.0, 70.0], False, "the lowest of 3"),
        ([70.0, 60.0, 50.0, 40.0], True, "the highest of 4"),
        ([60.0, 50.0, 70.0, 80.0], False, "the 2nd lowest of 4"),
        ([50.0, 50.0, 70.0], False, "tied for the lowest of 3"),
        ([60.0, 50.0, 60.0, 80.0, 90.0], False, "tied for the 2nd lowest of 5"),
        ([60.0, 60.0, 60.0], True, "tied for the highest of 3"),
    ],
)
def test_ranks_in_words(values, higher, expected):
    original, *variants = values
    compared = contrast({"DARTS": (original, variants)}, higher_is_better=higher)
    assert rank_in_words(compared.standings[0], higher_is_better=higher) == expected


def test_the_last_of_many() -> None:
    compared = contrast({"a": (9.0, [float(k) for k in range(11)])})
    assert rank_in_words(compared.standings[0], higher_is_better=False) == (
        "tied for the 10th lowest of 12"
    )
    compared = contrast({"a": (9.5, [float(k) for k in range(11)])}, higher_is_better=True)
    assert rank_in_words(compared.standings[0], higher_is_better=True) == "the 2nd highest of 12"
