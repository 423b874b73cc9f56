"""Wirings as numbers, and the null distribution of families that share them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nascope._src.results.stats.keys import at_least, shared_null, wiring_keys

TWO = {"a": (0.0, [1.0, 2.0]), "b": (0.0, [1.0, 2.0, 3.0])}


def test_equal_wirings_have_equal_numbers() -> None:
    keys = wiring_keys(TWO, {"a": ["x", "y"], "b": ["y", "z", "y"]}, {"a": "o", "b": "o"})
    assert keys.variants == ((0, 1), (1, 2, 1))
    assert keys.originals == (0, 0)
    assert keys.sizes == [2, 3]
    assert keys.are_shared


def test_designs_of_one_form_are_equal_whatever_their_keys() -> None:
    first = wiring_keys(TWO, {"a": "xy", "b": "xyz"})
    assert first == wiring_keys(TWO, {"a": [7, 8], "b": [7, 8, 9]})
    assert first != wiring_keys(TWO, {"a": "xy", "b": "zvw"})


def test_without_keys_nothing_is_shared() -> None:
    keys = wiring_keys(TWO)
    assert (keys.originals, keys.variants) == ((0, 1), ((0, 1), (2, 3, 4)))
    assert not keys.are_shared
    assert wiring_keys(TWO, originals={"a": "o", "b": "o"}).are_shared


def test_a_wiring_has_the_same_number_in_every_family() -> None:
    keys = wiring_keys(TWO, {"a": "xy", "b": "yxz"}, {"a": "o", "b": "o"})
    originals, (first, second) = keys.draw(np.random.default_rng(0).random, 5)
    assert (originals.shape, first.shape, second.shape) == ((5, 2), (5, 2), (5, 3))
    np.testing.assert_array_equal(originals[:, 0], originals[:, 1])
    np.testing.assert_array_equal(first[:, ::-1], second[:, :2])


def test_the_null_of_shared_variants_is_mann_and_whitneys() -> None:
    """U of F originals and n variants is n times the sum of standings."""
    count, size = 3, 4
    families = {name: (0.0, [1.0] * size) for name in "abc"}
    null = shared_null(wiring_keys(families, dict.fromkeys("abc", "wxyz")))
    assert (np.diff(null) >= 0).all()
    np.testing.assert_allclose(null + null[::-1], count)  # symmetric
    for u in range(count * size + 1):
        exact = stats.mannwhitneyu(*_samples(count, size, u), alternative="greater", method="exact")
        assert at_least(null, u / size) == pytest.approx(exact.pvalue, abs=0.01)


def _samples(count: int, size: int, u: int) -> tuple[list[float], list[float]]:
    """Two samples whose Mann-Whitney U is the one given."""
    variants = [float(k) for k in range(size)]
    originals = []
    for _ in range(count):
        beaten = min(size, u)
        originals.append(beaten - 0.5 + 0.01 * len(originals))
        u -= beaten
    return originals, variants


def test_the_observed_total_counts_as_a_draw() -> None:
    null = np.array([0.0, 1.0, 2.0])
    assert at_least(null, 2.0) == 2 / 4
    assert at_least(null, 3.0) == 1 / 4
    assert at_least(null, -1.0) == 1
