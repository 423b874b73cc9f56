"""Describe the result of a search in a few lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from nascope._src.cells.graph import topology

if TYPE_CHECKING:
    from nascope._src.study.search.candidates import ScoredProposal, Search


def search_lines(search: Search, candidates: Sequence[ScoredProposal]) -> list[str]:
    """Return the best candidate, and how width and depth changed over the search."""
    from nascope._src.study.search.candidates import best_of  # noqa: PLC0415

    best = best_of(candidates)
    accuracy = "diverged" if math.isnan(best.accuracy) else f"{best.accuracy:.2%}"
    wiring = topology(best.genotype.normal)
    lines = [
        f"best of {len(candidates)}: candidate {best.number}, validation accuracy {accuracy}, "
        f"normal cell {float(wiring.fractional_width):g}c wide and {wiring.depth} deep"
    ]
    census = search.space_of("normal").census()
    total = sum(census.counts.values())
    shares = {point: count / total for point, count in census.counts.items()}
    width = sum(share * float(point.fractional_width) for point, share in shares.items())
    depth = sum(share * point.depth for point, share in shares.items())
    lines.append(f"  {'normal cells':<28}{'width':>8}{'depth':>8}")
    lines.append(f"  {f'space {search.within}, mean':<28}{width:>7.2f}c{depth:>8.2f}")
    quarter = max(1, len(candidates) // 4)
    for name, part in (("first", candidates[:quarter]), ("last", candidates[-quarter:])):
        wirings = [topology(candidate.genotype.normal) for candidate in part]
        width = fmean(float(wiring.fractional_width) for wiring in wirings)
        depth = fmean(wiring.depth for wiring in wirings)
        title = f"{name} {len(part)} candidates, mean"
        lines.append(f"  {title:<28}{width:>7.2f}c{depth:>8.2f}")
    return lines
