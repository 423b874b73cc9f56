"""Measures as the entries of a table."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.levels import DataLevels, Levels
from nascope._src.results.measures import all_measures
from nascope._src.results.stats.intervals import Estimate
from nascope._src.results.table import MeasuredStudy, measure_study
from nascope._src.results.text.entries import interval, of_trial, over_trials, titled, write
from tests.results import planted
from tests.results.handmade import LOST, NUMBER, training, trial

MEASURES = all_measures(Levels({}, {}))


def measured(*trials: TrialRecord) -> MeasuredStudy:
    return measure_study(StudyRecord("study", Path("nowhere"), trials))


@pytest.mark.parametrize(
    ("key", "shown", "text"),
    [
        ("accuracy", 61.26, "61.3"),
        ("accuracy", math.nan, "–"),
        ("accuracy", -math.inf, "−∞"),
        ("area_under_loss", math.inf, "∞"),
        ("area_under_loss", 1236.0, "1,240"),
        ("parameters", 3349342.0, "3,349,342"),
        ("eigenvalue", 0.000123, "0.000123"),
    ],
)
def test_numbers_have_the_digits_of_their_measure(key: str, shown: float, text: str) -> None:
    assert write(MEASURES[key], shown) == text


def test_an_interval_is_written_if_there_is_one() -> None:
    accuracy = MEASURES["accuracy"]
    assert interval(accuracy, Estimate(60.0, 2)) == "60.0"
    assert interval(accuracy, Estimate(60.0, 3, 58.0, 62.0)) == "60.0 [58.0, 62.0]"


def test_entries_of_a_trial_sort_by_their_number() -> None:
    finished, lost, waiting = (trial("F", k, n) for k, n in enumerate((0.5, LOST, None)))
    study = measured(finished, lost, waiting)
    entries = {key: [of_trial(study, key, t) for t in study.study.trials] for key in study.measures}
    assert [entry.text for entry in entries["accuracy"]] == ["50.0", "diverged", "–"]
    assert [entry.sort for entry in entries["accuracy"]] == [50, None, None]
    assert [entry.text for entry in entries["area_under_loss"]] == ["2.00", "diverged", "–"]
    assert [entry.sort for entry in entries["area_under_loss"]] == [2, None, None]


def test_a_loss_that_was_not_reached_is_censored() -> None:
    """The shared loss is 1.5, the median of 1 and 2."""
    fast, slow = (
        dataclasses.replace(trial(label, 0, 0.5), training=training(losses))
        for label, losses in (("F", [3.0, 1.0]), ("v1", [3.0, 2.0]))
    )
    study = measured(fast, slow)
    reached, late = (of_trial(study, "reached", t) for t in (fast, slow))
    assert (reached.text, reached.sort) == ("2", 2)
    assert (late.text, late.sort) == ("> 2", 1e9)
    assert over_trials(study, "reached", [fast, slow]).text == "not reached in 1 of 2"


def test_entries_of_a_cell_are_means_over_its_seeds() -> None:
    study = measured(*(trial("F", seed, n) for seed, n in enumerate((0.5, 0.6, 0.7))))
    trials = study.study.trials
    assert over_trials(study, "accuracy", trials[:1]).text == "50.0"
    two, three = over_trials(study, "accuracy", trials[:2]), over_trials(study, "accuracy", trials)
    assert (two.text, two.sort) == ("55.0", pytest.approx(55))
    assert three.text.startswith("60.0 [")
    assert three.sort == pytest.approx(60)


def test_a_cell_with_lost_or_missing_seeds_says_how_many() -> None:
    numbers = (0.5, LOST, None, None)
    study = measured(*(trial("F", seed, n) for seed, n in enumerate(numbers)))
    trials = study.study.trials
    assert over_trials(study, "accuracy", trials).text == "diverged in 1 of 4"
    assert over_trials(study, "accuracy", [trials[0], *trials[2:]]).text == "in 1 of 3 only"
    nothing = over_trials(study, "accuracy", trials[2:])
    assert (nothing.text, nothing.sort) == ("–", None)


def test_titles_name_the_level_of_the_only_data_set() -> None:
    study = measure_study(planted.study(0, families=("DARTS",)))
    titles = {key: titled(m, study.levels).title for key, m in study.measures.items()}
    assert titles["area_below"] == "Landscape area below loss 2.3"
    assert titles["area_below_recalibrated"] == "The same, BatchNorm recalibrated, below 2.3"
    assert titles["reached"].startswith("Epochs to training loss ≤ ")
    assert titles["accuracy"] == study.measures["accuracy"].title
    none = Levels({"d": DataLevels("d", None, None, "none")}, {})
    assert titled(MEASURES["reached"], none).title == "Epochs to training loss ≤ ?"
    several = Levels({name: DataLevels(name, 0.5, 2.3, "chance") for name in "ab"}, {})
    assert titled(MEASURES["reached"], several).title.endswith("≤ the data set's threshold")
    assert titled(MEASURES["area_below"], several).title.endswith("below the data set's level")
    assert titled(NUMBER, none) is NUMBER
