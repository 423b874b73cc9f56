"""Claim 8: where originals end among their variants."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.design import families_in, main_settings
from nascope._src.results.findings.endings import (
    contrast_endings,
    ended_families,
    has_converged,
    judge_endings,
)
from nascope._src.results.findings.finding import Finding
from nascope._src.results.text.findings import sentence
from tests.results import handmade, planted
from tests.results.handmade import LOST
from tests.results.planted import raised


def judged(study: StudyRecord) -> Finding:
    return judge_endings(study, *main_settings(study))


def test_equal_accuracies_are_competitive_but_not_better() -> None:
    study = planted.study(3, train_accuracy=0.99, variants=10)
    finding = judged(study)
    assert finding.outcome == "supported"
    assert -0.5 < finding.low < finding.effect < finding.high < 0.5
    assert finding.detectable > 0.5 + (finding.high - finding.low) / 2  # beyond the margin
    better = dataclasses.replace(
        study,
        trials=tuple(raised(t, 0.05) if t.variant == "original" else t for t in study.trials),
    )
    finding = judged(better)
    assert finding.outcome == "contradicted"
    assert finding.effect == pytest.approx(5, abs=0.3)


def test_the_margin_is_what_a_study_can_decide_with_its_spread() -> None:
    """Ten variants of three families, spread over several points."""
    study = planted.study(3, train_accuracy=0.99, variants=20)
    spread = np.random.default_rng(0).normal(size=len(study.trials))
    apart = dataclasses.replace(
        study,
        trials=tuple(
            raised(t, 0 if t.variant == "original" else 0.02 * x)
            for t, x in zip(study.trials, spread, strict=True)
        ),
    )
    finding = judged(apart)
    assert finding.margin == finding.decidable
    assert 2 < finding.margin < 4
    assert -finding.margin < finding.low < finding.high < finding.margin
    assert finding.outcome == "supported"
    assert f"margin ±{finding.margin:.2g} points, the smallest that this study can" in sentence(
        finding
    )
    worse = dataclasses.replace(
        apart,
        trials=tuple(raised(t, -0.1) if t.variant == "original" else t for t in apart.trials),
    )
    other = judged(worse)
    assert other.margin == pytest.approx(finding.margin)  # it does not follow the shift
    assert other.outcome == "contradicted"


def test_a_margin_beyond_two_spreads_is_not_chosen() -> None:
    study = planted.study(3, train_accuracy=0.99, variants=3, families=("DARTS",))
    apart = [raised(t, -0.04) if t.variant == "random 1" else t for t in study.trials]
    finding = judged(dataclasses.replace(study, trials=tuple(apart)))
    assert finding.outcome == "undecided"
    assert finding.margin == 0.5
    assert finding.decidable > 4
    assert "this study could only decide" in sentence(finding)


def test_three_variants_that_tie_decide_nothing_at_convergence() -> None:
    study = planted.study(3, train_accuracy=0.99, variants=3, families=("DARTS",))
    same = next(t.training for t in study.trials if t.variant == "random 1")
    tied = [dataclasses.replace(t, training=same) for t in study.trials]
    tied = [raised(t, 0.007) if t.variant == "original" else t for t in tied]
    finding = judged(dataclasses.replace(study, trials=tuple(tied)))
    assert (finding.outcome, finding.low, finding.p) == ("undecided", None, 0.5)
    assert finding.reason == "no interval"


def test_an_interval_that_crosses_the_margin_decides_nothing() -> None:
    """One of three variants ends four points below the others: the interval is wide."""
    study = planted.study(3, train_accuracy=0.99, variants=3, families=("DARTS",))
    apart = [raised(t, -0.04) if t.variant == "random 1" else t for t in study.trials]
    finding = judged(dataclasses.replace(study, trials=tuple(apart)))
    assert (finding.outcome, finding.reason) == ("undecided", "")
    assert finding.low < -0.5
    assert finding.high > 0.5


def test_without_a_finished_original_nothing_is_compared() -> None:
    study = planted.study(0, train_accuracy=0.99)
    waiting = [
        dataclasses.replace(t, training=None) if t.variant == "original" else t
        for t in study.trials
    ]
    finding = judged(dataclasses.replace(study, trials=tuple(waiting)))
    assert finding.reason == "nothing compared"
    assert finding.outcome == "not testable at this scale"
    assert (finding.contrast, finding.p, finding.families) == (None, None, ())


def test_a_network_that_has_not_converged_makes_the_claim_untestable() -> None:
    study = planted.study(0, train_accuracy=0.99, families=("DARTS",), variants=10)
    trial = study.trials[3]
    epochs = tuple(
        dataclasses.replace(point, train_accuracy=0.89) for point in trial.training.epochs
    )
    late = dataclasses.replace(trial, training=dataclasses.replace(trial.training, epochs=epochs))
    trials = (*study.trials[:3], late, *study.trials[4:])
    finding = judged(dataclasses.replace(study, trials=trials))
    assert (finding.reason, finding.late, finding.epochs) == (
        "not converged",
        (("DARTS-r3",), 11),
        10,
    )
    assert finding.outcome == "not testable at this scale"
    assert finding.contrast is not None  # its numbers are shown
    assert judged(study).reason == ""


def test_as_many_members_as_possible_are_compared() -> None:
    """The question is about the best of them, so seeds are given up for members."""
    study = planted.study(0, families=("DARTS",), seeds=3)
    trials = tuple(t for t in study.trials if (t.label, t.seed) not in {("DARTS-r1", 0),
                                                                       ("DARTS-r1", 2)})  # fmt: skip
    (family,) = ended_families(dataclasses.replace(study, trials=trials), *main_settings(study))
    assert len(family.members) == 5
    assert {t.seed for m in family.members for t in m.trials} == {1}


def test_a_diverged_variant_ranks_last() -> None:
    study = planted.study(0, families=("DARTS",))
    trials = tuple(planted.diverged(t) if t.label == "DARTS-r1" else t for t in study.trials)
    lost = dataclasses.replace(study, trials=trials)
    (setting,) = main_settings(lost)
    (standing,) = contrast_endings(families_in(lost, setting)).standings
    assert standing.rank <= 4


def test_a_member_has_converged_if_all_its_trials_have() -> None:
    def trial(accuracy: float, **more) -> TrialRecord:
        made = handmade.training([0.1], **more)
        last = dataclasses.replace(made.epochs[-1], train_accuracy=accuracy)
        return dataclasses.replace(
            handmade.trial("F", 0, 1.0), training=dataclasses.replace(made, epochs=(last,))
        )

    def converged(*trials: TrialRecord) -> bool:
        return has_converged(dataclasses.replace(handmade.member("F", [1.0]), trials=trials))

    assert converged(trial(0.9), trial(0.99))
    assert not converged(trial(0.89), trial(0.99))
    assert not converged(trial(0.99, finished=False))
    assert not converged(trial(0.99, number=LOST))
    assert not converged(handmade.trial("F", 0, None))
