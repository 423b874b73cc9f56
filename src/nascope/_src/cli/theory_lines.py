"""What the theory commands print."""

from __future__ import annotations

from collections.abc import Sequence

from nascope._src.runtime.types import Plain
from nascope._src.theory.check_result import TheoryCheck
from nascope._src.theory.comparison_result import Sweep
from nascope._src.theory.summaries import reversals, summary, tallies_by_bound


def check_lines(check: TheoryCheck) -> list[str]:
    """Describe the check of equations, counterexamples, bounds and Theorem 4.1."""
    claimed = [equation for equation in check.equations if equation.claimed]
    wrong = [equation for equation in check.equations if not equation.claimed]
    lines = [
        f"Equations 1 to 4: {sum(equation.right for equation in claimed)} of {len(claimed)} checks "
        f"agree with autograd to {max(equation.largest_error for equation in claimed):.0e}; "
        "Equation 4 with the gradient at W: off by "
        f"{min(equation.median_error for equation in wrong):.0%} and more (median)",
        "Known cases:",
    ]
    for case in check.cases:
        mark = "as worked out" if case.shown else "NOT AS WORKED OUT"
        sign = ">" if case.violates else "="
        lines.append(f"  {case.measured:g} {sign} {case.bound:g}, {mark}: {case.name}")
    lines.append(
        f"Bounds on random cells, {check.cases_each:,} of each objective and wiring "
        f"(tolerance {check.tolerance:g}):"
    )
    for tally in tallies_by_bound(check.bounds):
        lines.append(
            f"  {tally.quantity:9} {tally.bound:22} {tally.blocks:>9,} blocks, "
            f"{tally.violations} violated, tightest at {tally.tightest:.4f} of the bound"
        )
    lines.append("Theorem 4.2 as published, narrowest cells of 4 nodes, fails for certain:")
    for row in check.published:
        smoother = row.narrow_smoother
        lines.append(
            f"  {row.objective:21} λ = {row.scale:<4g} in {row.violated:.1%} of blocks"
            + (f"; the narrow cell is smoother in {smoother:.0%}" if smoother is not None else "")
        )
    lines.append("Theorem 4.1, plain SGD, γ < 1/L along the whole path:")
    for descent in check.descents:
        verdict = "holds" if descent.holds and descent.premise else "FAILS"
        lines.append(
            f"  {descent.objective:22} {descent.cell:9} "
            f"γL = {descent.rate * descent.lipschitz:.2f}, "
            f"E‖∇f‖² = {descent.measured:.3g} ± {descent.half_width:.2g} ≤ {descent.bound:.3g}: "
            f"{verdict}"
        )
    verdict = "all as claimed" if check.holds else "NOT ALL AS CLAIMED"
    lines.append(f"{verdict}, in {check.seconds:.0f} s")
    return lines


def sweep_lines(sweep: Sweep) -> list[str]:
    """Describe where the wide cell is smoother, and where the narrow one."""
    lines = [
        f"{sweep.cells} cells per setting; the narrowest cell's largest block constant and "
        "gradient variance exceed the widest's above these λ (and gains ‖W‖_F/√d):"
    ]
    for row in reversals(sweep):
        words = ", ".join(
            f"{name} {_crossing(at)}"
            for name, at in (("constant", row.curvature), ("variance", row.variance))
        )
        lines.append(f"  {row.objective:22} {row.kind:10} {words}")
    return lines


def _crossing(at: tuple[float, float] | None) -> str:
    return f"λ = {at[0]:.2f} (gain {at[1]:.2f})" if at is not None else "none in the sweep"


def network_lines(networks: Sequence[Plain]) -> list[str]:
    """Describe λ of trained networks, and whether γ < 1/L held."""
    lines = []
    for network in networks:
        lines.append(network["label"])
        for at, norms in network["moments"].items():
            weights, folded, edges = (summary(norms, which) for which in
                                      ("weights", "batchnorm", "edges"))  # fmt: skip
            lines.append(
                f"  {at}: median λ {weights.norm:.2f} of weights, {folded.norm:.2f} with "
                f"BatchNorm, {edges.norm:.2f} of edges with weights ({edges.above:.0%} above 1), "
                f"whose gain is {edges.gain:.2f}"
            )
        for rate in network["rates"]:
            held = "γ < 1/L held" if rate["held"] else "γ < 1/L did not hold"
            lines.append(
                f"  {rate['at']}: γ = {rate['rate']:.3g}, L ≥ {rate['lipschitz']:.3g} "
                f"({rate['instances']} training images), γL = {rate['product']:.2g}: {held}"
            )
    return lines
