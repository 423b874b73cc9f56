"""The levels that trials share, in words."""

from __future__ import annotations

from nascope._src.results.levels import DataLevels


def rule_in_words(levels: DataLevels) -> str:
    """Return how the landscape's level was chosen."""
    match levels.landscape_rule:
        case "chance":
            return f"ln {levels.classes}, the loss of a uniform guess among the classes"
        case "median":
            return "the median of all finite losses on the grids"
    return "no landscape was measured"
