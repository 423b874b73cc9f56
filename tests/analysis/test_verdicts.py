"""Verdicts: planted effects are found, none is found where none is planted, swaps undo them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nascope.analysis.claims import MODES, measure_of
from nascope.analysis.comparisons import judge_measure, judge_slope
from nascope.analysis.families import main_settings
from nascope.analysis.verdicts import too_small, verdicts
from nascope.cells.topology import topology
from nascope.records import StudyRecord
from tests.analysis import planted

DRAWS = 500
MEASURED = (2, 3, 5, 6, 7)


def outcomes(study: StudyRecord, data: str = "cifar10") -> dict[tuple[int, str | None], str]:
    return {
        (one.claim, one.batchnorm): one.outcome for one in verdicts(study) if one.data in (data, "")
    }


def rates(effect: float) -> dict[str, tuple[float, float]]:
    """How often each claim was supported, and how often contradicted, over all draws."""
    found: dict[str, list[str]] = {}
    for draw in range(DRAWS):
        study = planted.study(
            draw, effect=effect, rate_effect=effect, rates=(0.0025, 0.025, 0.25),
            original_is_wide=effect != 0,
        )  # fmt: skip
        (setting,), (every_rate,) = main_settings(study), main_settings(study, rate=False)
        judged = [judge_measure(study, setting, claim) for claim in (2, 3, 7)]
        judged += [judge_measure(study, setting, claim, m) for claim in (5, 6) for m in MODES]
        judged.append(judge_slope(study, every_rate))
        for one in judged:
            found.setdefault(f"{one.claim} {one.batchnorm or ''}".strip(), []).append(one.outcome)
    return {
        key: (own.count("supported") / DRAWS, own.count("contradicted") / DRAWS)
        for key, own in found.items()
    }


def test_no_effect_is_found_where_none_is_planted(record_property) -> None:
    """Each direction at most 2.5 %, up to 3 standard errors of 500 draws (0.7 % each)."""
    found = rates(0.0)
    record_property("rates", found)
    assert len(found) == 8
    for claim, (supported, contradicted) in found.items():
        assert supported <= 0.046, claim
        assert contradicted <= 0.046, claim


def test_planted_effects_are_found(record_property) -> None:
    """Three families of four variants; a unit of width is worth 3 of a wiring's own spread."""
    found = rates(3.0)
    record_property("rates", found)
    for claim, (supported, contradicted) in found.items():
        # agitation rests on eight differences of ten epochs: the least certain measure
        assert supported >= (0.3 if claim == "3" else 0.6), claim
        assert contradicted == 0, claim


def swapped(study: StudyRecord) -> StudyRecord:
    """Each family's original and its narrowest variant exchange their places in the records."""
    changed = []
    for trial in study.trials:
        own = {t.label: t for t in study.trials if t.family == trial.family}
        narrow = min(
            (label for label in own if label != trial.family),
            key=lambda label: (topology(own[label].genotype.normal).fractional_width, label),
        )
        roles = {trial.family: narrow, narrow: trial.family}
        if trial.label in roles:
            label = roles[trial.label]
            changed.append(dataclasses.replace(trial, label=label, variant=own[label].variant))
        else:
            changed.append(trial)
    return dataclasses.replace(study, trials=tuple(changed))


def test_swapping_the_original_with_the_narrowest_variant_undoes_each_verdict() -> None:
    supported = 0
    for draw in range(10):
        study = planted.study(draw, effect=3.0, rate_effect=3.0, rates=(0.0025, 0.025, 0.25))
        before, after = outcomes(study), outcomes(swapped(study))
        for key, outcome in before.items():
            if outcome == "supported":
                supported += 1
                assert after[key] != "supported", key
    assert supported > 50


def test_claims_at_convergence_need_convergence() -> None:
    short = outcomes(planted.study(0, adapted=-0.01))
    assert short[8, None] == short[9, None] == "not testable at this scale"
    long = outcomes(planted.study(0, train_accuracy=0.99, variants=10))
    assert long[8, None] != "not testable at this scale"


def test_equal_accuracies_are_competitive_but_not_better() -> None:
    study = planted.study(3, train_accuracy=0.99, variants=10)
    (found,) = (one for one in verdicts(study) if one.claim == 8)
    assert found.outcome == "supported"
    assert -0.5 < found.low < found.number < found.high < 0.5
    better = dataclasses.replace(study, trials=tuple(_raised(t, 0.05) for t in study.trials))
    (found,) = (one for one in verdicts(better) if one.claim == 8)
    assert found.outcome == "contradicted"
    assert found.number == pytest.approx(5, abs=0.3)


def _raised(trial, by: float):
    if trial.variant != "original":
        return trial
    epochs = [
        dataclasses.replace(p, test_accuracy=p.test_accuracy + by) for p in trial.training.epochs
    ]
    return dataclasses.replace(
        trial, training=dataclasses.replace(trial.training, epochs=tuple(epochs))
    )


@pytest.mark.parametrize(
    ("cifar10", "cifar100", "outcome"),
    [(-0.02, 0.02, "supported"), (0.02, 0.02, "contradicted"), (-0.02, -0.02, "contradicted")],
)
def test_adapted_cells(cifar10: float, cifar100: float, outcome: str) -> None:
    parts = [
        planted.study(1, train_accuracy=0.99, data=data, adapted=by, seeds=3)
        for data, by in (("cifar10", cifar10), ("cifar100", cifar100))
    ]
    study = dataclasses.replace(parts[0], trials=parts[0].trials + parts[1].trials)
    (found,) = (one for one in verdicts(study) if one.claim == 9)
    assert found.outcome == outcome
    assert {pair.data for pair in found.pairs} == {"cifar10", "cifar100"}


def test_one_family_of_four_variants_cannot_decide() -> None:
    study = planted.study(0, effect=9.0, families=("DARTS",))
    for claim in MEASURED:
        found = next(one for one in verdicts(study) if one.claim == claim)
        assert found.outcome == "not testable at this scale"
        assert "0.2" in found.needs


def test_a_diverged_original_ranks_last() -> None:
    study = planted.study(0, effect=3.0)
    trials = [
        dataclasses.replace(t, probes=(), training=dataclasses.replace(t.training, diverged_at=3))
        if t.variant == "original"
        else t
        for t in study.trials
    ]
    lost = dataclasses.replace(study, trials=tuple(trials))
    for one in verdicts(lost):
        if one.claim in (2, 3, 5, 6):
            assert one.share == 0
            assert one.outcome == "contradicted"


def test_points_that_are_not_finite_do_not_look_small() -> None:
    study = planted.study(0)
    trial = next(t for t in study.trials if t.label == "DARTS")
    probes = []
    for probe in trial.probes:
        arrays = dict(probe.arrays)
        if probe.kind == "variance":
            arrays["variance"] = np.where(np.eye(5, dtype=bool), 1e-6, np.inf)
        probes.append(dataclasses.replace(probe, arrays=arrays))
    lost = dataclasses.replace(trial, probes=tuple(probes))
    assert measure_of(6).value(lost) == np.inf
    assert np.isfinite(measure_of(6).value(trial))


def test_families_that_the_paper_excepts_are_told_apart() -> None:
    study = planted.study(0, families=("DARTS", "NASNet", "SNAS", "AmoebaNet"))
    for one in verdicts(study):
        if one.claim == 6:
            said = {family.family: bool(family.paper) for family in one.families}
            assert said == {"DARTS": False, "NASNet": False, "SNAS": True, "AmoebaNet": True}
            assert one.share == np.mean(
                [f.standing.share for f in one.families if not f.paper and f.standing]
            )


def test_no_verdict_of_a_tiny_study() -> None:
    study = planted.study(0, effect=3.0)
    small = dataclasses.replace(
        study,
        trials=tuple(
            dataclasses.replace(t, data={**t.data, "image_size": 8}) for t in study.trials
        ),
    )
    assert too_small(study) is None
    assert "32" in str(too_small(small))
    assert verdicts(small) == ()
    assert verdicts(dataclasses.replace(study, trials=())) == ()
