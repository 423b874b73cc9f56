"""Numbers as text: digits, signs, percentages, p-values, plurals."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascope._src.results.stats.contrasts import contrast
from nascope._src.results.stats.correlation import correlate_within
from nascope._src.results.text.numbers import (
    capital,
    counted,
    format_number,
    format_p,
    format_percent,
    in_digits,
    listed,
    lower_first,
    ordinal,
    p_of,
    readable,
    rho_of,
    signed,
)


@pytest.mark.parametrize(
    ("value", "short", "long"),
    [
        (0.0, "0", "0.00"),
        (0.0996, "0.0996", "0.0996"),
        (0.99999, "1", "1.00"),
        (999.9, "1,000", "1,000"),
        (-2.5, "-2.5", "-2.50"),
        (5e-324, "4.94 × 10⁻³²⁴", "4.94 × 10⁻³²⁴"),
        (1e308, "10³⁰⁸", "1.00 × 10³⁰⁸"),
    ],
)
def test_numbers_in_writing(value: float, short: str, long: str) -> None:
    assert readable(value) == short
    assert in_digits(value) == long


@given(st.floats(-1e300, 1e300))
def test_three_digits_are_right(value: float) -> None:
    """Read back, a number differs by half a unit of its third digit at most."""
    text = in_digits(value).replace(",", "")
    number, _, exponent = text.partition(" × 10")
    power = exponent.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or "0"
    assert float(f"{number}e{power}") == pytest.approx(value, rel=5.01e-3, abs=1e-323)


def test_numbers_that_are_not_finite() -> None:
    assert in_digits(math.nan) == in_digits(math.inf) == readable(-math.inf) == "not finite"


@pytest.mark.parametrize(
    ("value", "sign", "text"),
    [
        (0.5, "+", "+0.5"),
        (-0.5, "", "−0.5"),
        (1000.4, "", "1,000"),
        (-123456.7, "+", "−123,457"),
        (1.5e-7, "", "1.5e-07"),
        (0.0, "+", "+0"),
    ],
)
def test_numbers_with_three_digits(value: float, sign: str, text: str) -> None:
    assert format_number(value, sign) == text


def test_zero_has_a_plus() -> None:
    assert signed(0.0) == signed(-0.0) == signed(0.001) == "+0.00"
    assert signed(-1.25, 1) == "−1.2"
    assert signed(-12.0, 0) == "−12"


def test_p_values_and_percentages() -> None:
    assert [format_p(p) for p in (1.0, 0.025, 0.000123)] == ["1", "0.025", "0.00012"]
    assert [format_percent(x) for x in (0.0, 0.006, 0.126, 1.0)] == ["0 %", "1 %", "13 %", "100 %"]


def test_only_a_p_of_families_that_share_nothing_is_exact() -> None:
    families = {name: (0.0, [1.0, 2.0]) for name in "ab"}
    assert p_of(contrast(families)).startswith("exact p = ")
    assert p_of(contrast(families, dict.fromkeys("ab", "xy"))).startswith("p = ")


def test_a_correlation_has_an_interval_if_there_are_enough_wirings() -> None:
    assert rho_of(correlate_within([(range(3), range(3))])) == "ρ = +1.00, p = 0.33"
    assert rho_of(correlate_within([(range(6), range(6))])).startswith("ρ = +1.00 [+0.")
    among = dataclasses.replace(
        correlate_within([(range(3), range(3))]), p_adjusted=1.0, examined=48
    )
    assert rho_of(among) == "ρ = +1.00, p = 0.33 (1 adjusted for 48 correlations)"
    constant = correlate_within([([1, 1], [1.0, 2.0])])
    assert rho_of(constant) == "ρ is undefined because all are equal"


def test_plurals_and_ordinals() -> None:
    assert counted(0, "cell") == "0 cells"
    assert counted(1234, "family", "families") == "1,234 families"
    expected = ["11th", "12th", "13th", "21st", "101st", "111th", "122nd", "113th"]
    assert [ordinal(n) for n in (11, 12, 13, 21, 101, 111, 122, 113)] == expected


def test_letters_and_lists() -> None:
    assert (capital(""), lower_first("")) == ("", "")
    assert capital("√g") == "√g"
    assert listed(["a", "b"], 2) == "a, b"
    assert listed([], 2) == ""
