"""The setting that a study is judged in."""

from __future__ import annotations

import dataclasses

from nascope._src.records.read import StudyRecord
from nascope._src.results.design import families_in, main_settings
from tests.results import planted


def with_recipe(study: StudyRecord, count: int | None = None, **recipe) -> StudyRecord:
    """The first trials of a study, under another recipe."""
    changed = [dataclasses.replace(t, recipe={**t.recipe, **recipe}) for t in study.trials[:count]]
    return dataclasses.replace(study, trials=tuple(changed))


def judged(*parts: StudyRecord) -> tuple[float | None, int, int]:
    """The learning rate that is judged, its comparable families, and its trials."""
    together = dataclasses.replace(parts[0], trials=tuple(t for one in parts for t in one.trials))
    (setting,) = main_settings(together)
    own = families_in(together, setting)
    trials = sum(len(one.trials) for family in own for one in family.members)
    return setting.learning_rate, sum(family.is_comparable for family in own), trials


def test_a_setting_without_variants_does_not_win_by_its_trials() -> None:
    """As Table 1's originals and adapted cells, of several seeds, beside section 4's variants."""
    section_4 = planted.study(0)
    table_1 = planted.study(0, variants=0, adapted=0.0, seeds=3)
    assert len(table_1.trials) > len(section_4.trials)
    assert judged(with_recipe(table_1, epochs=600), section_4) == (0.025, 3, 15)


def test_one_stray_trial_does_not_win_by_its_learning_rate() -> None:
    own = with_recipe(planted.study(0), learning_rate=0.02)
    for stray in (0.025, 0.03):
        assert judged(with_recipe(planted.study(0), 1, learning_rate=stray), own) == (0.02, 3, 15)


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
