"""The page's sections between the verdicts and the tables: what each of them shows."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from markupsafe import Markup

from nascope._src.cells.plots import census_svg
from nascope._src.cells.spaces.census import point
from nascope._src.cells.spaces.named import named_space
from nascope._src.errors import GenotypeError
from nascope._src.records.read import StudyRecord
from nascope._src.report.arrangement import Arrangement, Group, ShownCell
from nascope._src.report.figures.scatters import (
    WiringPoint,
    lines_figure,
    scatter_figure,
    selection_figure,
)
from nascope._src.report.figures.style import with_ids
from nascope._src.report.figures.traces import numbers
from nascope._src.report.html.sources import Source, Sources
from nascope._src.results.design import Family, Setting, families_in, main_settings, settings_of
from nascope._src.results.findings.endings import ended_families
from nascope._src.results.findings.finding import Finding
from nascope._src.results.findings.pairs import Pair, make_pairs, pair_families
from nascope._src.results.measures import ACCURACY, Measure
from nascope._src.results.metrics.convergence import early_epoch
from nascope._src.results.metrics.spectrum import spectral_density
from nascope._src.results.paper.claims import MODES
from nascope._src.results.pattern import find_in_catalog
from nascope._src.results.reliability import Reliability
from nascope._src.results.selection.early_stopping import Choice, choices
from nascope._src.results.selection.family_cells import family_accuracies
from nascope._src.results.standings import common_measure, standing_in
from nascope._src.results.stats.components import VarianceShares
from nascope._src.results.stats.contrasts import Standing
from nascope._src.results.text.findings import correlation_sentence
from nascope._src.results.text.numbers import capital
from nascope._src.results.text.reliability import (
    design_of,
    name_of,
    ordered,
    setting_of_entry,
    share_of,
)
from nascope._src.runtime.types import Plain

# ---------------------------------------------------------------- census


@dataclass(frozen=True)
class CensusFigure:
    """A space with a family's cells on it."""

    family: str
    space: str
    svg: Markup


def censuses(arrangement: Arrangement) -> list[CensusFigure]:
    """Return, for each family, the original's space with the original and its variants on it."""
    figures: list[CensusFigure] = []
    for family in arrangement.families:
        members = arrangement.cells_of(family)
        original = next((cell for cell in members if cell.is_original), None)
        if original is None:
            continue
        name = find_in_catalog(original.genotype, family).space
        cell = original.genotype.normal
        try:
            # the authors' variants may read one source twice, so their space is A.2's
            space = named_space("independent" if len(members) > 1 else name).for_cell(cell)
        except GenotypeError:
            continue
        others = [member for member in members if not member.is_original]
        svg = census_svg(
            space.census(),
            named={original.label: point(cell)},
            crowd={
                member.label: point(member.genotype.normal)
                for member in others
                if arrangement.shows(member.key)
            },
            title=f"Normal cells: share of {space.count():,} wirings",
        )
        shown = "A.2's sampling" if len(members) > 1 else name
        figures.append(CensusFigure(family, shown, with_ids(svg, f"census{len(figures)}")))
    return figures


# ---------------------------------------------------------------- reliability


@dataclass(frozen=True)
class ReliabilityRow:
    """A measure with its shares, in numbers and in words."""

    entry: Reliability
    shares: VarianceShares
    name: str
    share: str
    design: str


@dataclass(frozen=True)
class ReliabilityFigure:
    """The reliability of every measure in one setting.

    Attributes:
        groups: the measures of each group, the most reliable first.
        source: the trials of the setting.
    """

    setting: str
    groups: Mapping[str, Sequence[ReliabilityRow]]
    source: Source | None = None


def reliability_figures(
    reliabilities: Sequence[Reliability],
    source_of: Callable[[Reliability], Source | None] = lambda _entry: None,
) -> list[ReliabilityFigure]:
    """Return the rows of each setting in which a measure has shares.

    Args:
        reliabilities: of a study's measures.
        source_of: returns the trials of an entry's setting.
    """
    entries = [entry for entry in reliabilities if entry.shares is not None]
    figures: list[ReliabilityFigure] = []
    for setting in dict.fromkeys(map(setting_of_entry, entries)):
        own = [entry for entry in entries if setting_of_entry(entry) == setting]
        groups: dict[str, list[ReliabilityRow]] = {}
        for entry in ordered(own):
            if entry.shares is not None:
                words = name_of(entry), share_of(entry), design_of(entry)
                groups.setdefault(entry.group, []).append(
                    ReliabilityRow(entry, entry.shares, *words)
                )
        figures.append(ReliabilityFigure(setting, groups, source_of(own[0])))
    return figures


# ---------------------------------------------------------------- curvature

_LEAST = 1e-7  # of a density that is shown
_DENSITY_POINTS = 300


@dataclass(frozen=True)
class Spectrum:
    """A figure of one group's curvature; ``name`` is the id of its element."""

    name: str
    title: str
    figure: Plain


def spectra_of(group: Group, arrangement: Arrangement) -> list[Spectrum]:
    """Return the density of the Hessian's eigenvalues, and block-wise Lipschitz constants.

    They are those of the first seed, since densities do not average.
    """
    densities, blocks = [], []
    for key, trials in group.trials.items():
        probe, cell = trials[0].probe("curvature"), arrangement.cell(key)
        arrays = probe.arrays if probe is not None else {}
        nodes = arrays.get("nodes", np.empty(0))
        if nodes.size and np.isfinite(nodes).all():
            x, density, _ = spectral_density(nodes, arrays["weights"], points=_DENSITY_POINTS)
            densities.append(
                (cell, numbers(x), numbers(np.where(density < _LEAST, np.nan, density)))
            )
        constants = arrays.get("lipschitz", np.empty(0))
        if constants.size:
            blocks.append((cell, [str(block) for block in arrays["blocks"]], numbers(constants)))
    spectra = []
    if densities:
        figure = lines_figure(densities, "λ (nats per unit of weight²)", "density")
        figure["source"] = group.key
        spectra.append(Spectrum(f"{group.key}-density", "Density of the eigenvalues", figure))
    if blocks:
        figure = lines_figure(blocks, "block of weights", "Lipschitz constant", marks=True)
        figure["source"] = group.key
        spectra.append(Spectrum(f"{group.key}-blocks", "Block-wise Lipschitz constants", figure))
    return spectra


# ---------------------------------------------------------------- association

_SHOWN = ((2, "frozen"), (3, "frozen"), (5, "frozen"), (5, "recalibrated"), (6, "frozen"),
          (6, "recalibrated"), (7, "frozen"))  # fmt: skip
_COORDINATES: dict[Literal["width", "depth"], str] = {  # as findings name their correlations
    "width": "fractional width",
    "depth": "depth",
}


@dataclass(frozen=True)
class Scatter:
    """A measure of every wiring by its width or depth; ``name`` is the id of its element.

    Attributes:
        label: of the figure, for readers who do not see it.
        correlation: within families, in words; empty without a finding.
        source: the trials of all its wirings.
    """

    name: str
    title: str
    label: str
    data: str
    points: tuple[WiringPoint, ...]
    figure: Plain
    correlation: str
    source: Source | None = None


def scatters(
    study: StudyRecord,
    cells: Sequence[ShownCell],
    findings: Sequence[Finding] = (),
    prefix: str = "a",
    sources: Sources | None = None,
) -> list[Scatter]:
    """Return each primary measure by width and depth, for each data set.

    Args:
        cells: how the study's cells are shown.
        findings: of the study; they hold the correlations.
        sources: of the page's trials, for links to them.
    """
    shown = {(cell.family, cell.label): cell for cell in cells}
    made: list[Scatter] = []
    for setting in main_settings(study):
        families = families_in(study, setting)
        for claim, mode in _SHOWN:
            measure = common_measure(families, claim, mode)
            title = measure.title + ("" if mode == MODES[0] else " (recalibrated)")
            points = tuple(_points(families, measure, shown))
            if len(points) < 3:
                continue
            lost = sum(bool(point.lost) for point in points)
            trials = [t for family in families for m in family.members for t in m.trials]
            source = None if sources is None else sources.of(trials, measure.title)
            finding = next((f for f in findings if _is_about(f, claim, setting, mode)), None)
            for axis, coordinate in _COORDINATES.items():
                label = f"{title} by {axis} of the normal cell, {len(points)} wirings"
                label += f", {lost} of them without a finite number" if lost else ""
                worst: Literal["low", "high"] = "low" if measure.higher_is_better else "high"
                made.append(
                    Scatter(
                        f"{prefix}{len(made)}",
                        f"{title} and {axis}",
                        label,
                        setting.data,
                        points,
                        {
                            **scatter_figure(points, axis, log=measure.log, worst=worst),
                            "source": "" if source is None else source.groups,
                        },
                        "" if finding is None else correlation_sentence(finding, coordinate),
                        source,
                    )
                )
    return made


def _is_about(finding: Finding, claim: int, setting: Setting, mode: str) -> bool:
    return (finding.claim, finding.data) == (claim, setting.data) and (
        finding.batchnorm in (None, mode)
    )


def _points(
    families: Sequence[Family], measure: Measure, shown: Mapping[tuple[str, str], ShownCell]
) -> Iterator[WiringPoint]:
    for family in families:
        for member in family.members:
            cell = shown.get((family.name, member.label))
            values = [(measure.compared(trial), trial) for trial in member.trials]
            values = [(value, trial) for value, trial in values if not math.isnan(value)]
            if not values or cell is None:
                continue
            value, lost, seeds = None, "", len(values)
            infinite = [trial for value, trial in values if math.isinf(value)]
            if infinite:  # it ranks last: the mean of the other seeds would flatter it
                lost = "diverged" if any(trial.diverged for trial in infinite) else "not finite"
                lost += f" in {len(infinite)} of {seeds} seeds" if len(infinite) < seeds else ""
            else:
                value = measure.shown(statistics.fmean(value for value, _ in values))
            normal = member.normal
            width = float(normal.fractional_width)
            yield WiringPoint(cell, width, normal.depth, seeds, value, lost)


def slopes(findings: Sequence[Finding]) -> dict[str, str]:
    """Return, by data set, claim 4's correlations in words.

    They are apart from the others because claim 4's number belongs to several rates at once.
    """
    return {
        finding.data: f"{capital(finding.measure)}: "
        + "; ".join(
            f"by {axis} {correlation_sentence(finding, coordinate)}"
            for axis, coordinate in _COORDINATES.items()
        )
        for finding in findings
        if finding.claim == 4 and finding.correlations
    }


# ---------------------------------------------------------------- generalisation


@dataclass(frozen=True)
class Ending:
    """Where a family's original ended among its variants (Figure 9).

    Attributes:
        seeds: of each member.
        standing: on the test accuracy in the last epoch.
    """

    data: str
    seeds: int
    standing: Standing


def endings(study: StudyRecord) -> list[Ending]:
    """Return where each family's original ended, on every data set."""
    return [
        Ending(setting.data, len(family.original.trials), standing)
        for setting in main_settings(study)
        for family in ended_families(study, setting)
        if family.original is not None and (standing := standing_in(family, ACCURACY)) is not None
    ]


def pairs_of(study: StudyRecord) -> list[Pair]:
    """Return originals with their adapted cells, on every data set: the pairs of claim 9."""
    return [
        pair
        for data in dict.fromkeys(str(trial.data.get("name")) for trial in study.trials)
        for pair in make_pairs(pair_families(study, data))
    ]


_PLACES = {"within": "yes", "outside": "no: outside", "undecided": "undecided"}


def within_margin(pair: Pair) -> str:
    """Return whether a pair's interval lies within the margin; empty without an interval."""
    if math.isnan(pair.low) or math.isnan(pair.high):
        return ""
    return _PLACES[pair.equivalent]


# ---------------------------------------------------------------- selection


@dataclass(frozen=True)
class Selection:
    """What a search over one family's cells would pick; ``name`` is the id of its element.

    Attributes:
        schedule: "truncated" or "re-annealed".
        listed: the choices that are listed: after a tenth of the epochs, half of them, and all.
    """

    name: str
    family: str
    data: str
    schedule: str
    listed: tuple[Choice, ...]
    figure: Plain


def selections(study: StudyRecord, prefix: str = "s") -> list[Selection]:
    """Return what truncated and re-annealed schedules select, for each family and data set."""
    made: list[Selection] = []
    for setting in main_settings(study):
        for family in families_in(study, setting):
            truncated = choices(family_accuracies(family))
            re_annealed = [
                choice
                for shorter in _shorter(study, setting, family)
                for choice in choices(family_accuracies(family, shorter))
            ]
            if truncated:
                epochs = int(setting.value("epochs") or truncated[-1].epoch)
                wanted = {early_epoch(epochs), -(-epochs // 2), epochs}
                listed = tuple(choice for choice in truncated if choice.epoch in wanted)
                listed = listed or (truncated[-1],)  # a short schedule may have none of them
                made.append(
                    Selection(
                        f"{prefix}{len(made)}", family.name, setting.data, "truncated", listed,
                        selection_figure(truncated),
                    )
                )  # fmt: skip
            if re_annealed:
                made.append(
                    Selection(
                        f"{prefix}{len(made)}", family.name, setting.data, "re-annealed",
                        tuple(re_annealed), selection_figure(re_annealed),
                    )
                )  # fmt: skip
    return made


def _shorter(study: StudyRecord, setting: Setting, family: Family) -> list[Family]:
    """The same family in shorter schedules that are otherwise alike, by length."""
    recipe = json.loads(setting.recipe)
    shorter = []
    for other in settings_of(study):
        theirs = json.loads(other.recipe)
        alike = {**theirs, "epochs": recipe.get("epochs")} == recipe
        same = (other.data, other.digest, other.learning_rate) == (
            setting.data, setting.digest, setting.learning_rate,
        )  # fmt: skip
        if alike and same and theirs.get("epochs", 0) < recipe.get("epochs", 0):
            shorter += [f for f in families_in(study, other) if f.name == family.name]
    return sorted(shorter, key=lambda family: family.setting.value("epochs") or 0)
