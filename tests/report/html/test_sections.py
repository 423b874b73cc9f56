"""What the page tells beyond one study's curves and grids."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from nascope._src.records.read import combine_studies, read_study
from nascope._src.report.arrangement import arrange
from nascope._src.report.html.sections import (
    censuses,
    endings,
    pairs_of,
    scatters,
    selections,
    within_margin,
)
from nascope._src.results.findings.judge import judge_study
from nascope._src.results.findings.pairs import Pair
from nascope._src.results.table import measure_study
from nascope._src.results.text.numbers import signed
from tests.report.synthetic import CIFAR10, Fake, family, write_study


def test_figures_of_the_story_hold_the_records(judged: Path) -> None:
    study = read_study(judged)
    arrangement = arrange(study)
    found = scatters(study, arrangement.cells, judge_study(study))
    assert {one.data for one in found} == {"cifar10", "cifar100"}
    first = found[0].points
    assert sum(point.cell.is_original for point in first) == 3
    assert len(first) == 12  # adapted cells are no draw of the same kind
    shown = censuses(arrangement)
    assert len(shown) == 3
    for variant in ("NASNet-r1", "NASNet-r2", "NASNet-r3"):  # whose disc only counts them
        assert variant in next(one.svg for one in shown if one.family == "NASNet")
    assert {(one.standing.family, one.data) for one in endings(study)} == {
        (f, d) for f in ("DARTS", "NASNet", "AmoebaNet") for d in ("cifar10", "cifar100")
    }
    assert len(pairs_of(study)) == 6
    assert {one.schedule for one in selections(study)} == {"truncated"}


def test_scatters_say_what_the_verdicts_correlate(judged: Path) -> None:
    study = read_study(judged)
    own = judge_study(study)
    found = scatters(study, arrange(study).cells, own)
    assert all(one.correlation for one in found)
    verdict = next(one for one in own if (one.claim, one.data) == (2, "cifar10"))
    for one, name in zip(found, ("fractional width", "depth"), strict=False):
        of = verdict.correlations[name]
        assert f"ρ = {signed(of.rho)}" in one.correlation
        assert f"p = {of.p:.2g} ({of.p_adjusted:.2g} adjusted for " in one.correlation
        assert f"), {of.wirings} variants in 3 families" in one.correlation
    recalibrated = [one for one in found if "recalibrated" in one.title]
    assert {one.data for one in recalibrated} == {"cifar10", "cifar100"}


def test_a_wiring_of_which_a_seed_diverged_has_no_mean(tmp_path: Path) -> None:
    lost = {("DARTS-r2", 1): 3, ("DARTS-r3", 0): 2}
    fakes = [
        Fake(**{**fake.__dict__, "seed": seed, "diverged_at": lost.get((fake.label, seed))})
        for fake in family()
        for seed in range(2)
    ]
    study = read_study(write_study(tmp_path, fakes))
    cells = arrange(study).cells
    area = scatters(study, cells)[0]
    shown = {point.cell.label: point for point in area.points}
    assert len(shown) == 5  # none is dropped
    assert {name: point.lost for name, point in shown.items() if point.value is None} == {
        "DARTS-r2": "diverged in 1 of 2 seeds",
        "DARTS-r3": "diverged in 1 of 2 seeds",
    }
    at = {trace["cell"]: trace["y"][0] for trace in area.figure["traces"]}
    worst = at[shown["DARTS-r2"].cell.key]
    assert worst == at[shown["DARTS-r3"].cell.key] == max(at.values())
    assert worst > max(point.value for point in shown.values() if point.value is not None)


def test_only_trainings_that_are_done_are_ranked(tmp_path: Path) -> None:
    done = family(data=CIFAR10)
    half = [
        Fake(**{**fake.__dict__, "epochs": 6 if fake.variant == "original" else None})
        for fake in family("NASNet", 3, data=CIFAR10)
    ]
    late = [
        Fake(**{**fake.__dict__, "seed": 1, "epochs": 2 if fake.label == "DARTS-r1" else None})
        for fake in done
    ]
    study = read_study(write_study(tmp_path, [*done, *half, *late]))
    (one,) = endings(study)
    place = one.standing
    assert (place.family, place.members, one.seeds) == ("DARTS", 5, 1)  # equal seeds, all members
    assert place.chance == pytest.approx(place.rank / 5)
    (verdict,) = (v for v in judge_study(study) if v.claim == 8)
    (agreement,) = verdict.families
    assert agreement.standing == place


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.004, 0.003, "yes"),
        (0.006, 0.01, "no: outside"),
        (-0.02, 0.001, "undecided"),
        (math.nan, math.nan, ""),
    ],
)
def test_pairs_are_held_against_the_margin(low: float, high: float, said: str) -> None:
    pair = Pair("DARTS", "cifar10", 3, 0.9, 0.9, 0.0, low, high, True, 0, 0, 1.0)
    assert within_margin(pair) == said


def test_a_shorter_training_of_its_own_is_kept_apart(tmp_path: Path) -> None:
    short = family(recipe={"epochs": 4})
    study = read_study(write_study(tmp_path, [*family(), *short]))
    found = {one.schedule: one for one in selections(study)}
    assert set(found) == {"truncated", "re-annealed"}
    assert [choice.epoch for choice in found["re-annealed"].listed] == [4]
    assert found["truncated"].figure["traces"][0]["x"] == list(
        range(1, 12)
    )  # the last is the final one


def test_studies_that_share_trials_keep_their_own_numbers(tmp_path: Path) -> None:
    fakes = family(variants=1, landscape=None, variance=None)
    waiting = [dataclasses.replace(fake, started=False) for fake in fakes]
    studies = [
        read_study(write_study(tmp_path / name, own, name=name))
        for name, own in (("done", fakes), ("planned", waiting))
    ]
    both = combine_studies(studies)
    seconds = measure_study(both).columns()["seconds"]
    assert [math.isnan(number) for number in seconds] == [False, False, True, True]
