"""Figures 5 to 7 and 14 to 17: landscapes and gradient variances, the original first."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure

from nascope._src.records.read import StudyRecord
from nascope._src.report.arrangement import Arrangement
from nascope._src.report.figures.drawn import WIDTH, Drawn, titled
from nascope._src.report.figures.grids import (
    Panel,
    Row,
    absent,
    draw_maps,
    draw_surfaces,
    grid_arrays,
    in_rows,
    panel_of,
)
from nascope._src.report.scales import shared_scale
from nascope._src.results.levels import shared_levels
from nascope._src.results.quantities import GRIDS
from nascope._src.results.text.levels import rule_in_words
from nascope._src.results.text.trials import why_not_drawn

_A_ROW = 5  # panels
_LINE = 0.16  # inches, of a title's third line
_SIGNS = "+ the trained weights"


def in_mode(study: StudyRecord, batchnorm: str) -> StudyRecord:
    """The study with those probes alone that treat BatchNorm so."""
    return dataclasses.replace(
        study,
        trials=tuple(
            dataclasses.replace(
                trial,
                probes=tuple(
                    probe
                    for probe in trial.probes
                    if probe.settings.get("batchnorm", "frozen") == batchnorm
                ),
            )
            for trial in study.trials
        ),
    )


def draw_grids(
    arrangement: Arrangement, kind: str, title: str, note: str = "", *, surfaces: bool = False
) -> Drawn:
    """Contours of the loss, heat maps of √g, or its surfaces; a row a family and seed.

    All panels share their levels and colours. A trial without a grid has a panel that says why.

    Args:
        arrangement: of a study `in_mode`.
        kind: "landscape" or "variance".
    """
    rows = list(_rows(arrangement, kind))
    panels = [panel for row in rows for panel in row.panels if not panel.is_empty]
    scale = shared_scale([panel.values for panel in panels])
    if scale is None:
        figure = Figure(figsize=(WIDTH, 1.5), layout="constrained")
        words = sorted({panel.note for row in rows for panel in row.panels})
        figure.text(0.5, 0.4, "; ".join(words).replace("\n", " "), ha="center", color="#555555")
    elif surfaces:
        figure = draw_surfaces(rows, kind, scale, title, width=WIDTH)
    else:
        levels = shared_levels(arrangement.study).only if kind == "landscape" else None
        level = None if levels is None else levels.landscape_loss
        figure = draw_maps(rows, kind, scale, title, level=level, width=WIDTH)
        signs = _SIGNS
        if levels is not None and level is not None:
            signs += f"; heavy line: {rule_in_words(levels)}"
        note = f"{note}\n{signs}" if note else signs
        figure.set_figheight(figure.get_figheight() + _LINE)
    titled(figure, title, note)
    _thin_bars(figure)
    arrays = grid_arrays(panels)
    arrays["quantity"] = np.array(GRIDS[kind].axis)
    return Drawn(figure, arrays=arrays)


def _thin_bars(figure: Figure) -> None:
    """Leave out names of a colour bar's levels where they would touch: every other, then more."""
    figure.draw_without_rendering()
    for ax in figure.axes:
        if ax.get_label() != "<colorbar>":
            continue
        axis = ax.xaxis
        places, words = axis.get_ticklocs(), [text.get_text() for text in axis.get_ticklabels()]
        boxes = [text.get_window_extent() for text in axis.get_ticklabels()]
        gap = 0.5 * max((box.height for box in boxes), default=0.0)
        step = 1
        while any(
            before.x1 + gap > after.x0 for before, after in pairwise(boxes[::step])
        ) and step < len(boxes):
            step += 1
        axis.set_ticks(places, labels=["" if k % step else word for k, word in enumerate(words)])


def _rows(arrangement: Arrangement, kind: str) -> Iterator[Row]:
    for family in arrangement.families:
        for seed in arrangement.seeds:
            panels = [
                panel
                for cell in arrangement.cells_of(family)
                for panel in _panels(arrangement, cell.key, kind, seed)
            ]
            heading = [family] if len(arrangement.families) > 1 else []
            heading += [f"seed {seed}"] if len(arrangement.seeds) > 1 else []
            yield from in_rows(panels, _A_ROW, ", ".join(heading))


def _panels(arrangement: Arrangement, key: str, kind: str, seed: int) -> Iterator[Panel]:
    cell = arrangement.cell(key)
    for trial in arrangement.study.trials:
        if (trial.family, trial.label, trial.seed) != (cell.family, cell.label, seed):
            continue
        words, probe = why_not_drawn(trial), trial.probe(kind)
        if probe is None:
            yield absent(cell, words)
        else:
            yield panel_of(cell, probe, words if words.startswith("diverged") else "")
