"""Predicted accuracies as a table, labelled and with calibrated values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nascope._src.cells.genotype import Genotype, format_text
from nascope._src.results.external.columns import PREDICTED
from nascope._src.results.predictions.agreement import Agreement

_DIGITS = 7  # of a share; the surrogate computes in single precision


@dataclass(frozen=True)
class PredictedFamily:
    """A cell, or all of its rewirings, with predicted accuracies.

    Attributes:
        name: of the cell.
        accuracies: (cells, epochs) predicted accuracies in [0, 1].
        original: index of the cell among its rewirings; None if it is alone.
    """

    name: str
    accuracies: np.ndarray
    original: int | None = None


def prediction_columns(
    genotypes: Sequence[Genotype],
    accuracies: np.ndarray,
    epochs: Sequence[int],
    surrogate: str,
    agreed: Sequence[Agreement] = (),
) -> dict[str, list[Any]]:
    """Return one row per cell and epoch, as columns.

    Args:
        genotypes: the cells.
        accuracies: (cells, epochs) predicted accuracies in [0, 1].
        epochs: the epochs.
        surrogate: the digest of the surrogate's file.
        agreed: the agreement with measured cells at each epoch, if known.
    """
    texts = [format_text(genotype) for genotype in genotypes]
    columns: dict[str, list[Any]] = {
        "name": [genotype.name or "" for genotype in genotypes for _ in epochs],
        "genotype": [text for text in texts for _ in epochs],
        "epoch": [epoch for _ in genotypes for epoch in epochs],
        "accuracy": _flat(accuracies),
        "origin": [PREDICTED] * accuracies.size,
        "surrogate": [surrogate] * accuracies.size,
    }
    if agreed:
        lines = [each.calibration for each in agreed]
        columns["calibrated"] = _flat(
            np.stack([line.calibrated(x) for line, x in zip(lines, accuracies.T, strict=True)], 1)
        )
        if lines[0].has_interval:
            ends = [line.interval(x) for line, x in zip(lines, accuracies.T, strict=True)]
            columns["low"] = _flat(np.stack([low for low, _ in ends], 1))
            columns["high"] = _flat(np.stack([high for _, high in ends], 1))
    return columns


def _flat(values: np.ndarray) -> list[float]:
    flat: list[float] = np.round(values, _DIGITS).ravel().tolist()
    return flat
