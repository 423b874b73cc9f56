"""What a reproduction found, in a few lines: the numbers of its figure."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from nascope._src.cells.genotype import Genotype
from nascope._src.cells.graph import topology
from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.report.arrangement import Arrangement, Group, arrange
from nascope._src.report.figures.table1 import Errors, parts_of
from nascope._src.report.paper.accuracies import Place, accuracies, place_of_original
from nascope._src.report.paper.columns import Column
from nascope._src.report.scales import in_digits, ordinal
from nascope._src.reproduce.questions import Question
from nascope._src.reproduce.scales import MODES
from nascope._src.results.claims import basin, log_area, log_spread
from nascope._src.results.convergence import CONVERGED, capped_area, final_test_accuracy
from nascope._src.results.families import balanced, families, setting_of
from nascope._src.results.generalisation import MARGIN, Pair
from nascope._src.results.smoothness import chance_loss
from nascope._src.results.verdict import written_p
from nascope._src.theory.check_result import TheoryCheck, read_check
from nascope._src.theory.summaries import tallies_by_bound

Plain = Mapping[str, Any]
Value = Callable[[TrialRecord], float]


def here(question: Question, study: StudyRecord, theory: Plain) -> list[str]:
    """What came out here.

    Args:
        study: of the question's trials.
        theory: what was computed on linear cells, by the names of its files.
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
            lines = _linear_cells(theory["extremes"]["outcomes"])
        case "theory":
            lines = _theory(read_check(theory["check"]))
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
            group = column.group(arrangement, family)
            if column.absent:
                yield f"{family} on {column.title}: {column.absent}".replace("\n", " ")
                continue
            if not any(t.training for trials in group.trials.values() for t in trials):
                yield f"{family} on {column.title}: not run yet"
                continue
            fast = functools.partial(_scaled, log_area, math.exp)
            area = _standing(arrangement, group, fast, "area under the training loss", small=True)
            accuracy = _standing(arrangement, group, _accuracy, "test accuracy (%)", small=False)
            gap = gap_of(arrangement.study, column, family)
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


def gap_of(study: StudyRecord, column: Column, family: str) -> Gap | None:
    """A family's gap on a data set at a rate, on seeds that its members share."""
    trials = tuple(t for t in study.trials if t.family == family and column.holds(t))
    if not trials:
        return None
    areas: dict[tuple[str, int], float] = {}
    for trial in trials:
        area = _capped_area(trial)
        if 0 < area < math.inf:
            areas[trial.label, trial.seed] = math.log(area)
    has = {
        trial.label: frozenset(seed for label, seed in areas if label == trial.label)
        for trial in trials
    }
    (found,) = families(replace(study, trials=trials), setting_of(trials[0]))
    chosen = balanced(found, has)
    if chosen.original is None or not chosen.original.trials or not chosen.variants:
        return None
    original, *variants = (
        math.fsum(areas[one.label, trial.seed] for trial in one.trials) / len(one.trials)
        for one in chosen.members
    )
    used = [trial for one in chosen.members for trial in one.trials]
    lost = sum(trial.diverged for trial in used)
    return Gap(original - math.fsum(variants) / len(variants), lost, len(used))


def _capped_area(trial: TrialRecord) -> float:
    training, classes = trial.training, trial.data.get("classes")
    if training is None or not training.finished or not isinstance(classes, int):
        return math.nan
    epochs = int(trial.recipe.get("epochs", len(training.epochs)))
    return capped_area(training, chance_loss(classes), epochs)


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


def _accuracy(trial: TrialRecord) -> float:
    """NaN where there is none; below all where it diverged."""
    if trial.training is None or not trial.training.finished:
        return math.nan
    found = 100 * final_test_accuracy(trial.training)
    return -math.inf if math.isnan(found) else found


def _grids(question: Question, study: StudyRecord) -> Iterator[str]:
    kind, arrangement = question.target.probe, arrange(study)
    for mode in MODES:
        for family in arrangement.families:
            group = question.columns[0].group(arrangement, family)
            if kind == "landscape":
                below = functools.partial(_scaled, basin(mode), lambda share: 100 * share)
                what = "of the plane below the loss of a guess (%)"
                words = _standing(arrangement, group, below, what, small=False)
            else:
                spread = functools.partial(_scaled, log_spread(mode), math.exp)
                words = _standing(arrangement, group, spread, "median √g", small=True)
            yield f"{family}, BatchNorm {mode}: {words}{_lost(group)}"


def _scaled(value: Value, unit: Callable[[float], float], trial: TrialRecord) -> float:
    """A measure in the unit that people read; what is not finite stays so."""
    found = value(trial)
    return unit(found) if math.isfinite(found) else found


def _standing(
    arrangement: Arrangement, group: Group, value: Value, what: str, *, small: bool
) -> str:
    """The original's mean over seeds, and where it stands among its family's.

    Args:
        value: of a trial; NaN where it has none, infinite where it diverged or is not finite.
        small: whether the smallest is first.
    """
    worst = math.inf if small else -math.inf
    means = {
        key: _mean(known, worst)
        for key, trials in group.trials.items()
        if (known := [found for found in map(value, trials) if not math.isnan(found)])
    }
    lost = {key for key, trials in group.trials.items() if any(trial.diverged for trial in trials)}
    original = next((key for key in means if arrangement.cell(key).is_original), None)
    if original is None:
        return f"{what}: not measured yet"
    own = means.pop(original)
    written = "diverged" if math.isinf(own) and original in lost else in_digits(own)
    if not means:
        return f"{what} {written}"
    better = sum(other < own if small else other > own for other in means.values())
    finite = sorted(other for other in means.values() if math.isfinite(other))
    among = "all diverged" if lost >= means.keys() else "none finite"
    if finite:
        among = f"{in_digits(finite[0])} to {in_digits(finite[-1])}"
    side = "smallest" if small else "largest"
    place = f"{_the(1 + better)} {side} of {len(means) + 1}"
    return f"{what} {written}, {place} (variants {among})"


def _mean(values: Sequence[float], worst: float) -> float:
    return math.fsum(values) / len(values) if all(map(math.isfinite, values)) else worst


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
        found = accuracies(arrangement, column)
        for family in arrangement.families:
            group = column.group(arrangement, family)
            place = place_of_original(group, found)
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


def _by_chance(place: Place) -> str:
    """A rank, and what it would be were the original's wiring just another draw."""
    equal = round(place.chance * place.of) - place.rank
    ties = f" ({equal} equal to it)" if equal else ""
    return (
        f", {_the(place.rank)} best of {place.of}{ties}; by chance such a rank or better has "
        f"probability {place.chance:.0%}, and some variant beats the original with "
        f"{place.chance_of_a_better_one:.0%}"
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
    return f"{words}; McNemar's p{first} = {written_p(pair.p)}"


def _points(value: float) -> str:
    """A share as percentage points, with its sign."""
    return f"{100 * value + 0.0:+.2f}".replace("-", "−")  # without a zero's own sign


def _linear_cells(outcomes: Sequence[Plain]) -> Iterator[str]:
    for own in outcomes:
        pairs = zip(own["narrow"], own["wide"], strict=True)
        smoother = sum(narrow[1] < wide[1] for narrow, wide in pairs)
        quieter = sum(
            narrow[1] < wide[1]
            for narrow, wide in zip(own["narrow_variance"], own["wide_variance"], strict=True)
        )
        blocks = len(own["wide"])
        yield (
            f"λ = {own['scale']:g}: of {blocks} blocks the narrowest cell's constant is the "
            f"smaller in {smoother}, its variance in {quieter} (medians); the published bound "
            f"is broken in up to {max(own['broken']):.0%} of a block's cells"
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
