"""The page's sections between the verdicts and the tables: what each draws, as plain data."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from nascope._src.cells.plots import census_svg
from nascope._src.cells.spaces.census import point
from nascope._src.cells.spaces.named import named_space
from nascope._src.errors import GenotypeError
from nascope._src.records.read import StudyRecord
from nascope._src.report.arrangement import Arrangement, Group, ShownCell
from nascope._src.report.figures.style import with_ids
from nascope._src.results.design import Family, Setting, families_in, main_settings, settings_of
from nascope._src.results.findings.endings import ended_families
from nascope._src.results.findings.finding import Finding
from nascope._src.results.findings.pairs import Pair, make_pairs, pair_families
from nascope._src.results.measures import ACCURACY, Measure
from nascope._src.results.metrics.convergence import early_epoch
from nascope._src.results.metrics.spectrum import spectral_density
from nascope._src.results.paper.claims import MODES
from nascope._src.results.pattern import find_in_catalog
from nascope._src.results.selection.early_stopping import Choice, choices
from nascope._src.results.selection.family_cells import family_accuracies
from nascope._src.results.standings import common_measure, standing_of
from nascope._src.results.stats.contrasts import Standing
from nascope._src.results.text.findings import correlation_sentence
from nascope._src.results.text.numbers import capital

# ---------------------------------------------------------------- census


@dataclass(frozen=True)
class CensusFigure:
    """A space with a family's cells on it."""

    family: str
    space: str
    svg: Markup


def censuses(arrangement: Arrangement) -> list[CensusFigure]:
    """For each family the space of its original, with the original and its variants on it."""
    found: list[CensusFigure] = []
    for family in arrangement.families:
        members = arrangement.cells_of(family)
        original = next((cell for cell in members if cell.is_original), None)
        if original is None:
            continue
        name = find_in_catalog(original.genotype, family).space
        cell = original.genotype.normal
        try:
            # the authors' variants may read one source twice, so their space is A.2's
            within = named_space("independent" if len(members) > 1 else name).for_cell(cell)
        except GenotypeError:
            continue
        others = [member for member in members if not member.is_original]
        svg = census_svg(
            within.census(),
            named={original.label: point(cell)},
            crowd={member.label: point(member.genotype.normal) for member in others},
            title=f"Normal cells: share of {within.count():,} wirings",
        )
        shown_space = "A.2's sampling" if len(members) > 1 else name
        found.append(CensusFigure(family, shown_space, with_ids(svg, f"census{len(found)}")))
    return found


# ---------------------------------------------------------------- curvature

_LEAST = 1e-7  # of a density: below, nothing was found
_DENSITY_POINTS = 300


@dataclass(frozen=True)
class Curvature:
    """A figure of one group's curvature; ``name`` is its element's."""

    name: str
    title: str
    figure: Mapping[str, Any]


def curvatures(group: Group) -> list[Curvature]:
    """The density of the Hessian's eigenvalues, and Lipschitz constants block by block."""
    densities, blocks = [], []
    for key, trials in group.trials.items():
        for trial in trials[:1]:  # of the first seed: densities do not average
            probe = trial.probe("curvature")
            arrays = probe.arrays if probe is not None else {}
            nodes = arrays.get("nodes", np.empty(0))
            if nodes.size and np.isfinite(nodes).all():
                x, y, _ = spectral_density(nodes, arrays["weights"], points=_DENSITY_POINTS)
                shown = [None if v < _LEAST else float(f"{v:.4g}") for v in y]
                densities.append({"cell": key, "x": [float(f"{v:.5g}") for v in x], "y": shown})
            constants = arrays.get("lipschitz", np.empty(0))
            if constants.size:
                sizes = [float(f"{v:.5g}") if math.isfinite(v) else None for v in constants]
                blocks.append({"cell": key, "x": [str(b) for b in arrays["blocks"]], "y": sizes})
    found = []
    if densities:
        axes = {"x_axis": "λ (nats per unit of weight²)", "y_axis": "density"}
        figure = {"kind": "lines", **axes, "marks": False, "lines": densities}
        found.append(Curvature(f"{group.key}-density", "Density of the eigenvalues", figure))
    if blocks:
        axes = {"x_axis": "block of weights", "y_axis": "Lipschitz constant"}
        figure = {"kind": "lines", **axes, "marks": True, "lines": blocks}
        found.append(Curvature(f"{group.key}-blocks", "Block-wise Lipschitz constants", figure))
    return found


# ---------------------------------------------------------------- association

_SHOWN = ((2, "frozen"), (3, "frozen"), (5, "frozen"), (5, "recalibrated"), (6, "frozen"),
          (6, "recalibrated"), (7, "frozen"))  # fmt: skip
_AXES = {"width": "fractional width", "depth": "depth"}  # as verdicts name their associations


@dataclass(frozen=True)
class Scatter:
    """A measure against the width or the depth of every wiring; ``name`` is its element's.

    ``told`` is the correlation within families, in words; empty where nothing was judged.
    """

    name: str
    title: str
    data: str
    figure: Mapping[str, Any]
    told: str


def scatters(
    study: StudyRecord,
    cells: Sequence[ShownCell],
    findings: Sequence[Finding] = (),
    prefix: str = "a",
) -> list[Scatter]:
    """Return each primary measure against width and depth, for each data set.

    Args:
        cells: how the study's cells are shown.
        findings: of the study; they hold the correlations.
    """
    keys = {(cell.family, cell.label): cell.key for cell in cells}
    made: list[Scatter] = []
    for setting in main_settings(study):
        families = families_in(study, setting)
        for claim, mode in _SHOWN:
            measure = common_measure(families, claim, mode)
            title = measure.title + ("" if mode == MODES[0] else " (recalibrated)")
            rows = _rows(families, measure, keys)
            if len(rows) < 3:
                continue
            finding = next((f for f in findings if _is_about(f, claim, setting, mode)), None)
            for axis, coordinate in _AXES.items():
                figure = {
                    "kind": "scatter",
                    "x_axis": "width (c)" if axis == "width" else axis,
                    "y_axis": title + (f" ({measure.unit})" if measure.unit else ""),
                    "log": measure.log,
                    "worst": "low" if measure.higher_is_better else "high",
                    "points": [{**row, "x": row[axis]} for row in rows],
                }
                name = f"{prefix}{len(made)}"
                text = "" if finding is None else correlation_sentence(finding, coordinate)
                made.append(Scatter(name, f"{title} and {axis}", setting.data, figure, text))
    return made


def _is_about(finding: Finding, claim: int, setting: Setting, mode: str) -> bool:
    return (finding.claim, finding.data) == (claim, setting.data) and (
        finding.batchnorm in (None, mode)
    )


def slopes(findings: Sequence[Finding]) -> dict[str, str]:
    """Return, by data set, claim 4's correlations in words.

    They are apart from the others because claim 4's number belongs to several rates at once.
    """
    return {
        finding.data: f"{capital(finding.measure)}: "
        + "; ".join(
            f"by {axis} {correlation_sentence(finding, coordinate)}"
            for axis, coordinate in _AXES.items()
        )
        for finding in findings
        if finding.claim == 4 and finding.correlations
    }


def _rows(
    families: Sequence[Family], measure: Measure, keys: Mapping[tuple[str, str], str]
) -> list[dict[str, Any]]:
    rows = []
    for family in families:
        for member in family.members:
            numbers = [(measure.compared(trial), trial) for trial in member.trials]
            numbers = [(value, trial) for value, trial in numbers if not math.isnan(value)]
            if not numbers or (family.name, member.label) not in keys:
                continue
            row = {
                "cell": keys[family.name, member.label],
                "family": family.name,
                "width": float(member.normal.fractional_width),
                "depth": member.normal.depth,
                "seeds": len(numbers),
                "original": member.is_original,
            }
            infinite = [trial for value, trial in numbers if math.isinf(value)]
            if infinite:  # it ranks last: the mean of the other seeds would flatter it
                lost = any(trial.diverged for trial in infinite)
                why = "diverged" if lost else "not finite"
                rows.append(row | {"y": None, "lost": why, "of": len(infinite)})
                continue
            shown = measure.shown(statistics.fmean(value for value, _ in numbers))
            rows.append(row | {"y": float(f"{shown:.5g}")})
    return rows


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
        if family.original is not None
        and (standing := standing_of(family, ACCURACY, most="members")) is not None
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
    """What a search over one family's cells would pick at each epoch."""

    name: str
    family: str
    data: str
    schedule: str
    telling: tuple[Choice, ...]  # the first tenth, the half, the end
    figure: Mapping[str, Any]


def selections(study: StudyRecord, prefix: str = "s") -> list[Selection]:
    """For each family and data set the truncated schedule, and re-annealed short ones."""
    found: list[Selection] = []
    for setting in main_settings(study):
        for family in families_in(study, setting):
            made = choices(family_accuracies(family))
            if made:
                name = f"{prefix}{len(found)}"
                found.append(_selection(name, family, "truncated", made, setting))
            short = [
                choice
                for other in _shorter(study, setting, family)
                for choice in choices(family_accuracies(family, other))
            ]
            if short:
                name = f"{prefix}{len(found)}"
                found.append(_selection(name, family, "re-annealed", short, setting))
    return found


def _shorter(study: StudyRecord, setting: Setting, family: Family) -> list[Family]:
    """The same family under shorter schedules that are otherwise alike, by length."""
    recipe = json.loads(setting.recipe)
    found = []
    for other in settings_of(study):
        theirs = json.loads(other.recipe)
        alike = {**theirs, "epochs": recipe.get("epochs")} == recipe
        same = (other.data, other.digest, other.learning_rate) == (
            setting.data, setting.digest, setting.learning_rate,
        )  # fmt: skip
        if alike and same and theirs.get("epochs", 0) < recipe.get("epochs", 0):
            found += [f for f in families_in(study, other) if f.name == family.name]
    return sorted(found, key=lambda one: one.setting.value("epochs") or 0)


def _selection(
    name: str, family: Family, schedule: str, made: list[Choice], setting: Setting
) -> Selection:
    epochs = int(setting.value("epochs") or made[-1].epoch)
    wanted = {early_epoch(epochs), -(-epochs // 2), epochs}
    telling = tuple(one for one in made if one.epoch in wanted or schedule != "truncated")
    figure = {
        "kind": "selection",
        "x": [one.epoch for one in made],
        "rho": [None if math.isnan(one.rho) else round(one.rho, 4) for one in made],
        "regret": [None if math.isnan(r := one.regret) else round(100 * r, 3) for one in made],
        "text": [
            f"picks {one.picked}: width {one.width:.3g} c, depth {one.depth:.3g}" for one in made
        ],
    }
    return Selection(name, family.name, setting.data, schedule, telling, figure)
