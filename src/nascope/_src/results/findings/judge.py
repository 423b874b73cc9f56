"""Judge each of the paper's nine claims by what a study measured.

docs/guides/verdicts.md states the rules. The p-value of claims 2 to 8 is `Contrast.p`, from
`stats.contrasts.contrast` by way of `standings.contrast_of`. Claim 1's is the two-sided value of
the one-sided ones that `pattern` computes.
Claim 9 has an interval and no p-value.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from nascope._src.records.read import StudyRecord
from nascope._src.results.blocks import is_designed
from nascope._src.results.design import (
    Family,
    Member,
    Setting,
    is_constructed,
    judged_families,
    main_settings,
    setting_of,
    shared_wirings,
)
from nascope._src.results.findings.adapted import judge_adapted
from nascope._src.results.findings.endings import contrast_endings, judge_endings
from nascope._src.results.findings.exceptions import (
    ExceptionCheck,
    check_exception,
)
from nascope._src.results.findings.finding import (
    CONTRADICTED,
    NOT_TESTABLE,
    SUPPORTED,
    UNDECIDED,
    FamilyFinding,
    Finding,
    Reason,
    blank,
)
from nascope._src.results.findings.rates import SLOPE, gap_at, log_areas, slope_of, with_areas
from nascope._src.results.measures import Measure, further_measures
from nascope._src.results.metrics.convergence import early_epoch
from nascope._src.results.paper.claims import CLAIMS, LEFT_OUT, MODES
from nascope._src.results.pattern import find_in_catalog, measure_group, score_cells
from nascope._src.results.standings import (
    Numbers,
    common_measure,
    contrast_of,
    mean,
    numbers_of,
    on_equal_seeds,
    remembered,
)
from nascope._src.results.stats.contrasts import ALPHA, contrast
from nascope._src.results.stats.correlation import Correlation, correlate_within
from nascope._src.results.stats.multiple import holm

SMALLEST_IMAGE = 32  # pixels
FEWEST_CHANNELS = 8
MIN_NORMAL_ONLY = 4
"""If some family has so many variants of the normal cell only, correlations use only those."""

COORDINATES = (
    "fractional_width", "strict_width", "live_width", "effective_width", "depth", "effective_depth",
)  # fmt: skip
"""Of a normal cell; claims are read by the fractional width first."""

TooSmall = tuple[str, int]
"""What a study has too little of, "images", "channels" or "trials", and how much is needed."""


def judge_study(study: StudyRecord) -> tuple[Finding, ...]:
    """Return all findings of a study, by claim, then data set, then BatchNorm mode.

    There are none if the study is too small to judge (`too_small`), or if all its cells are
    designed variants (`findings.designs` judges them).
    """
    if too_small(study) is not None or is_designed(study):
        return ()
    settings = main_settings(study)
    findings = [judge_pattern(study)]
    for claim in (2, 3):
        findings += [judge_measure(study, setting, claim) for setting in settings]
    findings += judge_further(study, settings, 3)
    findings += [judge_rates(study, setting) for setting in main_settings(study, rate=False)]
    for claim in (5, 6):
        findings += [
            judge_measure(study, setting, claim, mode) for setting in settings for mode in MODES
        ]
        findings += judge_further(study, settings, claim)
    findings += [judge_measure(study, setting, 7) for setting in settings]
    findings += judge_further(study, settings, 7)
    findings += [judge_endings(study, setting) for setting in settings]
    findings.append(judge_adapted(study))
    return with_adjusted_correlations(findings)


def too_small(study: StudyRecord) -> TooSmall | None:
    """Return why a study is too small to judge; None if it is not."""
    images = [trial.data.get("image_size") for trial in study.trials]
    if any(isinstance(size, int) and size < SMALLEST_IMAGE for size in images):
        return "images", SMALLEST_IMAGE
    channels = [trial.recipe.get("channels") for trial in study.trials]
    if any(isinstance(count, int) and count < FEWEST_CHANNELS for count in channels):
        return "channels", FEWEST_CHANNELS
    return None if study.trials else ("trials", 1)


# ---------------------------------------------------------------- claim 1


def judge_pattern(study: StudyRecord) -> Finding:
    """Judge claim 1: are the study's originals wide and shallow for their search spaces?"""
    originals = {t.family: t.genotype for t in study.trials if t.variant == "original"}
    cells = [
        find_in_catalog(genotype, family)
        for family, genotype in originals.items()
        if not is_constructed(genotype)
    ]
    scored, outside = score_cells(cells)
    extra, _ = score_cells([c for c in cells if c.genotype.name in outside], within="independent")
    scored += extra
    base = Finding(1, measure="share of the space's wirings that are narrower, and that are deeper")
    if not scored:
        return replace(base, reason="no cell")
    tested = measure_group(scored)
    p_both = max(tested.wider.p_greater, tested.shallower.p_greater)
    if p_both <= ALPHA:
        outcome = SUPPORTED
    elif min(tested.wider.p_less, tested.shallower.p_less) <= ALPHA:
        outcome = CONTRADICTED
    else:
        outcome = UNDECIDED
    interval = tested.pattern.interval
    return replace(
        base,
        outcome=outcome,
        unit="% of its space",
        effect=100 * tested.pattern.mean,
        low=None if interval is None else 100 * interval[0],
        high=None if interval is None else 100 * interval[1],
        p=min(1.0, 2 * min(p_both, tested.wider.p_less, tested.shallower.p_less)),
        share=tested.pattern.mean,
        pattern=tested,
    )


# ---------------------------------------------------------------- claims 2, 3, 5, 6 and 7


def judge_measure(
    study: StudyRecord, setting: Setting, claim: int, mode: str | None = None
) -> Finding:
    """Judge a claim about one number of each trial: claims 2, 3, 5, 6 and 7."""
    families = judged_families(study, setting)
    measure = common_measure(families, claim, mode or MODES[0])

    def by_seed(member: Member) -> list[float]:
        return [measure.compared(trial) for trial in member.trials]

    chosen, exceptions = [], {}
    for family in families:
        check = check_exception(claim, on_equal_seeds(family, measure), by_seed)
        if check is not None:
            exceptions[family.name] = check
        chosen.append(on_equal_seeds(_without_left_out(family, claim), measure))
    base = blank(claim, measure, data=setting.data, batchnorm=mode)
    finding = _tested(base, measure, chosen, lambda member: mean(member, measure), exceptions)
    if claim != 7:
        return finding
    return replace(
        finding, end_share=_share_at_the_end(chosen), early_steps=_early_steps(study, setting)
    )


def judge_further(study: StudyRecord, settings: Sequence[Setting], claim: int) -> list[Finding]:
    """Judge a claim by its further measures; the claim does not rest on these findings.

    The test is that of the primary measure. Associations and exceptions are the primary one's.
    """
    findings = []
    for setting in settings:
        families = judged_families(study, setting)
        trials = [t for family in families for member in family.members for t in member.trials]
        for measure in further_measures(claim, trials):
            known = replace(measure, value=remembered(measure.value))
            chosen = [on_equal_seeds(_without_left_out(f, claim), known) for f in families]
            base = replace(blank(claim, known, data=setting.data), secondary=True)
            finding = _tested(base, known, chosen, functools.partial(mean, measure=known))
            findings.append(replace(finding, correlations={}))
    return findings


def _without_left_out(family: Family, claim: int) -> Family:
    kept = [v for v in family.variants if (claim, family.name, v.variant) not in LEFT_OUT]
    return replace(family, variants=tuple(kept))


def _share_at_the_end(families: Sequence[Family]) -> float | None:
    """Return the share of its variants that an original beats in the last epoch, on average."""
    comparable = [family for family in families if family.is_comparable]
    ends = contrast_endings(comparable)
    return None if ends is None else ends.share


def _early_steps(study: StudyRecord, setting: Setting) -> int | None:
    """Return the steps of the first tenth of a setting's schedule; None if it is unknown."""
    trial = next(trial for trial in study.trials if setting_of(trial) == setting)
    images, batch = trial.data.get("train"), trial.recipe.get("batch_size")
    epochs = trial.recipe.get("epochs")
    if isinstance(images, int) and isinstance(batch, int) and isinstance(epochs, int):
        return early_epoch(epochs) * math.ceil(images / batch)
    return None


# ---------------------------------------------------------------- claim 4


def judge_rates(study: StudyRecord, setting: Setting) -> Finding:
    """Judge claim 4 by each member's slope of log area over the logarithm of the rate."""
    trials = [trial for trial in study.trials if setting_of(trial, rate=False) == setting]
    rates = sorted(
        {float(t.recipe["learning_rate"]) for t in trials if "learning_rate" in t.recipe}
    )
    base = blank(4, SLOPE, data=setting.data)
    if len(rates) < 2:
        return replace(base, reason="one rate")
    families = judged_families(study, setting)
    areas = {
        (family.name, member.label): log_areas(member)
        for family in families
        for member in family.members
    }
    chosen, kept = with_areas(families, areas)
    finding = _tested(base, SLOPE, chosen, lambda m: slope_of(m, kept[m.family, m.label]))
    gaps = (gap_at(rate, chosen, kept, CLAIMS[4].excepted) for rate in rates)
    return replace(finding, gaps=tuple(gap for gap in gaps if gap is not None))


# ---------------------------------------------------------------- the test of claims 2 to 7


def _tested(
    base: Finding,
    measure: Measure,
    families: Sequence[Family],
    value: Callable[[Member], float],
    exceptions: Mapping[str, ExceptionCheck] = MappingProxyType({}),
) -> Finding:
    """Return the finding on one number of each member of balanced families."""
    excepted = CLAIMS[base.claim].excepted
    numbers = numbers_of(families, value)
    tested = {name: own for name, own in numbers.items() if name not in excepted}
    base = replace(base, families=_families(base.claim, numbers, measure, exceptions))
    test = contrast_of(families, tested, higher_is_better=measure.higher_is_better)
    if test is None:
        reason: Reason = "nothing compared of the tested" if numbers else "nothing compared"
        return replace(base, reason=reason)
    correlations, normal_only = _correlations(families, numbers)
    if test.p_better <= ALPHA:
        outcome = SUPPORTED
    elif test.p_worse <= ALPHA:
        outcome = CONTRADICTED
    else:
        outcome = UNDECIDED if test.smallest_p <= ALPHA else NOT_TESTABLE
    smallest = None if outcome == NOT_TESTABLE else test.detectable  # None if members tie
    low, high, smallest = (
        None if shift is None else measure.shift(shift) for shift in (test.low, test.high, smallest)
    )
    return replace(
        base,
        outcome=outcome,
        effect=measure.shift(test.shift),
        low=low,
        high=high,
        detectable=smallest,
        p=test.p,
        share=test.share,
        contrast=test,
        diverged=any(
            trial.diverged
            for family in families
            if family.name in tested
            for member in family.members
            for trial in member.trials
        ),
        correlations=correlations,
        normal_only=normal_only,
    )


def _families(
    claim: int,
    numbers: Numbers,
    measure: Measure,
    exceptions: Mapping[str, ExceptionCheck],
) -> tuple[FamilyFinding, ...]:
    """Return every family that was measured, or that the paper excepts and the study holds."""
    findings = []
    for name in dict.fromkeys([*numbers, *exceptions]):
        alone = None
        if name in numbers:
            own = {name: numbers[name]}
            alone = contrast(own, higher_is_better=measure.higher_is_better)
        standing = alone.standings[0] if alone is not None else None
        tested = name not in CLAIMS[claim].excepted
        findings.append(FamilyFinding(name, standing, tested, exceptions.get(name)))
    return tuple(findings)


def _correlations(
    families: Sequence[Family], numbers: Numbers
) -> tuple[dict[str, Correlation], bool]:
    """Correlate the numbers of variants with each width and depth, within families."""
    shared = shared_wirings(families)
    used = [family for family in families if family.name in numbers]
    normal_only = any(len(family.normal_only()) >= MIN_NORMAL_ONLY for family in used)
    kept, wirings = [], []
    for family in used:
        labels = {v.label for v in (family.normal_only() if normal_only else family.variants)}
        rows = zip(family.variants, numbers[family.name][1], shared[family.name], strict=True)
        entering = [row for row in rows if row[0].label in labels]
        kept.append([(variant.normal, number) for variant, number, _ in entering])
        wirings.append([wiring for _, _, wiring in entering])
    correlations = {}
    for name in COORDINATES:
        samples = [
            ([float(getattr(wiring, name)) for wiring, _ in own], [number for _, number in own])
            for own in kept
        ]
        correlation = correlate_within(samples, wirings)
        if correlation is not None:
            correlations[name.replace("_", " ")] = correlation
    return correlations, normal_only


def with_adjusted_correlations(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Adjust the p-value of every correlation for the number of correlations in all findings.

    A correlation that is undefined, because numbers or coordinates tie, does not count.
    """
    defined = [
        (place, name, correlation)
        for place, finding in enumerate(findings)
        for name, correlation in finding.correlations.items()
        if not math.isnan(correlation.rho)
    ]
    adjusted = {
        (place, name): replace(correlation, p_adjusted=p, examined=len(defined))
        for (place, name, correlation), p in zip(
            defined, holm([correlation.p for _, _, correlation in defined]), strict=True
        )
    }
    return tuple(
        replace(
            finding,
            correlations={
                name: adjusted.get((place, name), correlation)
                for name, correlation in finding.correlations.items()
            },
        )
        for place, finding in enumerate(findings)
    )
