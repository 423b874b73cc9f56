"""The rules by which all outputs rank: seeds, divergence and ties, on small families."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from nascope._src.records.read import StudyRecord
from nascope._src.results.design import Family, families_in, main_settings
from nascope._src.results.measures import AREA, Measure
from nascope._src.results.planes import plane_of
from nascope._src.results.standings import (
    common_measure,
    contrast_of,
    mean,
    numbers_of,
    on_equal_seeds,
    shown_mean,
    standing_of,
    standings_of,
)
from tests.results import planted
from tests.results.handmade import LOST, NUMBER, family, member

HIGHER = dataclasses.replace(NUMBER, better="higher")


def kept(equal: Family) -> dict[str, list[int]]:
    """The seeds of each member."""
    return {member.label: [trial.seed for trial in member.trials] for member in equal.members}


# ---------------------------------------------------------------- seeds


def test_members_are_compared_on_the_seeds_that_all_have() -> None:
    equal = on_equal_seeds(family([1, 2, 3], [4, 5, None], [7, 8, 9]), NUMBER)
    assert kept(equal) == {"F": [0, 1], "v1": [0, 1], "v2": [0, 1]}
    standing = standing_of(family([1, 9, 0], [4, 5, None]), NUMBER)
    assert (standing.original, standing.mean, standing.rank) == (5, 4.5, 2)


def test_a_member_with_few_seeds_is_left_out_if_more_trials_remain() -> None:
    """Three members on one seed are three trials; two members on three seeds are six."""
    uneven = family([1, 2, 3], [4, None, None], [7, 8, 9])
    assert kept(on_equal_seeds(uneven, NUMBER)) == {"F": [0, 1, 2], "v2": [0, 1, 2]}
    most_members = on_equal_seeds(uneven, NUMBER, most="members")
    assert kept(most_members) == {"F": [0], "v1": [0], "v2": [0]}


def test_the_original_is_always_kept() -> None:
    """Variants have three seeds, the original only one: that one counts."""
    equal = on_equal_seeds(family([None, 2, None], [4, 5, 6], [7, 8, 9]), NUMBER)
    assert kept(equal) == {"F": [1], "v1": [1], "v2": [1]}


def test_without_a_common_seed_nothing_is_compared() -> None:
    apart = family({0: 1.0}, {1: 2.0})
    assert kept(on_equal_seeds(apart, NUMBER)) == {"F": []}
    assert standing_of(apart, NUMBER) is None
    assert standings_of(apart, NUMBER) == {}
    assert numbers_of([on_equal_seeds(apart, NUMBER)], lambda m: mean(m, NUMBER)) == {}


def test_the_choice_of_seeds_does_not_depend_on_the_numbers() -> None:
    generator = np.random.default_rng(0)
    lacking = [[1, 1, None], [1, None, 1], [1, 1, 1]]
    chosen = []
    for _ in range(5):
        numbers = [[n and float(generator.normal()) for n in row] for row in lacking]
        chosen.append(kept(on_equal_seeds(family(*numbers), NUMBER)))
    assert all(seeds == chosen[0] for seeds in chosen)


def test_adding_a_seed_to_all_members_does_not_remove_one() -> None:
    before = family([1, 2], [3, 4])
    after = family([1, 2, 5], [3, 4, 6])
    assert set(kept(on_equal_seeds(before, NUMBER))["F"]) < set(
        kept(on_equal_seeds(after, NUMBER))["F"]
    )


# ---------------------------------------------------------------- divergence


@pytest.mark.parametrize("measure", [NUMBER, HIGHER])
def test_a_member_with_a_diverged_trial_ranks_last(measure: Measure) -> None:
    """Also if its other seed is the best of all."""
    sign = -1 if measure is HIGHER else 1

    def value(trial) -> float:
        return sign * NUMBER.value(trial)

    measure = dataclasses.replace(measure, value=value)
    best = -1000
    standings = standings_of(family([1, 1], [best, LOST], [2, 2]), measure)
    assert standings["v1"].rank == 3
    assert math.isinf(standings["v1"].original)
    assert (standings["F"].rank, standings["v2"].rank) == (1, 2)


def test_diverged_members_share_the_last_rank() -> None:
    standings = standings_of(family([1], [LOST], [LOST]), NUMBER)
    assert standings["v1"].rank == standings["v2"].rank == 2.5
    assert standings["v1"].ties == 1
    assert standings["F"].share == 1


def test_diverged_variants_do_not_enter_the_mean_of_the_others() -> None:
    standing = standing_of(family([1], [3], [LOST]), NUMBER)
    assert standing.mean == 3
    assert math.isnan(standing_of(family([1], [LOST]), NUMBER).mean)


def test_trials_that_diverged_count_as_results() -> None:
    """They are kept, as numbers, when seeds are chosen."""
    assert kept(on_equal_seeds(family([1, 2], [LOST, LOST]), NUMBER))["v1"] == [0, 1]


# ---------------------------------------------------------------- ties


def test_equal_members_share_the_mean_of_their_ranks() -> None:
    standings = standings_of(family([2], [1], [2], [2], [5]), NUMBER)
    assert {label: standing.rank for label, standing in standings.items()} == {
        "v1": 1,
        "F": 3,
        "v2": 3,
        "v3": 3,
        "v4": 5,
    }
    assert standings["F"].ties == 2
    assert standings["F"].share == (1 + 2 / 2) / 4


@pytest.mark.parametrize("measure", [NUMBER, HIGHER])
def test_ranks_sum_to_the_same_with_ties_as_without(measure: Measure) -> None:
    generator = np.random.default_rng(1)
    for _ in range(20):
        numbers = [[float(n)] for n in generator.integers(0, 4, size=6)]
        standings = standings_of(family(*numbers), measure)
        assert sum(standing.rank for standing in standings.values()) == 21
        assert np.mean([standing.share for standing in standings.values()]) == pytest.approx(0.5)


def test_all_alike_beat_half() -> None:
    standing = standing_of(family([1], [1], [1]), NUMBER)
    assert (standing.rank, standing.share, standing.chance) == (2, 0.5, 1)


def test_a_tie_is_decided_on_means_over_seeds() -> None:
    assert standing_of(family([1, 3], [3, 1]), NUMBER).ties == 1


def test_the_direction_of_the_measure_decides_who_is_first() -> None:
    three = family([1], [2], [3])
    assert standing_of(three, NUMBER).rank == 1
    assert standing_of(three, HIGHER).rank == 3


# ---------------------------------------------------------------- numbers and contrasts


def test_logarithms_are_compared_and_numbers_are_shown() -> None:
    logged = dataclasses.replace(NUMBER, log=True, scale=100)
    two = member("F", [1.0, math.e**2])
    assert mean(two, logged) == pytest.approx(1)
    assert shown_mean(two, logged) == pytest.approx(50 * (1 + math.e**2))
    assert mean(member("F", [1.0, LOST]), logged) == math.inf


def test_numbers_are_those_of_comparable_families() -> None:
    def value(each) -> float:
        return mean(each, NUMBER)

    alone = family([1])
    assert numbers_of([family([1, 3], [4, 6])], value) == {"F": (2, [5])}
    assert numbers_of([alone, dataclasses.replace(alone, original=None)], value) == {}


def test_a_contrast_allows_for_shared_wirings() -> None:
    def test(**more):
        study = planted.study(0, effect=9.0, **more)
        families = families_in(study, *main_settings(study))
        equal = [on_equal_seeds(each, AREA) for each in families]
        numbers = numbers_of(equal, lambda each: mean(each, AREA))
        return contrast_of(equal, numbers, higher_is_better=False)

    assert not test().shared
    assert test(same_seeds=True).shared


# ---------------------------------------------------------------- planes


def probed(*radii: tuple[float, ...]) -> StudyRecord:
    """A family of one seed whose members were probed at such radii."""
    study = planted.study(0, families=("DARTS",), variants=len(radii) - 1)
    trials = []
    for trial, wanted in zip(study.trials, radii, strict=True):
        frozen = [p for p in trial.probes if p.settings["batchnorm"] == "frozen"]
        probes = [
            dataclasses.replace(probe, settings={**probe.settings, "radius": radius})
            for radius in wanted
            for probe in frozen
        ]
        trials.append(dataclasses.replace(trial, probes=tuple(probes)))
    return dataclasses.replace(study, trials=tuple(trials))


@pytest.mark.parametrize(
    ("radii", "chosen"),
    [
        (((1.0,), (1.0, 0.5), (0.5,)), 1.0),  # the original's only
        (((0.5, 1.0), (1.0,), (1.0,)), 1.0),  # more trials
        (((0.5, 1.0), (0.5, 1.0)), 0.5),  # as many: the first in the plan
    ],
)
def test_all_trials_are_compared_on_one_plane(radii, chosen: float) -> None:
    study = probed(*radii)
    families = families_in(study, *main_settings(study))
    measure = common_measure(families, 5, "frozen")
    planes = {
        plane_of(probe)
        for trial in study.trials
        for probe in trial.probes
        if probe.settings["radius"] == chosen
    }
    (plane,) = planes
    assert all(f'"radius": {chosen}' in plane for plane in planes)
    for trial in study.trials:
        has_it = any(plane_of(probe) == plane for probe in trial.probes)
        assert math.isnan(measure.value(trial)) != has_it


def test_the_measure_computes_each_number_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def count(*arguments) -> float:
        calls.append(arguments)
        return 0.5

    monkeypatch.setattr("nascope._src.results.measures.area_below", count)
    study = planted.study(0, families=("DARTS",))
    measure = common_measure(families_in(study, *main_settings(study)), 5, "frozen")
    for _ in range(3):
        assert [measure.value(trial) for trial in study.trials] == [0.5] * 5
    assert len(calls) == 5


def test_claims_of_trainings_need_no_plane() -> None:
    study = planted.study(0)
    measure = common_measure(families_in(study, *main_settings(study)), 2, "frozen")
    assert [measure.value(t) for t in study.trials] == [AREA.value(t) for t in study.trials]
