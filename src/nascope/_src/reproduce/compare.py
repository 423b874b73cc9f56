"""Compare what came out with the paper: the numbers of a figure, and whether they agree."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from nascope._src.cells.genotype import Genotype
from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.report.accuracies import Errors, accuracies_of, parts_of, place_of_original
from nascope._src.report.arrangement import Arrangement, Group, arrange
from nascope._src.reproduce.plan import FigurePlan
from nascope._src.reproduce.theory import TheoryResults
from nascope._src.results.design import recipe_key
from nascope._src.results.findings.finding import Finding
from nascope._src.results.findings.judge import judge_study
from nascope._src.results.findings.places import (
    FamilyTopology,
    Gap,
    convergence_of,
    gap_of,
    has_published_width,
    place_in_family,
    topology_of_family,
)
from nascope._src.results.measures import ACCURACY, AREA, primary_measure
from nascope._src.results.paper.claims import MODES, POPULAR
from nascope._src.results.paper.numbers import TITLES
from nascope._src.results.paper.targets import in_words
from nascope._src.results.text.findings import family_line, verdict_line
from nascope._src.results.text.places import (
    chance_text,
    convergence_line,
    difference_text,
    diverged_text,
    gap_text,
    growth_line,
    place_line,
    topology_line,
    variants_line,
    widths_line,
)
from nascope._src.results.text.theorems import (
    cells_agreement,
    cells_lines,
    check_agreement,
    check_lines,
)

_SEEDS = {
    "fig2": "Figure 2's own seeds are unknown: this is about seeds 1 to 4",
    "fig11": "The numbers in Figure 11's caption are lost: this is about seeds 1 to 4",
}
"""What cannot be said about a figure's variants."""


# ---------------------------------------------------------------- what came out


def lines_here(figure: FigurePlan, study: StudyRecord, theory: TheoryResults) -> list[str]:
    """Return the numbers of a figure, in lines.

    Args:
        study: the figure's trials.
    """
    lines: Iterator[str]
    match figure.target.drawing:
        case "topologies":
            lines = iter([topology_line(family) for family in _topologies(figure)])
        case "curves":
            lines = _curves(figure, arrange(study))
        case "accuracies":
            lines = _accuracies(figure, arrange(study))
        case "table1":
            lines = _table1(figure, arrange(study))
        case "linear cells":
            assert theory.extremes is not None
            lines = cells_lines(theory.extremes)
        case "theory":
            assert theory.check is not None
            lines = check_lines(theory.check)
        case _:
            lines = _grids(figure, arrange(study))
    return list(lines)


def _trials(group: Group) -> list[TrialRecord]:
    return [trial for trials in group.trials.values() for trial in trials]


def _curves(figure: FigurePlan, arrangement: Arrangement) -> Iterator[str]:
    for family in arrangement.families:
        gaps: dict[str, dict[float, Gap]] = {}  # by data set and rate
        for column in figure.columns:
            group = arrangement.group_of(column, family)
            if column.absent:
                yield f"{family} on {column.title}: {column.absent}".replace("\n", " ")
                continue
            if not any(trial.training for trial in _trials(group)):
                yield f"{family} on {column.title}: not run yet"
                continue
            area = place_line(place_in_family(group.compared, AREA), "area under the training loss")
            accuracy = place_line(place_in_family(group.compared, ACCURACY), "test accuracy (%)")
            gap = gap_of(group.compared)
            if gap is not None:
                gaps.setdefault(column.data, {})[column.learning_rate] = gap
                area += f"; to the mean variant {gap_text(gap)}"
            lost = diverged_text(_trials(group))
            yield f"{family} on {column.title}: {area}; {accuracy}{lost}"
        if len({column.learning_rate for column in figure.columns}) > 1:
            for data in dict.fromkeys(c.data for c in figure.columns if not c.absent):
                title = TITLES.get(data, data)
                yield f"{family} on {title}, {growth_line(gaps.get(data, {}))}"


def _grids(figure: FigurePlan, arrangement: Arrangement) -> Iterator[str]:
    claim = 5 if figure.target.probe == "landscape" else 6
    what = {5: "of the plane below the loss of a random guess (%)", 6: "median √g"}[claim]
    for mode in MODES:
        for family in arrangement.families:
            group = arrangement.group_of(figure.columns[0], family)
            place = place_in_family(group.compared, primary_measure(claim, mode))
            lost = diverged_text(_trials(group))
            yield f"{family}, BatchNorm {mode}: {place_line(place, what)}{lost}"


def _accuracies(figure: FigurePlan, arrangement: Arrangement) -> Iterator[str]:
    for column in figure.columns:
        if column.absent:
            yield f"{column.title}: {column.absent}".replace("\n", " ")
            continue
        accuracies = accuracies_of(arrangement, column)
        for family in arrangement.families:
            group = arrangement.group_of(column, family)
            originals = [a for a in accuracies if a.cell.key in group.trials and a.cell.is_original]
            if not originals:
                yield f"{family} on {column.title}: not run yet"
                continue
            mean = originals[0].mean.mean
            level = f"{mean:.1f} %" if math.isfinite(mean) else "diverged"
            place = place_of_original(group)
            rank = f", {chance_text(place)}" if place is not None else ""
            yield f"{family} on {column.title}: {level}{rank}{diverged_text(_trials(group))}"
        convergence = convergence_of([trial for a in accuracies for trial in a.trials])
        if convergence is not None:
            yield convergence_line(convergence)


def _table1(figure: FigurePlan, arrangement: Arrangement) -> Iterator[str]:
    for part in parts_of(arrangement, figure.columns, figure.published):
        title = part.column.title
        if part.column.absent:
            yield f"{title}: {part.column.absent}".replace("\n", " ")
            continue
        if not any(line.original or line.adapted for line in part.lines):
            yield f"{title}: not run yet"
            continue
        yield from (f"{line.family} on {title}: {_errors(line)}" for line in part.lines)
        differences = [line.difference for line in part.lines if line.difference is not None]
        worse = sum(difference > 0 for difference in differences)
        yield f"{title}: adapted is worse in {worse} of {len(differences)} cells"


def _errors(line: Errors) -> str:
    texts = []
    for place, accuracy in enumerate((line.original, line.adapted)):
        if accuracy is None:
            text = "not run yet"
        elif math.isfinite(accuracy.mean.mean):
            text = f"{100 - accuracy.mean.mean:.2f}"
            if accuracy.diverged:
                text += f" ({accuracy.diverged} of {len(accuracy.trials)} diverged)"
        else:
            text = "diverged"
        if line.paper is not None:
            text += f" (paper {line.paper[place]:.2f})"
        texts.append(text)
    errors = f"test error % original {texts[0]}, adapted {texts[1]}"
    return errors if line.pair is None else f"{errors}; {difference_text(line.pair)}"


# ---------------------------------------------------------------- whether it agrees


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Judges figures by all trials that the folder holds under their recipe.

    The family of a single figure is too little for a test, so the other figures' trials count too.
    The paper is about its five cells; if others replace them, those are judged, separately.

    Args:
        read: returns the folder's study; called once, when it is first needed.
    """

    read: Callable[[], StudyRecord]
    _known: dict[tuple[str, frozenset[str]], tuple[int, tuple[Finding, ...]]] = dataclasses.field(
        default_factory=dict
    )

    @cached_property
    def _study(self) -> StudyRecord:
        return self.read()

    def agreement(self, figure: FigurePlan, theory: TheoryResults) -> list[str]:
        """Return, in lines, whether what came out agrees with the paper."""
        if theory.extremes is not None:
            return list(cells_agreement(theory.extremes))
        if theory.check is not None and theory.sweep is not None:
            return list(check_agreement(theory.check, theory.sweep))
        lines = list(_topology_agreement(figure))
        if figure.target.claims and not figure.scale.judged:
            return [*lines, "no verdict at this scale"]
        if figure.target.drawing == "topologies":
            findings = judge_study(_originals(figure))
            return lines + [verdict_line(finding) for finding in findings if finding.claim == 1]
        trials, findings = self._findings(figure)
        if not trials:
            return [*lines, "nothing to judge yet"]
        judged = _judged_families(figure)
        whose = "" if judged == set(POPULAR) else f" of {in_words(figure.families)}"
        lines.append(f"judged by the {trials} trials{whose} in this folder with this recipe:")
        data = {column.data for column in figure.columns if not column.absent}
        for finding in findings:
            if finding.claim in figure.target.claims and (not finding.data or finding.data in data):
                lines += [verdict_line(finding), *_family_lines(finding, figure)]
        return lines

    def _findings(self, figure: FigurePlan) -> tuple[int, tuple[Finding, ...]]:
        """Return the number of trained trials of the figure's recipe, and what they show."""
        recipe = recipe_key(figure.plan.trials[0].recipe)
        families = _judged_families(figure)
        key = recipe, families
        if key not in self._known:
            trials = tuple(
                trial
                for trial in self._study.trials
                if trial.family in families
                and recipe_key(trial.recipe) == recipe
                and trial.training is not None
            )
            part = dataclasses.replace(self._study, trials=trials)
            self._known[key] = len(trials), judge_study(part)
        return self._known[key]


def _judged_families(figure: FigurePlan) -> frozenset[str]:
    families = frozenset(figure.families)
    return frozenset(POPULAR) if families <= set(POPULAR) else families


def _originals(figure: FigurePlan) -> StudyRecord:
    """Return the originals as a study that has trained nothing: claim 1 needs no more."""
    trials = tuple(
        TrialRecord(
            "", cell.label, cell.family, cell.variant, cell.genotype, {"name": "none"}, {}, 0
        )
        for cell in figure.cells
        if cell.variant == "original"
    )
    return StudyRecord(figure.target.name, Path(), trials)


def _family_lines(finding: Finding, figure: FigurePlan) -> Iterator[str]:
    known = {family.family: family for family in finding.families}
    for family in figure.families:
        if family in known and (line := family_line(known[family])):
            yield f"  {family}: {line}"


# ---------------------------------------------------------------- topologies


def _cells(figure: FigurePlan) -> dict[str, dict[str, Genotype]]:
    families: dict[str, dict[str, Genotype]] = {}
    for cell in figure.cells:
        families.setdefault(cell.family, {})[cell.label] = cell.genotype
    return families


def _topologies(figure: FigurePlan) -> list[FamilyTopology]:
    return [topology_of_family(family, cells) for family, cells in _cells(figure).items()]


def _topology_agreement(figure: FigurePlan) -> Iterator[str]:
    name = figure.target.name
    checks = {
        cell.label: agrees
        for cell in figure.cells
        if (agrees := has_published_width(name, cell.label, cell.genotype)) is not None
    }
    if checks:
        yield widths_line(checks)
    if figure.target.drawing != "topologies":
        return
    for family in _topologies(figure):
        if family.variants:
            published = all(checks.get(exception.label) for exception in family.exceptions)
            note = _SEEDS.get(name, "") if family.family in figure.target.cells else ""
            yield variants_line(family, as_published=published, note=note)
