"""What the columns of a figure differ in: the data set, and the learning rate."""

from __future__ import annotations

from dataclasses import dataclass

from nascope._src.records.read import TrialRecord
from nascope._src.report.arrangement import Arrangement, Group

TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "digits": "digits"}
"""Data sets as the paper writes them."""


@dataclass(frozen=True)
class Column:
    """Trials on one data set at one learning rate.

    Args:
        data: the data set's name.
        rate_shown: whether the learning rate is part of the title.
        absent: why there are none; empty where there may be some.
    """

    data: str
    learning_rate: float
    rate_shown: bool = False
    absent: str = ""

    @property
    def title(self) -> str:
        """The data set, and the learning rate where that tells columns apart."""
        name = TITLES.get(self.data, self.data)
        return f"{name}, learning rate {self.learning_rate:g}" if self.rate_shown else name

    def holds(self, trial: TrialRecord) -> bool:
        """Whether a trial belongs here."""
        same_data = trial.data.get("name") == self.data
        return same_data and trial.recipe.get("learning_rate") == self.learning_rate

    def group(self, arrangement: Arrangement, family: str) -> Group:
        """A family's trials that belong here, by cell."""
        trials = {
            cell.key: own
            for cell in arrangement.cells_of(family)
            if (
                own := tuple(
                    trial
                    for trial in arrangement.study.trials
                    if self.holds(trial) and (trial.family, trial.label) == (family, cell.label)
                )
            )
        }
        return Group(f"{family} {self.title}", self.title, family, trials)


def why_not(trial: TrialRecord) -> str:
    """Why a trial has no result to draw, in a few words; empty where nothing is known of it."""
    if trial.training is not None and trial.training.diverged_at is not None:
        return f"diverged at\nepoch {trial.training.diverged_at}"
    if trial.error is not None:
        return "failed"
    return "not run yet"
