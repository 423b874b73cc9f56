"""What the theory's commands found, in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nascope._src.theory.summaries import reversals, summary, tallies_by_bound

Plain = Mapping[str, Any]


def check_lines(found: Plain) -> list[str]:
    """Equations, counterexamples, bounds and Theorem 4.1."""
    claimed = [row for row in found["equations"] if row["claimed"]]
    wrong = [row for row in found["equations"] if not row["claimed"]]
    lines = [
        f"Equations 1 to 4: {sum(row['right'] for row in claimed)} of {len(claimed)} checks agree "
        f"with autograd to {max(row['largest_error'] for row in claimed):.0e}; "
        "Equation 4 with the gradient at W: off by "
        f"{min(row['median_error'] for row in wrong):.0%} and more (median)",
        "Known cases:",
    ]
    for case in found["cases"]:
        mark = "as worked out" if case["shown"] else "NOT AS WORKED OUT"
        sign = ">" if case["violates"] else "="
        lines.append(f"  {case['measured']:g} {sign} {case['bound']:g}, {mark}: {case['name']}")
    lines.append(
        f"Bounds on random cells, {found['cases_each']:,} of each objective and wiring "
        f"(tolerance {found['tolerance']:g}):"
    )
    for (of, name), row in tallies_by_bound(found["bounds"]).items():
        lines.append(
            f"  {of:9} {name:22} {row.blocks:>9,} blocks, {row.violations} violated, "
            f"tightest at {row.tightest:.4f} of the bound"
        )
    lines.append("Theorem 4.2 as published, narrowest cells of 4 nodes, fails for certain:")
    for row in found["published"]:
        smoother = row["narrow_smoother"]
        lines.append(
            f"  {row['objective']:21} λ = {row['scale']:<4g} in {row['violated']:.1%} of blocks"
            + (f"; the narrow cell is smoother in {smoother:.0%}" if smoother is not None else "")
        )
    lines.append("Theorem 4.1, plain SGD, γ < 1/L all along:")
    for row in found["descents"]:
        verdict = "holds" if row["holds"] and row["premise"] else "FAILS"
        lines.append(
            f"  {row['objective']:22} {row['cell']:9} γL = {row['rate'] * row['lipschitz']:.2f}, "
            f"E‖∇f‖² = {row['measured']:.3g} ± {row['half_width']:.2g} ≤ {row['bound']:.3g}: "
            f"{verdict}"
        )
    verdict = "all as claimed" if found["holds"] else "NOT ALL AS CLAIMED"
    lines.append(f"{verdict}, in {found['seconds']:.0f} s")
    return lines


def sweep_lines(found: Plain) -> list[str]:
    """Where the wide cell is smoother, and where the narrow one."""
    lines = [
        f"{found['cells']} cells a setting; the narrowest cell's largest block constant and "
        "gradient variance exceed the widest's above these λ (and gains ‖W‖_F/√d):"
    ]
    for row in reversals(found["outcomes"]):
        words = ", ".join(
            f"{name} {_crossing(at)}"
            for name, at in (("constant", row.curvature), ("variance", row.variance))
        )
        lines.append(f"  {row.objective:22} {row.kind:10} {words}")
    return lines


def _crossing(at: tuple[float, float] | None) -> str:
    return f"λ = {at[0]:.2f} (gain {at[1]:.2f})" if at is not None else "none in the sweep"


def network_lines(networks: Sequence[Plain]) -> list[str]:
    """λ of trained networks, and γ < 1/L."""
    lines = []
    for network in networks:
        lines.append(network["label"])
        for at, own in network["moments"].items():
            weights, folded, edges = (summary(own, which) for which in
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
