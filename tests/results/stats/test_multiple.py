"""Adjusted p-values."""

from nascope._src.results.stats.multiple import holm


def test_holm_multiplies_the_smallest_by_their_number() -> None:
    assert holm([]) == []
    assert holm([0.5]) == [0.5]
    assert holm([1.0, 1e-9]) == [1.0, 2e-9]
    assert holm([0.03, 0.01, 0.04]) == [0.06, 0.03, 0.06]  # never below that of a smaller p
