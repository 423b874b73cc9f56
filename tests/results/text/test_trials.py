"""Trials and settings in a few words."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.text.trials import (
    caveat,
    describe_settings,
    describe_trials,
    shortened,
    status,
    why_not_drawn,
)
from tests.results import planted
from tests.results.handmade import training, trial


def made(*, error: str | None = None, **more) -> TrialRecord:
    """A trial of four epochs of which two are done."""
    started = training([2.0, 1.0], **more) if more else None
    return dataclasses.replace(trial("F", 0, None, epochs=4), training=started, error=error)


@pytest.mark.parametrize(
    ("trial", "became", "not_drawn"),
    [
        (made(), "not started", "not run yet"),
        (made(finished=False), "epoch 2 of 4 so far", "not run yet"),
        (made(finished=True), "finished", "not run yet"),
        (made(diverged_at=2), "diverged at epoch 2", "diverged at\nepoch 2"),
        (made(error="out of memory"), "failed", "failed"),
        (made(error="out of memory", finished=False), "failed after epoch 2 of 4", "failed"),
        (made(error="lost", diverged_at=2), "diverged at epoch 2", "diverged at\nepoch 2"),
    ],
)
def test_what_became_of_a_trial(trial: TrialRecord, became: str, not_drawn: str) -> None:
    assert status(trial) == became
    assert why_not_drawn(trial) == not_drawn


def test_settings_are_described_by_as_few_words_as_needed() -> None:
    settings = [
        {"data": "a", "digest": "1", "epochs": 5},
        {"data": "b", "digest": "2", "epochs": 5},
        {"data": "b", "digest": "2", "epochs": 9},
    ]
    assert describe_settings(settings) == [
        "data a, epochs 5",
        "data b, epochs 5",
        "data b, epochs 9",
    ]


def test_equal_settings_need_no_words() -> None:
    assert describe_settings([{"epochs": 5}, {"epochs": 5}]) == ["", ""]
    assert describe_settings([]) == []


def test_trials_are_described_by_their_studies_data_and_recipes() -> None:
    study = planted.study(0, families=("DARTS",), rates=(0.025, 0.25), variants=1)
    assert describe_trials(study) == ["learning rate 0.025", "learning rate 0.25"] * 2
    first, second = (dataclasses.replace(study.trials[0], study=name) for name in "ab")
    both = StudyRecord("both", study.folder, (first, second))
    assert describe_trials(both) == ["study a", "study b"]


def test_a_short_label_is_kept() -> None:
    assert shortened("DARTS-r1") == "DARTS-r1"
    long = "x" * 30 + "-seed-17"
    assert len(shortened(long)) == 26
    assert shortened(long).endswith("-seed-17")


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (2, "on their own they prove nothing"),
        (3, "Intervals over seeds are Student's."),
        (9, "Intervals over seeds are Student's."),
        (10, "Intervals over seeds are bootstrap-t, or Student's below ten seeds."),
    ],
)
def test_the_caveat_names_the_interval_that_is_drawn(seeds, said):
    trials = [SimpleNamespace(seed=seed, recipe={"epochs": 5}) for seed in range(seeds)]
    assert said in caveat(cast(Any, trials))
