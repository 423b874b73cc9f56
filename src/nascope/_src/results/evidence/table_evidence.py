"""Compute what a table says: every association, its interval, and the statements."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from nascope._src.results.evidence.design import (
    MIN_CURVE,
    Design,
    area_under,
    early_epoch,
    epochs_to,
    make_design,
    shown_epochs,
)
from nascope._src.results.evidence.numbers import (
    NOTHING,
    Association,
    Change,
    Noise,
    Statement,
    TableEvidence,
)
from nascope._src.results.evidence.rules import BETTER, DEPTH, FASTER, PREFERS, SELECTS, judge
from nascope._src.results.external.accuracies import MeasuredTable
from nascope._src.results.stats.correlation import spearman
from nascope._src.results.stats.rank_bootstrap import (
    MIN_UNITS,
    SEED,
    Estimate,
    RankMoments,
    correlations,
    difference,
    rank_moments,
    resamples_for,
)

Array = np.ndarray

SPARE_CELLS = 10
"""Number of cells beyond that of the controls from which there are adjusted numbers."""
WIDTH, DEPTH_MEASURE = "fractional_width", "depth"
_PAIR = ((WIDTH, DEPTH_MEASURE), (DEPTH_MEASURE, WIDTH))


@dataclass(frozen=True, eq=False)
class _Outcome:
    """A number of each cell's training; NaN where it is missing."""

    name: str
    epoch: int | None
    values: Array  # (cells,)


@dataclass(frozen=True, eq=False)
class _Moments:
    """Moments of the measures, the controls and some outcomes, on the cells that have these.

    The columns are the measures, the controls, and the outcomes.
    """

    design: Design
    raw: RankMoments
    adjusted: RankMoments | None
    outcomes: tuple[_Outcome, ...]
    cells: int

    def measure(self, kind: str, name: str) -> int:
        return next(i for i, found in enumerate(self.design.measures) if found == (kind, name))

    def outcome(self, name: str, epoch: int | None = None) -> int:
        found = (o for o in enumerate(self.outcomes) if (o[1].name, o[1].epoch) == (name, epoch))
        return len(self.design.measures) + len(self.design.controls) + next(found)[0]


def evidence_of(
    table: MeasuredTable, epochs: Collection[int] | None = None, *, seed: int = SEED
) -> TableEvidence:
    """Return what a table says, by the rules of docs/guides/tables.md.

    Args:
        table: the accuracies.
        epochs: at which numbers are computed; by default `shown_epochs`.
        seed: random seed of the bootstraps.
    """
    design = make_design(table)
    with np.errstate(invalid="ignore"):
        counts = np.isfinite(table.accuracies).sum(axis=1)
        mean = np.nansum(table.accuracies, axis=1) / np.where(counts > 0, counts, 1)
    curves = np.where(counts > 0, mean, np.nan)  # (cells, epochs)
    early, final = early_epoch(table.epochs), table.epochs[-1] if table.epochs else None
    shown = shown_epochs(table.epochs, epochs)
    outcomes, threshold = _outcomes(
        table, curves, list(dict.fromkeys([*shown, *([early] if early else [])]))
    )
    moments = _all_moments(design, outcomes, seed)
    chosen = set(shown)
    accuracy_rows = [
        row
        for own in moments
        for row in _associations(own)
        if row.outcome == "accuracy" and row.epoch in chosen
    ]
    accuracy_rows.sort(key=lambda row: row.epoch or 0)
    speed = [r for own in moments for r in _associations(own) if r.outcome != "accuracy"]
    speed = [row for row in speed if row.measure in (WIDTH, DEPTH_MEASURE)]
    at_end = next(own for own in moments if _has(own, "accuracy", final))
    given = [r for own in moments for r in _given(own) if r.epoch in chosen]
    given.sort(key=lambda row: row.epoch or 0)
    both = _joint(design, outcomes, moments, (early, final), seed)
    changes = _changes(both, early, final) if both is not None and early is not None else ()
    selects, other_seeds = _selects(table, design, early, seed)
    units = len(table.members)
    if design.clusters is not None:
        units = int(design.clusters.max()) + 1
    evidence = TableEvidence(
        table=table,
        early=early,
        final=final,
        controls=design.controls,
        units=units,
        clustered=design.clusters is not None,
        resamples=resamples_for(len(table.members)) if units >= MIN_UNITS else 0,
        threshold=threshold,
        selects=selects,
        other_seeds=other_seeds,
        rows=tuple(accuracy_rows),
        given=tuple(given),
        speed=tuple(speed),
        changes=changes,
        noise=_noise(table, shown),
        statements=(),
        notes=(*table.notes, *design.notes, *_missing(table, at_end, design)),
    )
    early_own = next((own for own in moments if _has(own, "accuracy", early)), None)
    statements = _statements(evidence, early_own if early is not None else None, at_end)
    return dataclasses.replace(evidence, statements=statements)


def _missing(table: MeasuredTable, at_end: _Moments, design: Design) -> list[str]:
    notes = []
    lacking = len(table.members) - at_end.cells
    if lacking:
        notes.append(f"{lacking} cells have no accuracy at the last epoch")
    if at_end.adjusted is None:
        notes.append(
            f"no adjusted numbers: {at_end.cells} cells are fewer than the "
            f"{len(design.controls)} controls plus {SPARE_CELLS}"
        )
    return notes


# ---------------------------------------------------------------- outcomes and moments


def _outcomes(
    table: MeasuredTable, curves: Array, shown: Sequence[int | None]
) -> tuple[list[_Outcome], float]:
    """Return the outcomes, and the threshold of "epochs to threshold"."""
    outcomes, threshold = [], math.nan
    place = {epoch: column for column, epoch in enumerate(table.epochs or (None,))}
    early = early_epoch(table.epochs)
    if table.epochs is not None and early is not None and len(table.epochs) >= MIN_CURVE:
        whole = np.isfinite(curves).all(axis=1)
        at_early = curves[whole, place[early]]
        if len(at_early):
            threshold = float(np.median(at_early))
            for name, values in (
                ("epochs to threshold", epochs_to(threshold, curves, table.epochs)),
                ("area", area_under(curves, table.epochs)),
            ):
                outcomes.append(_Outcome(name, None, np.where(whole, values, np.nan)))
    outcomes += [_Outcome("accuracy", epoch, curves[:, place[epoch]]) for epoch in shown]
    return outcomes, threshold


def _all_moments(design: Design, outcomes: Sequence[_Outcome], seed: int) -> list[_Moments]:
    """Return the moments of all outcomes; those that the same cells have are computed together."""
    groups: dict[bytes, list[_Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((~np.isnan(outcome.values)).tobytes(), []).append(outcome)
    return [_moments(design, group, seed) for group in groups.values()]


def _moments(design: Design, outcomes: Sequence[_Outcome], seed: int) -> _Moments:
    kept = np.all([~np.isnan(outcome.values) for outcome in outcomes], axis=0)
    measures, controls = design.values[:, kept], design.control_values[:, kept]
    clusters = None
    if design.clusters is not None:
        clusters = np.unique(design.clusters[kept], return_inverse=True)[1]
    columns = [*measures, *controls, *(outcome.values[kept] for outcome in outcomes)]
    finite = sum(outcome.name != "epochs to threshold" for outcome in outcomes)  # they come last
    raw = rank_moments(columns, clusters=clusters, slopes=(len(measures), finite), seed=seed)
    places = list(range(len(measures), len(measures) + len(controls)))
    cells = int(kept.sum())
    adjusted = raw.given(places) if cells >= len(controls) + SPARE_CELLS else None
    return _Moments(design, raw, adjusted, tuple(outcomes), cells)


def _has(moments: _Moments, name: str, epoch: int | None) -> bool:
    return any((outcome.name, outcome.epoch) == (name, epoch) for outcome in moments.outcomes)


def _joint(
    design: Design,
    outcomes: Sequence[_Outcome],
    moments: Sequence[_Moments],
    epochs: tuple[int | None, int | None],
    seed: int,
) -> _Moments | None:
    """Return moments on the cells that have both an early and a final accuracy."""
    if epochs[0] is None:
        return None
    for own in moments:
        if all(_has(own, "accuracy", epoch) for epoch in epochs):
            return own
    pair = [o for o in outcomes if o.name == "accuracy" and o.epoch in epochs]
    return _moments(design, pair, seed)


# ---------------------------------------------------------------- associations


def _associations(moments: _Moments) -> list[Association]:
    rows = []
    measured = len(moments.design.measures)
    first = measured + len(moments.design.controls)
    unlimited = sum(o.name == "epochs to threshold" for o in moments.outcomes)
    for number, outcome in enumerate(moments.outcomes):
        column = first + number
        for place, (kind, measure) in enumerate(moments.design.measures):
            slope = NOTHING
            if number >= unlimited:
                slope = _in_points(moments.raw.slope(place, number - unlimited))
            adjusted = moments.adjusted
            rows.append(
                Association(
                    kind,
                    measure,
                    outcome.name,
                    outcome.epoch,
                    None,
                    moments.raw.correlation(place, column),
                    NOTHING if adjusted is None else adjusted.correlation(place, column),
                    slope,
                    moments.cells,
                )
            )
    return rows


def _in_points(estimate: Estimate) -> Estimate:
    low = None if estimate.low is None else 100 * estimate.low
    high = None if estimate.high is None else 100 * estimate.high
    return Estimate(100 * estimate.value, low, high)


def _given(moments: _Moments) -> list[Association]:
    """Return width given depth, and depth given width, with every accuracy."""
    rows = []
    kinds = dict.fromkeys(kind for kind, _ in moments.design.measures)
    for kind, (measure, other) in itertools.product(kinds, _PAIR):
        place, fixed = moments.measure(kind, measure), moments.measure(kind, other)
        adjusted = moments.adjusted
        for outcome in moments.outcomes:
            if outcome.name == "accuracy":
                column = moments.outcome("accuracy", outcome.epoch)
                rows.append(
                    Association(
                        kind,
                        measure,
                        "accuracy",
                        outcome.epoch,
                        other,
                        moments.raw.partial(place, column, fixed),
                        NOTHING if adjusted is None else adjusted.partial(place, column, fixed),
                        NOTHING,
                        moments.cells,
                    )
                )
    return rows


def _changes(moments: _Moments, early: int, final: int | None) -> tuple[Change, ...]:
    columns = moments.outcome("accuracy", early), moments.outcome("accuracy", final)
    changes = []
    for place, (kind, measure) in enumerate(moments.design.measures):
        estimates = [
            NOTHING
            if own is None
            else difference(*(correlations(own.covariance, place, column) for column in columns))
            for own in (moments.raw, moments.adjusted)
        ]
        changes.append(Change(kind, measure, estimates[0], estimates[1], moments.cells))
    return tuple(changes)


# ---------------------------------------------------------------- seeds


def _selects(
    table: MeasuredTable, design: Design, early: int | None, seed: int
) -> tuple[Estimate, bool]:
    """Return ρ of early with final accuracy, and whether they come from different seeds."""
    if early is None or table.epochs is None:
        return NOTHING, False
    first = table.accuracies[:, :, table.epochs.index(early)]  # (cells, seeds)
    last = table.accuracies[:, :, -1]
    usable = np.isfinite(first) & np.isfinite(last)
    counts = usable.sum(axis=1)
    several = bool(len(counts)) and int(counts.min()) > 1
    clusters = design.clusters
    if several:
        columns = []
        for place in range(int(counts.min())):
            others = usable.copy()
            others[:, place] = False
            mean = np.where(others, last, 0).sum(axis=1) / np.maximum(others.sum(axis=1), 1)
            columns += [first[:, place], mean]
        if any(np.isnan(column).any() for column in columns):
            several = False
    if not several:
        with np.errstate(invalid="ignore"):
            kept = counts > 0
            pair = [
                np.where(usable, part, 0).sum(axis=1)[kept] / counts[kept] for part in (first, last)
            ]
        columns = pair
        if clusters is not None:
            clusters = np.unique(clusters[kept], return_inverse=True)[1]
    moments = rank_moments(columns, clusters=clusters, seed=seed)
    rho = np.mean(
        [correlations(moments.covariance, k, k + 1) for k in range(0, len(columns), 2)], axis=0
    )
    return difference(rho, np.zeros_like(rho)), several


def _noise(table: MeasuredTable, shown: Sequence[int | None]) -> tuple[Noise, ...]:
    """Return what seeds change, at every epoch at which some cells have several."""
    found = []
    place = {epoch: column for column, epoch in enumerate(table.epochs or (None,))}
    for epoch in shown:
        values = table.accuracies[:, :, place[epoch]]
        counts = np.isfinite(values).sum(axis=1)
        repeated = values[counts > 1]
        if not len(repeated):
            continue
        variances = np.nanvar(repeated, axis=1, ddof=1)
        rho = _between_seeds(repeated)
        seeds = float(counts[counts > 1].mean())
        ceiling = math.sqrt(seeds * rho / (1 + (seeds - 1) * rho)) if rho > 0 else math.nan
        deviation = 100 * math.sqrt(float(variances.mean()))
        found.append(Noise(epoch, seeds, len(repeated), rho, ceiling, deviation))
    return tuple(found)


def _between_seeds(values: Array) -> float:
    """Return the mean rank correlation of two seeds, weighted by cells; NaN below ten cells."""
    rhos, weights = [], []
    for a, b in itertools.combinations(range(values.shape[1]), 2):
        pairs = values[np.isfinite(values[:, a]) & np.isfinite(values[:, b])][:, [a, b]]
        if len(pairs) >= MIN_UNITS:
            rhos.append(spearman(pairs[:, 0].tolist(), pairs[:, 1].tolist()))
            weights.append(len(pairs))
    return float(np.average(rhos, weights=weights)) if rhos else math.nan


# ---------------------------------------------------------------- statements


def _statements(
    evidence: TableEvidence, early: _Moments | None, final: _Moments
) -> tuple[Statement, ...]:
    no_controls = "" if final.adjusted is not None else "too few cells for adjusted numbers"
    no_epochs = "" if evidence.early is not None else "the table has no early epochs"
    at_early = at_end = depth = NOTHING
    if early is not None and early.adjusted is not None:
        width = early.measure("normal", WIDTH)
        at_early = early.adjusted.correlation(width, early.outcome("accuracy", evidence.early))
    if final.adjusted is not None:
        width = final.measure("normal", WIDTH)
        column = final.outcome("accuracy", evidence.final)
        at_end = final.adjusted.correlation(width, column)
        depth = final.adjusted.partial(final.measure("normal", DEPTH_MEASURE), column, width)
    change = next((c.difference for c in evidence.changes if c.measure == WIDTH), NOTHING)
    return (
        judge(FASTER, at_early, no_epochs or no_controls),
        judge(BETTER, at_end, no_controls),
        judge(DEPTH, depth, no_controls),
        judge(SELECTS, evidence.selects, no_epochs),
        judge(PREFERS, change, no_epochs),
    )
