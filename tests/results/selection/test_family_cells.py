"""The accuracies of a family's cells: divergence, trials to come, short schedules."""

from __future__ import annotations

import dataclasses
import math

import pytest

from nascope._src.results.design import families_in, main_settings
from nascope._src.results.selection.early_stopping import choices
from nascope._src.results.selection.family_cells import family_accuracies
from tests.results import planted


def test_of_a_study() -> None:
    study = planted.study(0, effect=3.0, seeds=2)
    (setting,) = main_settings(study)
    family = families_in(study, setting)[0]
    made = choices(family_accuracies(family))
    assert [choice.epoch for choice in made] == list(range(1, 11))
    assert made[0].candidates == 5
    assert made[0].held_out is True
    assert made[0].width >= 4  # the effect favours wide cells early


def test_what_diverges_late_ends_as_a_guess() -> None:
    """The first in the first epoch diverges in the ninth: a bad pick, and a finite one."""
    study = planted.study(0, families=("DARTS",))
    leader = max(study.trials, key=lambda t: t.training.epochs[0].validation_accuracy)
    lost = dataclasses.replace(leader, training=dataclasses.replace(leader.training, diverged_at=9))
    trials = tuple(lost if t is leader else t for t in study.trials)
    changed = dataclasses.replace(study, trials=trials)
    (setting,) = main_settings(changed)
    first, *_, last = choices(family_accuracies(families_in(changed, setting)[0]))
    best = max(t.training.last.test_accuracy for t in study.trials if t is not leader)
    assert first.picked == leader.label
    assert first.regret == pytest.approx(best - 0.1)  # ten classes
    assert 0 < first.blind < first.regret
    assert last.picked != leader.label


def test_trials_to_come_are_no_test_images() -> None:
    """Only trials that enter count, not those that are still to run."""
    study = planted.study(0, seeds=2, families=("DARTS",))
    trials = [
        dataclasses.replace(t, training=None) if (t.label, t.seed) == ("DARTS-r1", 1) else t
        for t in study.trials
    ]
    running = dataclasses.replace(study, trials=tuple(trials))
    (setting,) = main_settings(running)
    assert choices(family_accuracies(families_in(running, setting)[0]))[0].held_out is True


def test_a_shorter_schedule_gives_its_last_epoch() -> None:
    study = planted.study(0, seeds=2, families=("DARTS",))
    trials = [dataclasses.replace(t, recipe={**t.recipe, "epochs": 3}) for t in study.trials]
    diverged = dataclasses.replace(trials[-1].training, diverged_at=2)
    trials[-1] = dataclasses.replace(trials[-1], training=diverged)
    trials = [t for t in trials if t.label != "DARTS-r1"]
    short = dataclasses.replace(study, trials=tuple(trials))
    long_family, short_family = (families_in(s, *main_settings(s))[0] for s in (study, short))
    cells = family_accuracies(long_family, short_family)
    assert [cell.label for cell in cells] == ["DARTS", "DARTS-r2", "DARTS-r3", "DARTS-r4"]
    assert {tuple(curve) for cell in cells for curve in cell.early.values()} == {(3,)}
    last = study.trials[0].training.last
    assert cells[0].early[0] == {3: last.validation_accuracy}
    assert cells[0].final[0] == last.test_accuracy
    assert cells[-1].early[1] == {3: -math.inf}  # diverged: never picked
    (choice,) = choices(cells)
    assert choice.candidates == 4


def test_without_validation_images_nothing_is_held_out() -> None:
    study = planted.study(0, families=("DARTS",))
    trials = []
    for trial in study.trials:
        epochs = [
            dataclasses.replace(point, validation_accuracy=None) for point in trial.training.epochs
        ]
        training = dataclasses.replace(trial.training, epochs=tuple(epochs))
        trials.append(dataclasses.replace(trial, training=training))
    changed = dataclasses.replace(study, trials=tuple(trials))
    cells = family_accuracies(families_in(changed, *main_settings(changed))[0])
    assert {cell.held_out for cell in cells} == {False}
    assert cells[0].early[0][1] == trials[0].training.epochs[0].test_accuracy
