"""One self-contained HTML page: opens from disk, asks no network for anything."""

from __future__ import annotations

import base64
import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from nascope._src.cells.drawing import cell_svg
from nascope._src.cells.genotype import Cell, format_text
from nascope._src.cells.graph import topology
from nascope._src.errors import GenotypeError, StudyError
from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.report.arrangement import Arrangement, Group, ShownCell
from nascope._src.report.figures.grid_panels import grids_of, scale_of
from nascope._src.report.figures.grids import band_colours
from nascope._src.report.html import sections, summary
from nascope._src.report.html.cards import Card, make_cards, tally
from nascope._src.report.html.environment import new_environment, template_text
from nascope._src.report.html.payload import PageGrid, as_script, page_data, page_grids
from nascope._src.report.html.provenance import Provenance, gather
from nascope._src.results.findings.finding import Finding
from nascope._src.results.findings.pairs import Pair
from nascope._src.results.planes import modes_of
from nascope._src.results.quantities import CURVES, GRIDS
from nascope._src.results.stats.paired import MARGIN
from nascope._src.results.table import MeasuredStudy
from nascope._src.results.text.entries import of_trial, over_trials, titled
from nascope._src.results.text.levels import rule_in_words
from nascope._src.results.text.numbers import readable
from nascope._src.results.text.trials import status
from nascope._version import __version__

_SCRIPTS = ("theme.js", "figures.js", "scenes.js", "table.js", "main.js")


@dataclass(frozen=True)
class Judged:
    """One study of the page with its verdicts: what is told of each study by itself.

    Attributes:
        study: its trials, named as on the page.
        verdicts: none where it is ``too_small``, which says why.
        theory: the theory's sections, where it was computed.
    """

    study: StudyRecord
    findings: tuple[Finding, ...]
    too_small: str | None = None
    theory: Markup | None = None

    @property
    def name(self) -> str:
        """The study's, as the page tells it from others."""
        return next((trial.study for trial in self.study.trials if trial.study), self.study.name)

    @property
    def cards(self) -> list[Card]:
        """The verdicts by claim."""
        return make_cards(self.findings)

    @property
    def tally(self) -> dict[str, int]:
        """How many came out which way."""
        return tally(self.findings)


@dataclass(frozen=True)
class Chapter:
    """What association, generalisation and selection say of one study.

    ``name`` is empty where the page holds one study only.
    """

    name: str
    scatters: list[sections.Scatter]
    slopes: Mapping[str, str]
    endings: list[sections.Ending]
    pairs: list[Pair]
    selections: list[sections.Selection]

    @property
    def data(self) -> list[str]:
        """The data sets of the scatters, in their order."""
        return list(dict.fromkeys([one.data for one in self.scatters]))

    @property
    def figures(self) -> dict[str, Any]:
        """By the id of the element each is drawn in."""
        scatters = {one.name: one.figure for one in self.scatters}
        return scatters | {one.name: one.figure for one in self.selections}


def render(
    arrangement: Arrangement,
    measured: MeasuredStudy,
    *,
    judged: Sequence[Judged],
    posters: Mapping[str, bytes] | None = None,
) -> str:
    """The page as text.

    Args:
        arrangement: the study, laid out.
        measured: its measures.
        judged: each study on the page by itself, with its verdicts.
        posters: WebP pictures of the 3-D surfaces by ``"GROUP-KIND"``, shown in print and until
            live ones are asked for. None where no figures for print were drawn.

    Raises:
        StudyError: plotly's script, which the page carries, is not where plotly keeps it.
    """
    study = arrangement.study
    scales = {kind: scale_of(arrangement, kind) for kind in GRIDS}
    chapters = [
        _chapter(arrangement, one, number, several=len(judged) > 1)
        for number, one in enumerate(judged)
    ]
    figures = {name: one for chapter in chapters for name, one in chapter.figures.items()}
    spectra = {group.key: sections.curvatures(group) for group in arrangement.groups}
    figures |= {one.name: one.figure for own in spectra.values() for one in own}
    return (
        _environment()
        .get_template("page.html")
        .render(
            arrangement=arrangement,
            study=study,
            levels=measured.levels,
            version=__version__,
            tiles=summary.tiles(arrangement, measured),
            caveat=summary.caveat(study.trials),
            strips={
                group.key: summary.strips(group, arrangement, measured)
                for group in arrangement.groups
            },
            judged=judged,
            modes=modes_of(study.trials, *GRIDS),
            censuses=sections.censuses(arrangement),
            curvature={
                group.key: own
                for group in arrangement.groups
                if (own := summary.strips(group, arrangement, measured, summary.CURVATURE))
            },
            spectra=spectra,
            chapters=chapters,
            within_margin=sections.within_margin,
            margin=100 * MARGIN,
            theory_untold=Markup(template_text("theory_untold.html")),
            topology=_topologies(arrangement),
            curves=CURVES,
            grids=GRIDS,
            scales=scales,
            lost={
                kind
                for kind in GRIDS
                if any(not np.isfinite(grid).all() for grid in grids_of(arrangement, kind))
            },
            bands={kind: band_colours(kind, s) for kind, s in scales.items() if s is not None},
            table=_table(arrangement, measured),
            provenance=_provenance(study.trials),
            printed=posters is not None,
            posters={
                key: "data:image/webp;base64," + base64.b64encode(picture).decode()
                for key, picture in (posters or {}).items()
            },
            data=Markup(as_script(page_data(arrangement, measured.levels, scales, figures))),
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
    environment.globals.update(page_grids=page_grids, status=status, grid_note=_grid_note)
    return environment


def _accuracy(value: float) -> str:
    """In per cent; in words where a training diverged, or there is none."""
    if math.isnan(value):
        return "–"
    return f"{100 * value:.2f}" if math.isfinite(value) else "diverged"


def _plotly_script() -> str:
    # found, not imported: importing plotly costs more than the whole page
    spec = util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise StudyError("the report needs plotly: pip install plotly")
    path = Path(spec.origin).parent / "package_data" / "plotly.min.js"
    try:
        script = path.read_text(encoding="utf-8")
    except OSError:
        raise StudyError(f"plotly's script is missing ({path}): reinstall plotly") from None
    return script.replace("</script", "<\\/script")


def _chapter(arrangement: Arrangement, one: Judged, number: int, *, several: bool) -> Chapter:
    return Chapter(
        one.name if several else "",
        sections.scatters(one.study, arrangement.cells, one.findings, f"a{number}-"),
        sections.slopes(one.findings),
        sections.endings(one.study),
        sections.pairs_of(one.study),
        sections.selections(one.study, f"s{number}-"),
    )


# ---------------------------------------------------------------- topologies


def _topologies(arrangement: Arrangement) -> dict[str, Any]:
    return {
        cell.key: [
            {
                "kind": kind,
                "svg": _drawing(part, f"{kind.capitalize()} cell of {cell.label}"),
                "numbers": topology(part),
            }
            for kind, part in (
                ("normal", cell.genotype.normal),
                ("reduction", cell.genotype.reduce),
            )
        ]
        for cell in arrangement.cells
    }


def _drawing(cell: Cell, title: str) -> Markup:
    numbers = topology(cell)
    width = f"{float(numbers.fractional_width):g}c"
    try:
        return Markup(cell_svg(cell, title=f"{title}: width {width}, depth {numbers.depth}"))
    except GenotypeError as error:  # too large to be drawn: the numbers and the literal remain
        return Markup("<p class='notice'>{}</p>").format(str(error))


# ---------------------------------------------------------------- the table


def _table(arrangement: Arrangement, measured: MeasuredStudy) -> dict[str, Any]:
    trials = arrangement.study.trials
    keys = [
        key
        for key in measured.measures
        if any(not math.isnan(measured.value(key, trial)) for trial in trials)
    ]
    columns = [titled(measured.measures[key], measured.levels) for key in keys]
    cell_rows, trial_rows = [], []
    for group in arrangement.groups:
        for cell_key, own in group.trials.items():
            row = _row(arrangement.cell(cell_key), group)
            entries = [over_trials(measured, key, own) for key in keys]
            cell_rows.append(row | {"seeds": len(own), "entries": entries})
            for trial in own:
                entries = [of_trial(measured, key, trial) for key in keys]
                trial_rows.append(
                    row | {"seed": trial.seed, "status": status(trial), "entries": entries}
                )
    return {"columns": columns, "cells": cell_rows, "trials": trial_rows}


def _row(cell: ShownCell, group: Group) -> dict[str, Any]:
    numbers = topology(cell.genotype.normal)
    return {
        "cell": cell,
        "setting": group.setting,
        "width": numbers.fractional_width,
        "depth": numbers.depth,
    }


# ---------------------------------------------------------------- provenance


_PROBES = {
    "landscape": "Landscape probes",
    "variance": "Gradient-variance probes",
    "curvature": "Curvature probes",
}


def _provenance(trials: tuple[TrialRecord, ...]) -> dict[str, Provenance]:
    named = [(f"{trial.label}, seed {trial.seed}", trial) for trial in trials]
    trained = [(name, t.training.provenance) for name, t in named if t.training]
    found = {
        "Data": gather([(name, t.data) for name, t in named]),
        "Recipe": gather([(name, t.recipe) for name, t in named]),
        "Training": gather(trained),
    }
    for kind, title in _PROBES.items():
        probes = [(name, p) for name, t in named for p in t.probes if p.kind == kind]
        found[title] = gather([(of, {**p.settings, **p.provenance}) for of, p in probes])
    return found


def _grid_note(grid: PageGrid) -> str:
    """A grid in words, for readers who do not see it."""
    values = grid.panel.values
    finite = values[np.isfinite(values)]
    shape = " × ".join(str(size) for size in values.shape)
    lost = values.size - finite.size
    if not finite.size:
        return f"{shape} grid, no value finite"
    span = f"{readable(float(finite.min()))} to {readable(float(finite.max()))}"
    return f"{shape} grid, {span}" + (f", {lost} points not finite (hatched)" if lost else "")
