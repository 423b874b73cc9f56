"""Correlation within families: against scipy, by permutation, and its interval's coverage."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from nascope._src.results.stats.correlation import (
    Correlation,
    correlate_within,
    linked_families,
    spearman,
)


def test_spearman_is_scipys() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        x, y = generator.integers(0, 6, size=(2, 9)).astype(float)
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)


@pytest.mark.filterwarnings("error")
def test_spearman_is_exact_at_its_ends_and_nan_without_an_order() -> None:
    for size in range(2, 12):
        assert spearman(range(size), range(size)) == 1
        assert spearman(range(size), range(size)[::-1]) == -1
    assert spearman([1.0, 2.0, math.inf], [-math.inf, 0.0, 1.0]) == 1
    for x, y in (([], []), ([1.0], [2.0]), ([1.0, 1.0], [1.0, 2.0]), ([1.0, 2.0], [0.0, 0.0])):
        assert math.isnan(spearman(x, y))


def test_exact_p_against_brute_force() -> None:
    x, y = [1.0, 2.0, 2.0, 4.0, 5.0], [3.0, 1.0, 4.0, 1.0, 5.0]
    result = correlate_within([(x, y)])
    every = [spearman(x, order) for order in itertools.permutations(y)]
    assert result.exact
    assert result.p_positive == pytest.approx(np.mean(np.array(every) >= result.rho - 1e-12))
    assert result.p_negative == pytest.approx(np.mean(np.array(every) <= result.rho + 1e-12))


def test_families_do_not_pass_for_an_correlate_within() -> None:
    """Two families that differ in both, and nothing within either: pooled naively, ρ is 0.8."""
    low = ([1.0, 1.0, 2.0, 2.0], [1.0, 2.0, 1.0, 2.0])
    high = ([11.0, 11.0, 12.0, 12.0], [11.0, 12.0, 11.0, 12.0])
    result = correlate_within([low, high])
    assert result.rho == pytest.approx(0)
    assert spearman(low[0] + high[0], low[1] + high[1]) > 0.75


def test_families_weigh_about_as_much_as_they_have_degrees_of_freedom() -> None:
    """Not by the square of their ranks, of which ten wirings have 16.5 times as much as four."""
    ten, four = np.arange(10.0), np.arange(4.0)
    result = correlate_within([(ten, ten), (four, -four)])
    weights = [sum((x - x.mean()) ** 2) / (len(x) + 1) ** 2 for x in (ten, four)]
    assert result.rho == pytest.approx((weights[0] - weights[1]) / sum(weights))
    assert weights[0] / weights[1] == pytest.approx(3.41, abs=0.01)  # of 9 to 3


def test_drawn_permutations_agree_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    x = [generator.normal(size=5) for _ in range(2)]
    families = [(a, a + generator.normal(size=5)) for a in x]
    exact = correlate_within(families)
    assert exact.exact
    monkeypatch.setattr("nascope._src.results.stats.correlation.MOST_EXACT", 0)
    drawn = correlate_within(families, seed=5)
    assert not drawn.exact
    assert (drawn.rho, drawn.low, drawn.high) == (exact.rho, exact.low, exact.high)
    assert drawn.p_positive == pytest.approx(exact.p_positive, abs=0.01)
    assert drawn.p_negative == pytest.approx(exact.p_negative, abs=0.01)
    perfect = correlate_within([(np.arange(12), np.arange(12))])
    assert perfect.p_positive == 1 / 20_001


def test_the_same_wirings_are_permuted_together() -> None:
    """Against brute force: one permutation for both families, over what both have."""
    x, y, z = [1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0], [2.0, 1.0, 4.0, 3.0]
    result = correlate_within([(x, y), (x, z)], ["abcd", "abcd"])
    centre = [np.array(v) - 2.5 for v in (x, y, z)]
    sums = [
        centre[0] @ centre[1][list(order)] + centre[0] @ centre[2][list(order)]
        for order in itertools.permutations(range(4))
    ]
    observed = centre[0] @ centre[1] + centre[0] @ centre[2]
    assert result.p_positive == pytest.approx(np.mean(np.array(sums) >= observed - 1e-12))
    assert (result.wirings, result.families) == (4, 2)
    other = correlate_within(
        [(x, y), ([5.0, *reversed(x)], [0.0, *reversed(z)])], ["abcd", "edcba"]
    )
    assert other.p_positive == result.p_positive  # in another order, and with one of its own
    linked = correlate_within([(x, y), (x, z)], ["abcd", "aefg"])
    assert (linked.wirings, linked.families) == (4, 1)  # one in common permutes nothing


def test_constant_widths_tell_nothing() -> None:
    result = correlate_within([([2.0, 2.0, 2.0], [1.0, 2.0, 3.0])])
    assert math.isnan(result.rho)
    assert result.p_positive == result.p_negative == 1
    assert correlate_within([([1.0], [2.0])]) is None


def test_infinite_numbers_rank_last() -> None:
    assert correlate_within([([1.0, 2.0, 3.0], [math.inf, 5.0, 1.0])]).rho == pytest.approx(-1)


DRAWS = 400


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("sizes", [[10], 3 * [4], 5 * [4], [10, 4, 4, 4, 4]])
def test_null_rate_and_coverage(
    sizes: list[int], ties: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No association: p is uniform enough, and the interval holds zero; also where widths tie."""
    monkeypatch.setattr("nascope._src.results.stats.correlation.DRAWS", 2_000)  # enough, and fast
    generator = np.random.default_rng(7)
    rejected, held = 0, 0
    for _ in range(DRAWS):
        samples = []
        for size in sizes:
            widths = generator.normal(size=size)
            samples.append((np.round(widths) if ties else widths, generator.normal(size=size)))
        result = correlate_within(samples)
        if math.isnan(result.rho):
            held += 1
            continue
        rejected += result.p_positive <= 0.025 or result.p_negative <= 0.025
        held += result.low <= 0 <= result.high
    assert rejected / DRAWS <= 0.083  # 5 % and 3 standard errors
    assert held / DRAWS >= 0.917


@pytest.mark.parametrize("correlation", [0.5, 0.9])
@pytest.mark.parametrize(("families", "size"), [(1, 10), (3, 4), (5, 4)])
def test_coverage_of_what_is_there(
    families: int, size: int, correlation: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interval holds what ρ is on average, even where a draw orders all perfectly."""
    monkeypatch.setattr(
        "nascope._src.results.stats.correlation.MOST_EXACT", 0
    )  # the test ignores p
    monkeypatch.setattr("nascope._src.results.stats.correlation.DRAWS", 1)
    generator = np.random.default_rng(8)

    def draw() -> Correlation:
        samples: list[tuple[np.ndarray, np.ndarray]] = []
        for _ in range(families):
            x = generator.normal(size=size)
            noise = generator.normal(size=size)
            samples.append((x, correlation * x + math.sqrt(1 - correlation**2) * noise))
        return correlate_within(samples)

    results = [draw() for _ in range(DRAWS)]
    truth = float(np.mean([result.rho for result in results]))
    # 94 to 97 % at 0.5 and 92 to 93 % at 0.9, of 1,500 draws; 3 standard errors of 400
    least = 0.90 if correlation == 0.5 else 0.87
    assert np.mean([result.low <= truth <= result.high for result in results]) >= least


def test_a_perfect_order_is_no_certainty() -> None:
    result = correlate_within([(np.arange(12), np.arange(12))])
    assert result.rho == 1
    assert result.low < 0.995
    assert result.high < 1
    assert correlate_within([(np.arange(5), -np.arange(5))]).high > -0.7


def test_families_are_linked_through_others() -> None:
    (linked,) = linked_families(["ab", "bc", "cd"])
    assert linked.families == (0, 1, 2)
    assert linked.common == ((), (), ())
    alone = linked_families(["aab", "xyz"])
    assert [group.common for group in alone] == [((0, 1, 2),), ((0, 1, 2),)]
