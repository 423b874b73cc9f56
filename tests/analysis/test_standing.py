"""Originals among their variants: exact nulls, ties, divergence, the shift's interval."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from nascope.analysis.standing import contrast


def test_against_brute_force() -> None:
    families = {"a": (2.0, [1.0, 3.0, 3.0]), "b": (5.0, [5.0, 7.0]), "c": (1.0, [4.0])}
    found = contrast(families)
    pools = [[original, *variants] for original, variants in families.values()]

    def share(pool: list[float], place: int) -> float:
        others = pool[:place] + pool[place + 1 :]
        return sum((v > pool[place]) + (v == pool[place]) / 2 for v in others) / len(others)

    sums = [
        sum(share(pool, k) for pool, k in zip(pools, places, strict=True))
        for places in itertools.product(*(range(len(pool)) for pool in pools))
    ]
    own = sum(share(pool, 0) for pool in pools)
    assert found.share == pytest.approx(own / 3)
    assert found.p_better == pytest.approx(np.mean([s >= own - 1e-12 for s in sums]))
    assert found.p_worse == pytest.approx(np.mean([s <= own + 1e-12 for s in sums]))


def test_the_best_of_five_in_three_families() -> None:
    found = contrast({k: (0.0, [1.0, 2.0, 3.0, 4.0]) for k in "abc"})
    assert found.p_better == pytest.approx(1 / 125)
    assert found.smallest_p == found.p_better
    assert [one.rank for one in found.standings] == [1, 1, 1]


def test_direction() -> None:
    families = {"a": (9.0, [1.0, 2.0])}
    assert contrast(families).share == 0
    assert contrast(families, higher_is_better=True).share == 1


def test_divergence_ranks_last_and_leaves_no_shift() -> None:
    found = contrast({"a": (math.inf, [1.0, 2.0, math.inf])})
    assert found.share == pytest.approx(1 / 6)  # tied with the other that diverged
    assert math.isnan(found.shift)
    assert found.low is None


def test_nothing_to_compare() -> None:
    assert contrast({}) is None
    assert contrast({"a": (1.0, [])}) is None


@pytest.mark.parametrize(("families", "variants"), [(1, 4), (1, 10), (3, 4), (5, 4)])
def test_coverage_of_the_shift(families: int, variants: int) -> None:
    generator = np.random.default_rng(4)
    draws, held = 2000, 0
    for _ in range(draws):
        own = {
            str(f): (generator.normal() - 1, list(generator.normal(size=variants)))
            for f in range(families)
        }
        found = contrast(own)
        held += found.low <= -1 <= found.high
    assert held / draws == pytest.approx(0.95, abs=0.016)  # 3.3 standard errors
