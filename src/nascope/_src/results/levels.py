"""The levels that all trials on one data set are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nascope._src.records.read import GRID_ARRAYS, StudyRecord, TrialRecord
from nascope._src.results.metrics.convergence import shared_threshold
from nascope._src.results.metrics.smoothness import chance_loss
from nascope._src.results.planes import loss_of, modes_of


@dataclass(frozen=True)
class DataLevels:
    """What all trials on one data set are compared with.

    Attributes:
        data: name of the data set.
        train_loss: threshold of `epochs_to_loss`; None if no run has finished.
        landscape_loss: level of `area_below`; None if there is no landscape.
        landscape_rule: how that level was chosen: "chance", "median" or "none".
        classes: of the data set; None if unknown.
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
        by_data: by data set (`data_key`).
        modes: for each kind of grid the BatchNorm mode of all measures that name none.
    """

    by_data: Mapping[str, DataLevels]
    modes: Mapping[str, str]

    def of(self, trial: TrialRecord) -> DataLevels:
        """Return the levels that a trial is compared with."""
        return self.by_data[data_key(trial)]

    @property
    def only(self) -> DataLevels | None:
        """The levels of a study of one data set; None if there are several data sets, or none."""
        return next(iter(self.by_data.values())) if len(self.by_data) == 1 else None


def data_key(trial: TrialRecord) -> str:
    """Return what tells the data of one trial from those of others."""
    return f"{trial.data.get('name')} {trial.data.get('digest')}"


def shared_levels(study: StudyRecord) -> Levels:
    """Return the levels for all trials of a study, separately for each data set.

    The landscape's level is the loss of a uniform guess, ln(classes), if the number of classes is
    known and some landscape dips below it; otherwise the median of all finite losses.
    """
    groups: dict[str, list[TrialRecord]] = {}
    for trial in study.trials:
        groups.setdefault(data_key(trial), []).append(trial)
    modes = {kind: known[0] for kind in GRID_ARRAYS if (known := modes_of(study.trials, kind))}
    return Levels({key: _levels(trials) for key, trials in groups.items()}, modes)


def _levels(trials: Sequence[TrialRecord]) -> DataLevels:
    runs = [trial.training for trial in trials if trial.training is not None]
    losses = [loss_of(probe) for trial in trials for probe in trial.standard_probes("landscape")]
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
    return DataLevels(name, shared_threshold(runs), level, rule, known)
