"""What a reproduction found, in a few lines: the numbers of its figure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from nascope._src.cells.genotype import Genotype
from nascope._src.cells.graph import topology
from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.report.accuracies import accuracies_of, place_of_original
from nascope._src.report.arrangement import Arrangement, Group, arrange
from nascope._src.report.figures.table1 import Errors, parts_of
from nascope._src.reproduce.questions import Question
from nascope._src.reproduce.theory import TheoryResults
from nascope._src.results.design import Member
from nascope._src.results.findings.pairs import Pair
from nascope._src.results.measures import ACCURACY, AREA, CAPPED_AREA, Measure, primary_measure
from nascope._src.results.metrics.convergence import CONVERGED
from nascope._src.results.paper.claims import MODES
from nascope._src.results.standings import on_equal_seeds, shown_mean, standing_of
from nascope._src.results.stats.contrasts import Standing
from nascope._src.results.stats.paired import MARGIN
from nascope._src.results.text.numbers import format_p, in_digits, ordinal
from nascope._src.results.text.standings import rank_in_words
from nascope._src.theory.check_result import TheoryCheck
from nascope._src.theory.comparison_result import Extremes
from nascope._src.theory.summaries import tallies_by_bound

Plain = Mapping[str, Any]


def here(question: Question, study: StudyRecord, theory: TheoryResults) -> list[str]:
    """What came out here.

    Args:
        study: of the question's trials.
        theory: the results on linear cells that the question needs.
    """
    match question.target.drawing:
        case "topologies":
            lines = _topologies(question)
        case "curves":
            lines = _curves(question, arrange(study))
        case "accuracies":
            lines = _accuracies(question, arrange(study))
        case "table1":
            lines = _table1(question, arrange(study))
        case "linear cells":
            assert theory.extremes is not None
            lines = _linear_cells(theory.extremes)
        case "theory":
            assert theory.check is not None
            lines = _theory(theory.check)
        case _:
            lines = _grids(question, study)
    return list(lines)


def _topologies(question: Question) -> Iterator[str]:
    families: dict[str, list[Genotype]] = {}
    for cell in question.cells:
        families.setdefault(cell.family, []).append(cell.genotype)
    for family, (original, *variants) in families.items():
        own = topology(original.normal)
        words = f"{family} is {_width(original)} wide and {own.depth} deep"
        if variants:
            others = [topology(variant.normal) for variant in variants]
            narrower = sum(one.fractional_width < own.fractional_width for one in others)
            deeper = sum(one.depth > own.depth for one in others)
            words += f"; of {len(others)} variants {narrower} are narrower, {deeper} deeper"
        yield words


def _width(genotype: Genotype) -> str:
    found = topology(genotype.normal)
    strict = (
        "" if found.strict_width == found.fractional_width else f" (strict {found.strict_width}c)"
    )
    return f"{float(found.fractional_width):g}c{strict}"


def _curves(question: Question, arrangement: Arrangement) -> Iterator[str]:
    for family in arrangement.families:
        gaps = []
        for column in question.columns:
            group = arrangement.group_of(column, family)
            if column.absent:
                yield f"{family} on {column.title}: {column.absent}".replace("\n", " ")
                continue
            if not any(t.training for trials in group.trials.values() for t in trials):
                yield f"{family} on {column.title}: not run yet"
                continue
            area = _standing(group, AREA, "area under the training loss")
            accuracy = _standing(group, ACCURACY, "test accuracy (%)")
            gap = gap_of(group)
            if gap is not None:
                gaps.append((column.learning_rate, gap))
                area += f"; to the mean variant {gap.told}"
            yield f"{family} on {column.title}: {area}; {accuracy}{_lost(group)}"
        if len({column.learning_rate for column in question.columns}) > 1:
            yield f"{family}, {_growth(gaps)}"


@dataclass(frozen=True)
class Gap:
    """An original's area under the training loss against the mean of its variants'.

    Attributes:
        log: ln of the original's less the mean of its variants'; below 0 the original is ahead.
        diverged: trainings that did, of ``of``: what they lack counts as never learnt, as in claim
            4.
    """

    log: float
    diverged: int
    of: int

    @property
    def told(self) -> str:
        """The ratio − 1, and the divergences."""
        words = f"{100 * math.expm1(self.log):+.1f} %".replace("-", "−")
        return words + (f" ({self.diverged} of {self.of} diverged)" if self.diverged else "")


def gap_of(group: Group) -> Gap | None:
    """A family's gap on a data set at a rate, on seeds that its members share."""
    if group.compared is None:
        return None
    equal = on_equal_seeds(group.compared, CAPPED_AREA)
    standing = standing_of(equal, CAPPED_AREA)
    if standing is None:
        return None
    used = [trial for member in equal.members for trial in member.trials]
    lost = sum(trial.diverged for trial in used)
    return Gap(standing.original - standing.mean, lost, len(used))


def _growth(gaps: Sequence[tuple[float, Gap]]) -> str:
    """Whether the original's lead grows from rate to rate."""
    what = "area under the training loss against the mean variant"
    if len(gaps) < 2:
        return f"{what}: nothing to compare at two rates yet"
    ordered = sorted(gaps, key=lambda pair: pair[0])
    told = ", ".join(f"{gap.told} at {rate:g}" for rate, gap in ordered)
    grows = all(after.log < before.log for (_, before), (_, after) in pairwise(ordered))
    if not grows:
        state = "the lead does not grow from rate to rate"
    elif ordered[-1][1].log < 0:
        state = "the lead grows from rate to rate"
    else:
        state = "behind at every rate, less from rate to rate"
    return f"{what}: {told}: {state}"


def _grids(question: Question, study: StudyRecord) -> Iterator[str]:
    arrangement = arrange(study)
    claim = 5 if question.target.probe == "landscape" else 6
    what = {5: "of the plane below the loss of a guess (%)", 6: "median √g"}[claim]
    for mode in MODES:
        for family in arrangement.families:
            group = arrangement.group_of(question.columns[0], family)
            words = _standing(group, primary_measure(claim, mode), what)
            yield f"{family}, BatchNorm {mode}: {words}{_lost(group)}"


def _standing(group: Group, measure: Measure, what: str) -> str:
    """The original's mean over seeds, and where it stands among its family's."""
    if group.compared is None or group.compared.original is None:
        return f"{what}: not measured yet"
    equal = on_equal_seeds(group.compared, measure)
    standing = standing_of(equal, measure)
    if standing is None or equal.original is None:
        alone = [v for t in group.compared.original.trials if not math.isnan(v := measure.value(t))]
        if not alone:
            return f"{what}: not measured yet"
        shown = math.fsum(alone) / len(alone) * measure.scale
        return f"{what} {_number(shown, group.compared.original)}"
    numbers = [shown_mean(variant, measure) for variant in equal.variants]
    finite = sorted(value for value in numbers if math.isfinite(value))
    if finite:
        among = f"{in_digits(finite[0])} to {in_digits(finite[-1])}"
    else:
        lost = all(any(t.diverged for t in variant.trials) for variant in equal.variants)
        among = "all diverged" if lost else "none finite"
    rank = rank_in_words(standing, higher_is_better=measure.higher_is_better)
    number = _number(shown_mean(equal.original, measure), equal.original)
    return f"{what} {number}, {rank} (variants {among})"


def _number(shown: float, member: Member) -> str:
    diverged = math.isinf(shown) and any(trial.diverged for trial in member.trials)
    return "diverged" if diverged else in_digits(shown)


def _the(number: int) -> str:
    """
    >>> [_the(n) for n in (1, 2)]
    ['the', '2nd']
    """
    return "the" if number == 1 else ordinal(number)


def _lost(group: Group) -> str:
    lost = [trial.label for trials in group.trials.values() for trial in trials if trial.diverged]
    counted = [f"{label} ({n})" if n > 1 else label for label, n in Counter(lost).items()]
    return f"; diverged: {', '.join(counted)}" if lost else ""


def _accuracies(question: Question, arrangement: Arrangement) -> Iterator[str]:
    for column in question.columns:
        if column.absent:
            yield f"{column.title}: {column.absent}".replace("\n", " ")
            continue
        found = accuracies_of(arrangement, column)
        for family in arrangement.families:
            group = arrangement.group_of(column, family)
            place = place_of_original(group)
            one = next(
                (a for a in found if a.cell.key in group.trials and a.cell.is_original), None
            )
            if one is None:
                yield f"{family} on {column.title}: not run yet"
                continue
            level = f"{one.mean.mean:.1f} %" if math.isfinite(one.mean.mean) else "diverged"
            told = _by_chance(place) if place is not None else ""
            yield f"{family} on {column.title}: {level}{told}{_lost(group)}"
        converged = how_converged([trial for one in found for trial in one.trials])
        if converged:
            yield converged


def _by_chance(place: Standing) -> str:
    """A rank, and what it would be were the original's wiring just another draw."""
    ties = f" ({place.ties} equal to it)" if place.ties else ""
    return (
        f", {_the(round(place.rank - place.ties / 2))} best of {place.members}{ties}; by chance "
        f"such a rank or better has probability {place.chance:.0%}, and some variant beats the "
        f"original with {place.chance_of_a_better_one:.0%}"
    )


def how_converged(trials: Sequence[TrialRecord]) -> str | None:
    """Whether the trained networks are at convergence, by their training accuracy."""
    done = [t.training for t in trials if t.training is not None and t.training.finished]
    last = [training.last for training in done if training.diverged_at is None]
    fitted = [100 * point.train_accuracy for point in last if point is not None]
    if not fitted:
        return None
    state = "converged" if min(fitted) >= 100 * CONVERGED else "these networks have not converged"
    return f"training accuracy {min(fitted):.0f} to {max(fitted):.0f} %: {state}"


def _table1(question: Question, arrangement: Arrangement) -> Iterator[str]:
    for part in parts_of(arrangement, question.columns, question.published):
        title = part.column.title
        if part.column.absent:
            yield f"{title}: {part.column.absent}".replace("\n", " ")
            continue
        known = [line for line in part.lines if line.difference is not None]
        if not any(line.original or line.adapted for line in part.lines):
            yield f"{title}: not run yet"
            continue
        yield from (f"{line.family} on {title}: {_errors(line)}" for line in part.lines)
        worse = sum(line.difference > 0 for line in known if line.difference is not None)
        yield f"{title}: adapted is worse in {worse} of {len(known)} cells"


def _errors(line: Errors) -> str:
    forms = []
    for place, one in enumerate((line.original, line.adapted)):
        if one is None:
            forms.append("not run yet")
        elif math.isfinite(one.mean.mean):
            forms.append(f"{100 - one.mean.mean:.2f}")
            if one.diverged:
                forms[-1] += f" ({one.diverged} of {len(one.trials)} diverged)"
        else:
            forms.append("diverged")
        if line.paper is not None:
            forms[-1] += f" (paper {line.paper[place]:.2f})"
    words = f"test error % original {forms[0]}, adapted {forms[1]}"
    return words if line.pair is None else f"{words}; {_difference(line.pair)}"


def _difference(pair: Pair) -> str:
    """Of the errors, by the margin that was fixed beforehand, and by the test images."""
    margin = f"±{100 * MARGIN:g} points"
    if math.isnan(pair.low):
        return f"difference {_points(-pair.difference)}, its interval unknown"
    place = {
        "within": f"within the margin of {margin}: equivalent",
        "outside": f"outside the margin of {margin}",
        "undecided": f"reaches across the margin of {margin}: undecided",
    }[pair.equivalent]
    ends = f"{_points(-pair.high)}, {_points(-pair.low)}"
    words = f"difference {_points(-pair.difference)} [{ends}], {place}"
    if math.isnan(pair.p):
        return words
    first = " of the first seed's pair" if pair.seeds > 1 else ""
    return f"{words}; McNemar's p{first} = {format_p(pair.p)}"


def _points(value: float) -> str:
    """A share as percentage points, with its sign."""
    return f"{100 * value + 0.0:+.2f}".replace("-", "−")  # without a zero's own sign


def _linear_cells(extremes: Extremes) -> Iterator[str]:
    for outcome in extremes.outcomes:
        smoother, quieter = (
            sum(narrow.median < wide.median for narrow, wide in zip(*blocks, strict=True))
            for blocks in (
                (outcome.narrow, outcome.wide),
                (outcome.narrow_variance, outcome.wide_variance),
            )
        )
        yield (
            f"λ = {outcome.scale:g}: of {len(outcome.wide)} blocks the narrowest cell's constant "
            f"is the smaller in {smoother}, its variance in {quieter} (medians); the published "
            f"bound is broken in up to {max(outcome.broken):.0%} of a block's cells"
        )


def _theory(check: TheoryCheck) -> Iterator[str]:
    corrected = tallies_by_bound(check.bounds)
    blocks = max((row.blocks for row in corrected), default=0)
    broken = sum(row.violations for row in corrected)
    yield f"corrected bounds: {broken} broken, in up to {blocks:,} blocks each"
    shares = [row.violated for row in check.published]
    yield (
        f"Theorem 4.2 as published: broken for certain in {min(shares):.1%} to "
        f"{max(shares):.1%} of the blocks, by objective and λ"
    )
    held = sum(descent.holds and descent.premise for descent in check.descents)
    yield f"Theorem 4.1: holds in {held} of {len(check.descents)} settings with γ < 1/L"
    yield "all came out as claimed" if check.holds else "NOT ALL CAME OUT AS CLAIMED"
