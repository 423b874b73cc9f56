"""The numbers of whole studies, read back from files."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from nascope._src.records.read import StudyRecord, read_study
from nascope._src.report.columns import columns
from nascope._src.results.measures import measure_study, mode_of, shared_levels
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
    original, variant = (measured[trial.key] for trial in study.trials)
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
    late = measured[study.trials[1].key]
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


def moded(folder: Path, *modes: str, of_variants: tuple[str, ...] = ()) -> StudyRecord:
    """A study with probes of these modes; recalibrated losses are a third of the frozen ones.

    Args:
        of_variants: the modes of the variant's, where they are others.
    """
    trials = []
    for trial in read_study(write_study(folder, family(variants=1, modes=modes))).trials:
        wanted = modes if trial.variant == "original" else of_variants or modes
        probes = tuple(
            dataclasses.replace(probe, arrays={**probe.arrays, "loss": probe.arrays["loss"] / 3})
            if mode_of(probe) == "recalibrated" and probe.kind == "landscape"
            else probe
            for probe in trial.probes
            if mode_of(probe) in wanted
        )
        trials.append(dataclasses.replace(trial, probes=probes))
    return StudyRecord("moded", folder, tuple(trials))


def test_numbers_that_name_no_mode_are_of_frozen_batchnorm(tmp_path: Path) -> None:
    study = moded(tmp_path / "both", "recalibrated", "frozen")
    levels, measured = measure_study(study)
    assert levels.modes == {"landscape": "frozen", "variance": "frozen"}
    _, alone = measure_study(moded(tmp_path / "frozen", "frozen"))
    for own, frozen in zip(measured.values(), alone.values(), strict=True):
        assert own.area_below == frozen.area_below != own.area_below_recalibrated
    half = moded(tmp_path / "half", "frozen", "recalibrated", of_variants=("recalibrated",))
    _, measured = measure_study(half)
    assert math.isnan(measured[half.trials[1].key].area_below)  # not another mode's


def test_a_study_of_another_mode_alone_says_so(tmp_path: Path) -> None:
    levels, measured = measure_study(moded(tmp_path, "recalibrated"))
    assert levels.modes["landscape"] == "recalibrated"
    assert all(one.area_below > 0 for one in measured.values())
    assert all(math.isnan(one.area_below_recalibrated) for one in measured.values())
    titles = [one.title for one in columns(levels)]
    assert any(title.endswith(", BatchNorm recalibrated") for title in titles)
