"""Convergence: thresholds, censoring, divergence."""

import math

import pytest

from nascope._src.records.read import CurvePoint, TrainingRecord
from nascope._src.results.metrics.convergence import (
    area_under_loss,
    best_test_accuracy,
    epochs_to_loss,
    shared_threshold,
)


def run(losses: list[float], *, diverged: bool = False, finished: bool = True) -> TrainingRecord:
    epochs = tuple(
        CurvePoint(
            epoch=e,
            learning_rate=0.1,
            train_loss=loss,
            train_accuracy=0.5,
            train_top5=0.9,
            test_loss=loss,
            test_accuracy=0.1 * e,
            test_top5=0.9,
            gradient_norm=1.0,
            seconds=1.0,
            images_per_second=100.0,
        )
        for e, loss in enumerate(losses, start=1)
    )
    return TrainingRecord(epochs, (), len(losses) if diverged else None, finished, {})


def test_area_is_the_sum_over_epochs() -> None:
    assert area_under_loss(run([2.0, 1.0, 0.5])) == 3.5


def test_an_unfinished_run_has_no_area_yet() -> None:
    assert math.isnan(area_under_loss(run([2.0, 1.0], finished=False)))


def test_a_diverged_run_ranks_last() -> None:
    lost = run([2.0, 1.0, math.nan], diverged=True)
    assert area_under_loss(lost) == math.inf
    assert best_test_accuracy(lost) == pytest.approx(0.2)  # not that of its last epoch


def test_nothing_trained_yet() -> None:
    empty = run([], finished=False)
    assert math.isnan(area_under_loss(empty))
    assert math.isnan(best_test_accuracy(empty))


@pytest.mark.parametrize(("threshold", "epoch"), [(1.0, 2), (2.0, 1), (0.1, None)])
def test_epochs_to_loss(threshold: float, epoch: int | None) -> None:
    assert epochs_to_loss([2.0, 1.0, 0.5], threshold) == epoch


def test_half_of_the_finished_runs_reach_the_shared_threshold() -> None:
    runs = [
        run([2.0, 0.9, 1.0]),
        run([2.0, 0.4]),
        run([2.0, 0.8]),
        run([1.9], finished=False),
        run([3.0, math.nan], diverged=True),
    ]
    assert shared_threshold(runs) == 0.8
    assert shared_threshold(runs[3:]) is None
