"""Settings, families and their members, equal seeds, and wirings that families share."""

from __future__ import annotations

import dataclasses

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.wiring import random_variant
from nascope._src.records.read import StudyRecord
from nascope._src.results.design import (
    Family,
    balanced,
    families_in,
    is_constructed,
    judged_families,
    main_settings,
    original_wirings,
    recipe_key,
    setting_of,
    settings_of,
    shared_wirings,
    subsets,
)
from nascope._src.results.findings.judge import judge_measure
from tests.results import planted
from tests.results.handmade import family, trial

# ---------------------------------------------------------------- settings


def test_settings_are_equal_if_data_and_recipe_are() -> None:
    first = trial("a", 0, 1.0)
    other_order = dataclasses.replace(first, recipe=dict(reversed(first.recipe.items())), seed=5)
    assert setting_of(first) == setting_of(other_order)
    for change in (
        {"recipe": {**first.recipe, "epochs": 3}},
        {"recipe": {**first.recipe, "learning_rate": 0.25}},
        {"data": {**first.data, "digest": "1"}},
        {"data": {**first.data, "name": "cifar10"}},
        {"study": "another"},
    ):
        assert setting_of(first) != setting_of(dataclasses.replace(first, **change)), change


def test_a_setting_over_learning_rates_has_none() -> None:
    slow, fast = (
        dataclasses.replace(t, recipe={**t.recipe, "learning_rate": rate})
        for t, rate in ((trial("a", 0, 1.0), 0.0025), (trial("a", 0, 1.0), 0.25))
    )
    assert setting_of(slow, rate=False) == setting_of(fast, rate=False)
    assert setting_of(slow, rate=False).learning_rate is None
    assert recipe_key(slow.recipe) == recipe_key(fast.recipe)
    assert setting_of(slow).value("epochs") == 2
    assert setting_of(slow).value("learning_rate") is None
    assert setting_of(slow).value("dropout") is None


def test_the_settings_of_a_study_are_in_its_order() -> None:
    study = planted.study(0, rates=(0.25, 0.0025))
    assert [setting.learning_rate for setting in settings_of(study)] == [0.25, 0.0025]


def test_each_data_set_has_a_main_setting() -> None:
    parts = [planted.study(0, data=data) for data in ("cifar10", "cifar100")]
    study = dataclasses.replace(parts[0], trials=parts[0].trials + parts[1].trials)
    assert [setting.data for setting in main_settings(study)] == ["cifar10", "cifar100"]
    assert [s.learning_rate for s in main_settings(study, rate=False)] == [None, None]


def with_recipe(study: StudyRecord, count: int | None = None, **recipe) -> StudyRecord:
    """The first trials of a study, under another recipe."""
    changed = [dataclasses.replace(t, recipe={**t.recipe, **recipe}) for t in study.trials[:count]]
    return dataclasses.replace(study, trials=tuple(changed))


def judged(*parts: StudyRecord) -> tuple[float | None, int, int]:
    """The learning rate that is judged, its comparable families, and its trials."""
    trials = tuple(trial for part in parts for trial in part.trials)
    together = dataclasses.replace(parts[0], trials=trials)
    (setting,) = main_settings(together)
    families = families_in(together, setting)
    count = sum(len(member.trials) for family in families for member in family.members)
    return setting.learning_rate, sum(family.is_comparable for family in families), count


def test_a_setting_without_variants_does_not_win_by_its_trials() -> None:
    """Such as Table 1's originals and adapted cells, with several seeds."""
    section_4 = planted.study(0)
    table_1 = planted.study(0, variants=0, adapted=0.0, seeds=3)
    assert len(table_1.trials) > len(section_4.trials)
    assert judged(with_recipe(table_1, epochs=600), section_4) == (0.025, 3, 15)


def test_one_stray_trial_does_not_win_by_its_learning_rate() -> None:
    most = with_recipe(planted.study(0), learning_rate=0.02)
    for stray in (0.025, 0.03):
        assert judged(with_recipe(planted.study(0), 1, learning_rate=stray), most) == (0.02, 3, 15)


def test_of_equally_near_rates_the_one_of_most_families_is_judged() -> None:
    """0.025 − 0.02 and 0.03 − 0.025 differ by rounding alone."""
    low, high = (with_recipe(planted.study(0), learning_rate=rate) for rate in (0.02, 0.03))
    few = {"families": ("DARTS",)}
    for rate, other in ((0.02, 0.03), (0.03, 0.02)):
        part = with_recipe(planted.study(0, **few), learning_rate=other)
        assert judged(part, low if rate == 0.02 else high)[0] == rate


def test_the_nearest_rate_is_judged_where_several_can_be() -> None:
    near, far = (with_recipe(planted.study(0), learning_rate=rate) for rate in (0.03, 0.25))
    assert judged(far, near)[0] == 0.03


# ---------------------------------------------------------------- families


def test_trials_of_a_cell_are_a_member_and_cells_of_a_family_a_family() -> None:
    study = planted.study(0, families=("DARTS", "ENAS"), seeds=3, adapted=0.0)
    shuffled = dataclasses.replace(study, trials=study.trials[::-1])
    for each in families_in(shuffled, *main_settings(shuffled)):
        assert each.original.label == each.name
        assert each.original.is_original
        assert each.adapted.is_adapted
        assert len(each.variants) == 4
        assert len(each.members) == 5  # not the adapted cell
        for member in (*each.members, each.adapted):
            assert [t.seed for t in member.trials] == [0, 1, 2]
            assert {t.label for t in member.trials} == {member.label}
    assert families_in(study, *main_settings(study, rate=False))[0].name == "DARTS"


def test_a_family_is_comparable_with_an_original_and_variants() -> None:
    assert family([1], [2]).is_comparable
    assert not family([1]).is_comparable
    assert not family([], [2]).is_comparable
    headless = dataclasses.replace(family([1], [2]), original=None)
    assert not headless.is_comparable
    assert headless.members == headless.variants
    assert headless.normal_only() == ()


def test_variants_of_the_normal_cell_only() -> None:
    def kept(*cells: str) -> list[str]:
        study = planted.study(0, families=("DARTS",), cells=cells)
        (each,) = families_in(study, *main_settings(study))
        return [variant.label for variant in each.normal_only()]

    assert kept("normal", "reduce") == []
    assert kept("normal") == ["DARTS-r1", "DARTS-r2", "DARTS-r3", "DARTS-r4"]


def test_claims_are_judged_on_cells_that_a_search_found() -> None:
    study = planted.study(0, families=("DARTS", "SNAS-adapted"))
    setting = main_settings(study)[0]
    assert [each.name for each in families_in(study, setting)] == ["DARTS", "SNAS-adapted"]
    assert [each.name for each in judged_families(study, setting)] == ["DARTS"]
    assert is_constructed(load_cell("SNAS-adapted"))
    assert not is_constructed(load_cell("SNAS"))
    assert not is_constructed(random_variant(load_cell("SNAS"), 1))


# ---------------------------------------------------------------- equal seeds


def seeds_of(chosen: Family) -> dict[str, list[int]]:
    return {member.label: [t.seed for t in member.trials] for member in chosen.members}


def balance(most: str = "trials", **seeds: set[int]) -> dict[str, list[int]]:
    """The seeds that are kept of a family with five seeds, of which some have results."""
    variants = [range(5) for _ in range(len(seeds) - 1)]
    known = {label: frozenset(have) for label, have in seeds.items()}
    return seeds_of(balanced(family(range(5), *variants), known, most=most))


def test_the_most_trials_are_kept() -> None:
    assert balance(F={0, 1}, v1={0, 1}, v2={0, 1}) == {"F": [0, 1], "v1": [0, 1], "v2": [0, 1]}
    assert balance(F={0, 1, 2}, v1={0}, v2={0, 1, 2}) == {"F": [0, 1, 2], "v2": [0, 1, 2]}
    assert balance(F={0, 1, 2}, v1={2}, v2={2, 1}) == {"F": [1, 2], "v2": [1, 2]}


def test_of_equally_many_trials_more_members_are_kept() -> None:
    """Two members on three seeds, or three on two."""
    assert balance(F={0, 1, 2}, v1={0, 1, 2}, v2={0, 1}) == {
        "F": [0, 1],
        "v1": [0, 1],
        "v2": [0, 1],
    }


def test_the_most_members_are_kept_if_asked_for() -> None:
    assert balance("members", F={0, 1, 2}, v1={2}, v2={0, 1, 2}) == {
        "F": [2],
        "v1": [2],
        "v2": [2],
    }


def test_of_equally_good_seeds_the_first_are_kept() -> None:
    assert balance(F={3, 1}, v1={1}, v2={3}) == {"F": [1], "v1": [1]}


def test_nothing_is_kept_without_a_common_seed() -> None:
    assert balance(F={0}, v1={1}) == {"F": []}
    assert balance(F=set(), v1={1}) == {"F": []}
    headless = dataclasses.replace(family([1], [2]), original=None)
    assert balanced(headless, {}) is headless


def test_of_many_values_only_the_beginnings_are_tried() -> None:
    assert len(subsets(range(10))) == 2**10 - 1
    assert subsets(range(11)) == [tuple(range(count)) for count in range(1, 12)]
    assert subsets([]) == []


# ---------------------------------------------------------------- wirings that families share


def test_a_smaller_cell_has_the_beginning_of_a_larger_ones_wiring() -> None:
    """DARTS' cells have eight edges, ENAS' ten; other nodes after the beginning do not matter."""
    study = planted.study(0, families=("ENAS", "DARTS"), same_seeds=True, variants=1)
    families = families_in(study, *main_settings(study))
    assert [len(n) for n in shared_wirings(families).values()] == [1, 1]
    assert shared_wirings(families) == {"ENAS": [0], "DARTS": [0]}
    sources = [
        [source for node in each.variants[0].genotype.normal.sources for source in node]
        for each in families
    ]
    assert sources[0][:8] == sources[1]
    assert len(sources[0]) == 10


def numbers(**more) -> dict[str, list[int]]:
    study = planted.study(0, families=("NASNet", "DARTS", "ENAS"), **more)
    (setting,) = main_settings(study)
    return shared_wirings(families_in(study, setting))


def originals(names: tuple[str, ...], **more) -> dict[str, object]:
    study = planted.study(0, families=names, **more)
    (setting,) = main_settings(study)
    return original_wirings(families_in(study, setting))


def test_one_seed_is_one_wiring_in_every_family() -> None:
    """Of five nodes as of four, whose edges are the first eight of ten."""
    shared = numbers(same_seeds=True)
    assert shared["NASNet"] == shared["DARTS"] == shared["ENAS"]
    assert len(set(shared["DARTS"])) == 4


def test_other_seeds_are_other_wirings() -> None:
    assert len({number for variants in numbers().values() for number in variants}) == 12


def test_variants_of_the_reduction_cell_are_told_apart_by_it() -> None:
    shared = numbers(same_seeds=True, cells=("reduce",))
    assert len(set(shared["NASNet"])) == 4
    assert shared["NASNet"] == shared["ENAS"]


def test_originals_of_one_wiring_are_known() -> None:
    """Other searches found SNAS' normal cell's wiring; the paper's five cells all differ."""
    shared = originals(("SNAS", "CARS_C", "CARS_D", "DARTS"))
    assert shared["SNAS"] == shared["CARS_C"] == shared["CARS_D"] != shared["DARTS"]
    five = originals(("NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS"))
    assert len(set(five.values())) == 5


def test_originals_are_told_apart_by_the_cell_that_variants_rewire() -> None:
    wirings = originals(("SNAS", "CARS_C"), cells=("reduce",))
    assert {kind for kind, _ in wirings.values()} == {"reduce"}


def test_originals_of_one_wiring_are_no_more_evidence_in_a_verdict() -> None:
    study = planted.study(0, families=("SNAS", "CARS_C", "CARS_D"), effect=9.0)
    (setting,) = main_settings(study)
    finding = judge_measure(study, setting, 2)
    assert finding.outcome == "not testable at this scale"  # one original of twelve variants: 1/13
    assert finding.contrast.smallest_p == pytest.approx(1 / 13, abs=2e-3)
