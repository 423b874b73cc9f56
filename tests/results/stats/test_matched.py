"""The sign-flip test: against enumeration, and on planted effects and nulls."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nascope._src.results.stats.contrasts import contrast, permutation_p
from nascope._src.results.stats.matched import (
    DRAWS,
    FEWEST,
    MOST_EXACT,
    Flips,
    detectable_by_pairs,
    matched_test,
    signed_ranks,
)

STUDIES = 1_000
THOUSANDTHS = st.integers(-3000, 3000).map(lambda number: number / 1000)


def _enumerated(differences):
    """Both one-sided p-values, by going through all signs."""
    total = sum(differences)
    slack = 1e-9 * sum(map(abs, differences))
    sums = [
        sum(sign * d for sign, d in zip(signs, differences, strict=True))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    share = lambda holds: sum(map(holds, sums)) / len(sums)  # noqa: E731
    return share(lambda s: s >= total - slack), share(lambda s: s <= total + slack)


@settings(max_examples=60)
@given(st.lists(st.integers(-6, 6) | THOUSANDTHS, min_size=1, max_size=9))
def test_p_values_are_those_of_all_signs(differences):
    test = matched_test(list(map(float, differences)))
    assert test.exact
    assert (test.p_greater, test.p_less) == pytest.approx(_enumerated(differences))
    assert test.shift == pytest.approx(statistics.fmean(differences))


@settings(max_examples=40)
@given(st.lists(THOUSANDTHS, min_size=FEWEST, max_size=9))
def test_the_interval_holds_what_is_not_rejected(differences):
    """Its ends are order statistics of the means of subsets."""
    test = matched_test(differences)
    means = sorted(
        statistics.fmean(subset)
        for size in range(1, len(differences) + 1)
        for subset in itertools.combinations(differences, size)
    )
    place = math.floor(0.025 * 2 ** len(differences))
    assert (test.low, test.high) == pytest.approx((means[place - 1], means[-place]), abs=1e-8)


def test_too_few_pairs_have_no_interval_and_cannot_decide():
    test = matched_test([1.0] * (FEWEST - 1))
    assert (test.low, test.high, test.detectable) == (None, None, None)
    assert test.smallest_p == test.p_greater == 2.0 ** -(FEWEST - 1) > 0.025
    assert matched_test([1.0] * FEWEST).p_greater <= 0.025
    assert detectable_by_pairs(1.0, FEWEST - 1) is None
    assert matched_test([]) is None


def test_infinite_differences_are_tested_by_signed_ranks():
    differences = [-math.inf, -1.0, -2.0, 0.5, -3.0, -math.inf, 0.0, -0.7]
    test, ranked = matched_test(differences), matched_test(signed_ranks(differences))
    assert (test.p_less, test.p_greater) == (ranked.p_less, ranked.p_greater)
    assert math.isnan(test.shift)
    assert (test.low, test.positive, test.negative) == (None, 1, 6)
    assert signed_ranks(differences) == [-6.5, -3.0, -4.0, 1.0, -5.0, -6.5, 0.0, -2.0]


def test_many_pairs_are_sampled():
    differences = np.random.default_rng(0).normal(0.3, 1, MOST_EXACT + 1)
    sampled = matched_test(list(differences))
    z = differences.sum() / math.sqrt((differences**2).sum())
    normal = 0.5 * math.erfc(z / math.sqrt(2))
    assert not sampled.exact
    assert sampled.p_greater == pytest.approx(normal, rel=0.15)
    assert sampled.smallest_p == 1 / DRAWS
    assert sampled.low < sampled.shift < sampled.high


def test_ten_pairs_have_the_power_that_the_plan_promises():
    """76 to 84 % of planted effects are found, and at most 35 of 1,000 nulls on each side."""
    effect = detectable_by_pairs(0.029, 10)
    generator = np.random.default_rng(1)
    noise = math.sqrt(2) * 0.029 * generator.normal(size=(2, STUDIES, 10))
    found = sum(Flips(pairs - effect).at_least(0.0) <= 0.025 for pairs in noise[0])
    assert 0.76 * STUDIES <= found <= 0.84 * STUDIES
    nulls = [Flips(pairs) for pairs in noise[1]]
    assert sum(flips.at_least(0.0) <= 0.025 for flips in nulls) <= 35
    assert sum(flips.at_most(0.0) <= 0.025 for flips in nulls) <= 35


def test_intervals_cover_the_truth():
    generator = np.random.default_rng(2)
    tests = [matched_test(list(generator.normal(0.5, 1, 8))) for _ in range(300)]
    assert 270 <= sum(test.low <= 0.5 <= test.high for test in tests) <= 296


@pytest.mark.parametrize(("width", "depth"), [(0.7, 0.0), (0.0, 0.7)])
def test_a_factorial_attributes_an_effect_to_its_factor(width, depth):
    """Ten blocks of 2 × 2, as promised: only the planted factor is found."""
    effect = detectable_by_pairs(1.0, 20)
    generator = np.random.default_rng(3)
    y = generator.normal(size=(STUDIES, 10, 1, 1)) + generator.normal(size=(STUDIES, 10, 2, 2))
    y[:, :, 1, :] -= effect * (width > 0)  # the wider cell has the smaller area
    y[:, :, :, 1] += effect * (depth > 0)
    differences = {
        "width": (y[:, :, 1, :] - y[:, :, 0, :]).reshape(STUDIES, 20),
        "depth": (y[:, :, :, 0] - y[:, :, :, 1]).reshape(STUDIES, 20),
    }
    ahead, behind = (
        {
            name: sum(getattr(Flips(pairs), side)(0.0) <= 0.025 for pairs in own)
            for name, own in differences.items()
        }
        for side in ("at_least", "at_most")
    )
    planted, other = ("width", "depth") if width else ("depth", "width")
    assert 0.76 * STUDIES <= ahead[planted] <= 0.84 * STUDIES
    assert ahead[other] <= 35
    assert behind[other] <= 35


# ---------------------------------------------------------------- originals against variants


def test_the_permutation_of_the_shift_goes_through_all_originals():
    families = [(0.3, [1.0, 2.5]), (0.0, [-1.0, 0.7, 4.0])]
    sums = []
    for places in itertools.product(range(3), range(4)):
        shift = 0.0
        for (original, variants), place in zip(families, places, strict=True):
            members = [original, *variants]
            others = members[:place] + members[place + 1 :]
            shift += members[place] - statistics.fmean(others)
        sums.append(shift)
    less = sum(s <= sums[0] + 1e-9 for s in sums) / 12
    greater = sum(s >= sums[0] - 1e-9 for s in sums) / 12
    assert permutation_p(families) == pytest.approx(2 * min(less, greater))
    assert permutation_p([(0.0, [1.0, math.inf])]) is None


def test_the_permutation_of_the_shift_finds_more_than_ranks():
    """Five families of four variants, at the same null level."""
    generator = np.random.default_rng(4)
    found = {1.4: [0, 0], 0.0: [0, 0]}
    for shift, counts in found.items():
        for _ in range(400):
            numbers = generator.normal(size=(5, 5))
            families = {str(f): (own[0] - shift, list(own[1:])) for f, own in enumerate(numbers)}
            test = contrast(families)
            counts[0] += test.p <= 0.05
            counts[1] += test.p_shift <= 0.05
    ranks, permuted = (count / 400 for count in found[1.4])
    assert 0.52 < ranks < 0.66
    assert 0.70 < permuted < 0.82
    assert max(found[0.0]) <= 35


def test_families_that_share_wirings_have_no_permutation_p():
    families = {"a": (0.0, [1.0, 2.0]), "b": (0.0, [1.0, 2.0])}
    assert contrast(families).p_shift is not None
    assert contrast(families, {"a": [0, 1], "b": [0, 1]}).p_shift is None
