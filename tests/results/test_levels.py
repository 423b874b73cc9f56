"""The levels that trials on one data set share."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from nascope._src.records.read import StudyRecord, read_study
from nascope._src.results.levels import data_key, shared_levels
from tests.report.synthetic import bowl, family, write_study
from tests.results import handmade, planted


def test_the_level_is_the_loss_of_a_guess(tmp_path: Path) -> None:
    levels = shared_levels(read_study(write_study(tmp_path, family()))).only
    assert levels.landscape_loss == pytest.approx(math.log(10))
    assert levels.landscape_rule == "chance"


@pytest.mark.parametrize("factor", [1 / 100, 100])
def test_the_level_is_the_median_if_no_landscape_crosses_a_guess(
    tmp_path: Path, factor: float
) -> None:
    fakes = family(variants=1, landscape=factor * bowl())
    levels = shared_levels(read_study(write_study(tmp_path, fakes))).only
    assert levels.landscape_loss == pytest.approx(float(np.median(factor * bowl())))
    assert levels.landscape_rule == "median"


def test_each_data_set_has_levels_of_its_own(tmp_path: Path) -> None:
    digits = read_study(write_study(tmp_path, family(variants=1)))
    fine = [
        dataclasses.replace(trial, data={**trial.data, "name": "cifar100", "classes": 100})
        for trial in digits.trials
    ]
    both = dataclasses.replace(digits, trials=(*digits.trials, *fine))
    levels = shared_levels(both)
    assert levels.only is None
    assert levels.of(both.trials[0]).landscape_loss == pytest.approx(math.log(10))
    assert levels.of(both.trials[-1]).landscape_loss != levels.of(both.trials[0]).landscape_loss


def test_levels_of_a_study_without_results() -> None:
    study = StudyRecord("empty", Path("nowhere"), (handmade.trial("F", 0, None),))
    levels = shared_levels(study)
    only = levels.only
    assert (only.data, only.classes) == ("digits", 10)
    assert (only.train_loss, only.landscape_loss, only.landscape_rule) == (None, None, "none")
    assert levels.modes == {}
    assert shared_levels(StudyRecord("none", Path("nowhere"), ())).only is None


def test_without_the_number_of_classes_the_level_is_the_median() -> None:
    study = planted.study(0)
    trials = tuple(dataclasses.replace(t, data={**t.data, "classes": None}) for t in study.trials)
    levels = shared_levels(dataclasses.replace(study, trials=trials)).only
    assert levels.landscape_rule == "median"
    assert levels.classes is None


def test_non_finite_losses_do_not_move_the_level() -> None:
    study = planted.study(0, families=("DARTS",))
    known = shared_levels(study).only
    trial = study.trials[0]
    probes = tuple(
        dataclasses.replace(
            p, arrays={**p.arrays, "loss": np.where(np.eye(5), np.inf, p.arrays["loss"])}
        )
        if p.kind == "landscape"
        else p
        for p in trial.probes
    )
    lost = dataclasses.replace(trial, probes=probes)
    changed = dataclasses.replace(study, trials=(lost, *study.trials[1:]))
    assert known.landscape_rule == "chance"
    assert shared_levels(changed).only == known


def test_data_sets_of_one_name_and_other_images_are_apart() -> None:
    first = handmade.trial("F", 0, 1.0)
    other = dataclasses.replace(first, data={**first.data, "digest": "1"})
    assert data_key(first) != data_key(other)
