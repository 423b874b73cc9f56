"""The numbers behind the theory's figures, as CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nascope._src.records.tables import csv_bytes
from nascope._src.theory.summaries import swept_over_depth

Plain = Mapping[str, Any]

_QUANTILES = ("q10", "median", "q90")
_SETTING = ("objective", "kind", "nodes", "depth", "size", "scale")


def sweep_tables(found: Plain) -> dict[str, bytes]:
    """The numbers of `sweep_figures` under the same names, as CSV; quantiles are over the cells."""
    outcomes: Sequence[Plain] = found["outcomes"]
    nodes, size = swept_over_depth(outcomes)
    swept = [o for o in outcomes if (o["setting"]["nodes"], o["setting"]["size"]) == (nodes, size)]
    chains = [o for o in outcomes if o["setting"]["depth"] == o["setting"]["nodes"]]
    narrowest = [outcome for outcome in chains if outcome in swept]
    gaussian = [outcome for outcome in chains if outcome["setting"]["kind"] == "gaussian"]
    ratios = ("largest_curvature", "total_variance")
    named = [f"{name}_{part}" for name in ratios for part in _QUANTILES]
    few = {o["setting"]["scale"] for o in gaussian if o not in swept}
    return {
        "regimes": _table(swept, [*named], lambda o: [[v for name in ratios for v in o[name]]]),
        "blocks": _table(
            narrowest,
            ["block", *(f"curvature_{part}" for part in _QUANTILES), "narrow_smoother_share"],
            lambda o: [
                [place, *own, share]
                for place, (own, share) in enumerate(
                    zip(o["curvature"], o["smoother"], strict=True), start=1
                )
            ],
        ),
        "bounds": _table(
            [outcome for outcome in narrowest if outcome in gaussian],
            ["of", "bound", "block", "measured_by_bound_median"],
            lambda o: [
                [*name.split(": "), values.index(max(values)) + 1, max(values)]
                for name, values in o["bounds"].items()
            ],
        ),
        "sizes": _table(
            [outcome for outcome in gaussian if outcome["setting"]["scale"] in few],
            [*named],
            lambda o: [[v for name in ratios for v in o[name]]],
        ),
    }


def _table(
    outcomes: Sequence[Plain], names: Sequence[str], rows: Callable[[Plain], list[list[Any]]]
) -> bytes:
    """Rows of every outcome behind its setting; ``scale`` is λ, ratios are narrow by wide."""
    return csv_bytes(
        [*_SETTING, *names],
        (
            [*(outcome["setting"][name] for name in _SETTING), *row]
            for outcome in outcomes
            for row in rows(outcome)
        ),
    )
