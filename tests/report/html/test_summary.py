"""Where the original stands, in words."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from nascope._src.results.text.trials import caveat


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
