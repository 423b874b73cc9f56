"""Studies with a known truth, in memory: what verdicts must find, and what they must not.

Nothing here was trained. A wiring's number is effect × (its width − the family's mean width) + a
random effect of the wiring + noise of the seed. Everything that is measured follows from it. Each
family has its effects variants, or all have those of the same seeds, like the authors'.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from pathlib import Path

import numpy as np

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.genotype import Genotype
from nascope._src.cells.graph import topology
from nascope._src.cells.wiring import random_variant
from nascope._src.records.read import (
    CurvePoint,
    ProbeRecord,
    StudyRecord,
    TrainingRecord,
    TrialRecord,
)

DATA = {"digest": "0", "classes": 10, "train": 5000, "test": 400, "validation": 500,
        "image_size": 32, "image_channels": 3}  # fmt: skip
RECIPE = {"learning_rate": 0.025, "epochs": 10, "channels": 8, "layers": 5}
AXIS = np.linspace(-1, 1, 5)
FAMILIES = ("NASNet", "DARTS", "ENAS")


@functools.cache
def _cell(family: str, seed: int, cells: tuple[str, ...]) -> tuple[Genotype, float]:
    genotype = load_cell(family)
    if seed:
        genotype = random_variant(genotype, seed, cells=cells)
    return genotype, float(topology(genotype.normal).fractional_width)


def study(
    draw: int,
    *,
    effect: float = 0.0,
    families: tuple[str, ...] = FAMILIES,
    variants: int = 4,
    seeds: int = 1,
    rates: tuple[float, ...] = (0.025,),
    rate_effect: float = 0.0,
    original_is_wide: bool = True,
    train_accuracy: float = 0.6,
    data: str = "cifar10",
    adapted: float | None = None,
    final_effect: float = 0.0,
    same_seeds: bool = False,
    shared: float = 0.0,
    cells: tuple[str, ...] = ("normal", "reduce"),
) -> StudyRecord:
    """Draw a study.

    Args:
        draw: seed of everything random.
        effect: effect of a unit of width on the log of everything that is measured; smaller is
            better. A wiring's random effect has standard deviation 1, and a seed's noise ½.
        families: catalogue cells, each the original of a family.
        variants: number of variants of each.
        seeds: number of trainings of each cell.
        rates: learning rates.
        rate_effect: effect of width on the slope of log area over the learning rate.
        original_is_wide: if False, a random member takes the original's place, as under the null.
        train_accuracy: training accuracy of all epochs.
        data: name of the data set.
        adapted: test accuracy of an adapted cell beyond its original's; None for no adapted cells.
        final_effect: effect of a unit of width on the accuracy at the end, in [0, 1].
        same_seeds: whether all families have the variants of the same seeds.
        shared: share of the variance of a wiring's random effect that all families have in common;
            needs ``same_seeds``, and originals in their places.
        cells: the cells that variants rewire.
    """
    generator = np.random.default_rng([draw, 17])
    common = np.random.default_rng([draw, 18]).normal(size=(variants + 1, 8))
    trials: list[TrialRecord] = []
    for index, family in enumerate(families):
        first = 0 if same_seeds else variants * index
        members = [_cell(family, k and first + k, cells) for k in range(variants + 1)]
        if not original_is_wide:
            order = generator.permutation(len(members))
            members = [members[k] for k in order]
        mean = sum(width for _, width in members) / len(members)
        for place, (genotype, width) in enumerate(members):
            effects = generator.normal(size=8)
            if place:
                effects = math.sqrt(shared) * common[place] + math.sqrt(1 - shared) * effects
            else:
                original = effects
            quality = -effect * (width - mean) + effects[0]
            final = 0.6 + 0.002 * effects[6] + final_effect * (width - mean)
            for seed in range(seeds):
                noise = 0.5 * generator.normal(size=8)
                for rate in rates:
                    slope = -rate_effect * (width - mean) + effects[7]
                    numbers = quality + noise + slope * math.log10(rate / 0.025)
                    label = family if place == 0 else f"{family}-r{place}"
                    trials.append(
                        _trial(genotype, label, family, place, seed, rate, numbers, data,
                               train_accuracy, final)
                    )  # fmt: skip
        if adapted is not None:
            genotype, width = members[0]
            final = 0.6 + 0.002 * original[6] + final_effect * (width - mean) + adapted
            for seed in range(seeds):
                numbers = np.zeros(8)
                trials.append(
                    _trial(genotype, f"{family}-widest", family, -1, seed, 0.025, numbers, data,
                           train_accuracy, final + 0.001 * generator.normal())
                )  # fmt: skip
    return StudyRecord("planted", Path("nowhere"), tuple(trials))


def _trial(
    genotype: Genotype,
    label: str,
    family: str,
    place: int,
    seed: int,
    rate: float,
    numbers: np.ndarray,
    data: str,
    train_accuracy: float,
    final: float,
) -> TrialRecord:
    variant = {0: "original", -1: "adapted"}.get(place, f"random {place}")
    training = _training(numbers, final, train_accuracy, seed)
    probes = []
    for mode in ("frozen", "recalibrated") if rate == 0.025 else ():
        steep = math.exp(0.2 * numbers[2 if mode == "frozen" else 3])
        bowl = 1 + 3 * steep * np.add.outer(AXIS**2, AXIS**2)
        variance = 100 * math.exp(2 * numbers[4 if mode == "frozen" else 5]) * np.ones((5, 5))
        common = {"alphas": AXIS, "betas": AXIS}
        settings = {"batchnorm": mode, "at": "end", "data": "test", "along": "random"}
        probes += [
            ProbeRecord("landscape", f"l{mode}", settings, {}, {**common, "loss": bowl}),
            ProbeRecord("variance", f"v{mode}", settings, {}, {**common, "variance": variance}),
        ]
    return TrialRecord(
        identity=f"{label}-{data}-{seed}-{rate}",
        label=label,
        family=family,
        variant=variant,
        genotype=genotype,
        data={"name": data, **DATA},
        recipe=RECIPE | {"learning_rate": rate},
        seed=seed,
        training=training,
        probes=tuple(probes),
    )


def _training(
    numbers: np.ndarray, final: float, train_accuracy: float, seed: int
) -> TrainingRecord:
    height = math.exp(0.1 * numbers[0])
    waves = np.random.default_rng(abs(hash(round(float(numbers[1]), 9))) % 2**32)
    fluctuation = 0.02 * math.exp(0.5 * numbers[1])
    early = 0.3 - 0.02 * numbers[6]
    points = []
    for epoch in range(1, 11):
        loss = (
            height * (0.9 + 1.2 * math.exp(-0.4 * epoch)) * math.exp(fluctuation * waves.normal())
        )
        accuracy = early if epoch == 1 else final - 0.02 * (10 - epoch)
        points.append(
            CurvePoint(epoch, 0.025, loss, train_accuracy, 0.9, loss, accuracy, 0.9, 1.0, 1.0, 100.0,
                       loss, accuracy, 0.9)
        )  # fmt: skip
    right = np.random.default_rng(seed).random(400) < final
    return TrainingRecord(tuple(points), (), None, True, {}, correct=right)


def joined(*studies: StudyRecord) -> StudyRecord:
    """The trials of several studies in one."""
    trials = tuple(trial for study in studies for trial in study.trials)
    return dataclasses.replace(studies[0], trials=trials)


def raised(trial: TrialRecord, by: float) -> TrialRecord:
    """A trial whose test accuracy is higher throughout."""
    assert trial.training is not None
    epochs = tuple(
        dataclasses.replace(point, test_accuracy=point.test_accuracy + by)
        for point in trial.training.epochs
    )
    return dataclasses.replace(trial, training=dataclasses.replace(trial.training, epochs=epochs))


def diverged(trial: TrialRecord, at: int = 3) -> TrialRecord:
    """A trial whose training diverged."""
    assert trial.training is not None
    return dataclasses.replace(trial, training=dataclasses.replace(trial.training, diverged_at=at))
