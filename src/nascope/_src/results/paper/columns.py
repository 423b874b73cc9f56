"""What the columns of a figure differ in: the data set, and the learning rate."""

from __future__ import annotations

from dataclasses import dataclass

from nascope._src.records.read import TrialRecord
from nascope._src.results.paper.numbers import TITLES


@dataclass(frozen=True)
class FigureColumn:
    """Trials on one data set at one learning rate.

    Attributes:
        data: name of the data set.
        rate_shown: whether the learning rate is part of the title.
        absent: why there are no trials; empty if there may be some.
    """

    data: str
    learning_rate: float
    rate_shown: bool = False
    absent: str = ""

    @property
    def title(self) -> str:
        """The data set, and the learning rate if it tells columns apart."""
        name = TITLES.get(self.data, self.data)
        return f"{name}, learning rate {self.learning_rate:g}" if self.rate_shown else name

    def holds(self, trial: TrialRecord) -> bool:
        """Return whether a trial belongs to this column."""
        same_data = trial.data.get("name") == self.data
        return same_data and trial.recipe.get("learning_rate") == self.learning_rate
