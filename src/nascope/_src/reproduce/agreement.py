"""Whether what came out agrees with the paper: its numbers where it gives some, else verdicts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from nascope._src.cells.graph import Topology, topology
from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.reproduce.questions import Question
from nascope._src.reproduce.theorems import of_check, of_extremes
from nascope._src.reproduce.theory import TheoryResults
from nascope._src.results.findings.finding import Finding
from nascope._src.results.findings.judge import judge_study
from nascope._src.results.paper.numbers import TITLES, WIDTHS
from nascope._src.results.paper.targets import POPULAR, in_words
from nascope._src.results.text.findings import detectable_sentence, family_line, needs, sentence
from nascope._src.study.definition import PlannedCell

Plain = Mapping[str, Any]

_SEEDS = {
    "fig2": "Figure 2's own seeds are not known: this speaks of seeds 1 to 4",
    "fig11": "the numbers in Figure 11's caption are lost: this speaks of seeds 1 to 4",
}
"""What cannot be said of a figure's variants."""


@dataclasses.dataclass(frozen=True)
class Judge:
    """Judges a question by all trials that the folder holds under its recipe.

    A single figure's family is too little for a test; the other figures' help. The paper speaks of
    its five cells: where others take their place, those are judged, and by themselves.

    Args:
        read: the folder's study; called once, when it is first needed.
    """

    read: Callable[[], StudyRecord]
    _known: dict[tuple[str, frozenset[str]], tuple[int, tuple[Finding, ...]]] = dataclasses.field(
        default_factory=dict
    )

    @cached_property
    def _study(self) -> StudyRecord:
        return self.read()

    def agreement(self, question: Question, theory: TheoryResults) -> list[str]:
        """In words: whether what came out agrees with the paper.

        Args:
            theory: the results on linear cells that the question needs.
        """
        target = question.target
        if theory.extremes is not None:
            return list(of_extremes(theory.extremes))
        if theory.check is not None and theory.sweep is not None:
            return list(of_check(theory.check, theory.sweep))
        lines = [*_numbers(question), *_variants(question)]
        if target.claims and not question.scale.judged:
            return [*lines, "no verdict at this scale"]
        if target.drawing == "topologies":
            of_all = judge_study(_of_originals(question))
            return lines + [_verdict(one) for one in of_all if one.claim == 1]
        own = {column.data for column in question.columns if not column.absent}
        trials, found = self._verdicts(question)
        if not trials:
            return [*lines, "nothing to judge yet"]
        whose = (
            "" if _judged_with(question) == set(POPULAR) else f" of {in_words(question.families)}"
        )
        held = "that this folder holds under this recipe:"
        lines.append(f"judged by the {trials} trials{whose} {held}")
        for one in found:
            if one.claim in target.claims and (not one.data or one.data in own):
                lines += [_verdict(one), *_families(one, question)]
        return lines

    def _verdicts(self, question: Question) -> tuple[int, tuple[Finding, ...]]:
        """Of the trained trials of the question's recipe, the learning rate left out."""
        recipe, families = _recipe(question.plan.trials[0]["recipe"]), _judged_with(question)
        key = recipe, families
        if key not in self._known:
            trials = tuple(
                trial
                for trial in self._study.trials
                if trial.family in families
                and _recipe(trial.recipe) == recipe
                and trial.training is not None
            )
            part = dataclasses.replace(self._study, trials=trials)
            self._known[key] = len(trials), judge_study(part)
        return self._known[key]


def _recipe(recipe: Mapping[str, Any]) -> str:
    return repr(sorted((k, v) for k, v in recipe.items() if k != "learning_rate"))


def _judged_with(question: Question) -> frozenset[str]:
    """The families whose trials judge a question."""
    own = frozenset(question.families)
    return frozenset(POPULAR) if own <= set(POPULAR) else own


def _of_originals(question: Question) -> StudyRecord:
    """The cells of a question as a study that has trained nothing: claim 1 asks no more."""
    trials = tuple(
        TrialRecord(
            "", cell.label, cell.family, cell.variant, cell.genotype, {"name": "none"}, {}, 0
        )
        for cell in question.cells
        if cell.variant == "original"
    )
    return StudyRecord(question.target.name, Path(), trials)


def _verdict(finding: Finding) -> str:
    where = f" on {TITLES.get(finding.data, finding.data)}" if finding.data else ""
    mode = f", BatchNorm {finding.batchnorm}" if finding.batchnorm else ""
    words = f"claim {finding.claim} ({finding.title.lower()}){where}{mode}: {finding.outcome}"
    parts = [words + ".", sentence(finding), detectable_sentence(finding)]
    if needed := needs(finding):
        parts.append(f"A stronger answer needs {needed}.")
    return " ".join(part for part in parts if part)


def _families(finding: Finding, question: Question) -> Iterator[str]:
    """Where the question's own families stand, and what came of the paper's exceptions."""
    known = {family.family: family for family in finding.families}
    for family in question.families:
        if family in known and (line := family_line(known[family])):
            yield f"  {family}: {line}"


def _numbers(question: Question) -> Iterator[str]:
    known = [c for c in question.cells if c.label in WIDTHS.get(question.target.name, {})]
    differing = [cell.label for cell in known if not _is_published(question, cell)]
    if known:
        words = "differ for " + ", ".join(differing) if differing else "are the paper's"
        yield f"width and depth of {len(known)} cell{'s' * (len(known) > 1)} {words}"


def _is_published(question: Question, cell: PlannedCell) -> bool:
    """Whether the paper gives this cell's width and depth, and they are those found here."""
    published = WIDTHS.get(question.target.name, {}).get(cell.label)
    if published is None:
        return False
    strict, fractional, depth = published
    found = topology(cell.genotype.normal)
    same = (found.strict_width, found.depth) == (strict, depth)
    return same and fractional in (None, float(found.fractional_width))


def _variants(question: Question) -> Iterator[str]:
    """Whether variants are narrower and deeper than their original; those that are not, by name."""
    if question.target.drawing != "topologies":
        return
    families: dict[str, list[PlannedCell]] = {}
    for cell in question.cells:
        families.setdefault(cell.family, []).append(cell)
    for family, (original, *variants) in families.items():
        if not variants:
            continue
        own = topology(original.genotype.normal)
        found = {cell.label: topology(cell.genotype.normal) for cell in variants}
        narrower = sum(one.fractional_width < own.fractional_width for one in found.values())
        deeper = sum(one.depth > own.depth for one in found.values())
        excepted = {label: words for label, one in found.items() if (words := _except(one, own))}
        state = "agrees"
        if excepted:
            told = ", ".join(f"{label} ({words})" for label, words in excepted.items())
            kept = len(found) - len(excepted)
            few = "agrees in part, not for" if kept else "contradicted by"
            state = f"{'agrees except for' if kept > len(excepted) else few} {told}"
            if all(_is_published(question, cell) for cell in variants if cell.label in excepted):
                state += ", as the paper's own figure shows them"
        note = _SEEDS.get(question.target.name, "") if family in question.target.cells else ""
        yield (
            f"variants of {family}, by the published convention of width: {narrower} of "
            f"{len(found)} narrower, {deeper} of {len(found)} deeper: {state}"
            + (f". {note[0].upper()}{note[1:]}" if note else "")
        )


def _except(one: Topology, original: Topology) -> str:
    """In what a variant is not narrower and deeper; empty where it is both."""
    words = []
    if one.fractional_width >= original.fractional_width:
        equal = one.fractional_width == original.fractional_width
        words.append("equally wide" if equal else "wider")
    if one.depth <= original.depth:
        words.append("equally deep" if one.depth == original.depth else "shallower")
    return ", ".join(words)
