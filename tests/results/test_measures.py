"""The measures of a trial: finished, unfinished, diverged, probed or not."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from nascope._src.records.read import ProbeRecord, StudyRecord, TrialRecord
from nascope._src.results.levels import DataLevels, Levels, shared_levels
from nascope._src.results.measures import (
    ACCURACY,
    AREA,
    BEST_ACCURACY,
    CAPPED_AREA,
    EARLY_ACCURACY,
    FLUCTUATION,
    Measure,
    all_measures,
    basin_fraction,
    median_gradient_std,
    planes_for,
    primary_measure,
)
from nascope._src.results.planes import plane_of
from tests.results.handmade import training, trial

AXIS = np.linspace(-1, 1, 5)
LOSSES = [2.0, 1.0, 0.5, 0.25, 0.2, 0.1]
ACCURACIES = [0.1, 0.5, 0.7, 0.6, 0.6, 0.6]


def trained(*, epochs: int = 6, probes: tuple[ProbeRecord, ...] = (), **more) -> TrialRecord:
    made = training(LOSSES, accuracies=ACCURACIES, **more)
    return dataclasses.replace(trial("F", 0, 1.0, epochs=epochs), training=made, probes=probes)


FINISHED, RUNNING = trained(), trained(finished=False, epochs=60)
DIVERGED = trained(diverged_at=4)
WAITING = trial("F", 0, None)


@pytest.mark.parametrize(
    ("measure", "finished", "running", "diverged"),
    [
        (AREA, 4.05, math.nan, math.inf),
        (CAPPED_AREA, 4.05, math.nan, 3.5 + 3 * math.log(10)),  # a guess's loss from epoch 4 on
        (ACCURACY, 0.6, math.nan, -math.inf),
        (BEST_ACCURACY, 0.7, 0.7, 0.7),
        (EARLY_ACCURACY, 0.1, math.nan, 0.1),  # epoch 1 of 6 is the first tenth
    ],
)
def test_measures_of_a_training(
    measure: Measure, finished: float, running: float, diverged: float
) -> None:
    values = [measure.value(trial) for trial in (FINISHED, RUNNING, DIVERGED)]
    assert values == pytest.approx([finished, running, diverged], nan_ok=True)
    assert math.isnan(measure.value(WAITING))


def test_fluctuation_is_zero_on_a_straight_line_and_infinite_after_divergence() -> None:
    straight = dataclasses.replace(FINISHED, training=training([2.0**-k for k in range(8)]))
    assert FLUCTUATION.value(straight) == pytest.approx(0)
    assert FLUCTUATION.value(FINISHED) > 0
    assert math.isnan(FLUCTUATION.value(RUNNING))
    assert FLUCTUATION.value(DIVERGED) == math.inf


def test_a_training_that_diverged_before_its_early_epoch_is_worst() -> None:
    assert EARLY_ACCURACY.value(trained(diverged_at=1)) == -math.inf


def test_a_capped_area_needs_the_number_of_classes() -> None:
    assert math.isnan(CAPPED_AREA.value(dataclasses.replace(DIVERGED, data={})))


def test_what_diverged_is_on_the_worse_side() -> None:
    for claim in (2, 3, 5, 6):
        measure = primary_measure(claim)
        worst = -math.inf if measure.higher_is_better else math.inf
        assert measure.compared(DIVERGED) == worst, claim


# ---------------------------------------------------------------- a measure


def test_logarithms_are_compared_and_a_shift_is_a_ratio() -> None:
    assert AREA.compared(FINISHED) == pytest.approx(math.log(4.05))
    assert AREA.shown(AREA.compared(FINISHED)) == pytest.approx(4.05)
    assert AREA.shift(math.log(1.1)) == pytest.approx(10)  # percent
    assert AREA.compared(DIVERGED) == AREA.shown(math.inf) == math.inf


def test_accuracies_are_shown_in_percent() -> None:
    assert ACCURACY.compared(FINISHED) == 0.6
    assert ACCURACY.shown(0.6) == 60
    assert ACCURACY.shift(-0.01) == -1
    assert ACCURACY.shown(-math.inf) == -math.inf


# ---------------------------------------------------------------- measures of probes


def landscape(values: np.ndarray, mode: str = "frozen", **settings) -> ProbeRecord:
    arrays = {"alphas": AXIS, "betas": AXIS, "loss": values}
    return ProbeRecord("landscape", mode, {"batchnorm": mode, **settings}, {}, arrays)


def variance(values: np.ndarray, mode: str = "frozen", **settings) -> ProbeRecord:
    arrays = {"alphas": AXIS, "betas": AXIS, "variance": values}
    return ProbeRecord("variance", mode, {"batchnorm": mode, **settings}, {}, arrays)


HALF = np.where(AXIS < 0.25, 1.0, 100.0)[:, None] * np.ones(5)  # below a guess's loss on one side


def test_the_share_of_a_landscape_below_a_level() -> None:
    probed = trained(probes=(landscape(HALF), landscape(np.full((5, 5), 9.0), "recalibrated")))
    share = basin_fraction("frozen").value(probed)
    assert 0.5 < share < 0.75
    assert basin_fraction("recalibrated").value(probed) == 0
    assert math.isnan(basin_fraction("batch").value(probed))  # not probed in this mode
    assert math.isnan(basin_fraction("frozen").value(FINISHED))
    assert math.isnan(basin_fraction("frozen").value(dataclasses.replace(probed, data={})))
    levels = Levels({"digits 0": DataLevels("digits", None, 200.0, "median")}, {})
    assert basin_fraction("frozen", levels=levels).value(probed) == 1
    none = Levels({"digits 0": DataLevels("digits", None, None, "none")}, {})
    assert math.isnan(basin_fraction("frozen", levels=none).value(probed))


def test_the_plane_of_a_measure_is_the_one_asked_for() -> None:
    near, far = landscape(np.ones((5, 5)), radius=0.5), landscape(np.full((5, 5), 9.0), radius=1)
    probed = trained(probes=(near, far))
    assert basin_fraction("frozen").value(probed) == 1  # the first
    assert basin_fraction("frozen", plane_of(far)).value(probed) == 0
    assert math.isnan(basin_fraction("frozen", plane_of(landscape(HALF))).value(probed))
    assert planes_for(probed, 5, "frozen") == [plane_of(near), plane_of(far)]
    assert planes_for(probed, 5, "recalibrated") == planes_for(probed, 6, "frozen") == []
    assert planes_for(probed, 2, "frozen") == []


def test_a_non_finite_variance_counts_as_larger_than_any_other() -> None:
    measure = median_gradient_std("frozen")
    assert measure.value(trained(probes=(variance(np.full((5, 5), 4.0)),))) == 2
    mostly = np.where(np.arange(25).reshape(5, 5) < 13, np.nan, 4.0)
    assert measure.value(trained(probes=(variance(mostly),))) == math.inf
    few = np.where(np.arange(25).reshape(5, 5) < 12, -1.0, 4.0)  # cancellation: not a number
    assert measure.value(trained(probes=(variance(few),))) == 2
    assert measure.value(trained(probes=(variance(np.zeros((5, 5))),))) == math.inf
    assert math.isnan(measure.value(FINISHED))


def test_only_five_claims_are_judged_by_a_number_of_one_trial() -> None:
    keys = {claim: primary_measure(claim).key for claim in (2, 3, 5, 6, 7)}
    assert keys == {
        2: "area_under_loss",
        3: "test_fluctuation",
        5: "basin_fraction",
        6: "median_gradient_std",
        7: "early_accuracy",
    }
    for claim in (1, 4, 8, 9):
        with pytest.raises(ValueError, match=f"but got {claim}"):
            primary_measure(claim)


# ---------------------------------------------------------------- the registry


def values(*trials: TrialRecord) -> dict[str, list[float]]:
    study = StudyRecord("study", Path("nowhere"), trials)
    registry = all_measures(shared_levels(study))
    return {key: [measure.value(t) for t in trials] for key, measure in registry.items()}


def test_keys_and_titles_are_unique() -> None:
    registry = all_measures(Levels({}, {}))
    assert [measure.key for measure in registry.values()] == list(registry)
    assert len({measure.title for measure in registry.values()}) == len(registry)


def test_a_trial_to_come_has_no_number() -> None:
    assert all(math.isnan(value) for (value,) in values(WAITING).values())


def test_numbers_of_a_finished_training() -> None:
    numbers = {key: value for key, (value,) in values(FINISHED).items()}
    assert numbers["accuracy"] == 0.6
    assert numbers["best"] == 0.7
    assert numbers["train_loss"] == numbers["test_loss"] == 0.1
    assert numbers["reached"] == 6  # its own lowest loss is the threshold
    assert numbers["parameters"] == 7
    assert numbers["seconds"] == 12
    assert math.isnan(numbers["area_below"])
    assert math.isnan(numbers["eigenvalue"])


def test_numbers_of_trainings_that_run_or_diverged() -> None:
    numbers = values(FINISHED, RUNNING, DIVERGED)
    assert numbers["accuracy"] == [0.6, 0.6, -math.inf]
    assert numbers["train_loss"] == pytest.approx([0.1, 0.1, math.nan], nan_ok=True)
    assert numbers["reached"] == [6, 6, math.inf]


def test_numbers_of_probes() -> None:
    ramp = np.arange(1.0, 26).reshape(5, 5)
    lost = np.where(ramp == 25, np.inf, ramp)
    curvature = ProbeRecord(
        "curvature",
        "c",
        {},
        {},
        {"eigenvalues": np.array([-1.0, 3.0]), "trace_samples": np.array([1.0, 2.0])},
    )
    probed = trained(probes=(landscape(lost), variance(ramp**2), curvature))
    numbers = {key: value for key, (value,) in values(probed).items()}
    assert numbers["median_loss"] == 12.5
    assert numbers["mean_loss"] == 12.5
    assert numbers["largest_loss"] == 24
    assert numbers["lost"] == pytest.approx(1 / 25)
    assert (numbers["std"], numbers["std_centre"]) == (13, 13)
    assert numbers["std_low"] == pytest.approx(np.quantile(ramp, 0.1))
    assert numbers["std_high"] == pytest.approx(np.quantile(ramp, 0.9))
    assert (numbers["eigenvalue"], numbers["trace"]) == (3, 1.5)
    assert math.isnan(numbers["area_below_recalibrated"])
