"""What came out on linear cells, and whether the theorems agree, in lines of text.

The theorems are about linear cells and not about trained networks, so they are judged at every
scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nascope._src.results.findings.theorems import (
    Compared,
    broken_blocks,
    broken_shares,
    counterexamples,
    held,
    larger_blocks,
    proved_bounds,
    smaller_settings,
)
from nascope._src.theory.check_result import BoundCheck, Descent, Theorem, TheoryCheck
from nascope._src.theory.comparison_result import Extremes, Sweep
from nascope._src.theory.summaries import swept_chains, tallies_by_bound

HEADING = "theorems on linear cells, not statistics of trained networks: judged at every scale"

# ---------------------------------------------------------------- what came out


def cells_lines(extremes: Extremes) -> Iterator[str]:
    """Return what came out on Figure 8's two cells, one line for each λ."""
    for outcome in extremes.outcomes:
        smoother, quieter = (
            sum(narrow.median < wide.median for narrow, wide in zip(*blocks, strict=True))
            for blocks in (
                (outcome.narrow, outcome.wide),
                (outcome.narrow_variance, outcome.wide_variance),
            )
        )
        yield (
            f"λ = {outcome.scale:g}: of {len(outcome.wide)} blocks the narrowest cell's constant "
            f"is smaller in {smoother}, its variance in {quieter} (medians); the published bound "
            f"is broken in up to {_share(max(outcome.broken))} of a block's cells"
        )


def check_lines(check: TheoryCheck) -> Iterator[str]:
    """Return what the check of the theorems found."""
    corrected = tallies_by_bound(check.bounds)
    blocks = max((row.blocks for row in corrected), default=0)
    broken = sum(row.violations for row in corrected)
    yield f"corrected bounds: {broken} broken, in up to {blocks:,} blocks each"
    shares = [row.violated for row in check.published]
    yield (
        f"Theorem 4.2 as published: broken for certain in {_share(min(shares))} to "
        f"{_share(max(shares))} of the blocks, by objective and λ"
    )
    kept = sum(descent.holds and descent.premise for descent in check.descents)
    yield f"Theorem 4.1: holds in {kept} of {len(check.descents)} settings with γ < 1/L"
    yield "all came out as claimed" if check.holds else "NOT ALL CAME OUT AS CLAIMED"


# ---------------------------------------------------------------- whether it agrees


def cells_agreement(extremes: Extremes) -> Iterator[str]:
    """Return whether the theorems hold on Figure 8's cells, and the paper's conclusion."""
    yield HEADING
    shares = broken_shares(extremes)
    (first, share), *others = shares.items()
    where = f"{_share(share)} of the random cells' blocks at λ = {first:g}"
    where += "".join(f", {_share(share)} at {scale:g}" for scale, share in others)
    name = "Theorem 4.2 as published"
    if any(shares.values()):
        yield f"{name}: contradicted, broken in {where}"
    else:
        yield f"{name}: not contradicted by these cells, none of whose blocks breaks it"
    for theorem, compared in proved_bounds(extremes).items():
        yield _below(theorem, compared)
    constants = {own.scale: (own.narrow, own.wide) for own in extremes.outcomes}
    variances = {own.scale: (own.narrow_variance, own.wide_variance) for own in extremes.outcomes}
    yield _larger("constants", constants)
    yield _larger("gradient variances", variances)


def _below(theorem: str, compared: Compared) -> str:
    """Compare by quantiles over the cells: what holds in each cell holds for the quantiles."""
    if broken := broken_blocks(compared):
        where = ", ".join(f"block {block} at λ = {scale:g}" for scale, block in broken)
        return f"{theorem}: CONTRADICTED, broken in {where}"
    blocks = sum(len(measured) for measured, _ in compared.values())
    return (
        f"{theorem}: agrees, in {blocks} of {blocks} blocks every measured quantile is below the "
        "bound's (`theory` counts cell by cell)"
    )


def _larger(what: str, compared: Compared) -> str:
    outcomes = larger_blocks(compared)
    parts = []
    for state in ("holds", "in part", "reversed"):
        places = [
            f"{own.scale:g} ({own.larger} of {own.blocks} blocks)"
            for own in outcomes
            if own.state == state
        ]
        if places:
            parts.append(f"{state} at λ = {', '.join(places)}")
    text = f"the narrowest cell's {what} are larger: {'; '.join(parts)}"
    reversed_at = [own.scale for own in outcomes if own.state == "reversed"]
    if reversed_at and max(reversed_at) <= 1:
        text += ", where no matrix amplifies"
    return text


def check_agreement(check: TheoryCheck, sweep: Sweep) -> Iterator[str]:
    """Return whether Theorems 4.1 to 4.3 hold, and the paper's conclusion from them.

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
    if by_hand := _counterexamples(check, "4.3"):
        yield f"Theorem 4.3 as published, σ taken at W: {by_hand}"
    yield _held("Theorem 4.3 tightened", [bound for bound in variance if not bound.published])
    chains = swept_chains(sweep)
    constants = [(chain.setting.scale, chain.largest_curvature.median) for chain in chains]
    variances = [(chain.setting.scale, chain.total_variance.median) for chain in chains]
    yield _conclusion("constant (the largest block's)", constants)
    yield _conclusion("gradient variance", variances)


def _descents(descents: Sequence[Descent]) -> str:
    kept = sum(descent.holds for descent in descents)
    state = "agrees" if kept == len(descents) else "CONTRADICTED"
    return (
        f"Theorem 4.1: {state}, the gradient of SGD stays below its bound in {kept} of "
        f"{len(descents)} settings with γ < 1/L, which the theorem requires"
    )


def _published(check: TheoryCheck) -> str:
    shares = [row.violated for row in check.published]
    by_hand = _counterexamples(check, "4.2")
    if not any(shares) and not by_hand:
        return "Theorem 4.2 as published: not contradicted by these cells"
    return (
        f"Theorem 4.2 as published: {by_hand or 'contradicted'}; broken for certain in "
        f"{_share(min(shares))} to {_share(max(shares))} of the blocks, by objective and λ"
    )


def _counterexamples(check: TheoryCheck, theorem: Theorem) -> str:
    cases = [
        f"{case.measured:g} > {case.bound:g} at w = "
        f"({', '.join(f'{weight:g}' for weight in case.weights)})"
        for case in counterexamples(check, theorem)
    ]
    return f"contradicted by hand, {' and '.join(cases)}" if cases else ""


def _held(theorem: str, bounds: Sequence[BoundCheck]) -> str:
    result = held(bounds)
    state = "CONTRADICTED" if result.violations else "agrees"
    return (
        f"{theorem}: {state}, {result.violations:,} of {result.blocks:,} comparisons with a block "
        "break it"
    )


def _conclusion(what: str, ratios: Sequence[tuple[float, float]]) -> str:
    counts = smaller_settings(ratios)
    places = ", ".join(
        f"{smaller} of {settings} settings with λ {side}"
        for side, (smaller, settings) in counts.items()
        if settings
    )
    smaller, settings = counts["< 1"]
    ending = ": it reverses where no matrix amplifies" if 2 * smaller < settings else ""
    return f"the widest cell has the smaller {what}: agrees in {places}{ending}"


def _share(share: float) -> str:
    """Return a share in percent; one that is not zero is not written as zero.

    >>> _share(0.0), _share(0.0004), _share(0.297)
    ('0 %', 'under 0.1 %', '29.7 %')
    """
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.3g} %"
