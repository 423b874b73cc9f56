"""Whether the theorems agree with what came out on linear cells, in words.

They speak of linear cells and not of trained networks, so they are judged at every scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nascope._src.theory.summaries import swept_over_depth

Plain = Mapping[str, Any]
Row = Mapping[str, Any]

HEADING = "theorems on linear cells, not statistics of trained networks: judged at every scale"
_PROVED = {
    "Theorem 4.2 corrected": ("narrow", "bound"),
    "Theorem 4.3 tightened": ("narrow_variance", "variance_bound"),
}
"""What Figure 8's cells measure, and the bound of it."""

_TOLERANCE = 1e-9  # relative: what exceeds a bound by rounding does not break it


def proved_holds(theory: Plain) -> bool:
    """Whether all that is proved held, in what was computed; a bug where not.

    Args:
        theory: by the names of its files.
    """
    outcomes = theory.get("extremes", {}).get("outcomes", ())
    kept = not any(_broken(outcomes, *bounded) for bounded in _PROVED.values())
    return kept and bool(theory.get("check", {}).get("holds", True))


def of_extremes(outcomes: Sequence[Plain]) -> Iterator[str]:
    """Figure 8: the theorems on its two cells, and whether the narrowest cell's numbers are larger.

    Args:
        outcomes: `nascope._src.theory.extremes.Extremes` as plain data, one for each λ.
    """
    yield HEADING
    shares = {own["scale"]: sum(own["broken"]) / len(own["broken"]) for own in outcomes}
    (first, share), *others = shares.items()
    found = f"{_share(share)} of the random cells' blocks at λ = {first:g}"
    found += "".join(f", {_share(share)} at {scale:g}" for scale, share in others)
    name = "Theorem 4.2 as published"
    if any(shares.values()):
        yield f"{name}: contradicted, broken in {found}"
    else:
        yield f"{name}: not contradicted by these cells, none of whose blocks breaks it"
    for theorem, (measured, bound) in _PROVED.items():
        yield _below(outcomes, theorem, measured, bound)
    yield _larger(outcomes, "constants", "narrow", "wide")
    yield _larger(outcomes, "gradient variances", "narrow_variance", "wide_variance")


def _below(outcomes: Sequence[Plain], theorem: str, measured: str, bound: str) -> str:
    """By quantiles over the cells: what holds in each cell holds between its quantiles."""
    if broken := _broken(outcomes, measured, bound):
        where = ", ".join(f"block {block} at λ = {scale:g}" for scale, block in broken)
        return f"{theorem}: CONTRADICTED, broken in {where}"
    blocks = sum(len(own[measured]) for own in outcomes)
    return (
        f"{theorem}: agrees, in {blocks} of {blocks} blocks every quantile of what was measured "
        "lies below the bound's (`theory` counts cell by cell)"
    )


def _broken(outcomes: Sequence[Plain], measured: str, bound: str) -> list[tuple[float, int]]:
    """λ and number of each block that breaks a bound."""
    return sorted(
        (own["scale"], block + 1)
        for own in outcomes
        for block, (values, limits) in enumerate(zip(own[measured], own[bound], strict=True))
        if not all(v <= b * (1 + _TOLERANCE) for v, b in zip(values, limits, strict=True))
    )


def _larger(outcomes: Sequence[Plain], what: str, narrow: str, wide: str) -> str:
    """At which λ the medians of the narrowest cell's blocks exceed the widest's."""
    parts: dict[str, list[str]] = {"holds": [], "in part": [], "reversed": []}
    reversed_at = []
    for own in outcomes:
        pairs = zip(own[narrow], own[wide], strict=True)
        larger = sum(chain[1] > parallel[1] * (1 + _TOLERANCE) for chain, parallel in pairs)
        blocks = len(own[wide])
        state = "holds" if larger == blocks else "in part" if 2 * larger > blocks else "reversed"
        parts[state].append(f"{own['scale']:g} ({larger} of {blocks} blocks)")
        if state == "reversed":
            reversed_at.append(own["scale"])
    said = "; ".join(f"{state} at λ = {', '.join(own)}" for state, own in parts.items() if own)
    words = f"the narrowest cell's {what} are the larger: {said}"
    if reversed_at and max(reversed_at) <= 1:
        words += ", where no matrix amplifies"
    return words


def of_check(check: Plain, sweep: Plain) -> Iterator[str]:
    """Theorems 4.1 to 4.3, and the conclusion that the paper draws from them.

    Args:
        check: what `nascope theory check` found.
        sweep: what `nascope theory sweep` found.
    """
    yield HEADING
    yield _descents([row for row in check["descents"] if row["premise"]])
    yield _published(check)
    bounds = check["bounds"]
    yield _held("Theorem 4.2 corrected", bounds, lambda row: _is_bound(row, "curvature"))
    own = "Theorem 4.3 as published, σ taken at the effective weights"
    yield _held(own, bounds, lambda row: _is_bound(row, "variance") and _as_published(row))
    at_own = _counterexamples(check, "Theorem 4.3")
    if at_own:
        yield f"Theorem 4.3 as published, σ taken at W: {at_own}"
    tightened = "Theorem 4.3 tightened"
    yield _held(
        tightened, bounds, lambda row: _is_bound(row, "variance") and not _as_published(row)
    )
    outcomes = sweep["outcomes"]
    yield _conclusion(outcomes, "constant (the largest block's)", "largest_curvature")
    yield _conclusion(outcomes, "gradient variance", "total_variance")


def _is_bound(row: Row, of: str) -> bool:
    """Of that theorem, and none of the rows that hold constants against what was measured."""
    return bool(row["of"] == of and "constant" not in row["bound"])


def _as_published(row: Row) -> bool:
    return bool(row["bound"] == "as published")


def _descents(rows: Sequence[Row]) -> str:
    held = sum(row["holds"] for row in rows)
    state = "agrees" if held == len(rows) else "CONTRADICTED"
    return (
        f"Theorem 4.1: {state}, the gradient of SGD stays below its bound in {held} of {len(rows)} "
        "settings with γ < 1/L, which it presupposes"
    )


def _published(check: Plain) -> str:
    shares = [row["violated"] for row in check["published"]]
    cases = _counterexamples(check, "Theorem 4.2 as published")
    if not any(shares) and not cases:
        return "Theorem 4.2 as published: not contradicted by these cells"
    words = f"broken for certain in {_share(min(shares))} to {_share(max(shares))} of the blocks"
    words += ", by objective and λ"
    return f"Theorem 4.2 as published: {cases or 'contradicted'}; {words}"


def _counterexamples(check: Plain, theorem: str) -> str:
    """Those that break a theorem, as worked out by hand."""
    found = [
        f"{case['measured']:g} > {case['bound']:g} at {case['setting'].split(', x')[0]}"
        for case in check["cases"]
        if case["name"].startswith(theorem) and case["violates"] and case["shown"]
    ]
    return f"contradicted by hand, {' and '.join(found)}" if found else ""


def _held(theorem: str, rows: Sequence[Row], wanted: Callable[[Row], bool]) -> str:
    own = [row for row in rows if wanted(row)]
    blocks, broken = (sum(row[name] for row in own) for name in ("blocks", "violations"))
    state = "CONTRADICTED" if broken else "agrees"
    return f"{theorem}: {state}, {broken:,} of {blocks:,} comparisons with a block break it"


def _conclusion(outcomes: Sequence[Plain], what: str, quantity: str) -> str:
    """Where the narrowest cell's median is the larger: above λ = 1, at it and below."""
    nodes, size = swept_over_depth(outcomes)
    counts = {"> 1": [0, 0], "= 1": [0, 0], "< 1": [0, 0]}
    for own in outcomes:
        setting = own["setting"]
        if (setting["nodes"], setting["depth"], setting["size"]) == (nodes, nodes, size):
            scale = setting["scale"]
            side = "> 1" if scale > 1 else "= 1" if scale == 1 else "< 1"
            counts[side][0] += own[quantity][1] > 1
            counts[side][1] += 1
    told = ", ".join(
        f"{own} of {of} settings with λ {side}" for side, (own, of) in counts.items() if of
    )
    held, of = counts["< 1"]
    ending = ": it reverses where no matrix amplifies" if 2 * held < of else ""
    return f"the widest cell has the smaller {what}: agrees in {told}{ending}"


def _share(share: float) -> str:
    """A share in per cent; what is not none is not written as none.

    >>> _share(0.0), _share(0.0004), _share(0.297)
    ('0 %', 'under 0.1 %', '29.7 %')
    """
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.3g} %"
