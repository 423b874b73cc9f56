"""Accuracies at the end, and where the original stands."""

from __future__ import annotations

import dataclasses
import math

from nascope._src.records.read import read_study
from nascope._src.report.accuracies import accuracies_of, place_of_original
from nascope._src.report.arrangement import arrange
from tests.report.figures.drawings import DIGITS
from tests.report.synthetic import family, write_study


def test_equals_share_a_rank_and_make_it_likelier(tmp_path):
    fakes = [dataclasses.replace(fake, roughness=1.0) for fake in family(variants=3)]
    fakes[-1] = dataclasses.replace(fakes[-1], roughness=2.0)
    record = read_study(write_study(tmp_path, fakes))
    group = arrange(record).group_of(DIGITS, "DARTS")
    place = place_of_original(group)
    assert (place.rank, place.members, place.chance) == (2, 4, 0.75)  # three share ranks 1 to 3
    assert place.ties == 2


def test_what_diverged_ranks_last(tmp_path):
    fakes = family(variants=2)
    lost = dataclasses.replace(fakes[0], diverged_at=2)
    record = read_study(write_study(tmp_path, [lost, *fakes[1:]]))
    found = accuracies_of(arrange(record), DIGITS)
    assert found[0].diverged == 1
    assert math.isnan(found[0].mean.mean)
    place = place_of_original(arrange(record).group_of(DIGITS, "DARTS"))
    assert (place.rank, place.members, place.chance) == (3, 3, 1.0)


def test_ranks_rest_on_the_seeds_that_all_have(tmp_path):
    """An original whose bad seed is done, beside variants of which only the good one is."""
    original, *variants = family(variants=2)
    bad = dataclasses.replace(original, seed=1, roughness=5.0)
    record = read_study(write_study(tmp_path, [original, bad, *variants]))
    found = accuracies_of(arrange(record), DIGITS)
    assert found[0].mean.mean < found[1].mean.mean
    place = place_of_original(arrange(record).group_of(DIGITS, "DARTS"))
    assert (place.rank, place.members) == (1, 3)


def test_cells_without_a_common_seed_have_no_rank(tmp_path):
    original, variant = family(variants=1)
    fakes = [original, dataclasses.replace(variant, seed=1)]
    record = read_study(write_study(tmp_path, fakes))
    assert place_of_original(arrange(record).group_of(DIGITS, "DARTS")) is None
