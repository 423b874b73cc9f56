"""Helpers that check values from outside and show them in errors."""

from __future__ import annotations


def is_index(value: object) -> bool:
    """Return whether a value is an integer and not a bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def short(value: object, limit: int = 60) -> str:
    """Return a value as an error shows it: its repr, cut off after ``limit`` characters."""
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "…"
