"""The numbers of a table, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nascope._src.results.external.accuracies import MeasuredTable
from nascope._src.results.stats.rank_bootstrap import Estimate

Kind = Literal["normal", "reduce"]
Verdict = Literal["supported", "contradicted", "undecided"]

NOTHING = Estimate(float("nan"))


@dataclass(frozen=True)
class Association:
    """How a measure of the cells goes with an outcome of their training.

    Attributes:
        cell: which of a genotype's cells the measure describes.
        measure: one of `MEASURES`.
        outcome: "accuracy", "area" or "epochs to threshold".
        epoch: of the accuracy; None for another outcome, or without epochs.
        given: the measure that is held fixed; None if there is none.
        rho: rank correlation.
        adjusted: the same given the controls.
        slope: of accuracy in points per unit of the measure; undefined for epochs to a threshold,
            or given another measure.
        cells: number of cells.
    """

    cell: Kind
    measure: str
    outcome: str
    epoch: int | None
    given: str | None
    rho: Estimate
    adjusted: Estimate
    slope: Estimate
    cells: int


@dataclass(frozen=True)
class Change:
    """ρ of a measure with accuracy at the early epoch less that at the last one, same cells."""

    cell: Kind
    measure: str
    difference: Estimate
    adjusted: Estimate
    cells: int


@dataclass(frozen=True)
class Noise:
    """What seeds change at one epoch.

    Attributes:
        epoch: None without epochs.
        seeds: mean number of seeds per cell.
        cells: number of cells with two seeds or more.
        rho: mean rank correlation between two seeds; NaN below ten cells.
        ceiling: largest ρ that a perfect predictor of the mean over seeds can reach.
        deviation: standard deviation between seeds of a cell, in points.
    """

    epoch: int | None
    seeds: float
    cells: int
    rho: float
    ceiling: float
    deviation: float


@dataclass(frozen=True)
class Statement:
    """A statement with the number that decides it; `rules.RULES` has the rules."""

    statement: str
    verdict: Verdict
    estimate: Estimate
    reason: str = ""  # why the number is missing


@dataclass(frozen=True)
class TableEvidence:
    """What one table says.

    Attributes:
        table: the accuracies.
        early, final: the epochs that statements compare; None without (several) epochs.
        controls: names of the controls of adjusted numbers.
        units: number of cells, or of sources, that a resample draws.
        clustered: whether whole sources are drawn.
        resamples: number of resamples; 0 if there are no intervals.
        threshold: the accuracy of "epochs to threshold", a share; NaN without curves.
        selects: ρ of early with final accuracy.
        other_seeds: whether these come from different seeds.
    """

    table: MeasuredTable
    early: int | None
    final: int | None
    controls: tuple[str, ...]
    units: int
    clustered: bool
    resamples: int
    threshold: float
    selects: Estimate
    other_seeds: bool
    rows: tuple[Association, ...]
    given: tuple[Association, ...]
    speed: tuple[Association, ...]
    changes: tuple[Change, ...]
    noise: tuple[Noise, ...]
    statements: tuple[Statement, ...]
    notes: tuple[str, ...]

    def row(self, cell: Kind, measure: str, epoch: int | None) -> Association | None:
        """Return the row of a measure at an epoch."""
        wanted = (cell, measure, epoch)
        return next((r for r in self.rows if (r.cell, r.measure, r.epoch) == wanted), None)


def flat_row(row: Association) -> dict[str, Any]:
    """Return a row as plain numbers; None where there is none."""
    return {
        "cell": row.cell,
        "measure": row.measure,
        "outcome": row.outcome,
        "epoch": row.epoch,
        "given": row.given,
        "rho": plain(row.rho.value),
        "low": row.rho.low,
        "high": row.rho.high,
        "adjusted_rho": plain(row.adjusted.value),
        "adjusted_low": row.adjusted.low,
        "adjusted_high": row.adjusted.high,
        "slope": plain(row.slope.value),
        "slope_low": row.slope.low,
        "slope_high": row.slope.high,
        "n": row.cells,
    }


def as_dict(tables: Sequence[TableEvidence]) -> dict[str, Any]:
    """Return the numbers of several tables, ready for JSON."""
    return {"tables": [_table(table) for table in tables]}


def _table(evidence: TableEvidence) -> dict[str, Any]:
    table = evidence.table
    return {
        "table": table.name,
        "path": str(table.path),
        "cells": len(table.members),
        "epochs": len(table.epochs) if table.epochs is not None else None,
        "accuracy_unit": "percent" if table.percent else "share",
        "disconnected": table.disconnected,
        "early_epoch": evidence.early,
        "final_epoch": evidence.final,
        "controls": list(evidence.controls),
        "resampled": "sources" if evidence.clustered else "cells",
        "units": evidence.units,
        "resamples": evidence.resamples,
        "rows": [flat_row(row) for row in evidence.rows],
        "given": [flat_row(row) for row in evidence.given],
        "speed": [flat_row(row) for row in evidence.speed],
        "threshold": plain(evidence.threshold),
        "early_minus_late": [
            {
                "cell": change.cell,
                "measure": change.measure,
                **_estimate("difference", change.difference),
                "adjusted_difference": plain(change.adjusted.value),
                "adjusted_low": change.adjusted.low,
                "adjusted_high": change.adjusted.high,
                "n": change.cells,
            }
            for change in evidence.changes
        ],
        "early_against_final": _estimate("rho", evidence.selects)
        | {"other_seeds": evidence.other_seeds},
        "noise": [
            {
                "epoch": noise.epoch,
                "seeds": noise.seeds,
                "cells": noise.cells,
                "rho": plain(noise.rho),
                "ceiling": plain(noise.ceiling),
                "deviation": plain(noise.deviation),
            }
            for noise in evidence.noise
        ],
        "statements": [
            {
                "statement": one.statement,
                "verdict": one.verdict,
                **_estimate("value", one.estimate),
                "reason": one.reason,
            }
            for one in evidence.statements
        ],
        "notes": list(evidence.notes),
    }


def _estimate(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {name: plain(estimate.value), "low": estimate.low, "high": estimate.high}


def plain(value: float) -> float | None:
    """Return a number; None if it is not defined."""
    return value if value == value else None  # noqa: PLR0124  (NaN)
