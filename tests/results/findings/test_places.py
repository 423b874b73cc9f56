"""What the paper's figures show here, decided on data."""

from __future__ import annotations

import dataclasses
import math

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.wiring import published_variant
from nascope._src.results.design import families_in, main_settings
from nascope._src.results.findings.places import (
    Gap,
    convergence_of,
    gap_of,
    growth_of,
    has_published_width,
    place_in_family,
    topology_of_family,
)
from nascope._src.results.measures import ACCURACY, AREA
from tests.results import planted


def family(**more):
    study = planted.study(0, families=("DARTS",), **more)
    return families_in(study, *main_settings(study))[0]


def diverged(member):
    trials = [
        dataclasses.replace(t, training=dataclasses.replace(t.training, diverged_at=3))
        for t in member.trials
    ]
    return dataclasses.replace(member, trials=tuple(trials))


def test_a_place_is_that_of_the_verdicts():
    own = family(effect=5.0)
    place = place_in_family(own, AREA)
    areas = [math.fsum(p.train_loss for p in m.trials[0].training.epochs) for m in own.members]
    assert place.original == pytest.approx(areas[0])
    assert place.variants == pytest.approx(sorted(areas[1:]))
    assert place.standing.rank == 1 + sum(area < areas[0] for area in areas)
    assert place_in_family(None, AREA).original is None


def test_divergence_ranks_last_and_is_told_apart():
    own = family(effect=5.0)
    lost = dataclasses.replace(own, original=diverged(own.original))
    for measure in (AREA, ACCURACY):
        place = place_in_family(lost, measure)
        assert math.isinf(place.original)
        assert place.diverged
        assert place.standing.rank == 5
    every = dataclasses.replace(own, variants=tuple(map(diverged, own.variants)))
    assert place_in_family(every, AREA).variants_diverged
    assert place_in_family(every, AREA).variants == ()


def test_an_original_alone_has_a_number_and_no_place():
    own = dataclasses.replace(family(), variants=())
    place = place_in_family(own, AREA)
    assert math.isfinite(place.original)
    assert place.standing is None


def test_a_gap_counts_a_diverged_training_as_never_learning():
    own = family(effect=5.0)
    gap = gap_of(own)
    lost = gap_of(dataclasses.replace(own, original=diverged(own.original)))
    assert (gap.diverged, lost.diverged, lost.trials) == (0, 1, 5)
    assert gap.log < lost.log < math.inf


@pytest.mark.parametrize(
    ("logs", "growth"),
    [
        ([-0.1], "unknown"),
        ([-0.1, -0.2, -0.3], "grows"),
        ([-0.1, -0.3, -0.2], "does not grow"),
        ([0.3, 0.2, 0.1], "behind but less"),
    ],
)
def test_growth_of_the_lead(logs, growth):
    gaps = {10.0**k: Gap(log, 0, 5) for k, log in enumerate(logs)}
    assert growth_of(gaps) == growth


def test_convergence_needs_every_network():
    def trials(accuracy):
        return planted.study(0, train_accuracy=accuracy).trials

    assert convergence_of(trials(0.99)).converged
    assert not convergence_of([*trials(0.99), *trials(0.6)]).converged
    assert convergence_of([]) is None


def test_variants_that_are_not_narrower_and_deeper():
    original = load_cell("DARTS")
    cells = {"DARTS": original} | {f"p{k}": published_variant(original, k) for k in range(1, 5)}
    found = topology_of_family("DARTS", cells)
    assert (found.variants, found.narrower, found.deeper) == (4, 3, 2)
    assert {e.label: (e.wider, e.shallower) for e in found.exceptions} == {
        "p3": (None, False),
        "p4": (False, False),
    }


def test_published_widths():
    assert has_published_width("fig1", "DARTS", load_cell("DARTS")) is True
    assert has_published_width("fig1", "DARTS", load_cell("SNAS")) is False
    assert has_published_width("fig1", "GDAS", load_cell("DARTS")) is None
    assert has_published_width("fig3", "DARTS", load_cell("DARTS")) is None
