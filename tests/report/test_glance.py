"""Where the original stands, in words."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.palette import cell_look
from nascope._src.report.arrangement import ShownCell
from nascope._src.report.columns import Column
from nascope._src.report.glance import _standing, caveat

ACCURACY = Column("accuracy", "Accuracy", "%", lambda measures: 0.0, 1)


def cells(count):
    return [
        ShownCell(str(k), f"C{k}", "C0", "original" if k == 0 else f"random {k}",
                  load_cell("DARTS"), cell_look(k))
        for k in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([50.0, 60.0, 70.0], "C0: 50.0, the lowest of 3"),
        ([70.0, 60.0, 50.0, 40.0], "C0: 70.0, the highest of 4"),
        ([60.0, 50.0, 70.0, 80.0], "C0: 60.0, the 2nd lowest of 4"),
        ([50.02, 50.0, 70.0], "C0: 50.0, tied for the lowest of 3"),
        ([60.0, 50.0, 59.98, 80.0, 90.0], "C0: 60.0, tied for the 2nd lowest of 5"),
    ],
)
def test_no_rank_rests_on_digits_that_are_not_shown(values, expected):
    means = dict(zip(cells(len(values)), values, strict=True))
    assert _standing(ACCURACY, means) == expected


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (2, "by themselves they prove nothing"),
        (3, "Intervals over seeds are Student's;"),
        (9, "Intervals over seeds are Student's;"),
        (10, "Intervals over seeds are bootstrap-t, below ten seeds Student's;"),
    ],
)
def test_the_caveat_names_the_interval_that_is_drawn(seeds, said):
    trials = [SimpleNamespace(seed=seed, recipe={"epochs": 5}) for seed in range(seeds)]
    assert said in caveat(cast(Any, trials))
