"""The studies whose tables are committed under docs/results, as records.

The tables hold numbers of trials and probes, but not the grids they came from. Each grid is
replaced by the simplest one that has the recorded number. A training without recorded curves gets
a constant training loss with the recorded area.
"""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.designs import DesignPlace
from nascope._src.cells.genotype import Genotype
from nascope._src.cells.wiring import published_variant
from nascope._src.records.read import (
    CurvePoint,
    ProbeRecord,
    StudyRecord,
    TrainingRecord,
    TrialRecord,
)
from tests.results import designed

FOLDER = Path(__file__).parents[2] / "docs" / "results"
STUDIES = ("claims", "cells", "darts")

Row = dict[str, str]
_CLASSES = {"cifar10": 10, "cifar100": 100}


def committed_study(name: str) -> StudyRecord:
    """Return the study whose tables are in docs/results/``name``."""
    curves: dict[tuple[str, ...], list[Row]] = {}
    if (FOLDER / name / "curves.csv").is_file():
        for row in rows_of(name, "curves"):
            curves.setdefault(_key(row), []).append(row)
    probes: dict[tuple[str, ...], list[Row]] = {}
    if (FOLDER / name / "probes.csv").is_file():
        for row in rows_of(name, "probes"):
            probes.setdefault(_key(row), []).append(row)
    trials = tuple(
        _trial(row, curves.get(_key(row), []), probes.get(_key(row), []))
        for row in rows_of(name, "trials")
    )
    return StudyRecord(name, Path("nowhere"), trials)


def rows_of(study: str, table: str) -> list[Row]:
    with (FOLDER / study / f"{table}.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _key(row: Row) -> tuple[str, ...]:
    return row["label"], row["data"], str(float(row["learning_rate"])), row["seed"]


def _trial(row: Row, curve: list[Row], probes: list[Row]) -> TrialRecord:
    return TrialRecord(
        identity=" ".join(_key(row)),
        label=row["label"],
        family=row["family"],
        variant=row["variant"],
        genotype=genotype_of(row),
        data={
            "name": row["data"],
            "digest": row["data"],
            "classes": _CLASSES[row["data"]],
            "image_size": 32,
            "image_channels": 3,
            "train": int(row["train_images"]),
            "validation": int(row["validation_images"]),
            "test": int(row["test_images"]),
        },
        recipe={
            "learning_rate": float(row["learning_rate"]),
            **{name: int(row[name]) for name in ("channels", "layers", "batch_size", "epochs")},
        },
        seed=int(row["seed"]),
        training=_training(row, curve),
        probes=tuple(_probe(probe, _CLASSES[row["data"]]) for probe in probes),
        design=_design(row),
    )


def _design(row: Row) -> DesignPlace | None:
    if not row.get("design_kind"):
        return None
    return DesignPlace.from_dict(
        {
            "kind": row["design_kind"],
            "allocation": int(row["design_allocation"]),
            "width": float(row["design_width"]),
            "depth": int(row["design_depth"]),
        }
    )


def genotype_of(row: Row) -> Genotype:
    if row.get("design_kind"):
        cells = (*designed.contrast_cells(), *designed.factorial_cells())
        return next(cell.genotype for cell in cells if cell.label == row["label"])
    original = load_cell(row["family"])
    if row["variant"] == "original":
        return original
    method, seed = row["variant"].split()
    assert method == "published"
    return published_variant(original, int(seed))


def _training(row: Row, curve: list[Row]) -> TrainingRecord:
    assert row["finished"] == "True"
    epochs = int(row["epochs"])
    if curve:
        points = [_point(each) for each in curve]
        whole = tuple(
            replace(point, train_loss=float(row["epoch_train_loss"]))
            for point, row in zip(points, curve, strict=True)
            if row["epoch_train_loss"]
        )
        early = tuple(point for point in points if point.epoch <= 3)
    else:
        flat = float(row["area_under_loss"]) / epochs
        best = float(row["best_test_accuracy"])
        point = {**row, "train_loss": str(flat)}
        whole = tuple(
            _point({**point, "epoch": str(k), **({"test_accuracy": str(best)} if k == 1 else {})})
            for k in range(1, epochs + 1)
        )
        early = ()
    assert len(whole) == int(row["epochs_done"])
    return TrainingRecord(
        epochs=whole,
        early=early,
        diverged_at=int(row["diverged_at"]) if row.get("diverged_at") else None,
        finished=True,
        provenance={"parameters": int(row["parameters"])},
    )


def _point(row: Row) -> CurvePoint:
    def number(name: str) -> float:
        return float(row[name]) if row.get(name) else math.nan

    return CurvePoint(
        epoch=float(row["epoch"]),
        learning_rate=number("rate_of_epoch"),
        train_loss=number("train_loss"),
        train_accuracy=number("train_accuracy"),
        train_top5=math.nan,
        test_loss=number("test_loss"),
        test_accuracy=number("test_accuracy"),
        test_top5=math.nan,
        gradient_norm=math.nan,
        seconds=1.0,
        images_per_second=1.0,
        validation_loss=number("validation_loss"),
        validation_accuracy=number("validation_accuracy"),
    )


def _probe(row: Row, classes: int) -> ProbeRecord:
    settings = {
        "at": row["at"],
        "data": row["probed_on"],
        "seed": int(row["direction_seed"]),
        "batchnorm": row["batchnorm"],
        "instances": int(row["instances"]),
        "points": int(row["points"]),
        "radius": float(row["radius"]),
        "dimensions": int(row["dimensions"]),
        "along": "random",
    }
    if row["kind"] == "landscape":
        # A step along alpha: the first share of the plane lies below the loss of a guess.
        share, level = float(row["area_below"]), math.log(classes)
        arrays = {
            "alphas": np.array([0.0, share, share, 1.0]),
            "betas": np.array([0.0, 1.0]),
            "loss": np.repeat([[level / 2], [level / 2], [2 * level], [2 * level]], 2, axis=1),
        }
    else:
        axis = np.array([-1.0, 0.0, 1.0])
        variance = np.full((3, 3), float(row["std_median"]) ** 2)
        arrays = {"alphas": axis, "betas": axis, "variance": variance}
    return ProbeRecord(row["kind"], f"{row['kind']} {row['batchnorm']}", settings, {}, arrays)
