"""Verdicts: planted effects are found, none is found where none is planted, swaps undo them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from nascope._src.cells.graph import topology
from nascope._src.records.read import ProbeRecord, StudyRecord, TrialRecord
from nascope._src.results.design import main_settings
from nascope._src.results.findings import judge
from nascope._src.results.findings.adapted import judge_adapted
from nascope._src.results.findings.endings import judge_endings
from nascope._src.results.findings.finding import Finding
from nascope._src.results.findings.judge import (
    judge_measure,
    judge_rates,
    judge_study,
    too_small,
)
from nascope._src.results.measures import primary_measure
from nascope._src.results.paper.claims import MODES
from nascope._src.results.text.findings import verdict_line
from tests.results import planted
from tests.results.committed import committed_study

DRAWS = 500
MEASURED = (2, 3, 5, 6, 7)
ALL = ("NASNet", "DARTS", "ENAS", "AmoebaNet", "SNAS")


def outcomes(study: StudyRecord, data: str = "cifar10") -> dict[tuple[int, str | None], str]:
    return {
        (finding.claim, finding.batchnorm): finding.outcome
        for finding in judge_study(study)
        if finding.data in (data, "") and not finding.secondary
    }


@pytest.fixture
def outcomes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip what these tests ignore: places of families and correlations take half the time."""
    monkeypatch.setattr(judge, "_families", lambda *_: ())
    monkeypatch.setattr(judge, "_correlations", lambda *_: ({}, False))


def rates(effect: float) -> dict[str, tuple[float, float]]:
    """How often each claim was supported, and how often contradicted, over all draws."""
    outcomes: dict[str, list[str]] = {}
    for draw in range(DRAWS):
        study = planted.study(
            draw, effect=effect, rate_effect=effect, rates=(0.0025, 0.025, 0.25),
            original_is_wide=effect != 0,
        )  # fmt: skip
        (setting,), (every_rate,) = main_settings(study), main_settings(study, rate=False)
        judged = [judge_measure(study, setting, claim) for claim in (2, 3, 7)]
        judged += [judge_measure(study, setting, claim, m) for claim in (5, 6) for m in MODES]
        judged.append(judge_rates(study, every_rate))
        for finding in judged:
            outcomes.setdefault(f"{finding.claim} {finding.batchnorm or ''}".strip(), []).append(
                finding.outcome
            )
    return {
        key: (drawn.count("supported") / DRAWS, drawn.count("contradicted") / DRAWS)
        for key, drawn in outcomes.items()
    }


def test_no_effect_is_found_where_none_is_planted(outcomes_alone, record_property) -> None:
    """Each direction at most 2.5 %, up to 3 standard errors of 500 draws (0.7 % each)."""
    shares = rates(0.0)
    record_property("rates", shares)
    assert len(shares) == 8
    for claim, (supported, contradicted) in shares.items():
        assert supported <= 0.046, claim
        assert contradicted <= 0.046, claim


def test_planted_effects_are_found(outcomes_alone, record_property) -> None:
    """Three families of four variants; a unit of width is worth 3 of a wiring's own spread."""
    shares = rates(3.0)
    record_property("rates", shares)
    for claim, (supported, contradicted) in shares.items():
        # agitation rests on eight differences of ten epochs: the least certain measure
        assert supported >= (0.3 if claim == "3" else 0.6), claim
        assert contradicted == 0, claim


def narrowest(study: StudyRecord) -> dict[str, str]:
    """The label of each family's narrowest variant, with the family's name."""
    cells: dict[str, dict[str, StudyRecord]] = {}
    for trial in study.trials:
        if trial.variant not in ("original", "adapted"):
            cells.setdefault(trial.family, {})[trial.label] = trial.genotype
    return {
        min(
            variants, key=lambda label: (topology(variants[label].normal).fractional_width, label)
        ): family
        for family, variants in cells.items()
    }


def swapped(study: StudyRecord) -> StudyRecord:
    """Each family's original and its narrowest variant exchange their places in the records."""
    names = narrowest(study)
    roles = {trial.label: trial.variant for trial in study.trials}
    other = names | {family: narrow for narrow, family in names.items()}
    changed = []
    for trial in study.trials:
        label = other.get(trial.label, trial.label)
        changed.append(dataclasses.replace(trial, label=label, variant=roles[label]))
    return dataclasses.replace(study, trials=tuple(changed))


def converged(draw: int, data: str, adapted: float, **more) -> StudyRecord:
    """Long trainings, in which a unit of width is worth 2 points at the end."""
    return planted.study(
        draw, data=data, adapted=adapted, train_accuracy=0.99, final_effect=0.02, **more
    )


def test_swapping_the_original_with_the_narrowest_variant_undoes_each_verdict(
    outcomes_alone: None,
) -> None:
    """Each claim is supported somewhere, and nowhere after the swap.

    At convergence all are alike but for the narrowest, 0.8 points below; adapted cells are worse
    than originals on CIFAR-10, and better on CIFAR-100.
    """
    seen: dict[int, int] = {}
    for draw in range(10):
        study = planted.study(draw, effect=3.0, rate_effect=3.0, rates=(0.0025, 0.025, 0.25))
        seen = undone(study, seen)
    for draw in range(3):
        study = planted.study(draw, train_accuracy=0.99, variants=10, families=ALL)
        below = [
            planted.raised(t, -0.008) if t.label in narrowest(study) else t for t in study.trials
        ]
        seen = undone(dataclasses.replace(study, trials=tuple(below)), seen)
        parts = [converged(draw, "cifar10", -0.01), converged(draw, "cifar100", 0.01)]
        study = dataclasses.replace(parts[0], trials=parts[0].trials + parts[1].trials)
        seen = undone(study, seen)
    assert set(seen) == set(range(1, 10)), seen
    assert sum(seen.values()) > 60


def undone(study: StudyRecord, seen: dict[int, int]) -> dict[int, int]:
    """Count what is supported before a swap; fail where it still is after it."""
    before, after = outcomes(study), outcomes(swapped(study))
    for (claim, mode), outcome in before.items():
        if outcome == "supported":
            seen = seen | {claim: seen.get(claim, 0) + 1}
            assert after[claim, mode] != "supported", (claim, mode)
    return seen


def test_swapping_undoes_what_is_contradicted_too(outcomes_alone: None) -> None:
    """If narrow cells are better, the narrowest in the original's place is not worse."""
    counted = 0
    for draw in range(5):
        study = planted.study(draw, effect=-3.0)
        before, after = outcomes(study), outcomes(swapped(study))
        for key, outcome in before.items():
            if outcome == "contradicted":
                counted += 1
                assert after[key] != "contradicted", key
    assert counted > 15


def test_claims_at_convergence_need_convergence(outcomes_alone: None) -> None:
    short = outcomes(planted.study(0, adapted=-0.01))
    assert short[8, None] == short[9, None] == "not testable at this scale"
    long = outcomes(planted.study(0, train_accuracy=0.99, variants=10))
    assert long[8, None] != "not testable at this scale"


def test_those_that_have_not_converged_are_named() -> None:
    """One network of fifteen that stands at 89 %."""
    parts = [planted.study(0, train_accuracy=0.99, adapted=0.0, data=data, seeds=3)
             for data in ("cifar10", "cifar100")]  # fmt: skip
    study = dataclasses.replace(parts[0], trials=parts[0].trials + parts[1].trials)

    def late(trial: TrialRecord) -> TrialRecord:
        epochs = [dataclasses.replace(p, train_accuracy=0.89) for p in trial.training.epochs]
        training = dataclasses.replace(trial.training, epochs=tuple(epochs))
        return dataclasses.replace(trial, training=training)

    trials = [
        late(t) if (t.label, t.seed, t.data["name"]) == ("DARTS", 0, "cifar10") else t
        for t in study.trials
    ]
    findings = {
        (finding.claim, finding.data): finding
        for finding in judge_study(dataclasses.replace(study, trials=tuple(trials)))
    }
    ends, table_1 = findings[8, "cifar10"], findings[9, ""]
    assert (ends.reason, ends.late, ends.epochs) == ("not converged", (("DARTS",), 15), 10)
    assert ends.could_detect is None  # nothing is detected if nothing is tested
    assert table_1.late == (("DARTS on cifar10",), 12)
    assert ends.outcome == table_1.outcome == "not testable at this scale"
    assert findings[8, "cifar100"].outcome != "not testable at this scale"


def test_no_difference_of_adapted_cells_is_found_where_none_is_planted() -> None:
    """Claims 8 and 9 under their nulls: equal cells are never better, and rarely differ."""
    outside = decided = 0
    draws = 200
    for draw in range(draws):
        parts = [
            planted.study(draw + shift, train_accuracy=0.99, data=data, adapted=0.0, variants=4)
            for data, shift in (("cifar10", 0), ("cifar100", 1000))
        ]
        study = dataclasses.replace(parts[0], trials=parts[0].trials + parts[1].trials)
        outside += judge_endings(study, main_settings(study)[0]).outcome == "contradicted"
        decided += judge_adapted(study).outcome in ("supported", "contradicted")
    assert outside == 0  # a spread of 0.2 points, a margin of 0.5
    assert decided / draws <= 0.096  # 5 % (2.5 % on each of two data sets), 3 standard errors


@pytest.mark.parametrize("shared", [0.0, 0.8, 1.0])
def test_families_of_the_same_wirings_are_no_more_evidence(
    shared: float, record_property, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a wiring does to every family is found no more often than by chance."""
    monkeypatch.setattr(judge, "_families", lambda *_: ())  # ignored, as other coordinates are
    monkeypatch.setattr(judge, "COORDINATES", ("fractional_width",))
    draws, wrong, tied, held = 300, 0, 0, 0
    for draw in range(draws):
        study = planted.study(draw, families=ALL, variants=5, same_seeds=True, shared=shared)
        (setting,) = main_settings(study)
        finding = judge_measure(study, setting, 2)
        wrong += finding.outcome in ("supported", "contradicted")
        tied += finding.correlations["fractional width"].p <= 0.05
        held += finding.low <= 0 <= finding.high
    record_property("rates", (wrong, tied, held))
    assert wrong / draws <= 0.088  # 5 % and 3 standard errors
    assert tied / draws <= 0.088
    assert held / draws >= 0.912
    assert finding.correlations["fractional width"].wirings == 5


def test_a_planted_association_is_found_among_variants() -> None:
    """Also where they rewire the normal cell alone, whose parameters are equal."""
    for cells in (("normal", "reduce"), ("normal",)):
        rhos, detected = [], 0
        for draw in range(20):
            study = planted.study(draw, effect=3.0, cells=cells)
            (setting,) = main_settings(study)
            verdict = judge_measure(study, setting, 2)
            correlation = verdict.correlations["fractional width"]
            rhos.append(correlation.rho)
            detected += correlation.p_negative <= 0.025
            assert correlation.wirings == 12
            assert verdict.normal_only == (cells == ("normal",))
        assert np.mean(rhos) < -0.6  # the wider, the smaller the area
        assert detected >= 14


def test_correlations_are_adjusted_for_all_that_were_examined() -> None:
    found = judge_study(planted.study(0, effect=3.0))
    examined = [
        correlation
        for finding in found
        for correlation in finding.correlations.values()
        if not np.isnan(correlation.rho)
    ]
    assert {correlation.examined for correlation in examined} == {len(examined)}
    assert len(examined) == 6 * sum(bool(finding.correlations) for finding in found) >= 42
    least = min(examined, key=lambda correlation: correlation.p)
    assert least.p_adjusted == pytest.approx(min(1, len(examined) * least.p))
    assert all(correlation.p_adjusted >= correlation.p for correlation in examined)


def test_an_undefined_correlation_is_not_counted() -> None:
    constant = judge.correlate_within([([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])])
    known = judge.correlate_within([(range(4), range(4))])
    finding = Finding(2, correlations={"depth": known, "strict width": constant})
    (adjusted,) = judge.with_adjusted_correlations([finding])
    assert adjusted.correlations["depth"].p_adjusted == known.p
    assert adjusted.correlations["strict width"].p_adjusted is None


def test_early_is_counted_in_steps() -> None:
    """One of 10 epochs, of 5,000 images in batches of 80; unknown if the recipe has no batch."""
    known = committed_study("claims")
    (setting,) = main_settings(known)
    assert judge_measure(known, setting, 7).early_steps == 63
    unknown = planted.study(0)
    (setting,) = main_settings(unknown)
    assert judge_measure(unknown, setting, 7).early_steps is None


def test_one_family_of_four_variants_cannot_decide() -> None:
    study = planted.study(0, effect=9.0, families=("DARTS",))
    for claim in MEASURED:
        finding = next(finding for finding in judge_study(study) if finding.claim == claim)
        assert finding.outcome == "not testable at this scale"
        assert finding.contrast.smallest_p == pytest.approx(0.2)
        assert finding.could_detect is None


def test_a_diverged_original_ranks_last() -> None:
    study = planted.study(0, effect=3.0)
    trials = [
        dataclasses.replace(t, probes=(), training=dataclasses.replace(t.training, diverged_at=3))
        if t.variant == "original"
        else t
        for t in study.trials
    ]
    lost = dataclasses.replace(study, trials=tuple(trials))
    for finding in judge_study(lost):
        if finding.claim in (2, 3, 5, 6):
            assert finding.share == 0
            assert finding.outcome == "contradicted"
            assert finding.diverged
            assert np.isnan(finding.contrast.shift)


def test_the_worst_of_families_that_tie_contradicts() -> None:
    """Originals that diverge beside variants that are all alike."""
    study = planted.study(0)
    same = next(t.training for t in study.trials if t.variant == "random 1")
    trials = [
        dataclasses.replace(
            t,
            training=dataclasses.replace(same, diverged_at=3 if t.variant == "original" else None),
        )
        for t in study.trials
    ]
    tied = dataclasses.replace(study, trials=tuple(trials))
    (setting,) = main_settings(tied)
    assert judge_measure(tied, setting, 2).outcome == "contradicted"


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
    trials = tuple(lost if t is trial else t for t in study.trials)
    finding = judged(dataclasses.replace(study, trials=trials), 6)
    assert np.isnan(finding.contrast.shift)
    assert not finding.diverged
    assert primary_measure(6).compared(lost) == np.inf
    assert np.isfinite(primary_measure(6).compared(trial))


def probed(study: StudyRecord, settings: Callable[[TrialRecord], list[dict]]) -> StudyRecord:
    """A study whose landscapes were probed under such settings; the farther, the steeper."""
    changed = []
    for trial in study.trials:
        grids = []
        for given in settings(trial):
            for probe in trial.probes:
                loss = 1 + 3 * given["radius"] * np.add.outer(planted.AXIS**2, planted.AXIS**2)
                arrays = {**probe.arrays, "loss": loss}
                changed_probe = dataclasses.replace(
                    probe, settings={**probe.settings, **given}, arrays=arrays
                )
                grids.append(changed_probe if probe.kind == "landscape" else probe)
        changed.append(dataclasses.replace(trial, probes=tuple(grids)))
    return dataclasses.replace(study, trials=tuple(changed))


def further(study: StudyRecord, claim: int) -> dict[str, Finding]:
    """By measure, the findings of a claim's further measures."""
    found = [f for f in judge_study(study) if f.claim == claim and f.secondary]
    assert not any(f.correlations for f in found)
    return {finding.measure: finding for finding in found}


def test_steadiness_is_also_judged_by_test_accuracy() -> None:
    study = planted.study(2, effect=3.0)
    (name, finding), *more = further(study, 3).items()
    assert (name, more) == ("Fluctuation of the test accuracy", [])
    assert finding.contrast is not None
    assert "by the fluctuation of the test accuracy" in verdict_line(finding)


def test_early_evaluation_is_judged_after_several_numbers_of_steps() -> None:
    study = planted.study(2, effect=3.0)
    assert further(study, 7) == {}  # without a batch size
    trials = tuple(
        dataclasses.replace(t, recipe={**t.recipe, "batch_size": 80}) for t in study.trials
    )
    found = further(dataclasses.replace(study, trials=trials), 7)
    assert list(found) == ["Accuracy after 189 of 630 steps", "Accuracy after 315 of 630 steps"]
    assert all(finding.end_share is None for finding in found.values())


def test_smoothness_is_also_judged_by_the_largest_eigenvalue() -> None:
    """λ_max is ten times larger for every variant, at the end and at equal loss."""

    def probes(trial: TrialRecord) -> Iterator[ProbeRecord]:
        for at in ("end", "loss 1"):
            size = (1.0 if trial.variant == "original" else 10.0) + trial.seed / 100
            settings = {"at": at, "batchnorm": "frozen", "data": "test"}
            yield ProbeRecord("curvature", at, settings, {}, {"eigenvalues": np.array([size])})

    study = planted.study(2, variants=6)
    trials = [dataclasses.replace(t, probes=(*t.probes, *probes(t))) for t in study.trials]
    lost = next(k for k, t in enumerate(trials) if t.variant == "random 1")
    trials[lost] = dataclasses.replace(planted.diverged(trials[lost]), probes=())
    found = further(dataclasses.replace(study, trials=tuple(trials)), 5)
    assert list(found) == [
        "Largest Hessian eigenvalue",
        "Largest Hessian eigenvalue at loss 1, test images",
    ]
    for finding in found.values():
        assert finding.outcome == "supported"
        assert all(family.standing.rank == 1 for family in finding.families if family.tested)
        assert "SNAS" not in [family.family for family in finding.families if family.tested]


def judged(study: StudyRecord, claim: int):
    (setting,) = main_settings(study)
    return judge_measure(study, setting, claim, "frozen")


def test_planes_of_different_extent_are_not_compared() -> None:
    """The same landscape near originals only, and farther around variants: no smoother ones."""
    study = planted.study(0)
    apart = probed(study, lambda t: [{"radius": 0.5 if t.variant == "original" else 1.0}])
    assert judged(apart, 5).reason == "nothing compared"
    assert judged(apart, 5).outcome == "not testable at this scale"


def test_the_planes_that_most_trials_have_are_compared() -> None:
    """A study that is probed anew, farther out: the new grids count once they are more."""
    study = planted.study(0)

    def until(count: int) -> StudyRecord:
        new = {t.identity for t in study.trials[:count]}
        late = {"DARTS-r1"}  # was not probed at first
        return probed(
            study,
            lambda t: (
                [{"radius": 0.5}] * (t.label not in late) + [{"radius": 1.0}] * (t.identity in new)
            ),
        )

    old = judged(probed(study, lambda _: [{"radius": 0.5}]), 5)
    half, whole = judged(until(7), 5), judged(until(15), 5)
    assert [family.standing.members for family in half.families] == [5, 4, 5]
    assert [family.standing.members for family in whole.families] == [5, 5, 5]
    assert half.families[0] == old.families[0]
    assert whole.families[0].standing.original < half.families[0].standing.original


def test_planes_along_other_directions_are_not_compared() -> None:
    """Only those of the seed that all have; how gradients were computed makes no difference."""
    study = planted.study(0)

    def common(trial: TrialRecord) -> dict:
        return {"radius": 1.0, "seed": 2, "method": trial.label}

    def first(trial: TrialRecord) -> dict:
        original = trial.variant == "original"
        return {"radius": 0.5 if original else 1.5, "seed": int(original)}

    alone = judged(probed(study, lambda t: [common(t)]), 5)
    both = judged(probed(study, lambda t: [first(t), common(t)]), 5)
    assert (both.families, both.effect) == (alone.families, alone.effect)


def test_families_that_the_paper_excepts_are_told_apart() -> None:
    study = planted.study(0, families=("DARTS", "NASNet", "SNAS", "AmoebaNet"))
    for finding in judge_study(study):
        if finding.claim == 6:
            tested = {family.family: family.tested for family in finding.families}
            assert tested == {"DARTS": True, "NASNet": True, "SNAS": False, "AmoebaNet": False}
            assert finding.share == np.mean(
                [f.standing.share for f in finding.families if f.tested and f.standing]
            )
            conceded = {f.family: f.exception for f in finding.families if f.exception}
            assert set(conceded) == {"SNAS", "AmoebaNet"}
            assert conceded["SNAS"].agrees is None  # one seed
            assert conceded["AmoebaNet"].agrees in (True, False)


def test_cells_that_were_made_wide_are_no_popular_ones() -> None:
    """The authors' adapted cells, entered as cells of their own: no evidence for any claim."""
    study = planted.study(0, families=("DARTS", "ENAS"), train_accuracy=0.99)
    made = planted.study(0, families=("SNAS-adapted", "ENAS-adapted"), train_accuracy=0.99)
    both = dataclasses.replace(study, trials=study.trials + made.trials)
    # By their text: since Python 3.13, data classes that hold NaN are not equal.
    assert repr(judge_study(both)) == repr(judge_study(study))
    (first, *_) = judge_study(made)
    assert (first.claim, first.outcome) == (1, "not testable at this scale")


def test_no_verdict_of_a_tiny_study() -> None:
    study = planted.study(0, effect=3.0)
    small = dataclasses.replace(
        study,
        trials=tuple(
            dataclasses.replace(t, data={**t.data, "image_size": 8}) for t in study.trials
        ),
    )
    assert too_small(study) is None
    assert too_small(small) == ("images", 32)
    assert judge_study(small) == ()
    assert judge_study(dataclasses.replace(study, trials=())) == ()
