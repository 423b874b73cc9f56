"""Which trials made a number: addresses on the page that lead to their rows.

A trial's path is "g0-c1-2": its group, its cell, and its place among the cell's trials there. The
address "#trials:g0,g1-c3@accuracy" shows the rows of all trials below these paths, and marks a
column (table.js).
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.report.arrangement import Arrangement
from nascope._src.results.design import main_settings, setting_of
from nascope._src.results.findings.designs import DesignFinding
from nascope._src.results.findings.finding import Finding
from nascope._src.results.findings.mediation import MediationFinding
from nascope._src.results.measures import Measure
from nascope._src.results.reliability import Reliability
from nascope._src.results.text.mediation import mediator_of
from nascope._src.results.text.numbers import counted

_EVERY_RATE = 4  # the claim that compares learning rates
_ADAPTED = 9  # the claim that compares originals with their adapted cells


@dataclass(frozen=True)
class Source:
    """A link to the trials that made a number."""

    address: str
    trials: int

    @property
    def groups(self) -> str:
        """The groups of the trials."""
        paths = self.address.removeprefix("#trials:").partition("@")[0].split(",")
        return ",".join(dict.fromkeys(path.split("-")[0] for path in paths))

    @property
    def text(self) -> str:
        """How many trials they are."""
        return counted(self.trials, "trial")


@dataclass(frozen=True)
class Sources:
    """The addresses of a page's trials.

    Attributes:
        measures: the columns of the page's table, by key.
    """

    arrangement: Arrangement
    measures: Mapping[str, Measure]

    @functools.cached_property
    def paths(self) -> dict[tuple[str, str, str], str]:
        """The path of each trial, by its key."""
        return {
            trial.key: f"{group.key}-{cell}-{number}"
            for group in self.arrangement.groups
            for cell, trials in group.trials.items()
            for number, trial in enumerate(trials)
        }

    @functools.cached_property
    def _below(self) -> dict[str, int]:
        """The number of trials below each group and each cell of a group."""
        counts: dict[str, int] = {}
        for path in self.paths.values():
            group, cell, _ = path.split("-")
            for above in (group, f"{group}-{cell}"):
                counts[above] = counts.get(above, 0) + 1
        return counts

    def of(self, trials: Iterable[TrialRecord], measure: str = "") -> Source | None:
        """Return a link to some trials; None if there is none.

        Args:
            measure: key or title of the column to mark, if the table has it.
        """
        wanted = [self.paths[trial.key] for trial in trials if trial.key in self.paths]
        if not wanted:
            return None
        column = self._column(measure)
        return Source(
            f"#trials:{','.join(self._shortened(wanted))}" + (f"@{column}" if column else ""),
            len(wanted),
        )

    def _shortened(self, paths: Collection[str]) -> list[str]:
        """Name a cell or a group in place of its trials if all of them are wanted."""
        for parts in (2, 1):
            found: dict[str, list[str]] = {}
            for path in paths:
                found.setdefault("-".join(path.split("-")[:parts]), []).append(path)
            paths = [
                one
                for above, below in found.items()
                for one in ([above] if self._whole(above, below) else below)
            ]
        return list(paths)

    def _whole(self, above: str, below: Collection[str]) -> bool:
        return sum(self._below.get(path, 1) for path in below) == self._below[above]

    def _column(self, measure: str) -> str:
        if measure in self.measures:
            return measure
        same = (key for key, m in self.measures.items() if m.title.lower() == measure.lower())
        return next(same, "")

    def of_finding(self, study: StudyRecord, finding: Finding, family: str = "") -> Source | None:
        """Return a link to the trials that a finding, or one family of it, compares."""
        families = {family} if family else {one.family for one in finding.families}
        rate = finding.claim != _EVERY_RATE
        settings = main_settings(study, rate=rate)
        return self.of(
            (
                trial
                for trial in study.trials
                if trial.family in families
                and finding.data in ("", trial.data.get("name"))
                and (finding.claim != _ADAPTED or trial.variant in ("original", "adapted"))
                and setting_of(trial, rate=rate) in settings
            ),
            finding.measure,
        )

    def of_design(
        self, study: StudyRecord, finding: DesignFinding, labels: Collection[str] = ()
    ) -> Source | None:
        """Return a link to the trials that the finding on a design, or one pair of it, compares."""
        labels = labels or {
            label for pair in finding.pairs for label in (pair.favoured, pair.other)
        }
        return self.of(
            (
                trial
                for trial in study.trials
                if trial.label in labels
                and trial.data.get("name") == finding.data
                and finding.learning_rate in (None, trial.recipe.get("learning_rate"))
            ),
            finding.measure,
        )

    def of_mediation(self, study: StudyRecord, finding: MediationFinding) -> Source | None:
        """Return a link to the trials of a design, in the setting of a finding."""
        return self.of(
            (
                trial
                for trial in study.trials
                if trial.design is not None
                and trial.design.kind == finding.kind
                and trial.data.get("name") == finding.data
                and finding.learning_rate in (None, trial.recipe.get("learning_rate"))
            ),
            mediator_of(finding),
        )

    def of_reliability(self, study: StudyRecord, entry: Reliability) -> Source | None:
        """Return a link to the trials of a reliability's setting."""
        return self.of(
            (
                trial
                for trial in study.trials
                if trial.data.get("name") == entry.data
                and entry.learning_rate in (None, trial.recipe.get("learning_rate"))
            ),
            entry.title,
        )

    def of_family(self, study: StudyRecord, data: str, family: str) -> Source | None:
        """Return a link to a family's trials in the setting in which claims are judged."""
        return self.of(
            trial
            for trial in study.trials
            if trial.family == family
            and trial.data.get("name") == data
            and setting_of(trial) in main_settings(study)
        )
