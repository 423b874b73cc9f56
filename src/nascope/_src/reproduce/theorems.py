"""Whether the theorems agree with what came out on linear cells, in words.

They speak of linear cells and not of trained networks, so they are judged at every scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nascope._src.runtime.types import Plain
from nascope._src.theory.check_result import (
    BoundCheck,
    Descent,
    Theorem,
    TheoryCheck,
    read_check,
)
from nascope._src.theory.summaries import swept_over_depth

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
    return kept and ("check" not in theory or read_check(theory["check"]).holds)


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


def of_check(check: TheoryCheck, sweep: Plain) -> Iterator[str]:
    """Theorems 4.1 to 4.3, and the conclusion that the paper draws from them.

    Args:
        check: the result of `nascope theory check`.
        sweep: the result of `nascope theory sweep`.
    """
    yield HEADING
    yield _descents([descent for descent in check.descents if descent.premise])
    yield _published(check)
    theorem_bounds = [bound for bound in check.bounds if not bound.uses_constants]
    curvature = [bound for bound in theorem_bounds if bound.quantity == "curvature"]
    variance = [bound for bound in theorem_bounds if bound.quantity == "variance"]
    yield _held("Theorem 4.2 corrected", curvature)
    yield _held(
        "Theorem 4.3 as published, σ taken at the effective weights",
        [bound for bound in variance if bound.published],
    )
    if counterexamples := _counterexamples(check, "4.3"):
        yield f"Theorem 4.3 as published, σ taken at W: {counterexamples}"
    yield _held("Theorem 4.3 tightened", [bound for bound in variance if not bound.published])
    outcomes = sweep["outcomes"]
    yield _conclusion(outcomes, "constant (the largest block's)", "largest_curvature")
    yield _conclusion(outcomes, "gradient variance", "total_variance")


def _descents(descents: Sequence[Descent]) -> str:
    held = sum(descent.holds for descent in descents)
    state = "agrees" if held == len(descents) else "CONTRADICTED"
    return (
        f"Theorem 4.1: {state}, the gradient of SGD stays below its bound in {held} of "
        f"{len(descents)} settings with γ < 1/L, which it presupposes"
    )


def _published(check: TheoryCheck) -> str:
    shares = [row.violated for row in check.published]
    counterexamples = _counterexamples(check, "4.2")
    if not any(shares) and not counterexamples:
        return "Theorem 4.2 as published: not contradicted by these cells"
    return (
        f"Theorem 4.2 as published: {counterexamples or 'contradicted'}; broken for certain in "
        f"{_share(min(shares))} to {_share(max(shares))} of the blocks, by objective and λ"
    )


def _counterexamples(check: TheoryCheck, theorem: Theorem) -> str:
    """The cases that break a published theorem, as worked out by hand; empty if there are none."""
    cases = [
        f"{case.measured:g} > {case.bound:g} at w = "
        f"({', '.join(f'{weight:g}' for weight in case.weights)})"
        for case in check.cases
        if case.theorem == theorem and case.published and case.violates and case.shown
    ]
    return f"contradicted by hand, {' and '.join(cases)}" if cases else ""


def _held(theorem: str, bounds: Sequence[BoundCheck]) -> str:
    blocks = sum(bound.blocks for bound in bounds)
    violations = sum(bound.violations for bound in bounds)
    state = "CONTRADICTED" if violations else "agrees"
    return f"{theorem}: {state}, {violations:,} of {blocks:,} comparisons with a block break it"


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
