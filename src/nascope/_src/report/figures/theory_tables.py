"""The numbers behind the theory's figures, as CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nascope._src.records.tables import csv_bytes
from nascope._src.theory.comparison_result import Sweep, SweepOutcome
from nascope._src.theory.summaries import swept_chains, swept_over_depth

_QUANTILES = ("q10", "median", "q90")
_SETTING = ("objective", "kind", "nodes", "depth", "size", "scale")


def sweep_tables(sweep: Sweep) -> dict[str, bytes]:
    """The numbers of `sweep_figures` under the same names, as CSV; quantiles are over the cells."""
    nodes_and_size = swept_over_depth(sweep)
    swept = [o for o in sweep.outcomes if (o.setting.nodes, o.setting.size) == nodes_and_size]
    narrowest = swept_chains(sweep)
    gaussian = [o for o in sweep.outcomes if o.is_chain and o.setting.kind == "gaussian"]
    few_scales = {outcome.setting.scale for outcome in gaussian if outcome not in swept}
    cell_ratios = [
        f"{name}_{part}" for name in ("largest_curvature", "total_variance") for part in _QUANTILES
    ]
    return {
        "regimes": _table(
            swept, cell_ratios, lambda o: [[*o.largest_curvature, *o.total_variance]]
        ),
        "blocks": _table(
            narrowest,
            ["block", *(f"curvature_{part}" for part in _QUANTILES), "narrow_smoother_share"],
            lambda o: [
                [block, *ratio, share]
                for block, (ratio, share) in enumerate(
                    zip(o.curvature, o.smoother, strict=True), start=1
                )
            ],
        ),
        "bounds": _table(
            [outcome for outcome in narrowest if outcome in gaussian],
            ["of", "bound", "block", "measured_by_bound_median"],
            lambda o: [
                [row.quantity, row.bound, row.ratios.index(max(row.ratios)) + 1, max(row.ratios)]
                for row in o.bounds
            ],
        ),
        "sizes": _table(
            [outcome for outcome in gaussian if outcome.setting.scale in few_scales],
            cell_ratios,
            lambda o: [[*o.largest_curvature, *o.total_variance]],
        ),
    }


def _table(
    outcomes: Sequence[SweepOutcome],
    names: Sequence[str],
    rows: Callable[[SweepOutcome], list[list[Any]]],
) -> bytes:
    """Rows of every outcome after its setting; ``scale`` is λ, ratios are narrow by wide."""
    return csv_bytes(
        [*_SETTING, *names],
        (
            [*(getattr(outcome.setting, name) for name in _SETTING), *row]
            for outcome in outcomes
            for row in rows(outcome)
        ),
    )
