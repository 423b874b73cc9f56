"""What a table of accuracies says, in words and columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from nascope._src.results.evidence.numbers import Association, Statement, TableEvidence
from nascope._src.results.evidence.rules import BETTER, DEPTH, FASTER, PREFERS, SELECTS
from nascope._src.results.stats.rank_bootstrap import Estimate

UNITS = {
    "strict_width": "c", "fractional_width": "c", "live_width": "c", "effective_width": "c",
    "depth": "level", "effective_depth": "level", "dead_nodes": "node",
}  # fmt: skip
"""The unit of each measure, of which slopes are per one."""
_SHOWN = ("fractional_width", "depth")
_KINDS = {"normal": "normal cell", "reduce": "reduction cell"}


def measure_name(row: Association) -> str:
    """Return the name of a row's measure.

    >>> from nascope._src.results.evidence.numbers import NOTHING as none
    >>> row = Association("reduce", "live_width", "accuracy", 1, None, none, none, none, 9)
    >>> measure_name(row)
    'live width of the reduction cell'
    """
    return f"{row.measure.replace('_', ' ')} of the {_KINDS[row.cell]}"


def in_brackets(estimate: Estimate, digits: int = 2) -> str:
    """Return a signed number with its interval.

    >>> in_brackets(Estimate(-0.31, -0.4, -0.2)), in_brackets(Estimate(0.5)), in_brackets(
    ...     Estimate(math.nan))
    ('−0.31 [−0.40, −0.20]', '+0.50', '–')
    """
    if math.isnan(estimate.value):
        return "–"
    text = f"{estimate.value:+.{digits}f}"
    if estimate.low is not None and estimate.high is not None:
        text += f" [{estimate.low:+.{digits}f}, {estimate.high:+.{digits}f}]"
    return text.replace("-", "−")


def heading(evidence: TableEvidence) -> str:
    """Return what a table holds, in one line."""
    table = evidence.table
    cells = len(table.members)
    parts = [f"{cells:,} cell" + ("s" if cells != 1 else "")]
    if table.epochs is None:
        parts.append("without epochs")
    else:
        parts.append(f"{len(table.epochs):,} epoch" + ("s" if len(table.epochs) != 1 else ""))
    if table.accuracies.shape[1] > 1:
        parts.append(f"up to {table.accuracies.shape[1]} seeds")
    parts.append("accuracy in " + ("percent" if table.percent else "shares"))
    return f"{table.name}: {', '.join(parts)}"


def method(evidence: TableEvidence) -> str:
    """Return how adjusted numbers and intervals came about, in one line."""
    sizes = [name for name in ("parameters", "multiply-adds") if name in evidence.controls]
    operations = len(evidence.controls) - len(sizes)
    controls = " and ".join([f"{operations} operation counts", *sizes][-2:])
    if len(sizes) == 2:
        controls = f"{operations} operation counts, {sizes[0]} and {sizes[1]}"
    unit = "sources" if evidence.clustered else "cells"
    intervals = f"95 % intervals: {evidence.resamples:,} resamples of {evidence.units:,} {unit}"
    if not evidence.resamples:
        intervals = f"no intervals: {evidence.units} {unit} are fewer than 10"
    return f"adjusted for {controls}; {intervals}"


def evidence_lines(evidence: TableEvidence) -> list[str]:
    """Return everything that is printed about one table."""
    lines = [heading(evidence), f"  {method(evidence)}"]
    lines += [f"  note: {note}" for note in evidence.notes]
    for measure in _SHOWN:
        rows = [r for r in evidence.rows if (r.cell, r.measure) == ("normal", measure)]
        lines += ["", f"  {measure_name(rows[0])}", *_epoch_lines(rows)]
    lines += ["", *_end_lines(evidence), *_more_lines(evidence), ""]
    return lines + [f"  {line}" for line in map(statement_line, evidence.statements)]


def _epoch_lines(rows: Sequence[Association]) -> Iterator[str]:
    per = UNITS[rows[0].measure]
    yield f"  {'epoch':>6} {'ρ [95 %]':>22} {'adjusted [95 %]':>22}  points per {per}"
    for row in rows:
        epoch = "–" if row.epoch is None else str(row.epoch)
        yield (
            f"  {epoch:>6} {in_brackets(row.rho):>22} {in_brackets(row.adjusted):>22}  "
            f"{in_brackets(row.slope)}"
        )


def _end_lines(evidence: TableEvidence) -> Iterator[str]:
    at = "with accuracy" if evidence.final is None else f"at epoch {evidence.final}"
    yield f"  {'every measure ' + at:<38} {'ρ [95 %]':>22} {'adjusted [95 %]':>22}"
    for row in evidence.rows:
        if row.epoch == evidence.final:
            yield (
                f"  {measure_name(row):<38} {in_brackets(row.rho):>22} "
                f"{in_brackets(row.adjusted):>22}"
            )
    for row in evidence.given:
        if row.epoch == evidence.final and row.cell == "normal":
            given = (row.given or "").replace("_", " ")
            name = f"{row.measure.replace('_', ' ')} given {given}"
            yield f"  {name:<38} {in_brackets(row.rho):>22} {in_brackets(row.adjusted):>22}"


def _more_lines(evidence: TableEvidence) -> Iterator[str]:
    for row in evidence.speed:
        if row.cell == "normal":
            name = f"{row.measure.replace('_', ' ')}, {row.outcome}"
            yield f"  {name:<38} {in_brackets(row.rho):>22} {in_brackets(row.adjusted):>22}"
    if evidence.early is not None:
        for change in evidence.changes:
            if (change.cell, change.measure) in (("normal", m) for m in _SHOWN):
                name = f"{change.measure.replace('_', ' ')}, epoch {evidence.early} less "
                name += f"{evidence.final}"
                yield (
                    f"  {name:<38} {in_brackets(change.difference):>22} "
                    f"{in_brackets(change.adjusted):>22}"
                )
        seeds = "other seeds" if evidence.other_seeds else "the same seed"
        yield (
            f"  accuracy at epoch {evidence.early} with that at {evidence.final}, {seeds}: ρ = "
            f"{in_brackets(evidence.selects)}"
        )
    for noise in evidence.noise:
        at = "" if noise.epoch is None else f" at epoch {noise.epoch}"
        yield (
            f"  seeds{at}: {noise.cells:,} cells with {noise.seeds:.3g} on average; standard "
            f"deviation {noise.deviation:.2f} points; ρ of two seeds {noise.rho:.2f}, so a perfect "
            f"predictor of the mean reaches {noise.ceiling:.2f}"
        )


_NUMBERS = {
    FASTER.statement: "adjusted ρ of width with early accuracy",
    BETTER.statement: "adjusted ρ of width with final accuracy",
    DEPTH.statement: "adjusted ρ of depth with final accuracy, given width",
    SELECTS.statement: "ρ of early with final accuracy",
    PREFERS.statement: "ρ of width with early less with final accuracy",
}


def statement_line(statement: Statement) -> str:
    """Return a verdict with its number.

    >>> print(statement_line(Statement(BETTER.statement, "supported", Estimate(0.3, 0.1, 0.5))
    ... ))  # doctest: +ELLIPSIS
    SUPPORTED     wide cells end better: adjusted ρ ... accuracy +0.30 [+0.10, +0.50]
    """
    number = in_brackets(statement.estimate)
    reason = f" ({statement.reason})" if statement.reason else ""
    return (
        f"{statement.verdict.upper():<13} {statement.statement}: "
        f"{_NUMBERS[statement.statement]} {number}{reason}"
    )


def comparison_lines(tables: Sequence[TableEvidence]) -> list[str]:
    """Return the verdicts of several tables side by side."""
    lines = ["statements by table:"]
    lines += [f"  [{number}] {table.table.name}" for number, table in enumerate(tables, start=1)]
    width = max(len(one.statement) for one in tables[0].statements)
    numbers = "".join(f"{f'[{number}]':>16}" for number in range(1, len(tables) + 1))
    lines.append(f"  {'':<{width}}{numbers}")
    for place, one in enumerate(tables[0].statements):
        verdicts = "".join(f"{table.statements[place].verdict:>16}" for table in tables)
        lines.append(f"  {one.statement:<{width}}{verdicts}")
    return lines
