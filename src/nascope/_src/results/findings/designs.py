"""The paper's claims with operations fixed: wide against narrow in matched pairs of networks.

docs/guides/verdicts.md states the rules. Every measure is that of the same claim about originals
and their variants; the test is `stats.matched.matched_test`.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from nascope._src.cells.designs import DesignKind
from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.results.blocks import (
    FACTORS,
    Block,
    Difference,
    Factor,
    blocks_in,
    count_pairs,
    differences,
    per_step,
)
from nascope._src.results.design import Member, Setting, setting_of, settings_of
from nascope._src.results.findings.endings import chosen_margin, has_converged
from nascope._src.results.findings.finding import (
    CONTRADICTED,
    NOT_TESTABLE,
    SUPPORTED,
    UNDECIDED,
    Decision,
    detectable_of,
)
from nascope._src.results.findings.judge import too_small
from nascope._src.results.findings.rates import SLOPE, log_areas, slope_of
from nascope._src.results.measures import ACCURACY, Measure, planes_for, primary_measure
from nascope._src.results.paper.claims import MODES
from nascope._src.results.pattern import holm
from nascope._src.results.standings import remembered
from nascope._src.results.stats.contrasts import ALPHA
from nascope._src.results.stats.matched import MatchedTest, matched_test
from nascope._src.results.stats.paired import decidable_margin, equivalence

PRIMARY = 2
"""The claim that a design decides; the others support or qualify it (docs/results/contrast.md)."""

ENDING = 8
"""The claim that no wiring ends better, judged by an interval and a margin, not by a p-value."""


@dataclass(frozen=True)
class Slope:
    """The mean change per step of width or depth over blocks, in what the measure compares.

    Attributes:
        mean: NaN if a difference is infinite.
        low, high: 95 % interval by sign flips of blocks; None for too few.
    """

    mean: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class DesignFinding:
    """What matched pairs say about one claim and one factor.

    Attributes:
        claim: its number.
        kind: "contrast" or "factorial".
        factor: what differs within a pair.
        data: the data set's name.
        learning_rate: None for claim 4, which compares rates.
        batchnorm: the mode of claims 5 and 6; None for other claims.
        measure: title of what is compared.
        unit: of effect, low, high, detectable and slope.
        ratio: whether these are ratios − 1, in percent.
        scale: factor from a pair's difference to ``unit``, unless they are ratios.
        outcome: supported if the favoured wirings are ahead with a one-sided p of at most `ALPHA`,
            contradicted if the others are. Claim 8 is supported if the interval lies within the
            margin, and contradicted if it lies beyond.
        planned: number of planned pairs; the test is over once all of them have numbers.
        ahead, behind: number of pairs whose favoured member is better, and worse.
        effect: favoured − other, the mean over pairs.
        low, high: its 95 % interval; None if there is none.
        detectable: the smallest effect found with 80 % probability if pairs differ as these do.
        p: two-sided, by sign flips.
        holm: p after Holm's correction over the design's secondary findings; None for claim 2,
            which is primary, and claim 8, which asks another question.
        margin: claim 8: the difference up to which the wirings count as equal, in ``unit``.
        decidable: claim 8: the smallest margin that so many pairs can decide, in ``unit``.
        late: claim 8: how many of its networks have not converged, and how many there are.
        slope: per c of width or level of depth, in ``unit``; None in a contrast.
        pairs: every pair's difference.
        diverged: whether a training diverged.
    """

    claim: int
    kind: DesignKind
    factor: Factor
    data: str
    learning_rate: float | None
    batchnorm: str | None
    measure: str
    unit: str
    ratio: bool
    scale: float = 1.0
    outcome: Decision = NOT_TESTABLE
    planned: int = 0
    ahead: int = 0
    behind: int = 0
    effect: float = math.nan
    low: float | None = None
    high: float | None = None
    detectable: float | None = None
    p: float | None = None
    holm: float | None = None
    margin: float | None = None
    decidable: float | None = None
    late: tuple[int, int] = (0, 0)
    slope: Slope | None = None
    pairs: tuple[Difference, ...] = ()
    test: MatchedTest | None = None
    diverged: bool = False

    @property
    def could_detect(self) -> float | None:
        """`detectable`, if the claim can be tested and it is finite."""
        return detectable_of(self.detectable, self.outcome)


def judge_designs(study: StudyRecord) -> tuple[DesignFinding, ...]:
    """Return what the designs of a study say, by kind, claim, setting, mode and factor.

    There is nothing if the study is too small to judge, or has no designed variants.
    """
    if too_small(study) is not None:
        return ()
    findings = []
    for kind in FACTORS:
        of_kind = [
            finding
            for setting in _settings(study, kind)
            for claim, mode in _claims(setting)
            for finding in _judge(study, setting, kind, claim, mode)
            if finding.test is not None
        ]
        findings += _corrected(sorted(of_kind, key=lambda finding: finding.claim))
    return tuple(findings)


def _settings(study: StudyRecord, kind: DesignKind) -> list[Setting]:
    """Return the settings that have the design, at each rate; and over rates if there are more."""
    at_rates = [s for s in settings_of(study) if blocks_in(study, s, kind)]
    over = dict.fromkeys(replace(setting, learning_rate=None) for setting in at_rates)
    several = [
        setting
        for setting in over
        if sum(replace(s, learning_rate=None) == setting for s in at_rates) > 1
    ]
    return [*at_rates, *several]


def _claims(setting: Setting) -> list[tuple[int, str | None]]:
    if setting.learning_rate is None:
        return [(4, None)]
    return [(2, None), (3, None), *itertools.product((5, 6), MODES), (7, None), (ENDING, None)]


def _judge(
    study: StudyRecord, setting: Setting, kind: DesignKind, claim: int, mode: str | None
) -> list[DesignFinding]:
    blocks = blocks_in(study, setting, kind)
    measure, by_seed = _measure(study, setting, blocks, claim, mode)
    base = DesignFinding(
        claim,
        kind,
        "wiring",
        setting.data,
        setting.learning_rate,
        mode,
        measure.title,
        measure.unit if measure.shift_unit is None else measure.shift_unit,
        measure.log,
        1.0 if measure.log else measure.scale,
        diverged=any(trial.diverged for trial in _trials(blocks)),
    )
    findings = [
        _tested(
            replace(base, factor=factor, planned=count_pairs(blocks, factor)),
            differences(blocks, factor, by_seed),
            measure,
        )
        for factor in FACTORS[kind]
    ]
    if claim != ENDING:
        return findings
    members = [member for block in blocks for member in block.members.values()]
    late = (sum(not has_converged(member) for member in members), len(members))
    return [_ended(replace(finding, late=late)) for finding in findings]


def _measure(
    study: StudyRecord, setting: Setting, blocks: Sequence[Block], claim: int, mode: str | None
) -> tuple[Measure, Callable[[Member], Mapping[int, float]]]:
    """Return the measure of a claim, and a member's numbers by seed.

    Claims 5 and 6 are judged on the plane that the most trials have; of several, the planned first.
    """
    if claim == 4:
        rates = {
            float(trial.recipe["learning_rate"])
            for trial in study.trials
            if setting_of(trial, rate=False) == setting
        }
        return SLOPE, lambda member: _slopes(member, len(rates))
    if claim == ENDING:
        return ACCURACY, _numbers_of(ACCURACY)
    trials = _trials(blocks)
    mode = mode or MODES[0]
    planes = dict.fromkeys(plane for trial in trials for plane in planes_for(trial, claim, mode))
    measures = [primary_measure(claim, mode, plane) for plane in planes or (None,)]
    measures = [replace(measure, value=remembered(measure.value)) for measure in measures]
    chosen = max(measures, key=lambda m: sum(not math.isnan(m.compared(t)) for t in trials))
    return chosen, _numbers_of(chosen)


def _numbers_of(measure: Measure) -> Callable[[Member], dict[int, float]]:
    def by_seed(member: Member) -> dict[int, float]:
        numbers = {trial.seed: measure.compared(trial) for trial in member.trials}
        return {seed: number for seed, number in numbers.items() if not math.isnan(number)}

    return by_seed


def _slopes(member: Member, rates: int) -> dict[int, float]:
    """Return the slope of log area over log₁₀ of the rate for each seed with all rates."""
    areas = log_areas(member)
    slopes = {}
    for seed in {seed for _, seed in areas}:
        own = {key: area for key, area in areas.items() if key[1] == seed}
        if len(own) == rates:
            slopes[seed] = slope_of(member.at([seed]), own)
    return slopes


def _trials(blocks: Sequence[Block]) -> list[TrialRecord]:
    return [trial for block in blocks for m in block.members.values() for trial in m.trials]


def _tested(base: DesignFinding, found: Sequence[Difference], measure: Measure) -> DesignFinding:
    test = matched_test([difference.value for difference in found])
    if test is None:
        return base
    better, worse = test.p_less, test.p_greater
    ahead, behind = test.negative, test.positive
    if measure.higher_is_better:
        better, worse, ahead, behind = worse, better, behind, ahead
    outcome: Decision = UNDECIDED if test.smallest_p <= ALPHA else NOT_TESTABLE
    if better <= ALPHA:
        outcome = SUPPORTED
    elif worse <= ALPHA:
        outcome = CONTRADICTED
    low, high, smallest = (
        None if value is None else measure.shift(value)
        for value in (test.low, test.high, test.detectable)
    )
    return replace(
        base,
        outcome=outcome,
        ahead=ahead,
        behind=behind,
        effect=measure.shift(test.shift),
        low=low,
        high=high,
        detectable=smallest,
        p=test.p,
        slope=_slope(found, measure) if base.kind == "factorial" else None,
        pairs=tuple(found),
        test=test,
    )


def _ended(finding: DesignFinding) -> DesignFinding:
    """Judge claim 8: whether the interval lies within the margin that the pairs can decide."""
    test = finding.test
    if finding.late[0] or test is None or test.low is None or test.high is None:
        return replace(finding, outcome=NOT_TESTABLE)
    spread = statistics.stdev(pair.value for pair in finding.pairs)
    decidable = decidable_margin(spread / math.sqrt(test.count), test.count - 1)
    margin = chosen_margin(decidable, spread / math.sqrt(2))
    found = equivalence(test.low, test.high, margin)
    outcomes: Mapping[str, Decision] = {"within": SUPPORTED, "outside": CONTRADICTED}
    return replace(
        finding,
        outcome=outcomes.get(found, UNDECIDED),
        margin=finding.scale * margin,
        decidable=finding.scale * decidable,
    )


def _slope(found: Sequence[Difference], measure: Measure) -> Slope:
    """Return the change per step; the exact interval takes blocks as they are, not pairs."""
    test = matched_test(per_step(found))
    assert test is not None
    low, high = (None if end is None else measure.shift(end) for end in (test.low, test.high))
    return Slope(measure.shift(test.shift), low, high)


def _corrected(findings: Sequence[DesignFinding]) -> list[DesignFinding]:
    """Add Holm's p to all findings except the primary ones and claim 8."""
    secondary = [f for f in findings if f.claim not in (PRIMARY, ENDING) and f.p is not None]
    adjusted = iter(holm([finding.p for finding in secondary if finding.p is not None]))
    return [replace(f, holm=next(adjusted)) if f in secondary else f for f in findings]
