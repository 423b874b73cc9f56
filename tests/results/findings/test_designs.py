"""What designs decide: planted effects, nulls, divergence, several rates, Holm's correction."""

from __future__ import annotations

import dataclasses
import math
import statistics

import numpy as np
import pytest

from nascope._src.results.findings.designs import judge_designs
from nascope._src.results.findings.judge import judge_study
from nascope._src.results.pattern import holm
from nascope._src.results.text.designs import as_row, design_lines, power_line
from tests.results import designed
from tests.results.designed import contrast_cells, factorial_cells, level_of, planted


def finding_of(findings, claim, **wanted):
    (found,) = [
        f
        for f in findings
        if f.claim == claim and all(getattr(f, name) == value for name, value in wanted.items())
    ]
    return found


def test_a_large_effect_of_wiring_is_found():
    findings = judge_designs(planted(0, contrast_cells(), width=-0.04))
    area = finding_of(findings, 2)
    assert (area.outcome, area.factor, area.kind) == ("supported", "wiring", "contrast")
    assert (area.ahead, area.behind, area.holm) == (10, 0, None)
    assert area.p == 2 / 1024
    assert area.low < 100 * math.expm1(-0.04 * 3.1) < area.high < 0
    assert area.slope is None
    assert len(area.pairs) == 10
    reversed_effect = finding_of(judge_designs(planted(0, contrast_cells(), width=0.04)), 2)
    assert reversed_effect.outcome == "contradicted"


@pytest.mark.parametrize(("planted_factor", "other"), [("width", "depth"), ("depth", "width")])
def test_a_factorial_says_which_factor_it_is(planted_factor, other):
    """A wider cell has less area and a deeper one more."""
    slope = {"width": -0.04, "depth": 0.04}[planted_factor]
    study = planted(5, factorial_cells(), **{planted_factor: slope}, spread=0.02)
    findings = judge_designs(study)
    found = finding_of(findings, 2, factor=planted_factor)
    assert found.outcome == "supported"
    assert found.slope.low < 100 * math.expm1(-0.04) < found.slope.high
    null = finding_of(findings, 2, factor=other)
    assert null.outcome == "undecided"
    assert null.slope.low < 0 < null.slope.high


def test_few_pairs_cannot_decide():
    study = planted(0, contrast_cells()[:10], width=-1.0)
    area = finding_of(judge_designs(study), 2)
    assert (area.outcome, area.ahead, area.could_detect) == ("not testable at this scale", 5, None)
    assert "A decision needs 6 pairs or more" in "\n".join(design_lines([area]))


def test_pairs_that_are_missing_are_counted():
    whole = planted(0, contrast_cells(), width=-0.04)
    waiting = tuple(
        dataclasses.replace(trial, training=None) if "SNAS" in trial.label else trial
        for trial in whole.trials
    )
    area = finding_of(judge_designs(dataclasses.replace(whole, trials=waiting)), 2)
    assert (area.planned, len(area.pairs)) == (10, 8)
    text = "\n".join(design_lines([area]))
    assert "It is ahead in 8 of 8 pairs so far, of 10 planned; exact p" in text
    assert "A decision needs the other 2 planned pairs." in text
    assert "planned" not in "\n".join(design_lines(judge_designs(whole)))


def test_each_rate_is_judged_and_their_slope():
    """The lead of the wide wiring grows by 10 % per decade."""

    def log_area(cell, rate, seed):
        wide = float(level_of(cell).width) > 2
        noise = 0.01 * math.sin(sum(map(ord, cell.label)))
        return 2.6 + noise - wide * (0.05 + 0.1 * math.log10(rate / 0.025))

    findings = judge_designs(designed.study(contrast_cells(), log_area, rates=(0.025, 0.25)))
    low, high = (finding_of(findings, 2, learning_rate=rate) for rate in (0.025, 0.25))
    assert (low.outcome, high.outcome) == ("supported", "supported")
    assert high.effect < low.effect < 0
    growth = finding_of(findings, 4)
    assert growth.learning_rate is None
    assert growth.effect == pytest.approx(-0.1)
    assert growth.outcome == "supported"
    assert [f.claim for f in findings] == sorted(f.claim for f in findings)
    secondary = [f for f in findings if f.claim not in (2, 8)]
    assert [f.holm for f in secondary] == holm([f.p for f in secondary])
    one_rate = judge_designs(planted(0, contrast_cells()))
    assert 4 not in {f.claim for f in one_rate}


def test_divergence_is_a_loss_and_leaves_no_shift():
    def log_area(cell, rate, seed):
        narrow = float(level_of(cell).width) < 2
        return math.nan if narrow and "c1" in cell.label else 2.6 + 0.01 * narrow

    area = finding_of(judge_designs(designed.study(contrast_cells(), log_area)), 2)
    assert (area.outcome, area.ahead, area.diverged) == ("supported", 10, True)
    assert math.isnan(area.effect)
    assert area.low is None
    text = "\n".join(design_lines([area]))
    assert "Some runs diverged, so signed ranks are tested." in text
    assert as_row(area)["number"] is None


def test_what_is_said():
    area = finding_of(judge_designs(planted(0, contrast_cells(), width=-0.04)), 2)
    lines = design_lines([area])
    assert lines[0] == (
        "2  With operations fixed, the wide, shallow wiring learns faster (CIFAR-10, rate 0.025): "
        "SUPPORTED"
    )
    assert "It is ahead in 10 of 10 pairs; exact p = 0.002." in lines[1]
    assert "Shift of the area under the training-loss curve: −1" in lines[1]
    row = as_row(area)
    assert (row["claim"], row["design"], row["factor"], row["share"]) == (
        2,
        "contrast",
        "wiring",
        1,
    )
    wider = finding_of(judge_designs(planted(0, factorial_cells(), width=-0.04)), 2, factor="width")
    assert "With operations and depth fixed, the wider wiring" in design_lines([wider])[0]
    assert "per c wider" in design_lines([wider])[1]


def test_originals_against_variants_stay_apart():
    """A study of designed variants has no verdict about originals, and too small ones have none."""
    study = planted(0, contrast_cells())
    assert judge_study(study) == ()
    small = dataclasses.replace(
        study,
        trials=tuple(
            dataclasses.replace(t, recipe=t.recipe | {"channels": 4}) for t in study.trials
        ),
    )
    assert judge_designs(small) == ()


def test_power_before_the_run():
    assert power_line("contrast", 10, 10, 0.025).startswith(
        "contrast at 0.025: 10 pairs; a shift of 4.2 % of the area is detected with 80 %"
    )
    assert "10 blocks, 20 pairs per factor; a shift of 3.5 %" in power_line(
        "factorial", 10, 20, 0.25
    )
    assert "needs 6 pairs or more" in power_line("contrast", 4, 4, 0.025)


def ended(difference, noise, cells=None):
    """A study trained to the end: wide networks are better by so many points, plus noise."""
    study = planted(0, cells or contrast_cells())
    random = np.random.default_rng(3)

    def trained(trial):
        wide = float(trial.design.level.width) > 2
        accuracy = 0.6 + wide * difference / 100 + noise / 100 * random.standard_normal()
        *before, last = trial.training.epochs
        last = dataclasses.replace(last, test_accuracy=accuracy, train_accuracy=0.95)
        training = dataclasses.replace(trial.training, epochs=(*before, last))
        return dataclasses.replace(trial, training=training)

    return dataclasses.replace(study, trials=tuple(map(trained, study.trials)))


def test_no_wiring_ends_better():
    """Claim 8: no difference is within the margin that ten pairs decide, a large one beyond it."""
    equal = finding_of(judge_designs(ended(0.0, 1.0)), 8)
    assert equal.outcome == "supported"
    spread = statistics.stdev(pair.value for pair in equal.pairs)
    assert equal.decidable == pytest.approx(100 * (2.262157 + 1.383029) * spread / math.sqrt(10))
    assert equal.margin == equal.decidable > 0.5
    assert -equal.margin < equal.low < equal.effect < equal.high < equal.margin
    text = "\n".join(design_lines([equal]))
    assert "is competitive at convergence, but does not generalise better" in text
    assert f"margin ±{equal.decidable:.2g} points, the smallest that this study can decide" in text
    better = finding_of(judge_designs(ended(8.0, 1.0)), 8)
    assert (better.outcome, better.holm) == ("contradicted", None)
    precise = finding_of(judge_designs(ended(0.0, 0.1)), 8)
    assert (precise.outcome, precise.margin) == ("supported", 0.5)
    few = finding_of(judge_designs(ended(0.0, 1.0, contrast_cells()[:14])), 8)  # seven pairs
    assert (few.outcome, few.margin) == ("undecided", 0.5)
    assert few.decidable > 0.5


def test_claim_8_waits_for_convergence():
    finding = finding_of(judge_designs(planted(0, contrast_cells())), 8)
    assert (finding.outcome, finding.margin) == ("not testable at this scale", None)
    assert finding.late == (20, 20)
    needed = "longer training: 20 of 20 networks have not converged (training accuracy below 90%)"
    assert f"A decision needs {needed}." in "\n".join(design_lines([finding]))
