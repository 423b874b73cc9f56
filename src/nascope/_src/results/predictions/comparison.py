"""A surrogate compared with a table of measured cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from nascope._src.cells.genotype import Genotype
from nascope._src.cells.graph import depth, fractional_width
from nascope._src.errors import GenotypeError
from nascope._src.results.predictions.agreement import Agreement, agreement, matched_epoch
from nascope._src.results.predictions.measured import MeasuredCell, read_measured
from nascope._src.results.stats.correlation import spearman
from nascope._src.surrogate.model import LAST_EPOCH, Surrogate

Array = np.ndarray


@dataclass(frozen=True)
class Contrast:
    """What a topology number says about predicted and about measured accuracies of the same cells.

    Attributes:
        measure: "width", the fractional width, or "depth"; both of the normal cell.
        rho_measured, rho_predicted: Spearman's correlation with accuracy.
        slope_measured, slope_predicted: least-squares slope of accuracy, per c or per level, in
            [0, 1].
    """

    measure: str
    rho_measured: float
    rho_predicted: float
    slope_measured: float
    slope_predicted: float


@dataclass(frozen=True)
class EpochComparison:
    """Predictions at one epoch and the measured accuracies they are compared with.

    Attributes:
        agreement: how well they agree.
        contrasts: what width and depth say about both.
        predicted, measured: (cells,) accuracies in [0, 1].
    """

    agreement: Agreement
    contrasts: tuple[Contrast, ...]
    predicted: Array
    measured: Array

    def as_row(self) -> dict[str, float | int | None]:
        """Return plain values, for JSON."""
        each, line = self.agreement, self.agreement.calibration
        row: dict[str, float | int | None] = {
            "epoch": each.epoch,
            "measured_epoch": each.measured_epoch,
            "cells": each.cells,
            "rho": each.rho,
            "low": each.low,
            "high": each.high,
            "intercept": line.intercept,
            "slope": line.slope,
            "spread": line.spread,
            "coverage": each.coverage,
            "length": each.length,
        }
        for contrast in self.contrasts:
            numbers = asdict(contrast)
            name = numbers.pop("measure")
            row |= {f"{name}_{key}": value for key, value in numbers.items()}
        return row


@dataclass(frozen=True)
class Comparison:
    """A surrogate compared with a table of measured cells.

    Attributes:
        table: the file's name.
        epochs: one comparison per predicted epoch; none if fewer than three cells can be compared.
        left_out: number of cells that the surrogate cannot predict.
    """

    table: str
    epochs: tuple[EpochComparison, ...]
    left_out: int

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """The agreement at each epoch."""
        return tuple(each.agreement for each in self.epochs)


def split_predictable(
    surrogate: Surrogate, cells: Sequence[Genotype]
) -> tuple[list[Genotype], list[GenotypeError]]:
    """Return the cells that a surrogate can predict, and an error for each of the others."""
    inside, reasons = [], []
    for cell in cells:
        try:
            surrogate.encode(cell)
        except GenotypeError as error:
            reasons.append(error)
        else:
            inside.append(cell)
    return inside, reasons


def compare(
    surrogate: Surrogate, path: Path, epochs: Sequence[int], *, workers: int = 1
) -> Comparison:
    """Predict the cells of a table and compare.

    Args:
        surrogate: what predicts.
        path: the table of measured cells.
        epochs: the epochs to predict, in increasing order.
        workers: number of threads.

    Raises:
        StudyError: the table cannot be read.
    """
    known = read_measured(path)
    inside, reasons = split_predictable(surrogate, [cell.genotype for cell in known])
    cells = [cell for cell in known if cell.genotype in set(inside)]
    predicted = surrogate.predict([cell.genotype for cell in cells], epochs, workers=workers)
    return Comparison(path.name, compare_epochs(cells, predicted.accuracies, epochs), len(reasons))


def compare_epochs(
    cells: Sequence[MeasuredCell], predicted: Array, epochs: Sequence[int]
) -> tuple[EpochComparison, ...]:
    """Compare predictions of measured cells with their accuracies, at each predicted epoch.

    Args:
        cells: the measured cells. Only epochs that all of them have are used.
        predicted: (cells, epochs) predicted accuracies.
        epochs: the epochs.
    """
    common = set.intersection(*(set(cell.curve) for cell in cells)) if cells else set()
    if len(cells) < 3 or not common:
        return ()
    width = np.array([float(fractional_width(cell.genotype.normal)) for cell in cells])
    deep = np.array([float(depth(cell.genotype.normal)) for cell in cells])
    compared = []
    for column, epoch in enumerate(epochs):
        match = matched_epoch(epoch, LAST_EPOCH, sorted(common))
        measured = np.array([cell.curve[match] for cell in cells])
        at = predicted[:, column]
        contrasts = (
            _contrast("width", width, at, measured),
            _contrast("depth", deep, at, measured),
        )
        compared.append(
            EpochComparison(agreement(epoch, match or None, at, measured), contrasts, at, measured)
        )
    return tuple(compared)


def _contrast(measure: str, values: Array, predicted: Array, measured: Array) -> Contrast:
    def slope(accuracies: Array) -> float:
        centred = values - values.mean()
        variance = float(centred @ centred)
        return float(centred @ accuracies) / variance if variance else float("nan")

    numbers, at, known = values.tolist(), predicted.tolist(), measured.tolist()
    return Contrast(
        measure, spearman(numbers, known), spearman(numbers, at), slope(measured), slope(predicted)
    )
