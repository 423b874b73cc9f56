"""Generalisation: McNemar, equivalence, pairs of cells."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from nascope._src.results.design import families_in, main_settings
from nascope._src.results.findings.pairs import make_pairs, mean_difference
from tests.results import planted


def test_pairs_count_discordant_images() -> None:
    study = planted.study(0, adapted=0.1, seeds=2, families=("DARTS",))
    (setting,) = main_settings(study)
    (pair,) = make_pairs(families_in(study, setting))
    assert pair.seeds == 2
    assert pair.difference == pytest.approx(pair.adapted - pair.original)
    assert pair.difference == pytest.approx(0.1, abs=0.02)
    original, adapted = (
        [t.training.correct for t in study.trials if t.label == label]
        for label in ("DARTS", "DARTS-widest")
    )
    assert pair.only_original == sum((a & ~b).sum() for a, b in zip(original, adapted, strict=True))
    assert pair.only_adapted == sum((b & ~a).sum() for a, b in zip(original, adapted, strict=True))
    assert pair.low < pair.difference < pair.high
    assert not pair.of_seeds
    assert pair.equivalent == "outside"
    (few,) = [mean_difference([pair])]
    assert (few.mean, few.low) == (pair.difference, None)  # images are no seeds


def test_the_same_test_images_twice_are_no_more_images() -> None:
    """Two seeds that get the same images right tell no more of them than one."""
    study = planted.study(0, adapted=0.1, seeds=2, families=("DARTS",))
    first = {t.label: t.training for t in study.trials if t.seed == 0}
    same = [dataclasses.replace(t, training=first[t.label]) for t in study.trials]

    def interval(trials: list) -> tuple[float, float]:
        part = dataclasses.replace(study, trials=tuple(trials))
        (pair,) = make_pairs(families_in(part, *main_settings(part)))
        assert not pair.of_seeds
        return pair.low, pair.high

    single = interval([t for t in same if t.seed == 0])
    assert interval(same) == pytest.approx(single)
    apart = interval(list(study.trials))
    assert apart[1] - apart[0] < single[1] - single[0]


def test_differences_over_seeds_and_mean_difference() -> None:
    study = planted.study(0, adapted=0.1, seeds=4, families=("DARTS", "NASNet", "ENAS"))
    (setting,) = main_settings(study)
    made = make_pairs(families_in(study, setting))
    assert all(pair.of_seeds for pair in made)
    single = mean_difference(made[:1])
    assert (single.low, single.high) == pytest.approx((made[0].low, made[0].high))
    several = mean_difference(made)
    values = [pair.difference for pair in made]
    interval = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert (several.low, several.high) == pytest.approx(interval)
    assert several.detectable > several.high - several.mean
