"""A study as one table: every measure of each trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.levels import Levels, shared_levels
from nascope._src.results.measures import Measure, all_measures


@dataclass(frozen=True)
class MeasuredStudy:
    """A study with every measure of each trial.

    Attributes:
        study: the study.
        levels: the levels that the trials on each data set share.
        measures: every measure, by key.
    """

    study: StudyRecord
    levels: Levels
    measures: Mapping[str, Measure]
    _values: Mapping[tuple[str, str, str], Mapping[str, float]]

    def value(self, key: str, trial: TrialRecord) -> float:
        """Return a measure of a trial; NaN if it has none, often infinite if it diverged."""
        return self._values[trial.key][key]

    def shown(self, key: str, trials: Sequence[TrialRecord]) -> list[float]:
        """Return a measure of some trials, in its unit."""
        scale = self.measures[key].scale
        return [scale * self.value(key, trial) for trial in trials]

    def columns(self) -> dict[str, list[float]]:
        """Return every measure in its unit, by key: one number per trial, in the study's order."""
        return {key: self.shown(key, self.study.trials) for key in self.measures}


def measure_study(study: StudyRecord) -> MeasuredStudy:
    """Compute every measure of each trial, at the levels that trials on one data set share."""
    levels = shared_levels(study)
    registry = all_measures(levels)
    values = {
        trial.key: {key: measure.value(trial) for key, measure in registry.items()}
        for trial in study.trials
    }
    return MeasuredStudy(study, levels, registry, values)
