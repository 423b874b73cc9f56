"""Where the original stands, in words."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from nascope._src.results.stats.contrasts import contrast
from nascope._src.results.text.standings import rank_in_words
from nascope._src.results.text.trials import caveat


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


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (2, "on their own they prove nothing"),
        (3, "Intervals over seeds are Student's."),
        (9, "Intervals over seeds are Student's."),
        (10, "Intervals over seeds are bootstrap-t, or Student's below ten seeds."),
    ],
)
def test_the_caveat_names_the_interval_that_is_drawn(seeds, said):
    trials = [SimpleNamespace(seed=seed, recipe={"epochs": 5}) for seed in range(seeds)]
    assert said in caveat(cast(Any, trials))
