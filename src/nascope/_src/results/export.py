"""A study as flat tables for other tools: its trials, its curves, its probes.

None means that a trial does not have a number. Non-finite numbers are results, and are kept.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Literal, get_args

import numpy as np

from nascope._src.cells.genotype import Genotype, to_dict
from nascope._src.cells.graph import topology
from nascope._src.errors import GenotypeError, StudyError
from nascope._src.networks.sizes import darts_size
from nascope._src.records.read import ProbeRecord, StudyRecord, TrialRecord
from nascope._src.results.measures import AREA, BEST_ACCURACY
from nascope._src.results.metrics.smoothness import chance_loss
from nascope._src.results.planes import smoothness_in, std_at_centre, summary_of

Table = Literal["trials", "curves", "probes"]
TableRow = dict[str, Any]

_PROVENANCE = ("host", "node", "process", "device", "threads", "nascope", "torch", "time")
_OF_THE_LAST_EPOCH = (
    "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss",
    "test_accuracy", "test_top5",
)  # fmt: skip


def flat_table(study: StudyRecord, table: Table = "trials") -> dict[str, list[Any]]:
    """Return a table of a study: columns of equal length, by name.

    Args:
        study: a study with its results.
        table: "trials" has one row per trial: its cell, setting, results and provenance. "curves"
            has one row per point of a training curve; its `epoch_train_loss` adds up to the area
            under the loss curve. "probes" has one row per probe: its settings
            and numbers.

    Raises:
        StudyError: there is no such table.
    """
    rows: dict[str, Callable[[TrialRecord], Iterator[TableRow]]] = {
        "trials": _trials,
        "curves": _curves,
        "probes": _probes,
    }
    if table not in rows:
        known = ", ".join(get_args(Table))
        raise StudyError(f"Expected one of the tables {known}, but got {table!r}")
    entries = [row for trial in study.trials for row in rows[table](trial)]
    names = dict.fromkeys(name for row in entries for name in row)
    return {name: [row.get(name) for row in entries] for name in names}


def _keys(trial: TrialRecord) -> TableRow:
    """Return the columns that every table begins with."""
    return {
        "identity": trial.identity,
        "label": trial.label,
        "family": trial.family,
        "variant": trial.variant,
        **_design(trial),
        "data": trial.data.get("name"),
        "learning_rate": trial.recipe.get("learning_rate"),
        "seed": trial.seed,
    }


def _design(trial: TrialRecord) -> TableRow:
    """Return the columns of a designed variant."""
    if trial.design is None:
        return {}
    return {f"design_{name}": value for name, value in trial.design.as_dict().items()}


def _trials(trial: TrialRecord) -> Iterator[TableRow]:
    row = _keys(trial)
    row |= {f"{part}_images": trial.data.get(part) for part in ("train", "validation", "test")}
    row |= {name: trial.recipe.get(name) for name in ("channels", "layers", "batch_size", "epochs")}
    row |= _cell(trial.genotype)
    training = trial.training
    if training is not None:
        last = training.last
        row |= {
            "epochs_done": len(training.epochs),
            "finished": training.finished,
            "diverged_at": training.diverged_at,
        }
        row |= {name: None if last is None else getattr(last, name) for name in _OF_THE_LAST_EPOCH}
        row |= {
            "best_test_accuracy": BEST_ACCURACY.value(trial),
            "area_under_loss": AREA.value(trial),
            "parameters": training.provenance.get("parameters"),
            "multiply_adds": _multiply_adds(trial),
            "seconds": math.fsum(point.seconds for point in training.epochs),
        }
        row |= {name: training.provenance.get(name) for name in _PROVENANCE}
    error = trial.error.strip().splitlines() if trial.error else []
    row["error"] = error[-1] if error else None
    yield row


def _multiply_adds(trial: TrialRecord) -> int | None:
    """Return the multiply-adds of one image's forward pass, in which dead nodes do not count.

    None if the record does not say how large the network is, or the cell has no closed form.
    """
    numbers = {
        "channels": trial.recipe.get("channels"),
        "layers": trial.recipe.get("layers"),
        "classes": trial.data.get("classes"),
        "image_channels": trial.data.get("image_channels"),
        "image_size": trial.data.get("image_size"),
    }
    sizes = {name: number for name, number in numbers.items() if isinstance(number, int)}
    if len(sizes) < len(numbers):
        return None
    return _size(trial.genotype, tuple(sizes.items()))


@functools.lru_cache(maxsize=1024)  # many trials have one cell
def _size(genotype: Genotype, sizes: tuple[tuple[str, int], ...]) -> int | None:
    try:
        return darts_size(genotype, **dict(sizes)).multiply_adds
    except GenotypeError:
        return None


@functools.lru_cache(maxsize=1024)  # many trials have one cell
def _cell(genotype: Genotype) -> TableRow:
    row: TableRow = {"genotype": json.dumps(to_dict(genotype), separators=(",", ":"))}
    for kind in ("normal", "reduce"):
        wiring = topology(getattr(genotype, kind), reduction=kind == "reduce")
        row |= {
            f"{kind}_width": float(wiring.fractional_width),
            f"{kind}_strict_width": wiring.strict_width,
            f"{kind}_effective_width": float(wiring.effective_width),
            f"{kind}_depth": wiring.depth,
            f"{kind}_dead_nodes": len(wiring.dead_nodes),
        }
    return row


def _curves(trial: TrialRecord) -> Iterator[TableRow]:
    for row in trial.training.curve_rows if trial.training is not None else ():
        values = dict(row)
        yield {
            **_keys(trial),
            "rate_of_epoch": values.pop("learning_rate"),
            **values,
            "genotype": _cell(trial.genotype)["genotype"],
        }


def _probes(trial: TrialRecord) -> Iterator[TableRow]:
    for probe in trial.probes:
        settings = {
            name: probe.settings.get(name)
            for name in ("at", "batchnorm", "instances", "points", "radius", "dimensions")
        }
        yield {
            **_keys(trial),
            "kind": probe.kind,
            "probe": probe.identity,
            "probed_on": probe.settings.get("data"),
            "direction_seed": probe.settings.get("seed"),
            **settings,
            **_numbers(probe, trial),
            "seconds": probe.provenance.get("seconds"),
            **{name: probe.provenance.get(name) for name in _PROVENANCE},
        }


def _numbers(probe: ProbeRecord, trial: TrialRecord) -> TableRow:
    """Return the columns of a probe's results."""
    arrays = probe.arrays
    match probe.kind:
        case "landscape":
            row: TableRow = {f"loss_{name}": n for name, n in asdict(summary_of(probe)).items()}
            if probe.is_plane:
                classes = trial.data.get("classes")
                level = chance_loss(classes) if isinstance(classes, int) else math.nan
                row |= asdict(smoothness_in(probe, level))
            return row
        case "variance":
            row = {f"std_{name}": n for name, n in asdict(summary_of(probe)).items()}
            if probe.is_plane:
                row["std_centre"] = std_at_centre(probe)
            return row
        case "curvature":
            row = {"largest_eigenvalue": float(np.max(arrays["eigenvalues"], initial=-math.inf))}
            if np.size(arrays.get("trace_samples", ())):
                row["trace"] = float(np.mean(arrays["trace_samples"]))
            return row
    return {}
