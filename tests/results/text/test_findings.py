"""Findings in words: a whole sentence for every claim, outcome and reason."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import get_args

import numpy as np
import pytest

from nascope._src.records.read import StudyRecord
from nascope._src.results.findings.finding import FamilyFinding, Finding, Reason
from nascope._src.results.findings.judge import judge_study
from nascope._src.results.findings.pairs import AdaptedDifference
from nascope._src.results.findings.rates import RateGap
from nascope._src.results.stats.contrasts import contrast
from nascope._src.results.stats.correlation import correlate_within
from nascope._src.results.text.findings import (
    as_row,
    correlation_line,
    correlation_sentence,
    detectable_sentence,
    family_line,
    finding_lines,
    needs,
    place_of,
    sentence,
    too_small_sentence,
    verdict_line,
    where,
)
from tests.results import planted

RATES = (0.0025, 0.025, 0.25)


def all_alike(study: StudyRecord) -> StudyRecord:
    """A study in which every trial has the same training."""
    training = study.trials[0].training
    trials = tuple(dataclasses.replace(t, training=training) for t in study.trials)
    return dataclasses.replace(study, trials=trials)


def without_results(study: StudyRecord) -> StudyRecord:
    trials = tuple(dataclasses.replace(t, training=None, probes=()) for t in study.trials)
    return dataclasses.replace(study, trials=trials)


def with_lost_originals(study: StudyRecord) -> StudyRecord:
    trials = tuple(
        dataclasses.replace(planted.diverged(t), probes=()) if t.variant == "original" else t
        for t in study.trials
    )
    return dataclasses.replace(study, trials=trials)


def with_lost_points(study: StudyRecord) -> StudyRecord:
    """The variances of originals are infinite, though no training diverged."""
    trials = []
    for trial in study.trials:
        probes = tuple(
            dataclasses.replace(p, arrays={**p.arrays, "variance": np.full((5, 5), np.inf)})
            if p.kind == "variance" and trial.variant == "original"
            else p
            for p in trial.probes
        )
        trials.append(dataclasses.replace(trial, probes=probes))
    return dataclasses.replace(study, trials=tuple(trials))


def ended(*by: tuple[str, float], **more) -> StudyRecord:
    """Converged trainings, with adapted cells that are so much better on each data set."""
    settings = {"train_accuracy": 0.99, "seeds": 3, "variants": 10, **more}
    return planted.joined(*(planted.study(1, data=d, adapted=b, **settings) for d, b in by))


STUDIES = {
    "wide cells are better": lambda: planted.study(2, effect=4.0, rate_effect=4.0, rates=RATES),
    "wide cells are worse": lambda: planted.study(0, effect=-4.0, rate_effect=-4.0, rates=RATES),
    "no effect": lambda: planted.study(2, rates=RATES),
    "one family": lambda: planted.study(0, families=("DARTS",), rates=RATES),
    "shared wirings": lambda: planted.study(
        0, families=("SNAS", "CARS_C", "CARS_D"), same_seeds=True
    ),
    "no variants": lambda: planted.study(0, variants=0),
    "no results": lambda: without_results(planted.study(0, rates=RATES)),
    "excepted families": lambda: planted.study(0, families=("SNAS", "AmoebaNet")),
    "constructed cells": lambda: planted.study(0, families=("SNAS-adapted",)),
    "originals diverged": lambda: with_lost_originals(planted.study(0, rates=RATES)),
    "points are lost": lambda: with_lost_points(planted.study(0)),
    "all alike": lambda: all_alike(planted.study(0, train_accuracy=0.99, rates=RATES)),
    "one data set": lambda: ended(("cifar10", -0.02)),
    "few seeds": lambda: ended(("cifar10", -0.02), ("cifar100", 0.02), seeds=1,
                               families=("DARTS",)),
    "as in Table 1": lambda: ended(("cifar10", -0.02), ("cifar100", 0.02)),
    "not as in Table 1": lambda: ended(("cifar10", 0.02), ("cifar100", -0.02), final_effect=0.05),
    "adapted are alike": lambda: ended(("cifar10", 0.0), ("cifar100", 0.0), variants=3,
                                       families=(*planted.FAMILIES, "SNAS"), final_effect=0.01),
    "normal cells only": lambda: planted.study(0, effect=4.0, cells=("normal",)),
    "far from converged": lambda: ended(("cifar10", -0.02), ("cifar100", 0.02),
                                        train_accuracy=0.6),
}  # fmt: skip


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    return [finding for make in STUDIES.values() for finding in judge_study(make())]


def texts(finding: Finding) -> list[str]:
    """Everything that is written about a finding."""
    return [
        sentence(finding),
        detectable_sentence(finding),
        needs(finding),
        verdict_line(finding),
        where(finding),
        *finding_lines(finding),
        *(family_line(family) for family in finding.families),
        *(correlation_line(finding, name) for name in finding.correlations),
        correlation_sentence(finding, "depth"),
    ]


def test_the_studies_lead_to_every_outcome_and_reason(findings: list[Finding]) -> None:
    """So that the tests below see each of them."""
    assert {finding.reason for finding in findings} == set(get_args(Reason))
    outcomes: dict[int, set[str]] = {}
    for finding in findings:
        outcomes.setdefault(finding.claim, set()).add(finding.outcome)
    untestable = "not testable at this scale"
    for claim in (2, 3, 4, 5, 6, 7):
        assert outcomes[claim] >= {"supported", "contradicted", untestable}, claim
    assert outcomes[1] >= {"supported", "undecided", untestable}
    assert outcomes[8] >= {"supported", "contradicted", "undecided", untestable}
    assert outcomes[9] == {"supported", "contradicted", "undecided", untestable}


def test_no_text_shows_a_missing_number(findings: list[Finding]) -> None:
    for finding in findings:
        for text in texts(finding):
            assert not re.search(r"\b(nan|None|inf)\b", text), text


def test_sentences_are_whole(findings: list[Finding]) -> None:
    for finding in findings:
        for text in (sentence(finding), detectable_sentence(finding), verdict_line(finding)):
            if text:
                assert text.endswith("."), text
                assert not re.search(r"\.\.|  | \.| ,|;\.", text), text
        assert sentence(finding)[0].isupper() or finding.claim in (1, 8, 9), sentence(finding)


def test_what_is_needed_is_said_unless_the_claim_is_decided(findings: list[Finding]) -> None:
    for finding in findings:
        text = needs(finding)
        assert not text.endswith(".")
        if finding.outcome == "supported":
            assert text == ""
        elif finding.outcome == "undecided":
            assert text
        elif finding.outcome == "not testable at this scale":
            assert text or finding.claim in (1, 8), (finding.claim, finding.reason)


def test_a_row_has_none_in_place_of_a_missing_number(findings: list[Finding]) -> None:
    names = {frozenset(as_row(finding)) for finding in findings}
    assert len(names) == 1
    for finding in findings:
        row = as_row(finding)
        assert not any(isinstance(value, float) and math.isnan(value) for value in row.values())
        assert row["sentence"] == sentence(finding)
        assert row["outcome"] == finding.outcome
        assert (row["p"] is None) == (finding.p is None)


def test_each_line_of_a_terminal_is_about_one_thing(findings: list[Finding]) -> None:
    for finding in findings:
        first, second, *more = finding_lines(finding)
        assert first.startswith(f"{finding.claim}  {finding.title}")
        assert first.endswith(finding.outcome.upper())
        assert second == f"   {sentence(finding)}"
        assert all(line.startswith("   ") for line in more)
        assert not any("\n" in line for line in finding_lines(finding))


# ---------------------------------------------------------------- each reason


@pytest.mark.parametrize(
    ("finding", "expected", "needed"),
    [
        (Finding(1, reason="no cell"), "The study has no cell that a search found.", ""),
        (
            Finding(2, reason="nothing compared"),
            "Nothing was measured for both an original and its variants.",
            "an original and its variants",
        ),
        (
            Finding(5, batchnorm="frozen", reason="nothing compared"),
            "Nothing was measured in this BatchNorm mode for both an original and its variants.",
            "an original and its variants, probed alike in this BatchNorm mode",
        ),
        (
            Finding(6, batchnorm="frozen", reason="nothing compared of the tested"),
            "Nothing was measured in this BatchNorm mode for both an original and its variants in "
            "the families that the claim is about.",
            "an original and its variants, probed alike in this BatchNorm mode",
        ),
        (
            Finding(4, reason="one rate"),
            "The study has only one learning rate.",
            "training runs at the paper's 0.0025, 0.025 and 0.25",
        ),
        (
            Finding(8, reason="nothing compared"),
            "No original was trained together with its variants.",
            "",
        ),
        (
            Finding(9, reason="no adapted cell"),
            "The study has no pair of an original and its adapted cell.",
            "adapted cells on CIFAR-10 and CIFAR-100",
        ),
    ],
)
def test_reasons_without_a_number(finding: Finding, expected: str, needed: str) -> None:
    assert sentence(finding) == expected
    assert needs(finding) == needed
    assert detectable_sentence(finding) == ""


TEST = contrast({name: (1.0, [2.0, 3.0, 4.0, 5.5]) for name in "abc"})


def measured(claim: int = 2, **more) -> Finding:
    given = {
        "measure": "Area", "unit": "%", "ratio": True, "effect": -12.3, "low": -20.04, "high": -4.0,
        "detectable": 9.0, "p": TEST.p, "contrast": TEST, "outcome": "supported", **more,
    }  # fmt: skip
    return Finding(claim, **given)


def test_a_tested_claim_has_its_shift_and_interval() -> None:
    assert sentence(measured()) == (
        "On average an original beats 100 % of its variants (50 % by chance); it is first in 3 of "
        "3 families; exact p = 0.016. Shift of the area: −12.3 % [−20, −4], p = 0.016 by permutation."
    )
    assert detectable_sentence(measured()) == (
        "A difference of 9 % would be detected with 80 % probability."
    )
    absolute = measured(ratio=False, unit="percentage points")
    assert "of ±9 percentage points" in detectable_sentence(absolute)


def test_a_shift_without_an_interval_has_its_p_only() -> None:
    assert sentence(measured(low=None, high=None)).endswith(
        "Shift of the area: −12.3 %, p = 0.016 by permutation."
    )


@pytest.mark.parametrize(
    ("diverged", "said"),
    [(True, "Some runs diverged."), (False, "Some numbers are not finite.")],
)
def test_a_shift_that_is_not_finite_is_explained(diverged: bool, said: str) -> None:
    lost = contrast({"a": (math.inf, [1.0, 2.0])})
    text = sentence(measured(contrast=lost, effect=math.nan, diverged=diverged))
    assert text.endswith(said)
    assert "Shift" not in text


def test_claims_4_and_7_say_more() -> None:
    gaps = (RateGap(0.025, math.log(0.9)), RateGap(0.25, math.log(1.2)))
    assert sentence(measured(4, gaps=gaps)).endswith(
        " Area of the original against the mean variant: −10.0 % at 0.025, +20.0 % at 0.25."
    )
    assert sentence(measured(7, end_share=0.25, early_steps=63)).endswith(
        " The first tenth of the schedule is 63 steps. In the last epoch an original beats 25 % of "
        "them."
    )


@pytest.mark.parametrize(
    ("detectable", "shift", "needed"),
    [
        (2.0, 1.0, "about 4 times as many wirings for a shift of this size"),
        (1.0, 2.0, "more families: the shift stands out, the ranks do not"),
        (100.0, 1.0, "more wirings than anyone can train: the shift is nearly zero"),
        (None, 1.0, "more variants, families and seeds"),
        (1.0, 0.0, "more variants, families and seeds"),
    ],
)
def test_what_an_undecided_claim_needs(detectable: float | None, shift: float, needed: str) -> None:
    test = dataclasses.replace(TEST, detectable=detectable, shift=shift)
    assert needs(measured(contrast=test, outcome="undecided")) == needed


def test_what_an_untestable_claim_needs() -> None:
    one = contrast({"a": (1.0, [2.0, 3.0])})
    text = needs(measured(contrast=one, outcome="not testable at this scale"))
    assert text.startswith("more families or variants: with these, even the smallest possible")
    assert "0.33, is above 0.025" in text
    shared = contrast({n: (1.0, [2.0, 3.0]) for n in "ab"}, dict.fromkeys("ab", "xy"))
    text = needs(measured(contrast=shared, outcome="not testable at this scale"))
    assert "or variants with other wirings in each family" in text


def test_decided_claims_need_nothing_but_more_independent_cells() -> None:
    assert needs(measured(outcome="contradicted")) == ""
    assert needs(Finding(1, outcome="contradicted")) == "cells of more, independent searches"


# ---------------------------------------------------------------- claims 8 and 9


def test_networks_that_have_not_converged_are_named() -> None:
    def late(*names: str, of: int = 9) -> str:
        finding = measured(8, reason="not converged", late=(names, of), epochs=12)
        return sentence(finding)

    assert late("a").startswith("1 of 9 cells has not converged after 12 epochs: a. So far: a is ")
    assert late("a", "b").startswith("2 of 9 cells have not converged after 12 epochs: a, b. ")
    assert late(*"abcdefg").startswith(
        "7 of 9 cells have not converged after 12 epochs: a, b, c, d, e and 2 more. "
    )
    assert late("a", of=1).startswith("Nothing has converged after 12 epochs. So far: ")


def test_endings_have_a_margin_if_they_have_an_interval() -> None:
    assert sentence(measured(8, effect=0.1, low=-0.2, high=0.4)) == (
        "a is 1 of 5, b is 1 of 5, c is 1 of 5 (exact p = 0.016). Difference from the mean "
        "variant: +0.10 [−0.20, +0.40] points, margin ±0.5 percentage points."
    )
    assert sentence(measured(8, low=None, high=None, reason="no interval")) == (
        "a is 1 of 5, b is 1 of 5, c is 1 of 5 (exact p = 0.016)."
    )


@pytest.mark.parametrize(
    ("low", "high", "place"),
    [
        (-0.001, 0.004, "equivalent (within ±0.5 percentage points)"),
        (0.006, 0.02, "outside ±0.5 percentage points"),
        (-0.01, 0.02, "undecided (margin ±0.5 percentage points)"),
    ],
)
def test_differences_of_adapted_cells(low: float, high: float, place: str) -> None:
    mean = (low + high) / 2
    text = sentence(Finding(9, differences={"cifar10": AdaptedDifference(mean, 3, low, high)}))
    assert text.startswith("CIFAR-10: ")
    assert text.endswith(f" points over 3 families, {place}.")


def test_differences_without_an_interval_and_on_both_data_sets() -> None:
    differences = {"cifar10": AdaptedDifference(-0.01, 1), "cifar100": AdaptedDifference(0.01, 2)}
    assert sentence(Finding(9, differences=differences)) == (
        "CIFAR-10: −1.00 points over 1 family, too few seeds for an interval; CIFAR-100: +1.00 "
        "points over 2 families, too few seeds for an interval."
    )


# ---------------------------------------------------------------- families and correlations


def test_a_family_that_was_not_measured_has_no_place() -> None:
    assert family_line(FamilyFinding("a", None)) == ""
    assert family_line(FamilyFinding("a", TEST.standings[0])) == "1 of 5 (1 is best)"
    assert place_of(contrast({"a": (1.0, [1.0, 2.0])}).standings[0]) == "1.5 of 3"


def test_correlations_with_widths_and_depths() -> None:
    known = correlate_within([(range(8), range(8))])
    constant = correlate_within([([1, 1, 1], [1.0, 2.0, 3.0])])
    finding = Finding(2, correlations={"depth": known, "strict width": constant})
    assert correlation_sentence(finding, "fractional width").startswith("too few: ")
    assert correlation_sentence(finding, "depth").startswith("ρ = +1.00 [")
    assert correlation_sentence(finding, "depth").endswith("8 variants in 1 family")
    assert correlation_sentence(finding, "strict width") == (
        "ρ is undefined because all are equal: 3 variants in 1 family"
    )
    assert correlation_line(finding, "strict width") == (
        "strict width: ρ is undefined because all are equal, 3 variants"
    )
    normal = dataclasses.replace(finding, normal_only=True)
    assert "8 variants of the normal cell only in 1 family" in correlation_sentence(normal, "depth")
    assert correlation_line(normal, "depth").endswith("8 variants of the normal cell only")


def test_where_a_finding_was_made() -> None:
    assert where(Finding(1)) == ""
    assert where(Finding(2, data="cifar10")) == "cifar10"
    assert where(Finding(5, data="cifar10", batchnorm="frozen")) == "cifar10, BatchNorm frozen"


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (("images", 32), "its images are below 32 pixels"),
        (("channels", 8), "its networks have fewer than 8 channels"),
        (("trials", 1), "no trial is planned"),
    ],
)
def test_why_a_study_is_too_small(why: tuple[str, int], said: str) -> None:
    assert too_small_sentence(why).startswith(said)
