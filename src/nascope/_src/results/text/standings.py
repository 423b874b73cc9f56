"""Where an original stands, in words."""

from __future__ import annotations

from nascope._src.results.stats.contrasts import Standing
from nascope._src.results.text.numbers import ordinal


def rank_in_words(standing: Standing, *, higher_is_better: bool) -> str:
    """Return a rank, as "the 2nd lowest of 5" or "tied for the highest of 5"."""
    first = round(standing.rank - standing.ties / 2)
    extreme = "highest" if higher_is_better else "lowest"
    nth = extreme if first == 1 else f"{ordinal(first)} {extreme}"
    return f"{'tied for ' if standing.ties else ''}the {nth} of {standing.members}"
