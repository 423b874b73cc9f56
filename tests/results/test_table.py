"""Every measure of each trial."""

import dataclasses
import math
from pathlib import Path

from nascope._src.records.read import StudyRecord, read_study
from nascope._src.results.planes import mode_of
from nascope._src.results.table import measure_study
from nascope._src.results.text.entries import of_trial, titled
from tests.report.synthetic import Fake, family, write_study


def test_levels_of_nothing(tmp_path: Path) -> None:
    fakes = family(variants=1, landscape=None, started=False)
    measured = measure_study(read_study(write_study(tmp_path, fakes)))
    assert measured.levels.only.train_loss is None
    assert measured.levels.only.landscape_loss is None
    for trial in measured.study.trials:
        assert math.isnan(measured.value("area_below", trial))
        assert math.isnan(measured.value("reached", trial))


def test_numbers_of_an_original_and_a_rougher_variant(tmp_path: Path) -> None:
    measured = measure_study(read_study(write_study(tmp_path, family(variants=1))))
    columns = measured.columns()
    for key, better in (("area_below", 1), ("area_under_loss", -1), ("std", -1)):
        original, variant = columns[key]
        assert better * original > better * variant, key
    assert columns["std_centre"][0] < columns["std"][0]
    reached, unreached = columns["reached"]
    assert math.isfinite(reached)  # the better half reaches it
    assert unreached == math.inf


def test_an_unreached_threshold_is_censored(tmp_path: Path) -> None:
    first, second = family(variants=1)
    stopped = Fake(**{**second.__dict__, "epochs": 2})
    measured = measure_study(read_study(write_study(tmp_path, [first, stopped])))
    late = measured.study.trials[1]
    assert measured.value("reached", late) == math.inf
    assert of_trial(measured, "reached", late).text == "> 2"


def moded(folder: Path, *modes: str, of_variants: tuple[str, ...] = ()) -> StudyRecord:
    """A study with probes of these modes; recalibrated losses are a third of the frozen ones.

    Args:
        of_variants: the modes of the variant's probes, if they differ.
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
    measured = measure_study(moded(tmp_path / "both", "recalibrated", "frozen"))
    assert measured.levels.modes == {"landscape": "frozen", "variance": "frozen"}
    columns = measured.columns()
    alone = measure_study(moded(tmp_path / "frozen", "frozen")).columns()
    assert columns["area_below"] == alone["area_below"] != columns["area_below_recalibrated"]
    half = moded(tmp_path / "half", "frozen", "recalibrated", of_variants=("recalibrated",))
    below = measure_study(half).value("area_below", half.trials[1])
    assert math.isnan(below)  # not another mode's


def test_a_study_of_another_mode_alone_says_so(tmp_path: Path) -> None:
    measured = measure_study(moded(tmp_path, "recalibrated"))
    assert measured.levels.modes["landscape"] == "recalibrated"
    columns = measured.columns()
    assert all(share > 0 for share in columns["area_below"])
    assert all(math.isnan(share) for share in columns["area_below_recalibrated"])
    titles = [titled(measure, measured.levels).title for measure in measured.measures.values()]
    assert any(title.endswith(", BatchNorm recalibrated") for title in titles)
