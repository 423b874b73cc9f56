"""Wirings that families have in common: the same seed, the same wiring."""

from __future__ import annotations

import pytest

from nascope._src.results.design import (
    families_in,
    main_settings,
    original_wirings,
    shared_wirings,
)
from nascope._src.results.findings.judge import judge_measure
from tests.results import planted


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
    found = numbers(same_seeds=True)
    assert found["NASNet"] == found["DARTS"] == found["ENAS"]
    assert len(set(found["DARTS"])) == 4


def test_other_seeds_are_other_wirings() -> None:
    assert len({number for own in numbers().values() for number in own}) == 12


def test_variants_of_the_reduction_cell_are_told_apart_by_it() -> None:
    found = numbers(same_seeds=True, cells=("reduce",))
    assert len(set(found["NASNet"])) == 4
    assert found["NASNet"] == found["ENAS"]


def test_originals_of_one_wiring_are_known() -> None:
    """Other searches found SNAS' normal cell's wiring; the paper's five cells all differ."""
    found = originals(("SNAS", "CARS_C", "CARS_D", "DARTS"))
    assert found["SNAS"] == found["CARS_C"] == found["CARS_D"] != found["DARTS"]
    five = originals(("NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS"))
    assert len(set(five.values())) == 5


def test_originals_are_told_apart_by_the_cell_that_variants_rewire() -> None:
    found = originals(("SNAS", "CARS_C"), cells=("reduce",))
    assert {kind for kind, _ in found.values()} == {"reduce"}


def test_originals_of_one_wiring_are_no_more_witnesses_in_a_verdict() -> None:
    study = planted.study(0, families=("SNAS", "CARS_C", "CARS_D"), effect=9.0)
    (setting,) = main_settings(study)
    found = judge_measure(study, setting, 2)
    assert found.outcome == "not testable at this scale"  # one original of twelve variants: 1/13
    assert found.contrast.smallest_p == pytest.approx(1 / 13, abs=2e-3)
