"""Helpers that check values from outside and show them in errors."""

from __future__ import annotations

from nascope._src.errors import GenotypeError


def is_index(value: object) -> bool:
    """Return whether a value is an integer and not a bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_seed(seed: int) -> None:
    """Raise an error unless this is a non-negative integer."""
    if not is_index(seed) or seed < 0:
        raise GenotypeError(f"a seed must be a non-negative integer, not {seed!r}")


def is_text(value: object) -> bool:
    """Return whether a value is a string that can be written: without half a surrogate pair."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def short(value: object, limit: int = 60) -> str:
    """Return a value as an error shows it: its repr, cut off after ``limit`` characters."""
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "…"
