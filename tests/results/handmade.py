"""Small families by hand: each member's number at each seed is given.

A number is that of the measure `NUMBER`. None is a trial without a number, and `LOST` a trial that
diverged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from nascope._src.cells.catalog import load as load_cell
from nascope._src.records.read import CurvePoint, TrainingRecord, TrialRecord
from nascope._src.results.design import Family, Member, Setting
from nascope._src.results.measures import Measure

LOST = math.inf
SETTING = Setting("digits", "0", "{}", 0.025)


def number_of(trial: TrialRecord) -> float:
    """The number that a trial was given; infinite if it diverged."""
    if trial.training is None:
        return math.nan
    return math.inf if trial.diverged else trial.training.provenance["number"]


NUMBER = Measure("number", "Number", "", number_of, better="lower")


def trial(
    label: str, seed: int, number: float | None, *, variant: str = "original", epochs: int = 2
) -> TrialRecord:
    """A trial whose test accuracy is its number, too."""
    return TrialRecord(
        identity=f"{label} {seed}",
        label=label,
        family="F",
        variant=variant,
        genotype=load_cell("DARTS"),
        data={"name": "digits", "digest": "0", "classes": 10},
        recipe={"learning_rate": 0.025, "epochs": epochs},
        seed=seed,
        training=None if number is None else training([1.0] * epochs, number),
    )


def training(
    losses: Sequence[float],
    number: float = 0.5,
    *,
    accuracies: Sequence[float] = (),
    finished: bool = True,
    diverged_at: int | None = None,
) -> TrainingRecord:
    """A training of so many epochs; its test accuracies are the number unless given."""
    points = tuple(
        CurvePoint(
            epoch=epoch,
            learning_rate=0.025,
            train_loss=loss,
            train_accuracy=0.5,
            train_top5=0.9,
            test_loss=loss,
            test_accuracy=accuracies[epoch - 1] if accuracies else number,
            test_top5=0.9,
            gradient_norm=1.0,
            seconds=2.0,
            images_per_second=100.0,
        )
        for epoch, loss in enumerate(losses, start=1)
    )
    if number == LOST:
        diverged_at = len(losses)
    return TrainingRecord(points, (), diverged_at, finished, {"number": number, "parameters": 7})


def member(label: str, numbers: Sequence[float | None] | Mapping[int, float | None]) -> Member:
    """A member with a number for each seed; the seeds are 0, 1, … unless given."""
    by_seed = numbers if isinstance(numbers, Mapping) else dict(enumerate(numbers))
    variant = "original" if label == "F" else label
    trials = tuple(trial(label, seed, n, variant=variant) for seed, n in by_seed.items())
    return Member(label, "F", variant, load_cell("DARTS"), trials)


def family(
    original: Sequence[float | None] | Mapping[int, float | None],
    *variants: Sequence[float | None] | Mapping[int, float | None],
) -> Family:
    """The family F of an original and its variants v1, v2, …."""
    members = tuple(member(f"v{k}", numbers) for k, numbers in enumerate(variants, start=1))
    return Family("F", SETTING, member("F", original), members)
