"""The levels that all trials on one data set share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nascope._src.records.read import GRID_ARRAYS, StudyRecord, TrialRecord
from nascope._src.results.metrics.convergence import shared_threshold
from nascope._src.results.metrics.smoothness import chance_loss
from nascope._src.results.planes import ProbePlace, loss_of, modes_of, places_of


@dataclass(frozen=True)
class DataLevels:
    """The levels with which all trials on one data set are compared.

    Attributes:
        data: name of the data set.
        train_loss: threshold of `epochs_to_loss`, in nats per image; None if no training has
            finished.
        landscape_loss: level of `area_below`, in nats per image; None without a landscape.
        landscape_rule: how that level was chosen: "chance", "median" or "none".
        classes: number of classes; None if unknown.
    """

    data: str
    train_loss: float | None
    landscape_loss: float | None
    landscape_rule: Literal["chance", "median", "none"]
    classes: int | None = None


@dataclass(frozen=True)
class Levels:
    """The levels of a study.

    Attributes:
        by_data: the levels of each data set, by `data_key`.
        modes: for each kind of grid, the BatchNorm mode of measures whose title names none.
        places: the moments and images at which networks were probed.
    """

    by_data: Mapping[str, DataLevels]
    modes: Mapping[str, str]
    places: Sequence[ProbePlace] = ()

    def of(self, trial: TrialRecord) -> DataLevels:
        """Return the levels that a trial is compared with."""
        return self.by_data[data_key(trial)]

    @property
    def only(self) -> DataLevels | None:
        """The levels of the only data set; None if the study has none, or several."""
        return next(iter(self.by_data.values())) if len(self.by_data) == 1 else None


def data_key(trial: TrialRecord) -> str:
    """Return a key that trials on the same images share: name and digest of the data set."""
    return f"{trial.data.get('name')} {trial.data.get('digest')}"


def shared_levels(study: StudyRecord) -> Levels:
    """Return the levels of a study, for each data set.

    The landscapes' level is the loss of a uniform guess, ln(classes), if it lies between the lowest
    and the highest loss of all landscapes. Otherwise, or if the number of classes is unknown, it
    is the median of all finite losses.
    """
    groups: dict[str, list[TrialRecord]] = {}
    for trial in study.trials:
        groups.setdefault(data_key(trial), []).append(trial)
    modes = {kind: first for kind in GRID_ARRAYS for first in modes_of(study.trials, kind)[:1]}
    by_data = {key: _levels(trials) for key, trials in groups.items()}
    return Levels(by_data, modes, places_of(study.trials))


def _levels(trials: Sequence[TrialRecord]) -> DataLevels:
    trainings = [trial.training for trial in trials if trial.training is not None]
    losses = [loss_of(probe) for t in trials for probe in t.standard_probes("landscape")]
    finite = np.concatenate([loss[np.isfinite(loss)] for loss in losses] or [np.empty(0)])
    level: float | None = None
    rule: Literal["chance", "median", "none"] = "none"
    classes = trials[0].data.get("classes")
    known = classes if isinstance(classes, int) and classes > 1 else None
    if finite.size:
        level, rule = float(np.median(finite)), "median"
        if known is not None and finite.min() < chance_loss(known) < finite.max():
            level, rule = chance_loss(known), "chance"
    name = str(trials[0].data.get("name"))
    return DataLevels(name, shared_threshold(trainings), level, rule, known)
