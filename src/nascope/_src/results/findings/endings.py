"""Claim 8 (Section 5, Figure 9): do popular cells end better than their variants?"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace

from nascope._src.records.read import StudyRecord
from nascope._src.results.design import Family, Member, Setting, judged_families
from nascope._src.results.findings.exceptions import ExceptionCheck, check_exception
from nascope._src.results.findings.finding import (
    CONTRADICTED,
    SUPPORTED,
    UNDECIDED,
    Decision,
    FamilyFinding,
    Finding,
    blank,
)
from nascope._src.results.measures import ACCURACY
from nascope._src.results.metrics.convergence import converged
from nascope._src.results.standings import contrast_of, mean, numbers_of, on_equal_seeds
from nascope._src.results.stats.contrasts import Contrast
from nascope._src.results.stats.intervals import detectable, student_quantile
from nascope._src.results.stats.paired import MARGIN, decidable_margin, equivalence


def ended_families(study: StudyRecord, setting: Setting) -> list[Family]:
    """Return the families that claim 8 compares: trained to the end, on equal seeds.

    They keep as many members as possible, because the question is about the best of them. A family
    whose original has not finished is left out.
    """
    families = judged_families(study, setting)
    chosen = [on_equal_seeds(family, ACCURACY, most="members") for family in families]
    return [family for family in chosen if family.is_comparable]


def contrast_endings(families: Sequence[Family]) -> Contrast | None:
    """Compare originals and variants by test accuracy in the last epoch (Figure 9)."""
    numbers = numbers_of(families, _accuracy)
    return contrast_of(families, numbers, higher_is_better=True)


def judge_endings(study: StudyRecord, setting: Setting) -> Finding:
    """Judge claim 8: where do originals end among their variants?"""
    base = blank(8, replace(ACCURACY, title="test accuracy in the last epoch"), data=setting.data)
    families = ended_families(study, setting)
    test = contrast_endings(families)
    if test is None:
        return replace(base, reason="nothing compared")
    members = {m.label: m for family in families for m in family.members}
    by_name = {family.name: family for family in families}
    late = tuple(label for label, member in members.items() if not has_converged(member))
    base = replace(
        base,
        effect=100 * test.shift,
        low=None if test.low is None else 100 * test.low,
        high=None if test.high is None else 100 * test.high,
        detectable=_beyond_margin(test),
        p=test.p,
        share=test.share,
        contrast=test,
        families=tuple(
            FamilyFinding(one.family, one, exception=_exception(by_name[one.family], late))
            for one in test.standings
        ),
        late=(late, len(members)),
        epochs=setting.value("epochs"),
    )
    if late:
        return replace(base, reason="not converged")
    if test.low is None or test.high is None:
        return replace(base, outcome=UNDECIDED, reason="no interval")
    decidable = decidable_margin(_error(test), test.degrees)
    margin = chosen_margin(decidable, _spread(families))
    outcome: Decision = UNDECIDED
    if equivalence(test.low, test.high) == "outside":
        outcome = CONTRADICTED
    elif equivalence(test.low, test.high, margin) == "within":
        outcome = SUPPORTED
    return replace(base, outcome=outcome, margin=100 * margin, decidable=100 * decidable)


WIDEST = 2.0
"""The widest margin of claim 8, in standard deviations of the variants: most of them are within."""


def chosen_margin(decidable: float, spread: float) -> float:
    """Return the margin of claim 8, chosen by power.

    It is `MARGIN`; if that is narrower than what the study can decide with 80 % probability, it is
    the latter, unless that is wider than `WIDEST` spreads of the variants. It follows from the
    spread and the size of the design, never from the shift.

    Args:
        decidable: the smallest margin that the study can decide.
        spread: pooled standard deviation of the variants, in the same unit.

    >>> chosen_margin(0.003, 0.002), chosen_margin(0.03, 0.017), chosen_margin(0.05, 0.017)
    (0.005, 0.03, 0.005)
    """
    return decidable if MARGIN < decidable <= WIDEST * spread else MARGIN


def _spread(families: Sequence[Family]) -> float:
    """Return the pooled standard deviation of the variants' accuracies."""
    variants = [own for _, own in numbers_of(families, _accuracy).values() if len(own) > 1]
    squares = math.fsum((len(own) - 1) * statistics.variance(own) for own in variants)
    degrees = sum(len(own) - 1 for own in variants)
    return math.sqrt(squares / degrees) if degrees else math.nan


def _accuracy(member: Member) -> float:
    return mean(member, ACCURACY)


def _error(test: Contrast) -> float:
    """Return the standard error of the shift, from its interval."""
    assert test.low is not None
    assert test.high is not None
    return (test.high - test.low) / 2 / student_quantile(test.degrees)


def _exception(family: Family, late: Sequence[str]) -> ExceptionCheck | None:
    """Check what the paper says of one family, if all its members have converged."""

    def by_seed(member: Member) -> list[float]:
        return [ACCURACY.value(trial) for trial in member.trials]

    check = check_exception(8, family, by_seed)
    if check is not None and any(member.label in late for member in family.members):
        return ExceptionCheck(check.exception, None, "converged")
    return check


def _beyond_margin(test: Contrast) -> float | None:
    """Return the difference, in points, whose interval lies outside the margin in 4 of 5 cases."""
    if test.low is None or test.high is None:
        return None
    return 100 * (MARGIN + detectable(_error(test), test.degrees))


def has_converged(member: Member) -> bool:
    return all(trial.training is not None and converged(trial.training) for trial in member.trials)
