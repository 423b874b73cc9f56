"""What is said of agreement: the paper's own numbers, and verdicts by all trials of a recipe."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from nascope._src.data.datasets import load_data
from nascope._src.data.request import DataRequest
from nascope._src.records.read import (
    CurvePoint,
    ProbeRecord,
    StudyRecord,
    TrainingRecord,
    TrialRecord,
)
from nascope._src.reproduce.compare import Comparison, lines_here
from nascope._src.reproduce.plan import Options, plan_reproduction
from nascope._src.reproduce.scales import REPRODUCTION_SCALES
from nascope._src.reproduce.theory import TheoryResults
from nascope._src.results.paper.numbers import WIDTHS
from nascope._src.results.paper.targets import TARGETS

SMALL, TINY = REPRODUCTION_SCALES["small"], REPRODUCTION_SCALES["tiny"]


@pytest.fixture(autouse=True)
def any_data(monkeypatch):
    few = load_data("digits", train_size=30, test_size=20)
    monkeypatch.setattr(
        DataRequest, "load", lambda self, data_dir=None: dataclasses.replace(few, name=self.name)
    )


def asked(name, scale=SMALL, **options):
    (question,) = plan_reproduction([TARGETS[name]], Options(scale, **options), None).figures
    return question


def training(speed: float, diverged_at: int | None = None) -> TrainingRecord:
    points = tuple(
        CurvePoint(
            epoch=epoch, learning_rate=0.025, train_loss=2.3 * speed**epoch,
            train_accuracy=0.5, train_top5=0.9, test_loss=2.0 * speed**epoch,
            test_accuracy=1 - 0.9 * speed**epoch, test_top5=0.9, gradient_norm=1.0, seconds=1.0,
            images_per_second=1.0,
        )
        for epoch in range(1, 11)
    )  # fmt: skip
    return TrainingRecord(points, (), diverged_at, True, TheoryResults())


def trained(*questions, trial=lambda planned: True) -> StudyRecord:
    """Every planned trial, as if trained: the originals' losses fall the fastest."""
    planned = {trial.identity: trial for q in questions for trial in q.plan.trials}
    return StudyRecord("s", Path(), tuple(
        TrialRecord(
            plan.identity, plan.label, plan.family, plan.variant,
            plan.genotype, {**plan.data, "image_size": 32}, plan.recipe, plan.seed,
            training(0.8 if plan.variant == "original" else 0.85 + 0.01 * (number % 5))
            if trial(plan) else None,
        )
        for number, plan in enumerate(planned.values())
    ))  # fmt: skip


def lines(question, study):
    return Comparison(lambda: study).agreement(question, TheoryResults())


def test_other_figures_families_help_to_judge_one():
    few = asked("fig3")
    study = trained(few)
    judged = lines(few, study)
    assert judged[0] == "judged by the 5 trials in this folder with this recipe:"
    (claim,) = [line for line in judged if line.startswith("claim 2 (faster convergence)")]
    assert "on CIFAR-10: not testable at this scale" in claim
    many = trained(few, asked("fig9"), asked("table1"))
    judged = lines(few, many)
    assert judged[0].startswith("judged by the 55 trials")  # none of Table 1's recipe
    (claim,) = [line for line in judged if line.startswith("claim 2 (faster convergence)")]
    assert "on CIFAR-10: supported. On average an original beats 100 % of its variants" in claim
    assert judged[judged.index(claim) + 1] == "  DARTS: 1 of 11 (1 is best)"
    assert not any("NASNet:" in line for line in judged)  # is in no figure 3
    assert not any(line.startswith("claim 8") for line in judged)


def test_the_papers_exceptions_are_told():
    question = asked("fig17")
    judged = lines(question, trained(question))
    assert any("the variances of its family cannot be told apart" in line for line in judged)


def test_nothing_and_too_little():
    question = asked("fig3")
    nothing = trained(question, trial=lambda entry: False)
    assert lines(question, nothing) == ["nothing to judge yet"]
    assert lines_here(question, nothing, TheoryResults())[0] == "DARTS on CIFAR-10: not run yet"
    assert lines(asked("fig3", TINY), nothing) == ["no verdict at this scale"]


def test_the_study_is_read_and_judged_once():
    question, read = asked("fig3"), []
    study = trained(question)
    judge = Comparison(lambda: read.append(1) or study)
    assert judge.agreement(question, TheoryResults()) == judge.agreement(question, TheoryResults())
    assert read == [1]


def test_topologies_are_held_against_the_papers_numbers(monkeypatch):
    assert lines(asked("fig1"), None)[0] == "width and depth of 5 cells are the paper's"
    assert lines(asked("fig1"), None)[1].startswith("claim 1 (wide and shallow): supported")
    assert lines(asked("fig10"), None)[0] == "width and depth of 4 cells are the paper's"
    assert lines(asked("fig11"), None)[0] == "width and depth of 1 cell are the paper's"
    monkeypatch.setitem(WIDTHS["fig1"], "DARTS", (3, 3.5, 4))
    assert lines(asked("fig1"), None)[0] == "width and depth of 5 cells differ for DARTS"


def test_what_came_out_is_ranked():
    question = asked("fig3")
    words = lines_here(question, trained(question), TheoryResults())
    assert words[0].startswith("DARTS on CIFAR-10: area under the training loss 8.21, the lowest")
    assert "test accuracy (%) 90.3, the highest of 5" in words[0]


def test_each_data_set_has_its_own_growth():
    """Figure 4: the lead on CIFAR-10 does not depend on what CIFAR-100 has."""
    question = asked("fig4")
    study = trained(question, trial=lambda plan: plan.data["name"] == "cifar10")
    said = [line for line in lines_here(question, study, TheoryResults()) if "against" in line]
    assert len(said) == 2
    assert said[0].startswith("DARTS on CIFAR-10, area under the training loss against the mean")
    assert " at 0.0025, " in said[0]
    assert said[1].startswith("DARTS on CIFAR-100, ")
    assert said[1].endswith("nothing to compare at two rates yet")


def test_variants_are_narrower_and_deeper_or_named():
    of = {name: lines(asked(name), None) for name in ("fig1", "fig2", "fig10", "fig11")}
    assert not any(line.startswith("variants") for line in of["fig1"])
    said = {name: next(x for x in own if x.startswith("variants")) for name, own in of.items()
            if name != "fig1"}  # fmt: skip
    assert said["fig2"] == (
        "variants of DARTS, by the published convention of width: 3 of 4 narrower, 2 of 4 deeper: "
        "agrees in part, not for DARTS-p4 (equally wide, equally deep), DARTS-p3 (equally deep). "
        "Figure 2's own seeds are unknown: this is about seeds 1 to 4"
    )
    assert said["fig10"].endswith(
        "4 of 4 narrower, 2 of 4 deeper: agrees in part, not for AmoebaNet-p3 (equally deep), "
        "AmoebaNet-p4 (shallower), as the paper's own figure shows them"
    )
    assert "4 of 4 narrower, 4 of 4 deeper: agrees. The numbers in Figure 11's" in said["fig11"]
    (other,) = [x for x in lines(asked("fig2", cells=("NASNet",)), None) if x.startswith("var")]
    assert "Figure 2" not in other  # of other cells the seeds are those asked for
    tiny = lines(asked("fig11", TINY), None)  # nothing was trained: said at every scale
    assert said["fig11"] in tiny
    assert tiny[-1] == "no verdict at this scale"


def test_the_variants_that_disagree_decide_the_word():
    question = asked("fig11")
    original, *variants = question.cells
    as_wide = [dataclasses.replace(cell, genotype=original.genotype) for cell in variants]

    def said(*cells):
        changed = dataclasses.replace(question, cells=(original, *cells))
        (line,) = (x for x in lines(changed, None) if x.startswith("variants"))
        return line

    assert "agrees except for SNAS-p4 (equally wide, equally deep)" in said(
        *variants[:3], as_wide[3]
    )
    assert "contradicted by SNAS-p1 (equally wide, equally deep), SNAS-p2" in said(*as_wide)


def test_claims_tell_their_p():
    """The authors' variants are the same wirings in every family: no exact p of independent ones."""
    question = asked("fig9")
    (claim,) = [line for line in lines(question, trained(question)) if line.startswith("claim 8")]
    p = float(claim.split("(p = ")[1].split(")")[0])
    assert pytest.approx(p, rel=0.5) == 2 / 3003  # five originals before ten variants
    (claim,) = [x for x in lines(asked("fig3"), trained(question)) if x.startswith("claim 2")]
    assert claim.count("; p = ") == 1
    assert "exact p" not in claim


def test_ranks_stand_beside_what_chance_would_do():
    question = asked("fig9")
    words = lines_here(question, trained(question), TheoryResults())
    assert words[0].startswith(
        "NASNet on CIFAR-10: 90.3 %, the best of 11; by chance, the probability of such "
        "a rank or a better one is 9 %, and that some variant beats the original 91 %"
    )


def test_the_gap_is_told_rate_by_rate():
    question = asked("fig4")
    rates = sorted({trial.learning_rate for trial in question.plan.trials})
    assert rates == [0.0025, 0.025, 0.25]
    base = trained(question)

    def at(speeds, lost=None):
        trials = tuple(
            dataclasses.replace(
                trial,
                training=training(
                    0.8 if trial.variant == "original" else speeds[trial.recipe["learning_rate"]],
                    lost if trial.label == "DARTS-p1" and trial.recipe["learning_rate"] == 0.25
                    else None,
                ),
            )
            for trial in base.trials
        )  # fmt: skip
        return lines_here(question, dataclasses.replace(base, trials=trials), TheoryResults())

    def area(speed):
        return sum(2.3 * speed**epoch for epoch in range(1, 11))

    printed = at(dict(zip(rates, (0.81, 0.83, 0.85), strict=True)))
    gaps = [f"−{100 * (1 - area(0.8) / area(speed)):.1f} %" for speed in (0.81, 0.83, 0.85)]
    assert printed[-2] == (
        f"DARTS on CIFAR-10, area under the training loss against the mean variant: {gaps[0]} at "
        f"0.0025, {gaps[1]} at 0.025, {gaps[2]} at 0.25: the lead grows with the rate"
    )
    assert f"; to the mean variant {gaps[2]}; test accuracy" in printed[2]
    falls = at(dict(zip(rates, (0.85, 0.83, 0.84), strict=True)))
    assert falls[-2].endswith("the lead does not grow with the rate")
    behind = at(dict(zip(rates, (0.75, 0.76, 0.77), strict=True)))
    assert "+2" in behind[-2]
    assert behind[-2].endswith("at 0.25: behind at every rate, but less so at larger rates")
    lost = at(dict.fromkeys(rates, 0.85), lost=4)  # learnt nothing from its fourth epoch on
    capped = sum(2.3 * 0.85**epoch for epoch in range(1, 4)) + 7 * math.log(10)
    mean = (3 * math.log(area(0.85)) + math.log(capped)) / 4
    gap = f"−{100 * (1 - area(0.8) / math.exp(mean)):.1f} %"
    assert f"{gap} (1 of 5 diverged) at 0.25: the lead does not grow" in lost[-2]  # equal before
    assert lost[2].endswith("diverged: DARTS-p1")


def test_an_unfinished_rate_has_no_gap():
    question = asked("fig4")
    part = trained(question, trial=lambda planned: planned.learning_rate == 0.025)
    printed = lines_here(question, part, TheoryResults())
    assert printed[0] == "DARTS on CIFAR-10, learning rate 0.0025: not run yet"
    assert printed[-1].endswith("nothing to compare at two rates yet")


def test_pairs_are_held_against_the_margin():
    question = asked("table1")
    study = trained(question)
    none = lines_here(question, study, TheoryResults())
    assert none[0].endswith("; difference +10.25, interval unknown")  # of which images?

    def with_images(wrong):
        """The adapted cells miss the last ``wrong`` of 40,000 images, the others none."""
        trials = []
        for trial in study.trials:
            right = np.ones(40_000, dtype=bool)
            share = 1.0
            if trial.variant == "adapted":
                right[len(right) - wrong :] = False
                share -= wrong / len(right)
            last = dataclasses.replace(trial.training.epochs[-1], test_accuracy=share)
            done = dataclasses.replace(
                trial.training, epochs=(*trial.training.epochs[:-1], last), correct=right
            )
            trials.append(dataclasses.replace(trial, training=done))
        return lines_here(
            question, dataclasses.replace(study, trials=tuple(trials)), TheoryResults()
        )[0]

    within = with_images(8)
    assert "difference +0.02 [+0.01, +0.03], equivalent (within ±0.5 percentage points)" in within
    assert within.endswith("McNemar's p = 0.0078")  # 2 · ½⁸
    assert "undecided (margin ±0.5 percentage points)" in with_images(200)
    outside = with_images(400)
    assert "difference +1.00 [+0.90, +1.10], outside ±0.5 percentage points" in outside


def test_cells_of_ones_own_are_judged_by_themselves():
    """They are no popular cells, and say nothing of those."""
    fig9 = asked("fig9")
    own = asked("fig9", cells=("DOTS_ImageNet",), variants=4)
    study = trained(fig9, own)
    assert lines(fig9, study)[0].startswith("judged by the 55 trials in this folder")
    assert lines(own, study)[0].startswith("judged by the 5 trials of DOTS_ImageNet in this")


def test_what_is_not_finite_has_not_diverged():
    question = asked("fig6")
    probed = []
    for trial in trained(question).trials:
        planned = next(t for t in question.plan.trials if t.identity == trial.identity)
        probes = tuple(
            ProbeRecord(
                probe.kind, probe.identity, {"batchnorm": probe.settings["batchnorm"]}, {},
                {"alphas": np.array([-1.0, 1.0]), "betas": np.array([-1.0, 1.0]),
                 "variance": np.full((2, 2), np.inf if trial.variant == "original" else 4.0)},
            )
            for probe in planned.probes
        )  # fmt: skip
        probed.append(dataclasses.replace(trial, probes=probes))
    words = lines_here(
        question, dataclasses.replace(trained(question), trials=tuple(probed)), TheoryResults()
    )
    assert words[0].startswith("DARTS, BatchNorm frozen: median √g not finite, the 5th lowest of 5")
    assert "diverged" not in words[0]
