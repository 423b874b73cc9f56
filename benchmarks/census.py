"""The census by recursion against brute force: equal, and how much faster.

Brute force enumerates every wiring of the space and measures each with the same functions that
measure a single cell. Where that is too much, the recursion is timed alone.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter

from _result import keep

from nascope._src.cells.spaces.census import point
from nascope._src.cells.spaces.named import named_space

CASES = [("darts", 4), ("darts", 5), ("independent", 4), ("nasnet", 4), ("one-source", 5)]
ALONE = [("nasnet", 5), *(("independent", nodes) for nodes in range(6, 13))]
REPEATS = 5


def by_brute_force(name: str, nodes: int) -> Counter:
    """Every wiring, one by one."""
    within = named_space(name, nodes)
    return Counter(point(within.cell(wiring)) for wiring in within.wirings())


def by_recursion(name: str, nodes: int):
    """The library's census; a fresh space has nothing in memory."""
    return named_space(name, nodes).census()


def seconds(function, *arguments) -> tuple[float, object]:
    """How long one call takes, and what it returns."""
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def main() -> None:
    """Alternate the two sides; print the ratio of their medians."""
    ratios, raw = {}, {}
    for name, nodes in CASES:
        ours, theirs = [], []
        for _ in range(REPEATS):
            took, census = seconds(by_recursion, name, nodes)
            ours.append(took)
            took, counts = seconds(by_brute_force, name, nodes)
            theirs.append(took)
            assert census.counts == counts
        raw[f"{name} {nodes}"] = {"recursion": ours, "brute_force": theirs}
        each = [b / a for a, b in zip(ours, theirs, strict=True)]
        ratios[f"{name} {nodes}"] = each
        print(
            f"{name:12} {nodes} nodes: {statistics.median(ours) * 1e3:9.2f} ms against "
            f"{statistics.median(theirs) * 1e3:10.1f} ms, ×{statistics.median(each):,.0f}"
        )
    for name, nodes in ALONE:
        ours = []
        for _ in range(REPEATS):
            took, census = seconds(by_recursion, name, nodes)
            ours.append(took)
            assert census.total == named_space(name, nodes).count()
        raw[f"{name} {nodes}"] = {"recursion": ours}
        print(
            f"{name:12} {nodes} nodes: {statistics.median(ours) * 1e3:9.2f} ms, "
            f"{census.total:.3g} wirings"
        )
    main_case = "independent 4"  # the paper's own sampling at the size of DARTS' cells
    keep(
        "census",
        speedup={"brute_force": statistics.median(ratios[main_case])},
        spread={"brute_force": [min(ratios[main_case]), max(ratios[main_case])]},
        raw=raw,
    )


if __name__ == "__main__":
    main()
