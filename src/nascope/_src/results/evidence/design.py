"""A table as columns: measures, controls, outcomes, and the epochs that are compared."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from nascope._src.errors import StudyError
from nascope._src.results.evidence.numbers import Kind
from nascope._src.results.external.accuracies import MeasuredTable
from nascope._src.results.external.facts import MEASURES

Array = np.ndarray

EARLY_SHARE = 0.1
"""The share of the schedule within which an epoch is early."""
MIN_CURVE = 5
"""Number of epochs from which a curve has a speed."""


@dataclass(frozen=True, eq=False)
class Design:
    """The columns of a table.

    Attributes:
        measures: names of the measures with their kind of cell.
        values: (measures, cells).
        controls: names of the controls that vary.
        control_values: (controls, cells).
        clusters: (cells,) the source of each cell as a number; None without sources.
        notes: what is missing.
    """

    measures: tuple[tuple[Kind, str], ...]
    values: Array
    controls: tuple[str, ...]
    control_values: Array
    clusters: Array | None
    notes: tuple[str, ...]


def make_design(table: MeasuredTable) -> Design:
    """Return the measures and controls of a table's cells."""
    facts = table.facts
    both = all(fact.reduce is not None for fact in facts)
    kinds: tuple[Kind, ...] = ("normal", "reduce") if both else ("normal",)
    normal = np.array([fact.normal for fact in facts]).T
    parts = [normal]
    if both:
        parts.append(np.array([fact.reduce for fact in facts], dtype=float).T)
    counts = [dict(fact.operations) for fact in facts]
    operations = sorted({key for count in counts for key in count if key[0] in kinds})
    columns = {
        f"{operation} ({kind})": np.array([count.get((kind, operation), 0) for count in counts])
        for kind, operation in operations
    }
    notes = []
    sizes = [fact.size for fact in facts]
    known = [size for size in sizes if size is not None]
    if len(known) == len(sizes):
        columns["parameters"] = np.array([size.parameters for size in known])
        columns["multiply-adds"] = np.array([size.multiply_adds for size in known])
    else:
        notes.append(
            f"no network is known for {len(sizes) - len(known)} cells: adjusted for operations only"
        )
    columns = {name: column for name, column in columns.items() if np.ptp(column) > 0}
    clusters = None
    if table.cells.sources is not None:
        sources = [table.cells.sources[index] for index in table.members]
        clusters = np.unique(sources, return_inverse=True)[1]
    return Design(
        tuple((kind, measure) for kind in kinds for measure in MEASURES),
        np.concatenate(parts),
        tuple(columns),
        np.array(list(columns.values()), dtype=float).reshape(len(columns), len(facts)),
        clusters,
        tuple(notes),
    )


# ---------------------------------------------------------------- epochs


def early_epoch(epochs: Sequence[int] | None) -> int | None:
    """Return the last epoch within the first tenth of the schedule, or the first if there is none.

    None if there are no two epochs.

    >>> early_epoch(range(1, 601)), early_epoch([1, 10, 600]), early_epoch([12, 200])
    (60, 10, 12)
    """
    if epochs is None or len(epochs) < 2:
        return None
    limit = math.ceil(EARLY_SHARE * epochs[-1])
    return max((epoch for epoch in epochs if epoch <= limit), default=epochs[0])


def shown_epochs(
    epochs: Sequence[int] | None, wanted: Collection[int] | None = None
) -> list[int | None]:
    """Return the epochs at which numbers are computed; [None] without epochs.

    Args:
        epochs: those of the table, increasing.
        wanted: by default 1, 2, 5, 10, 20, 50 … The first, the early and the last epoch of the
            table are added to the default, and the last one to any.

    >>> shown_epochs(range(1, 31)), shown_epochs(range(1, 31), [7])
    ([1, 2, 3, 5, 10, 20, 30], [7, 30])
    """
    if epochs is None:
        return [None]
    if wanted is None:
        steps = {factor * 10**power for power in range(9) for factor in (1, 2, 5)}
        chosen = (steps & set(epochs)) | {epochs[0], early_epoch(epochs) or epochs[0]}
    else:
        chosen = set(wanted) & set(epochs)
    return sorted(chosen | {epochs[-1]})


def check_epochs(tables: Sequence[MeasuredTable], wanted: Collection[int] | None) -> list[str]:
    """Return a sentence for each wanted epoch that some tables lack.

    Raises:
        StudyError: no table has one of them.
    """
    notes = []
    recorded = [(table.name, table.epochs) for table in tables if table.epochs is not None]
    for epoch in sorted(wanted or ()):
        lacking = [name for name, epochs in recorded if epoch not in epochs]
        if recorded and len(lacking) == len(recorded):
            name, epochs = recorded[0]
            nearest = min(epochs, key=lambda other: abs(other - epoch))
            raise StudyError(
                f"{name} has no epoch {epoch}; it has {len(epochs)} epochs from {epochs[0]} to "
                f"{epochs[-1]}, and the nearest is {nearest}"
            )
        notes += [f"{name} has no epoch {epoch}" for name in lacking]
    return notes


# ---------------------------------------------------------------- outcomes


def area_under(curves: Array, epochs: Sequence[int]) -> Array:
    """Return the mean accuracy under each curve, by the trapezoidal rule.

    >>> area_under(np.array([[0.0, 1.0]]), [1, 3])
    array([0.5])
    """
    steps = np.diff(np.asarray(epochs, dtype=float))
    return np.asarray(((curves[:, 1:] + curves[:, :-1]) / 2) @ steps / steps.sum())


def epochs_to(threshold: float, curves: Array, epochs: Sequence[int]) -> Array:
    """Return the first epoch at which each curve reaches a threshold; inf if it never does."""
    reached = curves >= threshold
    return np.where(reached.any(axis=1), np.asarray(epochs)[reached.argmax(axis=1)], np.inf)
