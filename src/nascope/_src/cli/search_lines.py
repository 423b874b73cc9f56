"""What a search found, in a few lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from nascope._src.cells.graph import topology

if TYPE_CHECKING:
    from nascope._src.study.search.candidates import Candidate, Search


def search_lines(search: Search, found: Sequence[Candidate]) -> list[str]:
    """The best candidate, and how width and depth moved from the first to the last quarter."""
    from nascope._src.study.search.candidates import best_of  # noqa: PLC0415

    best = best_of(found)
    accuracy = "diverged" if math.isnan(best.accuracy) else f"{best.accuracy:.2%}"
    wiring = topology(best.genotype.normal)
    lines = [
        f"best of {len(found)}: candidate {best.number}, validation accuracy {accuracy}, normal "
        f"cell {float(wiring.fractional_width):g}c wide and {wiring.depth} deep"
    ]
    quarter = max(1, len(found) // 4)
    census = search.space_of("normal").census()
    total = sum(census.counts.values())
    shares = {point: count / total for point, count in census.counts.items()}
    width = sum(share * float(point.fractional_width) for point, share in shares.items())
    depth = sum(share * point.depth for point, share in shares.items())
    lines.append(f"  {'normal cells':<28}{'width':>8}{'depth':>8}")
    lines.append(f"  {f'the space {search.within}, mean':<28}{width:>7.2f}c{depth:>8.2f}")
    for name, part in (("first", found[:quarter]), ("last", found[-quarter:])):
        wirings = [topology(one.genotype.normal) for one in part]
        wide = fmean(float(one.fractional_width) for one in wirings)
        deep = fmean(one.depth for one in wirings)
        title = f"{name} {len(part)} candidates, mean"
        lines.append(f"  {title:<28}{wide:>7.2f}c{deep:>8.2f}")
    return lines
