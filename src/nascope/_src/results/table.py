"""A study's results as flat tables, for other tools: one row a trial, a point of a curve, a probe.

A number that a trial does not have is None; one that is not finite is a result, and stays.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from nascope._src.cells.genotype import to_dict
from nascope._src.cells.graph import topology
from nascope._src.errors import StudyError
from nascope._src.records.read import ProbeRecord, StudyRecord, TrialRecord
from nascope._src.results.levels import Levels, shared_levels
from nascope._src.results.measures import Measure, measures
from nascope._src.results.metrics.convergence import area_under_loss, best_test_accuracy
from nascope._src.results.metrics.smoothness import at_centre, chance_loss, smoothness_of, summarise
from nascope._src.results.planes import loss_of, std_of

Table = Literal["trials", "curves", "probes"]
Row = dict[str, Any]

_MADE_BY = ("host", "node", "process", "device", "threads", "nascope", "torch", "time")


def flat_table(study: StudyRecord, table: Table = "trials") -> dict[str, list[Any]]:
    """The columns of a table, equally long, by their names.

    Args:
        table: "trials": what each trial is, came to and was made by; "curves": its losses and
            accuracies at each point of its training; "probes": each probe's settings and numbers.

    Raises:
        StudyError: there is no such table.
    """
    rows: dict[str, Callable[[TrialRecord], Iterator[Row]]] = {
        "trials": _trials,
        "curves": _curves,
        "probes": _probes,
    }
    if table not in rows:
        raise StudyError(f"no table {table!r}; there are {', '.join(get_args(Table))}")
    found = [row for trial in study.trials for row in rows[table](trial)]
    names = dict.fromkeys(name for row in found for name in row)
    return {name: [row.get(name) for row in found] for name in names}


def _what(trial: TrialRecord) -> Row:
    return {
        "identity": trial.identity,
        "label": trial.label,
        "family": trial.family,
        "variant": trial.variant,
        "data": trial.data.get("name"),
        "learning_rate": trial.recipe.get("learning_rate"),
        "seed": trial.seed,
    }


def _trials(trial: TrialRecord) -> Iterator[Row]:
    row = _what(trial)
    row |= {f"{part}_images": trial.data.get(part) for part in ("train", "validation", "test")}
    row |= {name: trial.recipe.get(name) for name in ("channels", "layers", "batch_size", "epochs")}
    row["genotype"] = json.dumps(to_dict(trial.genotype), separators=(",", ":"))
    for kind in ("normal", "reduce"):
        wiring = topology(getattr(trial.genotype, kind), reduction=kind == "reduce")
        row |= {
            f"{kind}_width": float(wiring.fractional_width),
            f"{kind}_strict_width": wiring.strict_width,
            f"{kind}_effective_width": float(wiring.effective_width),
            f"{kind}_depth": wiring.depth,
        }
    training = trial.training
    if training is not None:
        last = training.last
        row |= {
            "epochs_done": len(training.epochs),
            "finished": training.finished,
            "diverged_at": training.diverged_at,
            "train_loss": last and last.train_loss,
            "train_accuracy": last and last.train_accuracy,
            "validation_loss": last and last.validation_loss,
            "validation_accuracy": last and last.validation_accuracy,
            "test_loss": last and last.test_loss,
            "test_accuracy": last and last.test_accuracy,
            "test_top5": last and last.test_top5,
            "best_test_accuracy": best_test_accuracy(training),
            "area_under_loss": area_under_loss(training),
            "parameters": training.provenance.get("parameters"),
            "seconds": math.fsum(point.seconds for point in training.epochs),
        }
        row |= {name: training.provenance.get(name) for name in _MADE_BY}
    error = trial.error.strip().splitlines() if trial.error else []
    row["error"] = error[-1] if error else None
    yield row


def _curves(trial: TrialRecord) -> Iterator[Row]:
    for point in trial.training.curve if trial.training is not None else ():
        values = asdict(point)
        yield {**_what(trial), "rate_of_epoch": values.pop("learning_rate"), **values}


def _probes(trial: TrialRecord) -> Iterator[Row]:
    for probe in trial.probes:
        settings = {
            name: probe.settings.get(name)
            for name in ("at", "batchnorm", "instances", "points", "radius", "dimensions")
        }
        yield {
            **_what(trial),
            "kind": probe.kind,
            "probe": probe.identity,
            "probed_on": probe.settings.get("data"),
            "direction_seed": probe.settings.get("seed"),
            **settings,
            **_numbers(probe, trial),
            "seconds": probe.provenance.get("seconds"),
            **{name: probe.provenance.get(name) for name in _MADE_BY},
        }


def _numbers(probe: ProbeRecord, trial: TrialRecord) -> Row:
    arrays = probe.arrays
    plane = "betas" in arrays
    match probe.kind:
        case "landscape":
            row: Row = {f"loss_{k}": v for k, v in asdict(summarise(loss_of(probe))).items()}
            if plane:
                classes = trial.data.get("classes")
                level = chance_loss(classes) if isinstance(classes, int) else math.nan
                found = smoothness_of(loss_of(probe), arrays["alphas"], arrays["betas"], level)
                row |= asdict(found)
            return row
        case "variance":
            row = {f"std_{k}": v for k, v in asdict(summarise(std_of(probe))).items()}
            if plane:
                row["std_centre"] = at_centre(std_of(probe), arrays["alphas"], arrays["betas"])
            return row
        case "curvature":
            row = {"largest_eigenvalue": float(np.max(arrays["eigenvalues"], initial=-math.inf))}
            if np.size(arrays.get("trace_samples", ())):
                row["trace"] = float(np.mean(arrays["trace_samples"]))
            return row
    return {}


# ---------------------------------------------------------------- one row per trial, all measures


@dataclass(frozen=True)
class MeasuredStudy:
    """A study with every measure of each trial.

    Attributes:
        levels: what all trials on one data set are compared with.
        measures: by key.
    """

    study: StudyRecord
    levels: Levels
    measures: Mapping[str, Measure]
    _values: Mapping[tuple[str, str, str], Mapping[str, float]]

    def value(self, key: str, trial: TrialRecord) -> float:
        """Return a measure of a trial; NaN if it has none, infinite if it diverged."""
        return self._values[trial.key][key]

    def shown(self, key: str, trials: Sequence[TrialRecord]) -> list[float]:
        """Return a measure of some trials as it is shown, in its unit."""
        scale = self.measures[key].scale
        return [scale * self.value(key, trial) for trial in trials]

    def columns(self) -> dict[str, list[float]]:
        """Return the measures as shown, by key, one value per trial in the study's order."""
        return {key: self.shown(key, self.study.trials) for key in self.measures}


def measure_study(study: StudyRecord) -> MeasuredStudy:
    """Compute every measure of each trial, at levels that all trials on a data set share."""
    levels = shared_levels(study)
    registry = measures(levels)
    values = {
        trial.key: {key: measure.value(trial) for key, measure in registry.items()}
        for trial in study.trials
    }
    return MeasuredStudy(study, levels, registry, values)
