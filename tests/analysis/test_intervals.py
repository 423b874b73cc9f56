"""Student's intervals: none below three seeds, and 95 % of them hold the truth."""

import math
import random

import pytest

from nascope.analysis import over_seeds


def test_no_interval_below_three_seeds() -> None:
    assert over_seeds([1.0, 2.0]).low is None
    assert over_seeds([1.0]).high is None
    assert over_seeds([]).seeds == 0


def test_against_a_printed_table() -> None:
    # t with 4 degrees of freedom, 97.5 %: 2.776
    estimate = over_seeds([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.776 * math.sqrt(2.5) / math.sqrt(5)
    assert estimate.mean == 3
    assert estimate.low == pytest.approx(3 - half, abs=1e-3)
    assert estimate.high == pytest.approx(3 + half, abs=1e-3)


@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_a_lost_seed_leaves_no_mean(lost: float) -> None:
    estimate = over_seeds([1.0, 2.0, lost])
    assert math.isnan(estimate.mean)
    assert estimate.low is None


@pytest.mark.parametrize("seeds", [3, 5])
def test_coverage_at_the_n_really_used(seeds: int) -> None:
    generator, draws = random.Random(0), 4000
    held = 0
    for _ in range(draws):
        estimate = over_seeds([generator.gauss(0, 1) for _ in range(seeds)])
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= 0 <= estimate.high
    assert held / draws == pytest.approx(0.95, abs=0.012)  # some 3.5 standard errors
