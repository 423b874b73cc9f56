"""Say whether the theorems agree with the results on linear cells.

The theorems are about linear cells, not about trained networks, so they are judged at every scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nascope._src.reproduce.theory import TheoryResults
from nascope._src.theory.check_result import BoundCheck, Descent, Theorem, TheoryCheck
from nascope._src.theory.comparison_result import Extremes, Quantiles, Sweep
from nascope._src.theory.summaries import swept_chains

HEADING = "theorems on linear cells, not statistics of trained networks: judged at every scale"
_TOLERANCE = 1e-9  # relative: an excess by rounding does not break a bound

_Blocks = Sequence[Quantiles]


def proved_holds(theory: TheoryResults) -> bool:
    """Return whether every proved bound holds in what was computed; if not, there is a bug."""
    broken = theory.extremes is not None and any(
        _broken(outcomes) for outcomes in _proved(theory.extremes).values()
    )
    return not broken and (theory.check is None or theory.check.holds)


def of_extremes(extremes: Extremes) -> Iterator[str]:
    """Figure 8: the theorems on its two cells, and whether the narrowest cell's are larger."""
    yield HEADING
    shares = {own.scale: sum(own.broken) / len(own.broken) for own in extremes.outcomes}
    (first, share), *others = shares.items()
    found = f"{_share(share)} of the random cells' blocks at λ = {first:g}"
    found += "".join(f", {_share(share)} at {scale:g}" for scale, share in others)
    name = "Theorem 4.2 as published"
    if any(shares.values()):
        yield f"{name}: contradicted, broken in {found}"
    else:
        yield f"{name}: not contradicted by these cells, none of whose blocks breaks it"
    for theorem, outcomes in _proved(extremes).items():
        yield _below(theorem, outcomes)
    constants = {own.scale: (own.narrow, own.wide) for own in extremes.outcomes}
    variances = {own.scale: (own.narrow_variance, own.wide_variance) for own in extremes.outcomes}
    yield _larger("constants", constants)
    yield _larger("gradient variances", variances)


def _proved(extremes: Extremes) -> dict[str, dict[float, tuple[_Blocks, _Blocks]]]:
    """Return what was measured and its proved bound, by theorem and λ."""
    return {
        "Theorem 4.2 corrected": {
            outcome.scale: (outcome.narrow, outcome.bound) for outcome in extremes.outcomes
        },
        "Theorem 4.3 tightened": {
            outcome.scale: (outcome.narrow_variance, outcome.variance_bound)
            for outcome in extremes.outcomes
        },
    }


def _below(theorem: str, outcomes: Mapping[float, tuple[_Blocks, _Blocks]]) -> str:
    """Whether each quantile lies below the bound's: if it does in every cell, so do quantiles."""
    if broken := _broken(outcomes):
        where = ", ".join(f"block {block} at λ = {scale:g}" for scale, block in broken)
        return f"{theorem}: CONTRADICTED, broken in {where}"
    blocks = sum(len(measured) for measured, _ in outcomes.values())
    return (
        f"{theorem}: agrees, in {blocks} of {blocks} blocks every quantile of what was measured "
        "lies below the bound's (`theory` counts cell by cell)"
    )


def _broken(outcomes: Mapping[float, tuple[_Blocks, _Blocks]]) -> list[tuple[float, int]]:
    """Return λ and number of each block that breaks a bound."""
    return sorted(
        (scale, number)
        for scale, blocks in outcomes.items()
        for number, (measured, bounds) in enumerate(zip(*blocks, strict=True), start=1)
        if not all(
            value <= bound * (1 + _TOLERANCE) for value, bound in zip(measured, bounds, strict=True)
        )
    )


def _larger(what: str, outcomes: Mapping[float, tuple[_Blocks, _Blocks]]) -> str:
    """At which λ the medians of the narrowest cell's blocks exceed the widest's."""
    parts: dict[str, list[str]] = {"holds": [], "in part": [], "reversed": []}
    reversed_at = []
    for scale, (narrow, wide) in outcomes.items():
        larger = sum(
            chain.median > parallel.median * (1 + _TOLERANCE)
            for chain, parallel in zip(narrow, wide, strict=True)
        )
        blocks = len(wide)
        state = "holds" if larger == blocks else "in part" if 2 * larger > blocks else "reversed"
        parts[state].append(f"{scale:g} ({larger} of {blocks} blocks)")
        if state == "reversed":
            reversed_at.append(scale)
    states = "; ".join(f"{state} at λ = {', '.join(at)}" for state, at in parts.items() if at)
    words = f"the narrowest cell's {what} are the larger: {states}"
    if reversed_at and max(reversed_at) <= 1:
        words += ", where no matrix amplifies"
    return words


def of_check(check: TheoryCheck, sweep: Sweep) -> Iterator[str]:
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
    chains = swept_chains(sweep)
    constants = [(chain.setting.scale, chain.largest_curvature.median) for chain in chains]
    variances = [(chain.setting.scale, chain.total_variance.median) for chain in chains]
    yield _conclusion("constant (the largest block's)", constants)
    yield _conclusion("gradient variance", variances)


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


def _conclusion(what: str, ratios: Sequence[tuple[float, float]]) -> str:
    """Where the narrowest cell's median is the larger: for λ above 1, at 1 and below 1.

    Args:
        ratios: λ, and the median ratio of the narrowest to the widest cell.
    """
    larger_by_side: dict[str, list[bool]] = {"> 1": [], "= 1": [], "< 1": []}
    for scale, ratio in ratios:
        side = "> 1" if scale > 1 else "= 1" if scale == 1 else "< 1"
        larger_by_side[side].append(ratio > 1)
    counts = ", ".join(
        f"{sum(larger)} of {len(larger)} settings with λ {side}"
        for side, larger in larger_by_side.items()
        if larger
    )
    shrinking = larger_by_side["< 1"]
    reverses = 2 * sum(shrinking) < len(shrinking)
    ending = ": it reverses where no matrix amplifies" if reverses else ""
    return f"the widest cell has the smaller {what}: agrees in {counts}{ending}"


def _share(share: float) -> str:
    """Return a share in per cent; a positive share is never written as 0.

    >>> _share(0.0), _share(0.0004), _share(0.297)
    ('0 %', 'under 0.1 %', '29.7 %')
    """
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.3g} %"
