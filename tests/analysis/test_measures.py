"""The numbers of whole studies, read back from files."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from nascope.analysis import measure_study, shared_levels
from nascope.records import read_study
from tests.report.synthetic import Fake, bowl, family, write_study


def test_the_level_is_the_loss_of_a_guess(tmp_path: Path) -> None:
    levels = shared_levels(read_study(write_study(tmp_path, family()))).only
    assert levels.landscape_loss == pytest.approx(math.log(10))
    assert "uniform guess" in levels.landscape_rule


def test_the_level_is_the_median_where_no_landscape_crosses_a_guess(tmp_path: Path) -> None:
    fakes = family(variants=1, landscape=bowl() / 100)
    levels = shared_levels(read_study(write_study(tmp_path, fakes))).only
    assert levels.landscape_loss == pytest.approx(float(np.median(bowl() / 100)))
    assert "median" in levels.landscape_rule


def test_levels_of_nothing(tmp_path: Path) -> None:
    fakes = family(variants=1, landscape=None, started=False)
    levels, measured = measure_study(read_study(write_study(tmp_path, fakes)))
    assert levels.only.train_loss is None
    assert levels.only.landscape_loss is None
    assert all(math.isnan(one.area_below) and not one.censored for one in measured.values())


def test_numbers_of_an_original_and_a_rougher_variant(tmp_path: Path) -> None:
    study = read_study(write_study(tmp_path, family(variants=1)))
    _, measured = measure_study(study)
    original, variant = (measured[trial.identity] for trial in study.trials)
    assert original.area_below > variant.area_below
    assert original.area_under_loss < variant.area_under_loss
    assert original.gradient_std is not None
    assert variant.gradient_std is not None
    assert original.gradient_std.median < variant.gradient_std.median
    assert original.centre_std < original.gradient_std.median
    assert original.epochs_to_threshold is not None  # the better half reaches it
    assert variant.censored


def test_an_unreached_threshold_is_censored(tmp_path: Path) -> None:
    first, second = family(variants=1)
    stopped = Fake(**{**second.__dict__, "epochs": 2})
    study = read_study(write_study(tmp_path, [first, stopped]))
    _, measured = measure_study(study)
    late = measured[study.trials[1].identity]
    assert late.censored
    assert late.epochs_to_threshold is None
    assert late.epochs == 2


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
