"""Originals among their variants: exact nulls, ties, divergence, the shift's interval."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from nascope._src.results.stats.contrasts import contrast, detectable_shift
from nascope._src.results.stats.keys import wiring_keys


def test_against_brute_force() -> None:
    families = {"a": (2.0, [1.0, 3.0, 3.0]), "b": (5.0, [5.0, 7.0]), "c": (1.0, [4.0])}
    result = contrast(families)
    pools = [[original, *variants] for original, variants in families.values()]

    def share(pool: list[float], place: int) -> float:
        others = pool[:place] + pool[place + 1 :]
        return sum((v > pool[place]) + (v == pool[place]) / 2 for v in others) / len(others)

    sums = [
        sum(share(pool, k) for pool, k in zip(pools, places, strict=True))
        for places in itertools.product(*(range(len(pool)) for pool in pools))
    ]
    observed = sum(share(pool, 0) for pool in pools)
    assert result.share == pytest.approx(observed / 3)
    assert result.p_better == pytest.approx(np.mean([s >= observed - 1e-12 for s in sums]))
    assert result.p_worse == pytest.approx(np.mean([s <= observed + 1e-12 for s in sums]))


def test_the_best_of_five_in_three_families() -> None:
    result = contrast({k: (0.0, [1.0, 2.0, 3.0, 4.0]) for k in "abc"})
    assert result.p_better == pytest.approx(1 / 125)
    assert result.smallest_p == result.p_better
    assert [standing.rank for standing in result.standings] == [1, 1, 1]


def test_ties_of_the_best_leave_the_worst_testable() -> None:
    """No member stands out as the best of its family; the worst one does, alone."""
    result = contrast({name: (9.0, [1.0, 1.0, 1.0, 1.0]) for name in "abc"})
    assert contrast({name: (1.0, [1.0, 1.0, 1.0, 9.0]) for name in "abc"}).p_better > 0.025
    assert result.p_worse == result.smallest_p == pytest.approx(1 / 125)


def test_variants_that_all_tie_leave_no_interval() -> None:
    result = contrast({"a": (1.4, [0.7, 0.7, 0.7])})
    assert result.shift == pytest.approx(0.7)
    assert result.low is result.high is result.detectable is None


def test_direction() -> None:
    families = {"a": (9.0, [1.0, 2.0])}
    assert contrast(families).share == 0
    assert contrast(families, higher_is_better=True).share == 1


def test_divergence_ranks_last_and_leaves_no_shift() -> None:
    result = contrast({"a": (math.inf, [1.0, 2.0, math.inf])})
    assert result.share == pytest.approx(1 / 6)  # tied with the other that diverged
    assert math.isnan(result.shift)
    assert result.low is None


def test_nothing_to_compare() -> None:
    assert contrast({}) is None
    assert contrast({"a": (1.0, [])}) is None


def test_shared_variants_are_mann_and_whitneys() -> None:
    """Three originals first of the same four: 1 of the 35 orders of three and four."""
    families = {name: (0.0, [1.0, 2.0, 3.0, 4.0]) for name in "abc"}
    result = contrast(families, dict.fromkeys("abc", "wxyz"))
    assert result.shared
    assert result.smallest_p == result.p_better == pytest.approx(1 / 35, abs=0.002)
    middle = {name: (2.5, [1.0, 2.0, 3.0, 4.0]) for name in "abc"}
    exact = stats.mannwhitneyu([0.4, 0.5, 0.6], [0.1, 0.2, 0.8, 0.9], method="exact")
    result = contrast(middle, dict.fromkeys("abc", "wxyz"))
    assert result.p_better == pytest.approx(exact.pvalue / 2, abs=0.1)  # two-sided, the centre


def test_some_shared_variants_lie_between() -> None:
    families = {name: (0.0, [1.0, 2.0, 3.0, 4.0]) for name in "abc"}
    apart = contrast(families).p_better
    some = contrast(families, {"a": "wxyz", "b": "wxst", "c": "klmn"})
    every = contrast(families, dict.fromkeys("abc", "wxyz")).p_better
    assert some.shared
    assert not contrast(families).shared
    assert apart < some.p_better < every
    assert contrast(families, {"a": "abcd", "b": "efgh", "c": "ijkl"}).p_better == apart


def test_the_interval_against_welch() -> None:
    """Two families of unequal spread, nothing shared: by the textbook's formulas."""
    families = {"a": (0.0, [1.0, 2.0, 4.0]), "b": (3.0, [10.0, 30.0, 20.0, 90.0])}
    result = contrast(families)
    parts = [np.var(v, ddof=1) * (1 + 1 / len(v)) / 4 for _, v in families.values()]
    degrees = sum(parts) ** 2 / sum(
        p**2 / (len(v) - 1) for p, (_, v) in zip(parts, families.values(), strict=True)
    )
    shift = np.mean([o - np.mean(v) for o, v in families.values()])
    half = stats.t.ppf(0.975, degrees) * math.sqrt(sum(parts))
    assert result.degrees == pytest.approx(degrees)
    assert (result.low, result.high) == pytest.approx((shift - half, shift + half))


@pytest.mark.parametrize(
    ("families", "variants", "shared"),
    [(3, 4, False), (5, 4, False), (3, 10, False), (5, 4, True), (5, 10, True)],
)
def test_the_detectable_shift_is_found_at_its_power(
    families: int, variants: int, shared: bool
) -> None:
    """By the rule that decides, at the detectable shift, in families whose spread is 3."""
    generator = np.random.default_rng(9)
    names = [str(f) for f in range(families)]
    keys = {f: range(variants) if shared else [(f, k) for k in range(variants)] for f in names}
    draws, detected, detectable = 2000, 0, []
    shift = 3 * detectable_shift(wiring_keys({f: (0.0, [0.0] * variants) for f in names}, keys))
    for _ in range(draws):
        common = generator.normal(size=variants)
        numbers = {
            f: (
                shift + 3 * generator.normal(),
                list(3 * (common if shared else generator.normal(size=variants))),
            )
            for f in names
        }
        result = contrast(numbers, keys, higher_is_better=True)
        detected += result.p_better <= 0.025
        detectable.append(result.detectable)
    assert detected / draws == pytest.approx(0.8, abs=0.05)
    assert np.mean(np.square(detectable)) == pytest.approx(shift**2, rel=0.1)


def test_nothing_is_detectable_where_ranks_cannot_decide() -> None:
    for result in (
        contrast({"a": (0.0, [1.0, 2.0, 3.0, 4.0])}),
        contrast(
            {name: (0.0, [1.0, 2.0, 4.0, 9.0]) for name in "abc"}, dict.fromkeys("abc", "wxyz")
        ),
    ):
        assert result.smallest_p > 0.025
        assert result.low < result.high
        assert result.detectable is None


@pytest.mark.parametrize("same_variants", [False, True])
@pytest.mark.parametrize("part", [0.0, 0.8, 1.0])
def test_originals_of_one_wiring_are_no_more_evidence(part: float, same_variants: bool) -> None:
    """Three of five originals have one; what a wiring does is alike in part, wholly or not at all."""
    generator = np.random.default_rng(5)
    names, originals, variants, draws = "abcde", dict(zip("abcde", "xxxyz", strict=True)), 6, 600
    wrong = held = 0
    for _ in range(draws):
        by_original = {key: generator.normal() for key in "xyz"}
        common = {(f if not same_variants else "", k): generator.normal()
                  for f in names for k in range(variants)}  # fmt: skip
        keys = {f: [(f if not same_variants else "", k) for k in range(variants)] for f in names}

        def number(wiring: float) -> float:
            return math.sqrt(part) * wiring + math.sqrt(1 - part) * generator.normal()

        numbers = {
            f: (number(by_original[originals[f]]), [number(common[key]) for key in keys[f]])
            for f in names
        }
        result = contrast(numbers, keys, originals)
        assert result.shared
        wrong += result.p_better <= 0.025 or result.p_worse <= 0.025
        held += result.low <= 0 <= result.high
    assert wrong / draws <= 0.05 + 0.027  # 3 standard errors
    assert held / draws >= 0.95 - 0.027


EVEN, UNEVEN = (1.0, 1.0, 1.0, 1.0, 1.0), (0.3, 0.6, 2.3, 1.0, 4.0)


@pytest.mark.parametrize(
    ("families", "variants", "shared", "spreads"),
    [
        (1, 4, None, EVEN),
        (1, 10, None, EVEN),
        (3, 4, None, EVEN),
        (3, 4, None, UNEVEN),
        (3, 4, 0.0, UNEVEN),
        (3, 4, 0.8, UNEVEN),
        (5, 4, 0.8, EVEN),
        (5, 10, 1.0, UNEVEN),
    ],
)
def test_coverage_of_the_shift_and_rate_of_the_test(
    families: int, variants: int, shared: float | None, spreads: tuple[float, ...]
) -> None:
    """Also where families share what wirings do, wholly or in part; None: wirings of their own."""
    generator = np.random.default_rng(4)
    draws, held, wrong = 600, 0, 0
    part = shared or 0.0
    keys = None if shared is None else {str(f): range(variants) for f in range(families)}
    for _ in range(draws):
        common = math.sqrt(part) * generator.normal(size=variants)
        separate = math.sqrt(1 - part) * generator.normal(size=(families, variants))
        numbers = {
            str(f): (spreads[f] * generator.normal(), list(spreads[f] * (common + separate[f])))
            for f in range(families)
        }
        result = contrast(numbers, keys)
        held += result.low <= 0 <= result.high
        wrong += result.p_better <= 0.025 or result.p_worse <= 0.025
    assert held / draws >= 0.95 - 0.029  # 3.3 standard errors
    assert held / draws <= 0.99
    assert wrong / draws <= 0.05 + 0.029


def test_chance_of_the_best_variant() -> None:
    generator = np.random.default_rng(0)
    draws = generator.normal(size=(20_000, 11))
    won = (draws[:, 1:].max(axis=1) > draws[:, 0]).mean()
    assert contrast({"a": (0.0, [1.0] * 10)}).standings[0].chance_of_a_better_one == pytest.approx(
        won, abs=0.01
    )
