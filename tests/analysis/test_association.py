"""Association within families: against scipy, by permutation, and its interval's coverage."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from nascope.analysis.association import association, midranks, spearman


def test_midranks_and_spearman_are_scipys() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        x, y = generator.integers(0, 6, size=(2, 9)).astype(float)
        assert midranks(x).tolist() == stats.rankdata(x).tolist()
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)


def test_exact_p_against_brute_force() -> None:
    x, y = [1.0, 2.0, 2.0, 4.0, 5.0], [3.0, 1.0, 4.0, 1.0, 5.0]
    found = association([(x, y)])
    every = [spearman(x, order) for order in itertools.permutations(y)]
    assert found.exact
    assert found.p_positive == pytest.approx(np.mean(np.array(every) >= found.rho - 1e-12))
    assert found.p_negative == pytest.approx(np.mean(np.array(every) <= found.rho + 1e-12))


def test_families_do_not_pass_for_an_association() -> None:
    """Two families that differ in both, and nothing within either: pooled naively, ρ is 0.8."""
    low = ([1.0, 1.0, 2.0, 2.0], [1.0, 2.0, 1.0, 2.0])
    high = ([11.0, 11.0, 12.0, 12.0], [11.0, 12.0, 11.0, 12.0])
    found = association([low, high])
    assert found.rho == pytest.approx(0)
    assert spearman(low[0] + high[0], low[1] + high[1]) > 0.75


def test_drawn_permutations_agree_with_all() -> None:
    generator = np.random.default_rng(3)
    x = [generator.normal(size=5) for _ in range(2)]
    y = [a + generator.normal(size=5) for a in x]
    exact = association(list(zip(x, y, strict=True)))
    again = association([(np.tile(a, 1), np.tile(b, 1)) for a, b in zip(x, y, strict=True)], seed=5)
    assert exact.exact
    assert exact == again
    more = [generator.normal(size=12) for _ in range(2)]
    drawn = association([(a, a + generator.normal(size=12)) for a in more])
    assert not drawn.exact
    assert drawn.p_positive >= 1 / 20_001


def test_constant_widths_tell_nothing() -> None:
    found = association([([2.0, 2.0, 2.0], [1.0, 2.0, 3.0])])
    assert math.isnan(found.rho)
    assert found.p_positive == found.p_negative == 1
    assert association([([1.0], [2.0])]) is None


def test_infinite_numbers_rank_last() -> None:
    assert association([([1.0, 2.0, 3.0], [math.inf, 5.0, 1.0])]).rho == pytest.approx(-1)


@pytest.mark.parametrize(("families", "size"), [(1, 10), (3, 4), (5, 4)])
def test_null_rate_and_coverage(families: int, size: int) -> None:
    """No association: p is uniform enough, and the interval holds zero."""
    generator = np.random.default_rng(7)
    draws, rejected, held = 400, 0, 0
    for _ in range(draws):
        own = [(generator.normal(size=size), generator.normal(size=size)) for _ in range(families)]
        found = association(own)
        rejected += found.p_positive <= 0.025 or found.p_negative <= 0.025
        held += found.low <= 0 <= found.high
    assert rejected / draws <= 0.083  # 5 % and 3 standard errors
    assert held / draws >= 0.917
