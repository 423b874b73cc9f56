"""Numbers as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nascope._src.results.stats.contrasts import Contrast
from nascope._src.results.stats.correlation import Correlation

_LONG = 1e7  # from here on, powers of ten
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def in_digits(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits.

    >>> [in_digits(x) for x in (0.00012, 2.0, 12345.0, 1.1e6, float("nan"))]
    ['0.000120', '2.00', '12,300', '1.10 × 10⁶', 'not finite']
    """
    if not math.isfinite(value):
        return "not finite"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if value != 0 and not -5 < power < max(6, digits):
        return f"{mantissa} × 10{str(power).translate(SUPERSCRIPTS)}"
    return f"{float(f'{mantissa}e{exponent}'):,.{max(0, digits - 1 - power)}f}"


def readable(value: float, digits: int = 3) -> str:
    """Return a number without trailing zeros, for levels and settings.

    >>> [readable(x) for x in (0.00012, 2.30258, 12345.0, 1e6, 2.5e-7)]
    ['0.00012', '2.3', '12,300', '10⁶', '2.5 × 10⁻⁷']
    """
    number, times, power = in_digits(value, digits).partition(" × ")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return power if times and number == "1" else number + times + power


def format_number(value: float, sign: str = "") -> str:
    """Return a number with three digits, or in full if up to seven stand before the point.

    >>> format_number(6490.3, "+"), format_number(-0.01234), format_number(1.549e20, "+")
    ('+6,490', '−0.0123', '+1.55 × 10²⁰')
    """
    if math.isfinite(value) and abs(value) >= _LONG:
        return f"{'−' if value < 0 else sign}{in_digits(abs(value))}"
    text = f"{value:{sign},.0f}" if abs(value) >= 1000 else f"{value:{sign}.3g}"
    return text.replace("-", "−") if "e" not in text else text


def format_p(p: float) -> str:
    """Return a p-value with two digits.

    >>> format_p(0.0314), format_p(0.00021), format_p(2.4e-8)
    ('0.031', '0.00021', '2.4e-08')
    """
    return f"{p:.2g}"


def format_percent(share: float) -> str:
    """
    >>> format_percent(0.704)
    '70 %'
    """
    return f"{100 * share:.0f} %"


def signed(value: float, digits: int = 2) -> str:
    """Return a number with its sign; zero has a plus.

    >>> signed(-0.5), signed(-0.0)
    ('−0.50', '+0.00')
    """
    return f"{value + 0.0:+.{digits}f}".replace("-", "−")


def with_unit(number: str, unit: str) -> str:
    """
    >>> with_unit("+2", "%"), with_unit("0.5", "")
    ('+2 %', '0.5')
    """
    return f"{number} {unit}" if unit else number


def detectable_text(size: float | None, *, ratio: bool, unit: str) -> str:
    """Return the sentence about the effect that would be detected; empty if it is unknown.

    >>> detectable_text(0.5, ratio=False, unit="points")
    'A difference of ±0.5 points would be detected with 80 % probability.'
    """
    if size is None:
        return ""
    number = with_unit(f"{'' if ratio else '±'}{format_number(size)}", unit)
    return f"A difference of {number} would be detected with 80 % probability."


def without_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a table with None in place of NaN."""
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}


def p_of(test: Contrast) -> str:
    """Return the p of a contrast, and whether it is exact."""
    return f"{'p' if test.shared else 'exact p'} = {format_p(test.p)}"


def rho_of(correlation: Correlation) -> str:
    """Return a rank correlation with its p, and its interval and adjusted p if it has them."""
    if math.isnan(correlation.rho):
        return "ρ is undefined because all are equal"
    interval = ""
    if correlation.low is not None and correlation.high is not None:
        interval = f" [{signed(correlation.low)}, {signed(correlation.high)}]"
    adjusted = ""
    if correlation.p_adjusted is not None:
        several = counted(correlation.examined, "correlation")
        adjusted = f" ({format_p(correlation.p_adjusted)} adjusted for {several})"
    return f"ρ = {signed(correlation.rho)}{interval}, p = {format_p(correlation.p)}{adjusted}"


def counted(count: int, one: str, several: str | None = None) -> str:
    """
    >>> counted(1, "cell"), counted(3, "family", "families")
    ('1 cell', '3 families')
    """
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def ordinal(number: int) -> str:
    """
    >>> [ordinal(number) for number in (1, 2, 3, 11, 22)]
    ['1st', '2nd', '3rd', '11th', '22nd']
    """
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def lower_first(text: str) -> str:
    """
    >>> lower_first("Test loss")
    'test loss'
    """
    return text[:1].lower() + text[1:]


def capital(text: str) -> str:
    """
    >>> capital("test loss")
    'Test loss'
    """
    return text[:1].upper() + text[1:]


def listed(names: list[str], most: int) -> str:
    """Return names separated by commas; of more than ``most``, the number of the others.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
