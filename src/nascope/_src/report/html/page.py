"""One self-contained HTML page, which opens from disk and requests nothing from any network."""

from __future__ import annotations

import base64
import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import util
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from nascope._src.cells.genotype import format_text
from nascope._src.cells.graph import topology
from nascope._src.errors import StudyError
from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.report.arrangement import Arrangement
from nascope._src.report.figures.grid_panels import grids_of, scale_of
from nascope._src.report.figures.grids import band_colours
from nascope._src.report.html import sections, summary
from nascope._src.report.html.cards import (
    Card,
    MediationCard,
    make_cards,
    make_design_cards,
    make_mediation_cards,
    tally,
)
from nascope._src.report.html.drawings import draw_cells
from nascope._src.report.html.environment import new_environment, template_text
from nascope._src.report.html.evidence_section import PageTable
from nascope._src.report.html.numbers import folder_of, page_numbers, study_numbers
from nascope._src.report.html.payload import PageGrid, as_script, page_data, page_grids
from nascope._src.report.html.provenance import Provenance, gather
from nascope._src.report.html.sources import Sources
from nascope._src.report.thinning import MAX_ROWS, thinning_of
from nascope._src.results.findings.designs import judge_designs
from nascope._src.results.findings.judge import judge_study, too_small
from nascope._src.results.findings.mediation import judge_mediation
from nascope._src.results.findings.pairs import Pair
from nascope._src.results.planes import modes_of
from nascope._src.results.quantities import CURVES, GRIDS
from nascope._src.results.reliability import Reliability
from nascope._src.results.stats.paired import MARGIN
from nascope._src.results.table import MeasuredStudy
from nascope._src.results.text.entries import of_trial, over_trials, titled
from nascope._src.results.text.findings import too_small_sentence
from nascope._src.results.text.levels import rule_in_words
from nascope._src.results.text.numbers import readable
from nascope._src.results.text.trials import caveat, status
from nascope._src.runtime.types import Plain
from nascope._version import __version__

_SCRIPTS = ("theme.js", "figures.js", "scenes.js", "table.js", "main.js")


@dataclass(frozen=True)
class PageStudy:
    """What a page says about one study.

    Attributes:
        name: its name, different from those of the page's other studies.
        cards: the verdicts by claim.
        tally: the number of verdicts with each outcome.
        designs: the verdicts of matched pairs of designed variants.
        mediations: what goes through curvature and gradient variance in those pairs.
        too_small: why there are no verdicts, if so.
        slopes: claim 4's correlations in words, by data set.
        theory: the theory's sections, if it was computed.
        record: the study.
        numbers: what is said about it, for programs.
    """

    name: str
    cards: list[Card]
    tally: dict[str, int]
    designs: list[Card]
    mediations: list[MediationCard]
    too_small: str | None
    scatters: list[sections.Scatter]
    slopes: Mapping[str, str]
    endings: list[sections.Ending]
    pairs: list[Pair]
    selections: list[sections.Selection]
    reliabilities: list[sections.ReliabilityFigure]
    theory: Markup | None
    record: StudyRecord
    numbers: Plain

    @property
    def data(self) -> list[str]:
        """The data sets of the scatters, in their order."""
        return list(dict.fromkeys(scatter.data for scatter in self.scatters))


def page_study(
    study: StudyRecord,
    arrangement: Arrangement,
    measured: MeasuredStudy,
    *,
    number: int = 0,
    theory: Markup | None = None,
    reliabilities: Sequence[Reliability] = (),
) -> PageStudy:
    """Judge a study for a page.

    Args:
        study: its trials, named as on the page.
        arrangement: all trials of the page, laid out.
        measured: their measures.
        number: of the study on the page.
        theory: the theory's sections, if it was computed.
        reliabilities: of the study's measures.
    """
    findings, why = judge_study(study), too_small(study)
    designed, mediated = judge_designs(study), judge_mediation(study)
    sources, cells = Sources(arrangement, measured.measures), arrangement.shown_cells
    return PageStudy(
        name=next((trial.study for trial in study.trials if trial.study), study.name),
        record=study,
        cards=make_cards(findings, partial(sources.of_finding, study)),
        tally=tally(findings),
        designs=make_design_cards(designed, partial(sources.of_design, study)),
        mediations=make_mediation_cards(mediated, partial(sources.of_mediation, study)),
        too_small=None if why is None else too_small_sentence(why),
        scatters=sections.scatters(study, cells, findings, f"a{number}-", sources),
        slopes=sections.slopes(findings),
        endings=sections.endings(study),
        pairs=sections.pairs_of(study),
        selections=sections.selections(study, f"s{number}-"),
        reliabilities=sections.reliability_figures(
            reliabilities, partial(sources.of_reliability, study)
        ),
        theory=theory,
        numbers=study_numbers(
            study, findings, designed, mediated, reliabilities=reliabilities, sources=sources
        ),
    )


def render_page(
    arrangement: Arrangement,
    measured: MeasuredStudy,
    studies: Sequence[PageStudy],
    posters: Mapping[str, bytes] | None = None,
    evidence: Sequence[PageTable] = (),
) -> str:
    """Return the page as text.

    Args:
        arrangement: all trials of the page, laid out.
        measured: their measures.
        studies: each study of the page.
        posters: WebP pictures of the 3-D surfaces by ``"GROUP-KIND"``, shown in print and until a
            reader asks for interactive ones. None if no figures were drawn for print.
        evidence: tables that others measured.

    Raises:
        StudyError: plotly's script, which is part of the page, is not where plotly keeps it.
    """
    groups, trials = arrangement.groups, arrangement.study.trials
    scales = {kind: scale_of(arrangement, kind) for kind in GRIDS}
    spectra = {group.key: sections.spectra_of(group, arrangement) for group in groups}
    shown: list[sections.Scatter | sections.Selection | sections.Spectrum] = []
    for study in studies:
        shown += [*study.scatters, *study.selections]
    for of_group in spectra.values():
        shown += of_group
    figures = {figure.name: figure.figure for figure in shown}
    thinning = thinning_of(arrangement)
    sources = Sources(arrangement, measured.measures)
    data = page_data(arrangement, measured.levels, scales, figures, thinning)
    numbers = page_numbers(
        arrangement, measured, sources, [study.numbers for study in studies], thinning
    )
    return (
        _environment()
        .get_template("page.html")
        .render(
            arrangement=arrangement,
            study=arrangement.study,
            levels=measured.levels,
            version=__version__,
            tiles=summary.tiles(arrangement, measured),
            caveat=caveat(trials),
            strips={g.key: summary.strips(g, arrangement, measured) for g in groups},
            studies=studies,
            evidence=evidence,
            modes=modes_of(trials, *GRIDS),
            drawings=draw_cells(arrangement.shown_cells),
            censuses=sections.censuses(arrangement),
            curvature={
                group.key: strips
                for group in groups
                if (strips := summary.strips(group, arrangement, measured, summary.CURVATURE))
            },
            spectra=spectra,
            margin=100 * MARGIN,
            theory_missing=Markup(template_text("theory_missing.html")),
            curves=CURVES,
            grids=GRIDS,
            scales=scales,
            lost={
                kind
                for kind in GRIDS
                if any(not np.isfinite(grid).all() for grid in grids_of(arrangement, kind))
            },
            table=_table(arrangement, measured, sources, with_trials=thinning.rows),
            provenance=_provenance(trials),
            printed=posters is not None,
            posters={
                key: "data:image/webp;base64," + base64.b64encode(picture).decode()
                for key, picture in (posters or {}).items()
            },
            data=Markup(as_script(data)),
            numbers=Markup(as_script(numbers)),
            sources=sources,
            thinning=thinning,
            css=Markup(template_text("page.css")),
            scripts=[Markup(template_text(name)) for name in _SCRIPTS],
            plotly=Markup(_plotly_script()),
        )
    )


@functools.cache
def _environment() -> jinja2.Environment:
    environment = new_environment()
    environment.filters["readable"] = readable
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    environment.filters["landscape_rule"] = rule_in_words
    environment.filters["genotype"] = format_text
    environment.filters["accuracy"] = _accuracy
    environment.filters["points"] = lambda value: f"{value:.2f}" if math.isfinite(value) else "–"
    environment.filters["width"] = lambda value: f"{float(value):g}"
    environment.globals.update(
        band_colours=band_colours,
        grid_note=_grid_note,
        page_grids=page_grids,
        topology=functools.lru_cache(maxsize=4096)(topology),
        max_rows=MAX_ROWS,
        within_margin=sections.within_margin,
    )
    return environment


def _accuracy(value: float) -> str:
    """An accuracy in percent; in words if a training diverged or there is none."""
    if math.isnan(value):
        return "–"
    return f"{100 * value:.2f}" if math.isfinite(value) else "diverged"


def _plotly_script() -> str:
    # importing plotly takes longer than writing the whole page
    spec = util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise StudyError("the report needs plotly: pip install plotly")
    path = Path(spec.origin).parent / "package_data" / "plotly.min.js"
    try:
        script = path.read_text(encoding="utf-8")
    except OSError:
        raise StudyError(f"plotly's script is missing ({path}): reinstall plotly") from None
    return script.replace("</script", "<\\/script")


def _table(
    arrangement: Arrangement, measured: MeasuredStudy, sources: Sources, *, with_trials: bool
) -> dict[str, Any]:
    trials = arrangement.study.trials
    keys = [
        key
        for key in measured.measures
        if any(not math.isnan(measured.value(key, trial)) for trial in trials)
    ]
    columns = [titled(measured.measures[key], measured.levels) for key in keys]
    cell_rows, trial_rows = [], []
    for group in arrangement.groups:
        for cell_key, members in group.trials.items():
            row = {
                "cell": arrangement.cell(cell_key),
                "setting": group.setting,
                "path": f"{group.key}-{cell_key}",
            }
            entries = [over_trials(measured, key, members) for key in keys]
            cell_rows.append(row | {"seeds": len(members), "entries": entries})
            for trial in members if with_trials else ():
                entries = [of_trial(measured, key, trial) for key in keys]
                details = {
                    "path": sources.paths[trial.key],
                    "folder": folder_of(trial),
                    "seed": trial.seed,
                    "status": status(trial),
                    "entries": entries,
                }
                trial_rows.append(row | details)
    several = len(cell_rows) != len(trials) or not with_trials
    return {"columns": columns, "cells": cell_rows, "trials": trial_rows, "several": several}


_PROBES = {
    "landscape": "Landscape probes",
    "variance": "Gradient-variance probes",
    "curvature": "Curvature probes",
}


def _provenance(trials: Sequence[TrialRecord]) -> dict[str, Provenance]:
    named = [(f"{trial.label}, seed {trial.seed}", trial) for trial in trials]
    by_title = {
        "Data": gather([(name, trial.data) for name, trial in named]),
        "Recipe": gather([(name, trial.recipe) for name, trial in named]),
        "Training": gather([(name, t.training.provenance) for name, t in named if t.training]),
    }
    for kind, title in _PROBES.items():
        by_title[title] = gather(
            [
                (name, {**probe.settings, **probe.provenance})
                for name, trial in named
                for probe in trial.probes
                if probe.kind == kind
            ]
        )
    return by_title


def _grid_note(grid: PageGrid) -> str:
    """Describe a grid for readers who do not see it."""
    values = grid.panel.values
    finite = values[np.isfinite(values)]
    shape = " × ".join(str(size) for size in values.shape)
    lost = values.size - finite.size
    if not finite.size:
        return f"{shape} grid, no finite value"
    span = f"{readable(float(finite.min()))} to {readable(float(finite.max()))}"
    return f"{shape} grid, {span}" + (f", {lost} non-finite points (hatched)" if lost else "")
