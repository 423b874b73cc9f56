"""Wirings that families have in common: the same seed, the same wiring."""

from __future__ import annotations

from nascope.analysis.families import families, main_settings
from nascope.analysis.sharing import groups, shared_wirings
from tests.analysis import planted


def numbers(**more) -> dict[str, list[int]]:
    study = planted.study(0, families=("NASNet", "DARTS", "ENAS"), **more)
    (setting,) = main_settings(study)
    return shared_wirings(families(study, setting))


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


def test_families_are_linked_through_others() -> None:
    (one,) = groups(["ab", "bc", "cd"])
    assert one.families == (0, 1, 2)
    assert one.common == ((), (), ())
    alone = groups(["aab", "xyz"])
    assert [group.common for group in alone] == [((0, 1, 2),), ((0, 1, 2),)]
